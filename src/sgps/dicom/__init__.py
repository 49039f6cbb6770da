"""DICOM files, to pictures."""

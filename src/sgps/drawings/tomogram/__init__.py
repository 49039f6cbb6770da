"""Drawn slices of CT and MRI."""

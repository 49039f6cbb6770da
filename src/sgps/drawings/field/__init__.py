"""Drawn gray fields, as radiographs, ultrasound and tomograms are."""

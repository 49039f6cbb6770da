"""Drawn ultrasound pictures."""

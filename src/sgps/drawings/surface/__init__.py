"""Drawn close-ups of body surfaces."""

"""Drawn views through an endoscope."""

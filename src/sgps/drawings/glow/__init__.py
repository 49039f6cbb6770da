"""Drawn cells that glow in the dark of a fluorescence microscope."""

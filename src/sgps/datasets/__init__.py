"""Image sets: the catalogue of what may be pretrained on, and drawn pictures that need no data at all."""

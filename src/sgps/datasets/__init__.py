"""Image sets: the catalogue of what may be pretrained on, and the layouts in which known sets are published."""

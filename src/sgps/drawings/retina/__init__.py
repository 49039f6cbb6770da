"""Drawn sections of the retina, as optical coherence tomography shows them."""

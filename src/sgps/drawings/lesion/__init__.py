"""Drawn skin lesions, as a dermatoscope shows them."""

"""Drawn photographs of the back of the eye."""

"""Drawn blood cells."""

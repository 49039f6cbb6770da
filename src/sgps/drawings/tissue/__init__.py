"""Drawn stained tissue."""

"""Drawn radiographs of bones and joints."""

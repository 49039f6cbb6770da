"""Pretrain the engine: representation (base and experts), then episodes (generator and head)."""

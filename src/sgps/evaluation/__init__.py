"""Measure synthesized classifiers beside ordinary few-shot peers, all of them on the same episodes."""

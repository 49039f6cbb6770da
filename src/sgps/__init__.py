"""Synthesize medical image classifiers from a few labelled pictures and a sentence a class, with no training step."""

from sgps.engine.engine import Engine
from sgps.errors import InputError
from sgps.estimator import SynthesizedClassifier
from sgps.version import __version__

__all__ = ["Engine", "InputError", "SynthesizedClassifier", "__version__"]

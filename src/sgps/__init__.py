"""Synthesize medical image classifiers from a few labelled pictures and a sentence a class, with no training step."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sgps.errors import InputError
from sgps.version import __version__

if TYPE_CHECKING:
    from sgps.engine.engine import Engine
    from sgps.estimator import SynthesizedClassifier

__all__ = ["Engine", "InputError", "SynthesizedClassifier", "__version__"]

_HOMES = {"Engine": "sgps.engine.engine", "SynthesizedClassifier": "sgps.estimator"}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - classes of two kinds
    """Import what needs torch and scikit-learn, seconds of loading, only when it is asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'sgps' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)

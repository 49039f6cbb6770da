"""Which code produced a result: versions and, run from a checkout, the commit."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from sgps.version import __version__

_PACKAGES = ("torch", "numpy", "scikit-learn", "pillow")


def provenance() -> dict[str, Any]:
    """`versions` of Python and the packages that figures depend on, and `git_commit`."""
    versions = {"sgps": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    return {"versions": versions, "git_commit": git_commit()}


def git_commit() -> str | None:
    """The checkout's commit, with `-dirty` after it if tracked files differ; `None` for an installed package."""
    root = Path(__file__).resolve().parents[3]
    if not (root / ".git").exists():
        return None
    # `--exclude` keeps tags out, so that the answer is always the commit itself.
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(
            command, cwd=root, capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None

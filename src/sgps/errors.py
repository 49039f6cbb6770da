"""The one kind of error that is the user's to mend.

Everything that a user can cause (a broken picture, a missing column, a foreign model file) is raised as `InputError`.
The command line prints it and exits with status 2; in Python it is a `ValueError`.
"""

from __future__ import annotations

MAX_NAMED = 8
"""Offenders named in a message that does not name all."""


class InputError(ValueError):
    """A mistake in what the user gave: the message says what, which, and the next step, on one line."""


def printable(text: str) -> str:
    """The text with escapes in place of what is no UTF-8, as the names of files may hold."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def listing(names: list[str], limit: int = MAX_NAMED) -> str:
    """Join `names` for a message, all offenders up to `limit`, then a count of the rest."""
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"

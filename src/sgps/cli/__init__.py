"""The command line: one module a command; stdout is data, stderr is talk, a user's mistake is exit 2 with one line."""

from __future__ import annotations

import errno
import sys
from typing import NoReturn

import typer

from sgps.cli.benchmark import benchmark
from sgps.cli.data import data
from sgps.cli.demo import demo
from sgps.cli.describe import describe
from sgps.cli.explain import explain
from sgps.cli.export import export
from sgps.cli.predict import predict
from sgps.cli.pretrain import pretrain
from sgps.cli.serve import serve
from sgps.cli.synthesize import synthesize
from sgps.errors import InputError

app = typer.Typer(
    name="sgps",
    help="Synthesize medical image classifiers from a few labelled pictures and a sentence a class, with no training.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (synthesize, predict, explain, serve, describe, benchmark, export, pretrain, demo):
    app.command()(command)
app.add_typer(data, name="data")


def main() -> None:
    """Run the command line; an `InputError`, and what the system refuses, becomes one line on stderr and exit status 2."""
    try:
        app()
    except InputError as error:
        _stop(str(error))
    except OSError as error:
        # What no command foresees: a folder that may not be entered, a disk that becomes full. All else is a bug.
        if error.filename is None and error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        where = "" if error.filename is None else f" '{error.filename}'"
        _stop(
            f"cannot read or write{where}: {error.strerror}. Check permissions and the room on the disk."
        )


def _stop(message: str) -> NoReturn:
    # One line whatever it quotes: another library's message, or a file with a line break in its name.
    print("sgps:", " ".join(message.splitlines()), file=sys.stderr)
    raise SystemExit(2) from None

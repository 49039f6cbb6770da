"""The command line: one module a command; stdout is data, stderr is talk, a user's mistake is exit 2 with one line."""

from __future__ import annotations

import sys

import typer

from sgps.cli.benchmark import benchmark
from sgps.cli.data import data
from sgps.cli.demo import demo
from sgps.cli.describe import describe
from sgps.cli.export import export
from sgps.cli.predict import predict
from sgps.cli.pretrain import pretrain
from sgps.cli.synthesize import synthesize
from sgps.errors import InputError

app = typer.Typer(
    name="sgps",
    help="Synthesize medical image classifiers from a few labelled pictures and a sentence a class, with no training.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (synthesize, predict, describe, benchmark, export, pretrain, demo):
    app.command()(command)
app.add_typer(data, name="data")


def main() -> None:
    """Run the command line; an `InputError` becomes one line on stderr and exit status 2."""
    try:
        app()
    except InputError as error:
        # One line whatever it quotes: another library's message, or a file with a line break in its name.
        print("sgps:", " ".join(str(error).splitlines()), file=sys.stderr)
        raise SystemExit(2) from None

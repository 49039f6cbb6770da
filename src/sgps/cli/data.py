"""`sgps data check`: what is wrong with a labelled set, before anything is synthesized from it or measured on it."""

from __future__ import annotations

import json
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sgps.cli.console import progress_bars
from sgps.errors import printable

if TYPE_CHECKING:
    from sgps.evaluation.set_check import Finding, Item, Report

_SHOWN = 8  # cases of one finding, and files of one case, in the table; JSON has all

data = typer.Typer(help="Look after labelled sets.", no_args_is_help=True)


class Format(StrEnum):
    """How the report is printed."""

    table = "table"
    json = "json"


@data.callback()
def _group() -> None:
    """Look after labelled sets."""


@data.command()
def check(
    path: Annotated[
        Path,
        typer.Argument(
            help="Folder of class folders, CSV manifest, zip, or files of ISIC, HAM10000 or MedMNIST."
        ),
    ],
    shots: Annotated[
        list[int] | None,
        typer.Option(
            min=1, help="Shots to check the classes for; may be repeated.", show_default="1, 5, 10"
        ),
    ] = None,
    output_format: Annotated[
        Format, typer.Option("--format", help="How to print the report.")
    ] = Format.table,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
) -> None:
    """Report unreadable files, duplicates, small classes and leaks between groups; status 1 if a measurement would be wrong."""
    from sgps.evaluation.set_check import SHOTS, check_set

    with progress_bars(quiet) as on_progress:
        report = check_set(path, sorted(set(shots)) if shots else SHOTS, on_progress)
    print(json.dumps(asdict(report), indent=2) if output_format is Format.json else _page(report))
    if report.problems:
        raise typer.Exit(1)


def _page(report: Report) -> str:
    groups = f"{report.groups} groups" if report.groups_stated else "no groups stated"
    splits = ", ".join(f"{name} {count}" for name, count in report.splits.items())
    lines = [
        f"{report.pictures} pictures ({report.readable} readable), {len(report.classes)} classes, {groups}",
        *([f"splits: {splits}"] if splits else []),
        "",
        *_class_table(report),
        "",
        *(line for finding in report.problems for line in _lines("PROBLEM", finding)),
        *(line for finding in report.warnings for line in _lines("warning", finding)),
        f"problems: {len(report.problems)}, warnings: {len(report.warnings)}",
    ]
    return "\n".join(lines)


def _class_table(report: Report) -> list[str]:
    width = max(len("class"), *(len(_plain(one.label)) for one in report.classes))
    return [
        f"{'class':<{width}}  pictures  groups  enough for shots",
        *(
            f"{_plain(one.label):<{width}}  {one.pictures:8}  {one.groups:6}  "
            f"{', '.join(map(str, one.enough_for)) or 'none'}"
            for one in report.classes
        ),
    ]


def _lines(severity: str, finding: Finding) -> list[str]:
    shown = [f"  {_case(item)}" for item in finding.items[:_SHOWN]]
    more = len(finding.items) - len(shown)
    return [
        f"{severity} {finding.kind} ({len(finding.items)}): {finding.message}",
        *shown,
        *([f"  and {more} more; --format json lists all"] if more > 0 else []),
    ]


def _case(item: Item) -> str:
    more = len(item.files) - _SHOWN
    names = ", ".join(map(_plain, item.files[:_SHOWN])) + (f" and {more} more" if more > 0 else "")
    return ": ".join(part for part in (names, _plain(item.detail)) if part)


def _plain(text: str) -> str:
    """On one line and printable, whatever a name holds."""
    return " ".join(printable(text).splitlines())

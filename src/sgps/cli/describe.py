"""`sgps describe`: what the clinical catalogue says of a condition, and what a user's descriptions lack."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from sgps.clinical.conditions import Condition, conditions, vocabulary
from sgps.clinical.lookup import find, nearest, refuse_modality
from sgps.clinical.reading import ClassCheck, PairCheck, check_class, check_pairs
from sgps.errors import InputError


class Format(StrEnum):
    """How the answer is written to stdout."""

    text = "text"
    json = "json"


def describe(
    name: Annotated[
        str | None, typer.Argument(help="Name of a condition, a finding or a kind of cell.")
    ] = None,
    modality: Annotated[
        str | None, typer.Option(help="Only entries of this modality, such as dermatoscopy or CT.")
    ] = None,
    check: Annotated[
        Path | None, typer.Option(help="YAML, JSON or TOML file of your own descriptions to check.")
    ] = None,
    output: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.text,
) -> None:
    """Print a condition of the clinical catalogue, or check your descriptions; without either, count the catalogue."""
    if name is not None and check is not None:
        raise InputError("give either a name or --check, not both.")
    if check is not None:
        _check(check, output)
    elif name is not None:
        _print_entries(_entries(name, modality), output)
    else:
        _count(modality, output)


def _entries(name: str, modality: str | None) -> list[Condition]:
    entries = find(name, modality)
    if entries:
        return entries
    close = [f"{entry.name} ({entry.modality})" for entry in nearest(name, modality)]
    where = f" for {modality}" if modality else ""
    hint = f"The nearest: {', '.join(close)}." if close else "Nothing there is called alike."
    raise InputError(f"the catalogue has no '{name}'{where}. {hint}")


def _print_entries(entries: list[Condition], output: Format) -> None:
    if output is Format.json:
        print(json.dumps([_record(entry) for entry in entries], indent=2))
        return
    print("\n\n".join(_page(entry) for entry in entries))


def _record(shown: Condition | ClassCheck) -> dict[str, object]:
    own = {f.name: getattr(shown, f.name) for f in dataclasses.fields(shown)}
    return {k: dict(v) if isinstance(v, Mapping) else v for k, v in own.items()}


def _page(entry: Condition) -> str:
    also = f" ({', '.join(entry.synonyms)})" if entry.synonyms else ""
    kind = [entry.modality, entry.region, *([f"ICD-10 {entry.icd10}"] if entry.icd10 else [])]
    rows = [(name, ", ".join(values)) for name, values in entry.attributes.items()]
    rows += [("location", ", ".join(entry.location)), ("around it", ", ".join(entry.background))]
    rows += [(f"not {other}", difference) for other, difference in entry.mimics.items()]
    rows += list(entry.descriptions.items())
    width = max(len(head) for head, _ in rows)
    lines = [f"{head:<{width}}  {text}" for head, text in rows if text]
    return "\n".join([f"{entry.name}{also}", "; ".join(kind), *lines])


def _count(modality: str | None, output: Format) -> None:
    if modality is not None:
        refuse_modality(modality)
    counts = Counter(entry.modality for entry in conditions().values())
    chosen = {m: n for m, n in sorted(counts.items()) if modality in (None, m)}
    if output is Format.json:
        print(json.dumps(chosen, indent=2))
        return
    width = max(len(m) for m in [*chosen, "all"])
    for name, number in [*chosen.items(), ("all", sum(chosen.values()))]:
        print(f"{name:<{width}}  {number:4}")


def _check(path: Path, output: Format) -> None:
    # Imported late: reading descriptions loads torch along with the support set.
    from sgps.manifests import read_descriptions

    classes = [check_class(name, texts) for name, texts in read_descriptions(path).items()]
    pairs = check_pairs(classes)
    if output is Format.json:
        found = {
            "classes": [_record(own) for own in classes],
            "pairs": [dataclasses.asdict(pair) for pair in pairs],
        }
        print(json.dumps(found, indent=2))
        return
    print(
        "\n\n".join(
            [*(_class_report(own) for own in classes), *filter(None, [_pair_report(pairs)])]
        )
    )


def _class_report(own: ClassCheck) -> str:
    lines = [own.name]
    lines += [f"  {name:<13} {', '.join(values)}" for name, values in own.stated.items()]
    lines += [f"  not stated    {name}: {vocabulary()[name].question}" for name in own.missing]
    lines += [
        f"  contradiction {attribute}: both {first} and {second}"
        for attribute, first, second in own.contradictions
    ]
    return "\n".join(lines)


def _pair_report(pairs: list[PairCheck]) -> str:
    lines = []
    for pair in pairs:
        if pair.differs:
            text = f"told apart by {', '.join(pair.differs)}"
        elif pair.unclear:
            text = f"NOT told apart; state {' or '.join(pair.unclear)} of both"
        else:
            text = "NOT told apart: every attribute that is stated has a value in common"
        lines.append(f"  {pair.first} and {pair.second}: {text}")
    return "\n".join(["pairs", *lines]) if lines else ""

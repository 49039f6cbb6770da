"""`sgps benchmark`: methods side by side on the same episodes of labelled sets.

The result goes to stdout (and to `--out`), the progress to stderr.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sgps.cli.console import Device, progress_bars
from sgps.errors import InputError

# Whatever needs torch is imported where it is used: it takes seconds to load, and `sgps --help` needs none of it.
if TYPE_CHECKING:
    from sgps.evaluation.benchmark import EpisodePlan
    from sgps.evaluation.peers import Peer
    from sgps.evaluation.synthesis import SynthesisEngine


class Format(StrEnum):
    """How the result is printed."""

    table = "table"
    json = "json"
    csv = "csv"


def benchmark(
    data: Annotated[
        list[Path],
        typer.Option(
            help="Labelled set: folder of class folders, CSV manifest, zip, or files of ISIC or MedMNIST. May be repeated."
        ),
    ],
    classes: Annotated[
        str | None, typer.Option(help="Use these classes only, separated by commas.")
    ] = None,
    way: Annotated[
        int | None, typer.Option(help="Classes per episode.", show_default="all")
    ] = None,
    shot: Annotated[
        int | None, typer.Option(help="Support pictures per class.", show_default="5")
    ] = None,
    query: Annotated[
        int | None,
        typer.Option(
            help="Query pictures per class; a smaller class gives what it has left.",
            show_default="15",
        ),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            help="Named way to measure, or a TOML file of one, in place of --classes, --way, --shot and --query; "
            "an unknown name lists them all."
        ),
    ] = None,
    episodes: Annotated[
        int | None, typer.Option(help="Episodes per set.", show_default="600, or the protocol's")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Decides the episodes.", show_default="0, or the protocol's")
    ] = None,
    methods: Annotated[
        str, typer.Option(help="Methods, separated by commas; an unknown name lists them all.")
    ] = "sgps,prototype,ridge,logistic",
    peer_backbone: Annotated[
        str,
        typer.Option(
            help="Backbone of the peers: lite0, lite2, or a tf_efficientnetv2_b0 safetensors file."
        ),
    ] = "lite0",
    image_size: Annotated[
        int | None,
        typer.Option(
            min=32,
            help="Side of the peers' pictures in pixels; the engine keeps its own.",
            show_default="the engine's",
        ),
    ] = None,
    descriptions: Annotated[
        Path | None,
        typer.Option(
            help="Class descriptions (YAML, JSON or TOML).", show_default="the catalogue's"
        ),
    ] = None,
    engine: Annotated[str, typer.Option(help="Name or folder of the engine.")] = "default",
    output_format: Annotated[
        Format, typer.Option("--format", help="How to print the result.")
    ] = Format.table,
    out: Annotated[
        Path | None, typer.Option(help="Write the JSON result to this new file, too.")
    ] = None,
    per_episode: Annotated[
        bool, typer.Option("--per-episode", help="Add every episode's accuracy to the JSON result.")
    ] = False,
    device: Annotated[Device, typer.Option(help="Where the networks run.")] = Device.auto,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
) -> None:
    """Compare sgps with ordinary few-shot methods on the same episodes of labelled sets."""
    from sgps.engine.engine import resolve_device
    from sgps.evaluation.benchmark import run_parts
    from sgps.evaluation.methods import check_methods, needs_engine, needs_peer
    from sgps.evaluation.protocols import load_protocol
    from sgps.evaluation.report import to_csv, to_table
    from sgps.evaluation.sets import describe, read_benchmark_set
    from sgps.manifests import read_descriptions

    # Whatever can be refused is refused before anything slow begins.
    names = _names(methods)
    fixed = {"--classes": classes, "--way": way, "--shot": shot, "--query": query}
    if protocol is not None and (given := [name for name, v in fixed.items() if v is not None]):
        raise InputError(f"a protocol decides {', '.join(given)}. Leave --protocol or these out.")
    chosen = load_protocol(protocol, episodes, seed) if protocol is not None else None
    plans = chosen.plans if chosen else {"": _plan(classes, way, shot, query, episodes, seed)}
    check_methods(names, min(own.episodes for own in plans.values()))
    if out is not None and out.exists():
        raise InputError(f"'{out}' exists already. Name another file or remove it.")
    if out is not None and not out.resolve().parent.is_dir():
        raise InputError(f"the folder of '{out}' does not exist. Make it first.")
    place = resolve_device(device)
    sets = [read_benchmark_set(path) for path in data]
    if descriptions is not None:
        sets = describe(sets, read_descriptions(descriptions))
    peers = any(map(needs_peer, names))
    with_engine = any(map(needs_engine, names))
    loaded = _load_engine(engine, device) if with_engine or (peers and image_size is None) else None
    peer = None
    if peers:
        size = image_size or (loaded.preprocessing.image_size if loaded else 0)
        peer = load_peer(peer_backbone, size)
    with progress_bars(quiet) as on_progress:
        parts = run_parts(
            sets,
            names,
            plans,
            engine=loaded if with_engine else None,
            peer=peer,
            device=place,
            per_episode=per_episode,
            on_progress=on_progress,
        )
    result: dict[str, Any]
    if chosen is None:
        (result,) = parts.values()
    else:
        result = {"protocol": {"name": chosen.name, "title": chosen.title}, "parts": parts}
    text = json.dumps(result, indent=2, allow_nan=False) + "\n"
    if out is not None:
        _write(out, text)
    shown = {Format.json: lambda: text, Format.csv: lambda: to_csv(result)}
    sys.stdout.write(shown.get(output_format, lambda: to_table(result))())


def _plan(
    classes: str | None,
    way: int | None,
    shot: int | None,
    query: int | None,
    episodes: int | None,
    seed: int | None,
) -> EpisodePlan:
    """Build the plan that was asked for; what was not said is the plan's own default."""
    from sgps.evaluation.benchmark import EpisodePlan

    said = {"way": way, "shot": shot, "query": query, "episodes": episodes, "seed": seed}
    numbers: dict[str, Any] = {name: n for name, n in said.items() if n is not None}
    chosen = None if classes is None else tuple(_names(classes))
    return EpisodePlan(classes=chosen, **numbers)


def _names(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def load_peer(name: str, image_size: int) -> Peer:
    """As `sgps.evaluation.peers.load_peer`."""
    from sgps.evaluation import peers

    return peers.load_peer(name, image_size)


def _load_engine(name: str, device: Device) -> SynthesisEngine:
    from sgps.engine.engine import Engine

    return Engine.from_pretrained(name, device)


def _write(path: Path, text: str) -> None:
    """Write beside the file and rename, so that no half of a result is ever left under its name."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, path)  # noqa: PTH105
    finally:
        partial.unlink(missing_ok=True)

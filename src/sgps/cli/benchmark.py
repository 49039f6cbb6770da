"""`sgps benchmark`: methods side by side on the same episodes of labelled sets.

The result goes to stdout (and to `--out`), the progress to stderr.
"""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sgps.cli.console import Device, progress_bars, say
from sgps.errors import InputError, listing
from sgps.files import refuse_existing, refuse_unwritable, write_whole

# Whatever needs torch is imported where it is used: it takes seconds to load, and `sgps --help` needs none of it.
if TYPE_CHECKING:
    from sgps.evaluation.peers import Peer
    from sgps.evaluation.plans import Drawn, EpisodePlan
    from sgps.evaluation.sets import BenchmarkSet
    from sgps.evaluation.synthesis import SynthesisEngine


_METHODS = "sgps,prototype,ridge,logistic"
"""What is compared if nobody says what."""
_OTHER_PLACE = "Name another place."


class Format(StrEnum):
    """How the result is printed."""

    table = "table"
    json = "json"
    csv = "csv"


class Backend(StrEnum):
    """Where the processes of `--jobs` are."""

    loky = "loky"
    ray = "ray"
    dask = "dask"


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
        int | None,
        typer.Option(
            help="Support pictures per class; 0 leaves sgps to the descriptions.", show_default="5"
        ),
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
        str | None,
        typer.Option(
            help="Methods, separated by commas; an unknown name lists them all.",
            show_default=f"{_METHODS}, or the protocol's",
        ),
    ] = None,
    limit: Annotated[
        list[str] | None,
        typer.Option(
            metavar="METHOD=EPISODES",
            help="Let a slow method answer the first so many episodes only. May be repeated.",
            show_default="the protocol's",
        ),
    ] = None,
    episodes_in: Annotated[
        Path | None,
        typer.Option(
            help="Measure on exactly the episodes of this folder, which --episodes-out wrote."
        ),
    ] = None,
    episodes_out: Annotated[
        Path | None,
        typer.Option(help="Write the episodes to this new folder, a JSON file a set."),
    ] = None,
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
        bool,
        typer.Option(
            "--per-episode",
            help="Add every episode's accuracy, and accuracy by confidence, to the JSON result.",
        ),
    ] = False,
    costs: Annotated[
        bool,
        typer.Option(
            "--costs", help="Measure each method's memory, too, in a fresh process (Linux)."
        ),
    ] = False,
    jobs: Annotated[
        int | None,
        typer.Option(
            help="Processes that share the episodes, of one thread each.",
            show_default="one a core, at most 8; 1 on a GPU and for few episodes",
        ),
    ] = None,
    backend: Annotated[
        Backend,
        typer.Option(help="Where these processes are: here, or on a cluster (extra cluster)."),
    ] = Backend.loky,
    work: Annotated[
        Path | None,
        typer.Option(
            help="Keep finished answers in this folder; given again, the run goes on from there."
        ),
    ] = None,
    device: Annotated[Device, typer.Option(help="Where the networks run.")] = Device.auto,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
) -> None:
    """Compare sgps with ordinary few-shot methods on the same episodes of labelled sets."""
    from sgps.engine.engine import resolve_device
    from sgps.evaluation.benchmark import Running, run_parts
    from sgps.evaluation.episode_files import write_episode_files
    from sgps.evaluation.methods import check_methods, needs_engine, needs_peer
    from sgps.evaluation.plans import read_limits
    from sgps.evaluation.sets import describe, read_benchmark_set
    from sgps.evaluation.shards import check_backend, usual_jobs
    from sgps.evaluation.tables import to_csv, to_table
    from sgps.evaluation.work import WorkFolder
    from sgps.manifests import read_descriptions

    # Whatever can be refused is refused before anything slow begins.
    names = _names(methods) if methods is not None else _default_methods(protocol)
    check_methods(names, 2 if episodes is None else episodes, 1 if shot is None else shot)
    limits = read_limits(limit or (), names)
    check_backend(backend, 2 if jobs is None else jobs)
    wanted = _Wanted(classes, way, shot, query, episodes, seed, protocol, episodes_in)
    wanted.check()
    if out is not None and out.exists():
        raise InputError(f"'{out}' exists already. Name another file or remove it.")
    if out is not None:
        if not out.resolve().parent.is_dir():
            raise InputError(f"the folder of '{out}' does not exist. Make it first.")
        refuse_unwritable(out, _OTHER_PLACE)
    if episodes_out is not None:
        refuse_existing(episodes_out)
    place = resolve_device(device)
    sets = [read_benchmark_set(path) for path in data]
    if descriptions is not None:
        sets = describe(sets, read_descriptions(descriptions))
    plans, drawn, chosen = wanted.parts(sets)
    if jobs is None:
        total = sum(own.episodes for own in plans.values()) * len(sets)
        jobs = usual_jobs(total) if place.type == "cpu" else 1
    if episodes_out is not None:
        write_episode_files(episodes_out, sets, plans, drawn, chosen)
    for one in sets:
        if one.entries:
            say(_described(one), quiet)
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
            # What is asked for here counts more than what the protocol says.
            {part: replace(own, limits={**own.limits, **limits}) for part, own in plans.items()},
            drawn=drawn,
            engine=loaded if with_engine else None,
            peer=peer,
            device=place,
            per_episode=per_episode,
            running=Running(
                jobs=jobs,
                backend=backend,
                work=WorkFolder(work) if work is not None else None,
                costs=costs,
            ),
            on_progress=on_progress,
        )
    result: dict[str, Any]
    if chosen is None:
        (result,) = parts.values()
    else:
        result = {"protocol": dict(chosen), "parts": parts}
    text = json.dumps(result, indent=2, allow_nan=False) + "\n"
    shown = {Format.json: lambda: text, Format.csv: lambda: to_csv(result)}
    # Printed first: what took hours must not be lost with a disk that has become full.
    sys.stdout.write(shown.get(output_format, lambda: to_table(result))())
    if out is not None:
        try:
            write_whole(out, text.encode("utf-8"))
        except OSError as error:
            reason = error.strerror or error
            raise InputError(f"cannot write '{out}': {reason}. {_OTHER_PLACE}") from error


def _default_methods(protocol: str | None) -> list[str]:
    """What is compared if nobody says what."""
    from sgps.evaluation.protocols import load_protocol

    own = load_protocol(protocol).methods if protocol is not None else ()
    return list(own) or _names(_METHODS)


@dataclass(frozen=True)
class _Wanted:
    """The options that tell which episodes to measure on."""

    classes: str | None
    way: int | None
    shot: int | None
    query: int | None
    episodes: int | None
    seed: int | None
    protocol: str | None
    episodes_in: Path | None

    def check(self) -> None:
        """Stop where two of them say the same thing, or a protocol is asked for that does not exist.

        Raises:
            InputError: so it is.
        """
        from sgps.evaluation.protocols import load_protocol

        given = [f"--{name}" for name in _PROTOCOL if getattr(self, name) is not None]
        if self.protocol is not None and given:
            raise InputError(
                f"a protocol decides {', '.join(given)}. Leave --protocol or these out."
            )
        more = [f"--{name}" for name in _FILES if getattr(self, name) is not None]
        if self.episodes_in is not None and (given := given + more):
            raise InputError(
                f"the files of --episodes-in decide {', '.join(given)}. Leave them or these out."
            )
        if self.protocol is not None:
            load_protocol(self.protocol)

    def parts(
        self, sets: Sequence[BenchmarkSet]
    ) -> tuple[Mapping[str, EpisodePlan], Drawn, Mapping[str, str] | None]:
        """Plans and episodes by part, and name and title of the protocol that they are of, if any.

        Raises:
            InputError: no such protocol or files, or a set cannot serve.
        """
        from sgps.evaluation.episode_files import read_episode_files
        from sgps.evaluation.plans import EpisodePlan, draw_parts
        from sgps.evaluation.protocols import load_protocol

        if self.episodes_in is not None:
            stored = read_episode_files(self.episodes_in, sets)
            return stored.plans, stored.drawn, stored.protocol
        if self.protocol is not None:
            chosen = load_protocol(self.protocol, self.episodes, self.seed)
            told = {"name": chosen.name, "title": chosen.title}
            return chosen.plans, draw_parts(sets, chosen.plans), told
        # What was not said is the plan's own default.
        said = {name: getattr(self, name) for name in ("way", "shot", "query", "episodes", "seed")}
        numbers: dict[str, Any] = {name: n for name, n in said.items() if n is not None}
        names = None if self.classes is None else tuple(_names(self.classes))
        plans = {"": EpisodePlan(classes=names, **numbers)}
        return plans, draw_parts(sets, plans), None


_PROTOCOL = ("classes", "way", "shot", "query")
_FILES = ("episodes", "seed", "protocol")


def _described(one: BenchmarkSet) -> str:
    """One line about descriptions that nobody gave."""
    count = len({picture.label for picture in one.pictures})
    found = [f"{label} as {entry}" for label, entry in one.entries.items()]
    return f"{one.name}: the clinical catalogue describes {len(found)} of {count} classes: {listing(found, 20)}"


def _names(text: str) -> list[str]:
    """The parts between commas, in Unicode's composed form, as labels are."""
    parts = (part.strip() for part in unicodedata.normalize("NFC", text).split(","))
    return [part for part in parts if part]


def load_peer(name: str, image_size: int) -> Peer:
    """As `sgps.evaluation.peers.load_peer`."""
    from sgps.evaluation import peers

    return peers.load_peer(name, image_size)


def _load_engine(name: str, device: Device) -> SynthesisEngine:
    from sgps.engine.engine import Engine

    return Engine.from_pretrained(name, device)

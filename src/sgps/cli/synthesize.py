"""`sgps synthesize`: from labelled pictures and descriptions to a saved classifier."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sgps.cli.console import Device, progress_bars, say, ticker, warn
from sgps.errors import InputError, listing
from sgps.files import refuse_existing

if TYPE_CHECKING:
    from sgps.labelled import LabelledImage
    from sgps.task import SupportSet


def synthesize(
    support: Annotated[
        Path,
        typer.Argument(
            help="Folder of class folders, CSV manifest, zip, or files of ISIC or MedMNIST."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder to write; it must not exist.")],
    descriptions: Annotated[
        Path | None,
        typer.Option(
            help="YAML, JSON or TOML file: class to a text or texts.",
            show_default="what the catalogue has for the classes' names",
        ),
    ] = None,
    modality: Annotated[
        str | None,
        typer.Option(help="How the pictures were taken; chooses among the catalogue's entries."),
    ] = None,
    engine: Annotated[str, typer.Option(help="Engine: its name or folder.")] = "default",
    allow_text_only: Annotated[
        bool, typer.Option("--allow-text-only", help="Accept classes that are only described.")
    ] = False,
    onnx: Annotated[bool, typer.Option("--onnx", help="Write model.onnx, too.")] = False,
    device: Annotated[Device, typer.Option(help="Where the engine runs.")] = Device.auto,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
) -> None:
    """Write every parameter of a classifier for your task, from a few pictures and a sentence a class."""
    refuse_existing(out)
    # Imported late: torch takes seconds to load, an existing folder is reported at once.
    from sgps.engine.engine import Engine, refuse_too_many
    from sgps.manifests import read_descriptions, read_support, support_of
    from sgps.model_card import doubt_in_words, heard_in_words, recalled_in_words

    texts = read_descriptions(descriptions) if descriptions else None
    pictures, left_out = read_support(support)
    if left_out:
        warn(_left_out_in_words(pictures, left_out))
    refuse_too_many(len(pictures))
    if texts is None:
        texts = _from_catalogue({picture.label for picture in pictures}, modality, quiet)
    loaded = Engine.from_pretrained(engine, device)
    with progress_bars(quiet) as on_progress:
        tick = ticker(on_progress, "reading")
        task = support_of(pictures, support, loaded.config.image_size, texts, tick)
        if not allow_text_only:
            _refuse_text_only(task)
    described = sum(bool(task.texts(index)) for index in range(task.num_classes))
    shots = ", ".join(f"{name} {n}" for name, n in zip(task.class_names, task.shots, strict=True))
    say(f"classes (pictures): {shots}; {described} described", quiet)
    start = time.perf_counter()
    network = loaded.synthesize(task)
    say(f"synthesized {network.architecture.name} in {time.perf_counter() - start:.2f} s", quiet)

    for line in recalled_in_words(network.provenance["recalled"]):
        say(f"known by its description: {line}", quiet)
    for line in heard_in_words(network.provenance["heard"]):
        say(f"heard in the description of {line}", quiet)
    if doubt := doubt_in_words(network.provenance["agreement"]):
        warn(f"{doubt}.")

    def add_onnx(folder: Path) -> None:
        from sgps.target.export import export_onnx

        export_onnx(network, folder / "model.onnx")

    network.save(out, also=add_onnx if onnx else None)
    print(out)


def _left_out_in_words(pictures: Sequence[LabelledImage], left_out: Sequence[LabelledImage]) -> str:
    """What to tell of pictures that are no part of the support, as they belong to other splits than `train`."""
    counts = Counter(picture.split or "none stated" for picture in left_out)
    splits = listing([f"{split} {count}" for split, count in sorted(counts.items())])
    classes = {picture.label for picture in left_out} - {picture.label for picture in pictures}
    lost = f" They are all there is of {listing(sorted(classes))}." if classes else ""
    return (
        f"of {len(pictures) + len(left_out)} pictures only the {len(pictures)} of the split train are the support; "
        f"left out: {splits}.{lost}"
    )


def _from_catalogue(names: set[str], modality: str | None, quiet: bool) -> dict[str, list[str]]:
    """Descriptions that the clinical catalogue has for classes of these names; says which entries it took."""
    from sgps.clinical.lookup import entries_for, find, texts_of

    entries = entries_for(sorted(names), modality)
    if not entries and modality is None and any(find(name) for name in names):
        say(
            "no descriptions: the classes' names are in the catalogue, but --modality must tell for which pictures",
            quiet,
        )
    for name, entry in entries.items():
        say(f"description of {name}: the catalogue's {entry.name} ({entry.modality})", quiet)
    return texts_of(entries)


def _refuse_text_only(task: SupportSet) -> None:
    """Stop at described classes without a picture: a mistyped name would silently become one more class."""
    pictured = [name for name, shots in zip(task.class_names, task.shots, strict=True) if shots]
    if unknown := [name for name in task.class_names if name not in pictured]:
        raise InputError(
            f"descriptions name classes without a picture: {listing(unknown)}; the classes with pictures are "
            f"{listing(pictured, 20)}. Correct the names, or add --allow-text-only."
        )

"""`sgps explain`: show where in a picture a saved classifier saw its answer."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from sgps.cli.console import progress_bars, say, ticker
from sgps.errors import InputError, listing
from sgps.files import new_folder, refuse_existing
from sgps.target.overlay import as_image, enlarged, overlay

_SIDE = 384
"""Of each of the two pictures that are written side by side, in pixels."""


def explain(
    model: Annotated[Path, typer.Argument(help="Folder of a synthesized classifier.")],
    images: Annotated[list[Path], typer.Argument(help="Pictures to explain.")],
    out: Annotated[Path, typer.Option(help="Folder to write, one PNG a picture.")],
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing on stderr.")] = False,
) -> None:
    """Show what spoke for the predicted class: each picture as the network saw it, and beside it the same with heat laid over.

    The heat is the class's activation map minus the mean of all classes', from nothing to the picture's highest; it is exact for
    this network, and coarse: 4 x 4 places of a 128 px picture. It tells where, not why, and not whether the answer is right.
    """
    from sgps.images import read_images
    from sgps.target.checkpoint import TargetNetwork
    from sgps.target.explain import relative_evidence

    refuse_existing(out)
    counts = Counter(path.stem for path in images)
    if twice := sorted(stem for stem, count in counts.items() if count > 1):
        raise InputError(
            f"several pictures are called {listing(twice)}, and each becomes NAME.png. Explain them one after the other."
        )
    network = TargetNetwork.load(model)
    with progress_bars(quiet) as on_progress:
        tick = ticker(on_progress, "reading", len(images))
        pictures = read_images(images, network.preprocessing.image_size, tick)
    probabilities = network.probabilities(pictures)
    guesses = probabilities.argmax(dim=1).tolist()
    evidence = relative_evidence(network, pictures).numpy()
    with new_folder(out) as partial:
        for row, (path, guess) in enumerate(zip(images, guesses, strict=True)):
            name, confidence = network.class_names[guess], float(probabilities[row, guess])
            say(f"{path}: {name} ({confidence:.1%})", quiet)
            large = enlarged(pictures[row].numpy(), _SIDE)
            pair = np.concatenate([large, overlay(large, evidence[row, guess])], axis=2)
            as_image(pair).save(partial / f"{path.stem}.png")
    print(out)

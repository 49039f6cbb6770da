"""Write the tables of the documents from results/*.json: `python docs/make_tables.py`. A test fails where the two disagree.

With `--results DIR --out DIR` from other files and beside the documents, to see what they would look like.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from make_figures import shown
from tables import (
    ablations,
    codes,
    differences,
    features,
    methods,
    probes,
    readme,
    sets,
    trained,
    unlearned,
    words,
)
from tables.reading import (
    FILES,
    FIVE,
    MODALITIES,
    NOVEL,
    ROOT,
    TRAINED,
    TRAINED_NOVEL,
    UNLEARNED,
    WORDS,
    WORDS_NOVEL,
    Results,
)


@dataclass(frozen=True)
class Place:
    """What stands between `<!-- NAME -->` and `<!-- end of NAME -->`."""

    content: Callable[[Results], str]
    files: tuple[str, ...] = FILES
    """It is filled in once one of these is there, and stays as it is until then."""


def _dependence(results: Results) -> str:
    return f"{shown(results, 'codes')}\n\n{codes.codes(results)}"


def _other_engine(folder: str, names: tuple[str, str]) -> Place:
    """An engine that is not shipped beside the shipped one."""
    content = partial(differences.other_engine, folder=folder, names=names)
    return Place(content, (f"{folder}/cross-modality",))


DOCUMENTS: Mapping[str, Mapping[str, Place]] = {
    "README.md": {
        "number": Place(readme.honest_number, (NOVEL,)),
        "results": Place(readme.measured),
    },
    "docs/results.md": {
        "shots-novel": Place(partial(methods.by_shots, file=NOVEL), (NOVEL,)),
        "shots-five": Place(partial(methods.by_shots, file=FIVE), (FIVE,)),
        "figures": Place(shown, (NOVEL,)),
        "trained": Place(trained.trained, (TRAINED, TRAINED_NOVEL)),
        "controls": Place(differences.by_control),
        "codes": Place(_dependence, ("codes",)),
        "words": Place(differences.by_words),
        "features": Place(features.features),
        "ablations": Place(ablations.ablations, (ablations.FILE,)),
        "ablations-learning": Place(
            partial(ablations.ablations, file=ablations.LEARNING_FILE), (ablations.LEARNING_FILE,)
        ),
        "metadata": Place(probes.metadata, ("metadata-probe",)),
        "prototypes": Place(probes.prototypes, ("prototype-probe",)),
        "unlearned": Place(unlearned.unlearned, (UNLEARNED,)),
        "typicality": Place(probes.typicality, ("typicality-probe",)),
        "again": _other_engine("again", ("recipe run again", "again minus shipped")),
        "cpu": _other_engine("cpu", ("`cpu.toml`", "`cpu.toml` minus shipped")),
        "previous": Place(differences.since_before, (NOVEL, MODALITIES)),
        "methods-novel": Place(partial(methods.all_methods, file=NOVEL), (NOVEL,)),
        "methods-five": Place(partial(methods.all_methods, file=FIVE), (FIVE,)),
        "methods-modalities": Place(partial(methods.all_methods, file=MODALITIES), (MODALITIES,)),
    },
    "docs/datasets.md": {"sets": Place(sets.known)},
    "docs/words.md": {
        "words": Place(probes.words, ("words-probe",)),
        "gain": Place(words.by_pictures, (WORDS, WORDS_NOVEL)),
        "drawn": Place(probes.drawn, ("drawn-probe",)),
    },
}
"""What this file fills in."""


def filled(results: Results) -> list[tuple[str, str]]:
    """Document and name of each place whose results are there."""
    return [
        (document, name)
        for document, places in DOCUMENTS.items()
        for name, place in places.items()
        if results.has(*place.files)
    ]


def cut(text: str, name: str) -> tuple[str, str, str]:
    """A document's text before the place of this name, in it, and after it."""
    begin, end = f"<!-- {name} -->\n", f"\n<!-- end of {name} -->"
    before, rest = text.split(begin)
    inside, after = rest.split(end)
    return before + begin, inside, end + after


def fill(document: str, results: Results) -> str:
    """The document's text with its places filled in."""
    text = (ROOT / document).read_text("utf-8")
    for name, place in DOCUMENTS[document].items():
        before, inside, after = cut(text, name)
        content = place.content(results) if (document, name) in filled(results) else inside
        text = f"{before}{content}{after}"
    return text


def main() -> None:
    """Fill in every document."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("--results", type=Path, default=Results().folder)
    parser.add_argument("--out", type=Path, default=ROOT)
    options = parser.parse_args()
    for document in DOCUMENTS:
        path: Path = options.out / document
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(fill(document, Results(options.results)), "utf-8")


if __name__ == "__main__":
    main()

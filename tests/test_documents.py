"""Documents say what the results say."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner

from sgps.cli import app
from sgps.clinical.conditions import conditions
from sgps.datasets import isic, medmnist
from sgps.datasets.drawn_field_words import FIELD
from sgps.datasets.drawn_words import CELL, LESION

ROOT = Path(__file__).parent.parent


def _make_tables() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_tables", ROOT / "docs" / "make_tables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("document", ["README.md", "docs/results.md"])
def test_the_tables_of_the_documents_are_those_of_the_results(document: str) -> None:
    make_tables = _make_tables()
    assert document in make_tables.DOCUMENTS
    assert make_tables.fill(document) == (ROOT / document).read_text(encoding="utf-8")


def test_links_of_the_readme_lead_somewhere() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = [t for t in re.findall(r"\]\(([^)]+)\)", readme) if "://" not in t]
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_the_readme_shows_what_describe_prints_and_counts_the_catalogue() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    done = CliRunner().invoke(app, ["describe", "DF", "--modality", "dermatoscopy"])
    assert done.stdout in readme
    assert f"The catalogue holds {len(conditions())} conditions" in readme


def test_the_page_of_data_sets_names_every_table_folder_and_set_that_is_read() -> None:
    page = (ROOT / "docs" / "datasets.md").read_text(encoding="utf-8")
    parts = isic._PARTS.values()
    names = [
        *(part.table.removesuffix(".csv") for part in parts),
        *(part.lesions for part in parts),
        *(f"{folder}.zip" for part in parts for folder in part.pictures),
        *(f"| {name} |" for name in medmnist.CLASS_NAMES),
    ]
    assert [name for name in names if name not in page] == []


def test_the_probe_reads_every_attribute_of_the_drawings_and_nothing_from_shuffled_labels() -> None:
    found = json.loads((ROOT / "results" / "drawn-probe.json").read_text(encoding="utf-8"))["probe"]
    words = {"lesion": LESION, "cell": CELL, "field": FIELD}
    assert {kind: set(own) for kind, own in found.items()} == {
        kind: set(vocabulary.values) for kind, vocabulary in words.items()
    }
    for kind, vocabulary in words.items():
        for attribute, values in vocabulary.values.items():
            scores = found[kind][attribute]
            assert scores["values"] == len(values)
            assert min(scores["accuracy"], scores["balanced_accuracy"]) > 0.9, (kind, attribute)
            assert scores["shuffled_balanced_accuracy"] < 1 / len(values) + 0.05, (kind, attribute)
            assert scores["shuffled_accuracy"] < scores["commonest"] + 0.05, (kind, attribute)


def test_nine_texts_of_ten_find_their_entry_with_the_chosen_representation() -> None:
    probe = json.loads((ROOT / "results" / "words-probe.json").read_text(encoding="utf-8"))
    assert sum(probe["entries"].values()) == len(conditions())
    chosen = probe["representations"][probe["chosen"]]
    assert chosen["mean"] >= 0.90
    assert chosen["mean_of_modalities"] >= 0.90
    # The entries whose texts were not used to find the words that the reader knows.
    assert chosen["mean_of_unseen_half"] >= 0.90

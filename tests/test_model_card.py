from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from oracles import timm
from PIL import Image

from sgps.model_card import model_card
from sgps.target.checkpoint import TargetNetwork
from sgps.target.export import export_onnx
from sgps.task import Preprocessing


def card_of(network: TargetNetwork, folder: Path) -> str:
    network.save(folder)
    return (folder / "README.md").read_text(encoding="utf-8")


def table_row(card: str, index: int) -> list[str]:
    """Cells of one class's row; a cell may hold escaped bars."""
    line = next(line for line in card.splitlines() if line.startswith(f"| {index} |"))
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def code_after(card: str, title: str) -> str:
    """The first Python block after `title`."""
    return card.split(title, 1)[1].split("```python\n", 1)[1].split("```", 1)[0]


def test_the_head_is_what_model_hubs_read(tiny_network, tmp_path):
    _, head, _ = card_of(tiny_network, tmp_path / "model").split("---\n", 2)
    facts = yaml.safe_load(head)
    assert facts["license"] == "cc-by-nc-sa-4.0"
    assert facts["library_name"] == "timm"
    assert facts["pipeline_tag"] == "image-classification"
    assert {"sgps", "timm", "medical-imaging"} <= set(facts["tags"])


def test_each_class_is_listed_with_its_pictures_and_descriptions(tiny_network, tmp_path):
    card = card_of(tiny_network, tmp_path / "model")
    assert table_row(card, 0) == ["0", "BCC", "2", "a pearly papule / a nodule with fine vessels"]
    assert table_row(card, 1) == ["1", "MEL", "3", "–"]
    assert table_row(card, 2) == ["2", "NV", "0", "a regular brown spot"]


def test_what_descriptions_brought_in_is_told(tiny_network, tmp_path):
    assert "Known by their descriptions" not in card_of(tiny_network, tmp_path / "plain")
    recalled = {
        "MEL": {"classes": ["ham10000/mel", "isic2017/melanoma"], "pictures": 0.9},
        "NV": {"classes": [], "pictures": 0.1},
    }
    told = {**tiny_network.provenance, "recalled": recalled}
    card = card_of(dataclasses.replace(tiny_network, provenance=told), tmp_path / "told")
    assert (
        "| Known by their descriptions | MEL from ham10000/mel, isic2017/melanoma, as 0.9 pictures; "
        "NV from several known classes, as 0.1 pictures |"
    ) in card.replace("\\_", "_")


def test_what_was_heard_in_descriptions_is_told(tiny_network, tmp_path):
    assert "Heard in their descriptions" not in card_of(tiny_network, tmp_path / "plain")
    heard = {"DF": ["center white-scar", "color brown"], "VASC": ["pattern lagoons"]}
    told = {**tiny_network.provenance, "heard": heard}
    card = card_of(dataclasses.replace(tiny_network, provenance=told), tmp_path / "told")
    assert (
        "| Heard in their descriptions | DF: center white-scar, color brown; VASC: pattern lagoons |"
        in card
    )


@pytest.mark.parametrize(("agreement", "doubts"), [(0.03, True), (0.19, True), (0.2, False)])
def test_a_reader_is_told_where_pictures_contradict_descriptions(
    tiny_network, tmp_path, agreement, doubts
):
    told = {**tiny_network.provenance, "agreement": agreement}
    card = card_of(dataclasses.replace(tiny_network, provenance=told), tmp_path / "told")
    assert (f"which was given {100 * agreement:.0f} % of its weight" in card) is doubts
    assert "| Doubt |" not in card_of(tiny_network, tmp_path / "plain")


def test_the_card_says_what_has_to_be_said(tiny_network, tmp_path):
    card = card_of(tiny_network, tmp_path / "model")
    for sentence in (
        "99,967 parameters",
        "from 5 labelled images and the descriptions of 2 classes",
        "This is not a medical device.",
        "(CC BY-NC-SA 4.0), and what it synthesizes inherits that",
        "Batch norm buffers carry no statistics",
        "The patients' pictures are not stored in this folder",
        "| Engine | drawn |",
        "| Engine digest | sha256:0 |",
        "| sgps version | 0.1.0 |",
        "resized to 64 px (bicubic)",
        "0.485, 0.456, 0.406",
    ):
        assert sentence in card
    for section in ("Classes", "Intended use", "Out of scope", "Preprocessing", "How to load it"):
        assert f"\n## {section}\n" in card


@pytest.mark.parametrize(
    ("shots", "descriptions", "sources"),
    [
        ({"a": 1, "b": 0}, ((), ()), "from 1 labelled image by"),
        ({"a": 0, "b": 0}, (("x",), ("y",)), "from the descriptions of 2 classes by"),
        (
            {"a": 2, "b": 2},
            ((), ("y",)),
            "from 4 labelled images and the descriptions of 1 class by",
        ),
        (None, (), "from a support set by"),
    ],
    ids=["one-image", "words-only", "both", "unknown"],
)
def test_the_card_names_what_the_engine_was_given(shots, descriptions, sources):
    card = model_card(
        architecture="test_efficientnet",
        num_parameters=1000,
        class_names=("a", "b"),
        descriptions=descriptions,
        preprocessing=Preprocessing(image_size=64, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
        provenance={} if shots is None else {"n_shot": shots},
    )
    assert sources in " ".join(card.split())


def test_odd_names_neither_break_the_table_nor_become_markup(make_network, tmp_path):
    network = dataclasses.replace(
        make_network(("a|b", "{c}", "<script>")),
        descriptions=(("two\nlines",), (), ("[x](y) *z*",)),
    )
    card = card_of(network, tmp_path / "model")
    assert table_row(card, 0) == ["0", r"a\|b", "unknown", "two lines"]
    assert table_row(card, 1) == ["1", "{c}", "unknown", "–"]
    assert table_row(card, 2) == ["2", r"\<script>", "unknown", r"\[x](y) \*z\*"]


def test_the_cards_timm_and_onnx_examples_run_and_agree_with_us(
    tiny_network, pictures, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    card = card_of(tiny_network, Path("path/to/this/folder"))
    Image.fromarray(pictures[0].permute(1, 2, 0).numpy()).save("picture.png")
    export_onnx(tiny_network, Path("model.onnx"))
    found: dict[str, object] = {"timm": timm}
    exec(code_after(card, "With timm"), found)
    exec(code_after(card, "With ONNX Runtime"), found)
    ours = tiny_network.logits(pictures[:1])
    np.testing.assert_allclose(found["logits"], ours.numpy(), rtol=0, atol=1e-4)
    with torch.no_grad():
        torch.testing.assert_close(found["probabilities"], ours.softmax(dim=1), rtol=0, atol=1e-4)


def test_the_cards_own_example_runs_and_agrees_with_us(
    tiny_network, pictures, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    card = card_of(tiny_network, Path("path/to/this/folder"))
    Image.fromarray(pictures[0].permute(1, 2, 0).numpy()).save("picture.png")
    found: dict[str, object] = {}
    exec(code_after(card, "With sgps"), found)
    ours = tiny_network.probabilities(pictures[:1]).numpy()
    np.testing.assert_allclose(found["probabilities"], ours, rtol=0, atol=1e-5)

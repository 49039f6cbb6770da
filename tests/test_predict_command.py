"""`sgps predict`: what it prints, and what it warns of."""

# ruff: noqa: F811 - pytest finds imported fixtures by the names of parameters.

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from commands import Sgps, mistake, model, sgps_command, support  # noqa: F401
from conftest import build_network

from sgps.images import read_images
from sgps.target.checkpoint import TargetNetwork
from sgps.target.typicality import PERCENTILES, Typicality, strangeness


def test_predict_as_csv_has_the_agreed_columns_and_probabilities(
    sgps_command: Sgps, model: Path, support: Path
) -> None:
    pictures = sorted(support.rglob("*.png"))
    done = sgps_command("predict", model, *pictures, "--format", "csv")
    assert done.status == 0
    reader = csv.DictReader(io.StringIO(done.out))
    assert reader.fieldnames == ["image", "prediction", "confidence", "BCC", "MEL", "NV"]
    rows = list(reader)
    assert [row["image"] for row in rows] == [str(path) for path in pictures]
    for row in rows:
        shares = {name: float(row[name]) for name in ("BCC", "MEL", "NV")}
        assert sum(shares.values()) == pytest.approx(1, abs=2e-6)
        assert float(row["confidence"]) == shares[row["prediction"]] == max(shares.values())


def test_predict_as_json_holds_the_same_as_csv(
    sgps_command: Sgps, model: Path, support: Path
) -> None:
    pictures = sorted(support.rglob("*.png"))
    found = json.loads(sgps_command("predict", model, *pictures, "--format", "json").out)
    rows = csv.DictReader(
        io.StringIO(sgps_command("predict", model, *pictures, "--format", "csv").out)
    )
    for entry, row in zip(found, rows, strict=True):
        assert (entry["image"], entry["prediction"]) == (row["image"], row["prediction"])
        assert entry["confidence"] == entry["probabilities"][entry["prediction"]]
        assert sum(entry["probabilities"].values()) == pytest.approx(1)
        for name, share in entry["probabilities"].items():
            assert f"{share:.6f}" == row[name]


def saved(folder: Path, names: tuple[str, ...]) -> Path:
    """A classifier of these classes, none of which is described."""
    replace(build_network(names), descriptions=((),) * len(names), provenance={}).save(folder)
    return folder


def test_predict_prints_a_table_that_shows_names_as_they_are(
    sgps_command: Sgps, support: Path, tmp_path: Path
) -> None:
    names = ("a[b]", "c:x:", "d, e")
    picture = (support / "red" / "6.png").rename(support / "scan[left]:x:.png")
    done = sgps_command("predict", saved(tmp_path / "model", names), picture)
    assert done.status == 0
    for text in ("image", "prediction", "typicality", *names, str(picture)):
        assert text in done.out
    assert len(re.findall(r"\d+\.\d%", done.out)) == 3


SHORT = ("AKIEC", "BCC", "MEL", "NV")
LONG = ("cancer-associated stroma", "colorectal adenocarcinoma epithelium", "debris")
MANY = tuple(f"class {number}" for number in range(9))


def column(out: str, place: int) -> str:
    """What stands in a column of the table's rows, folded or not, without spaces."""
    rows = [line.split("│") for line in out.splitlines() if line.startswith("│")]
    return "".join("".join(row[place].split()) for row in rows)


@pytest.mark.parametrize("names", [SHORT, LONG, MANY], ids=["short", "long", "many"])
def test_the_table_is_readable_at_80_columns(
    sgps_command: Sgps,
    support: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    names: tuple[str, ...],
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # as a terminal
    monkeypatch.setenv("TERM", "dumb")  # of 80 columns
    model = saved(tmp_path / "model", names)
    long = "a_rather_long_name_that_no_column_can_hold_at_once"
    pictures = [
        shutil.copy(support / "red" / "6.png", support / f"{long}_{number}.png")
        for number in range(2)
    ]
    done = sgps_command("predict", model, *pictures)
    assert {len(line) for line in done.out.splitlines()} == {80}
    assert "…" not in done.out
    assert column(done.out, 1) == "".join(map(str, pictures))
    found = json.loads(sgps_command("predict", model, *pictures, "--format", "json").out)
    for entry in found:
        shares = entry["probabilities"]
        if names == SHORT:
            for place, name in enumerate(names, start=4):
                assert f"{shares[name]:.1%}" in column(done.out, place)
            continue
        likeliest = sorted(names, key=shares.__getitem__, reverse=True)[:3]
        told = "".join(f"{shares[name]:.1%}{name.replace(' ', '')}" for name in likeliest)
        assert column(done.out, 2) == told * 2
    assert len(re.findall(r"\d+\.\d%", done.out)) == 2 * min(len(names), 4 if names == SHORT else 3)


def test_a_table_that_goes_elsewhere_has_a_line_a_picture(
    sgps_command: Sgps, support: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    picture = support / "red" / "6.png"
    done = sgps_command("predict", saved(tmp_path / "model", SHORT), picture)
    (line,) = [line for line in done.out.splitlines() if line.startswith("│")]
    assert str(picture) in line


def telling(model: Path, usual: Path, strange: Path) -> TargetNetwork:
    """The classifier, to which the first picture is as typical as can be and the second not at all."""
    network = TargetNetwork.load(model)
    features = network.features(read_images([usual, strange], network.preprocessing.image_size))
    middle = torch.zeros(features.shape[1])
    line = strangeness(features, features[:1], middle).mean()
    made = Typicality(
        class_means=features[:1],
        middle=middle,
        percentiles=line.expand(PERCENTILES).contiguous(),
    )
    return replace(network, typicality=made)


def test_predict_names_the_pictures_that_are_unlike_the_support(
    sgps_command: Sgps, model: Path, support: Path, tmp_path: Path
) -> None:
    usual, strange = support / "red" / "6.png", support / "red" / "7.png"
    network = telling(model, usual, strange)
    network.save(tmp_path / "told")
    replace(network, typicality=None).save(tmp_path / "untold")
    done = sgps_command("predict", tmp_path / "told", usual, strange, "--format", "json")
    assert [entry["typicality"] for entry in json.loads(done.out)] == [1.0, 0.0]
    assert (
        f"1 picture looks unlike the support pictures, so that its prediction means little: {strange}."
        in done.err
    )
    assert " 100% " in sgps_command("predict", tmp_path / "told", usual).out
    done = sgps_command("predict", tmp_path / "untold", strange, "--format", "json")
    assert json.loads(done.out)[0]["typicality"] is None
    assert "unlike" not in done.err
    assert " unknown " in sgps_command("predict", tmp_path / "untold", usual).out


@pytest.mark.parametrize(("kind", "more"), [("csv", True), ("json", False)])
def test_the_warning_counts_all_pictures_and_is_said_though_quiet(
    sgps_command: Sgps, model: Path, support: Path, tmp_path: Path, kind: str, more: bool
) -> None:
    usual, strange = support / "red" / "6.png", support / "red" / "7.png"
    telling(model, usual, strange).save(tmp_path / "told")
    given = ("predict", tmp_path / "told", *[strange] * 9, "--format", kind, "--quiet")
    (line,) = sgps_command(*given).err.splitlines()
    assert line.startswith("warning: 9 pictures look unlike the support pictures, so that their")
    assert " and 1 more." in line
    assert line.endswith(" --format table or json shows the typicality of each.") is more


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names themselves")
def test_pictures_whose_names_are_not_utf_8_are_refused(
    mistake: Callable[..., str], model: Path, support: Path
) -> None:
    strange = Path(os.fsdecode(os.fsencode(support) + b"/L\xe9sion.png"))
    shutil.copy(support / "red" / "6.png", strange)
    said = mistake("predict", model, strange, support / "red" / "6.png", "--format", "csv")
    assert re.match(
        r"names of pictures are not UTF-8 text: .*/L\\udce9sion\.png\. Rename them\.$", said
    )

"""`sgps benchmark` as a command: options, streams and files."""

# ruff: noqa: F811 - pytest finds imported fixtures by the names of parameters.

from __future__ import annotations

import csv
import io
import json
import tempfile
import unicodedata
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
import typer
from colors import (  # noqa: F401
    SIDE,
    brief_tuning,
    colors,
    draw_folder,
    engine,
    folder,
    peer,
)
from typer.testing import CliRunner

from sgps.errors import InputError

# The package offers the function under the name of the module.
command = import_module("sgps.cli.benchmark")


@pytest.fixture
def invoke(monkeypatch, peer, engine):
    """Run the command with the engine and the peer of this file."""

    def load_peer(name, size):
        return replace(peer, name=name, preprocessing=replace(peer.preprocessing, image_size=size))

    monkeypatch.setattr(command, "_load_engine", lambda _name, _device: engine)
    monkeypatch.setattr(command, "load_peer", load_peer)
    app = typer.Typer()
    app.command()(command.benchmark)

    def run(*arguments):
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return run


SHORT = ("--shot", 2, "--query", 3, "--episodes", 2, "--device", "cpu")


def test_json_on_stdout_stays_clean_beside_the_progress(invoke, folder):
    done = invoke("--data", folder, *SHORT, "--way", 2, "--seed", 3, "--format", "json")
    assert done.exit_code == 0
    result = json.loads(done.stdout)
    assert list(result["methods"]) == ["sgps", "prototype", "ridge", "logistic"]
    assert (result["settings"]["way"], result["settings"]["seed"]) == (2, 3)
    assert result["settings"]["peer_backbone"] == "lite0"
    assert result["settings"]["image_size"] == SIDE
    assert "colors: episodes" in done.stderr


def test_quiet_says_nothing(invoke, folder):
    done = invoke("--data", folder, *SHORT, "--methods", "sgps", "--quiet")
    assert done.exit_code == 0
    assert done.stderr == ""


def test_options_reach_the_run(invoke, folder, tmp_path, engine):
    texts = tmp_path / "texts.json"
    texts.write_text(json.dumps({"blue": "the sky"}), encoding="utf-8")
    options = (
        "--classes",
        "green,blue",
        "--methods",
        "sgps, ridge",
        "--image-size",
        48,
        "--per-episode",
    )
    given = ("--peer-backbone", "lite2", "--descriptions", texts, "--format", "json")
    result = json.loads(invoke("--data", folder, *SHORT, *options, *given).stdout)
    assert result["settings"]["classes"] == ["green", "blue"]
    assert result["settings"]["image_size"] == 48
    assert result["settings"]["peer_backbone"] == "lite2"
    assert result["settings"]["data"][0]["described"] == ["blue"]
    assert {name: len(values) for name, values in result["per_episode"].items()} == {
        "sgps": 2,
        "ridge": 2,
    }
    assert engine.asked[0][0].descriptions == (("the sky",), ())


def test_csv_has_a_row_a_method(invoke, folder):
    done = invoke("--data", folder, *SHORT, "--methods", "sgps,chance", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [(row["set"], row["method"]) for row in rows] == [
        ("colors", "sgps"),
        ("colors", "chance"),
    ]
    assert rows[0]["sgps_minus"] == ""
    gain = float(rows[0]["accuracy"]) - float(rows[1]["accuracy"])
    assert float(rows[1]["sgps_minus"]) == pytest.approx(gain, abs=1e-4)


def test_the_table_is_the_default(invoke, folder):
    lines = invoke("--data", folder, *SHORT, "--methods", "sgps,chance").stdout.splitlines()
    assert lines[0] == "colors"
    assert lines[1].split()[:2] == ["method", "accuracy"]
    assert lines[3].split()[:4] == ["chance", "33.33", "±", "0.00"]
    assert "+" in lines[3]


def test_out_keeps_the_json_whatever_is_shown(invoke, folder, tmp_path):
    out = tmp_path / "result.json"
    done = invoke("--data", folder, *SHORT, "--methods", "chance", "--format", "csv", "--out", out)
    assert done.stdout.startswith("set,method,")
    assert list(json.loads(out.read_text(encoding="utf-8"))["methods"]) == ["chance"]
    assert list(tmp_path.iterdir()) == [out]


def test_classes_are_composed_as_labels_are(invoke, tmp_path):
    composed, apart = (unicodedata.normalize(form, "ambré") for form in ("NFC", "NFD"))
    folder = draw_folder(tmp_path / "mine")
    (folder / "amber").rename(folder / apart)
    told = ("--methods", "chance", "--format", "json")
    for given in (composed, apart):
        done = invoke("--data", folder, *SHORT, *told, "--classes", f"{given},blue")
        assert json.loads(done.stdout)["settings"]["classes"] == [composed, "blue"]


def test_a_limit_reaches_the_run(invoke, folder):
    told = ("--methods", "sgps,chance", "--limit", "chance=1", "--format", "json")
    result = json.loads(invoke("--data", folder, *SHORT, *told).stdout)
    assert {name: one["episodes"] for name, one in result["methods"].items()} == {
        "sgps": 2,
        "chance": 1,
    }
    assert result["paired"]["sgps-minus-chance"]["episodes"] == 1


def test_descriptions_that_nobody_gave_are_told_in_one_line(invoke, tmp_path):
    folder = draw_folder(tmp_path / "mine")
    (folder / "amber").rename(folder / "melanoma")
    (folder / "blue").rename(folder / "dermatofibroma")
    told = ("--methods", "sgps", "--format", "json")
    done = invoke("--data", folder, *SHORT, *told)
    assert json.loads(done.stdout)["settings"]["data"][0]["described"] == [
        "dermatofibroma",
        "melanoma",
    ]
    (line,) = [line for line in done.stderr.splitlines() if "catalogue" in line]
    assert line == (
        "mine: the clinical catalogue describes 2 of 3 classes: dermatofibroma as dermatofibroma (dermatoscopy), "
        "melanoma as melanoma (dermatoscopy)"
    )


def fail(invoke, *arguments):
    error = invoke(*arguments).exception
    assert isinstance(error, InputError)
    raise error


def test_an_existing_result_is_not_overwritten(invoke, folder, tmp_path):
    out = tmp_path / "result.json"
    out.touch()
    with pytest.raises(
        InputError, match=r"result\.json' exists already\. Name another file or remove it\.$"
    ):
        fail(invoke, "--data", folder, *SHORT, "--out", out)


def test_a_result_needs_a_folder(invoke, folder, tmp_path):
    with pytest.raises(
        InputError, match=r"^the folder of '.*r\.json' does not exist\. Make it first\.$"
    ):
        fail(invoke, "--data", folder, *SHORT, "--out", tmp_path / "no" / "r.json")


def test_a_result_that_cannot_be_written_is_refused_before_the_sets_are_read(
    invoke, tmp_path, monkeypatch
):
    def refuse(*, dir):
        assert dir == tmp_path
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    with pytest.raises(
        InputError, match=r"^cannot write '.*r\.json': Permission denied\. Name another place\.$"
    ):
        fail(invoke, "--data", tmp_path / "none.zip", "--out", tmp_path / "r.json")


def test_a_result_that_cannot_be_written_in_the_end_is_printed_all_the_same(
    invoke, folder, tmp_path, monkeypatch
):
    def full(_path, _data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    told = ("--methods", "chance", "--format", "csv", "--out", tmp_path / "r.json")
    done = invoke("--data", folder, *SHORT, *told)
    assert isinstance(done.exception, InputError)
    assert str(done.exception) == (
        f"cannot write '{tmp_path / 'r.json'}': No space left on device. Name another place."
    )
    assert done.stdout.startswith("set,method,")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (("--limit", "chance"), r"^--limit 'chance' is not METHOD=EPISODES, such as finetune=30\."),
        (("--limit", "chance=0"), r"^--limit 'chance=0' is not METHOD=EPISODES"),
        (
            ("--limit", "anil=3", "--limit", "ridge=3"),
            r"^--limit names methods that are not run: anil, ridge\. Add them to --methods or leave the limit out\.$",
        ),
        (("--jobs", 0), r"^--jobs must be at least 1, got 0\.$"),
        (
            ("--backend", "ray"),
            r"^--backend ray needs ray\. Install it with: pip install 'sgps\[cluster\]'$",
        ),
        (
            ("--backend", "dask"),
            r"^--backend dask needs distributed\. Install it with: pip install 'sgps\[cluster\]'$",
        ),
        (
            ("--episodes-in", "there", "--way", 2),
            r"^the files of --episodes-in decide --way, --shot, --query, --episodes\. Leave them or these out\.$",
        ),
    ],
)
def test_what_cannot_be_run_is_refused(invoke, folder, monkeypatch, told, message):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name != "joblib" else name)
    with pytest.raises(InputError, match=message):
        fail(invoke, "--data", folder, *SHORT, "--methods", "chance", *told)

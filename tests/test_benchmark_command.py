"""`sgps benchmark` as a command: options, streams and files."""

# ruff: noqa: F811 - pytest finds imported fixtures by the names of parameters.

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from importlib import import_module

import pytest
import typer
from colors import SIDE, brief_tuning, colors, engine, folder, peer  # noqa: F401
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

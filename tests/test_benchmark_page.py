"""The page on measuring: its commands run, and it names every method, protocol, metric and key."""

# ruff: noqa: F811 - pytest finds imported fixtures by the names of parameters.

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from colors import (  # noqa: F401
    SIDE,
    TEXTS,
    brief_tuning,
    colors,
    draw_folder,
    engine,
    folder,
    peer,
)
from test_benchmark_command import invoke  # noqa: F401
from typer.testing import CliRunner

from sgps.cli import app
from sgps.evaluation import scores
from sgps.evaluation.methods import METHODS, SEMI_SUPERVISED
from sgps.evaluation.protocols import load_protocol, protocol_names

PAGE = (Path(__file__).parent.parent / "docs" / "benchmark.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^    sgps (.+)$", PAGE, re.MULTILINE)
DRAWN_LIKE = {"amber": "akiec", "blue": "df", "green": "vasc"}


SECTIONS = {
    part.partition("\n")[0]: part for part in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
}


def rows(title):
    """Cells of the table of a section, its head aside."""
    lines = [line for line in SECTIONS[title].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def named(cells):
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Where the page's commands find their sets."""
    for name in ("mine", "isic2018"):
        folder = draw_folder(tmp_path / name, per_class=16)
        for color, label in DRAWN_LIKE.items():
            (folder / color).rename(folder / label)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_command_of_the_page_runs(invoke, place, monkeypatch):
    monkeypatch.setattr("sgps.evaluation.benchmark.peak_memory", lambda *_: 1.0)
    assert len(COMMANDS) == 8
    for command in COMMANDS:
        name, *words = shlex.split(command)
        if name == "data":
            assert CliRunner().invoke(app, [name, *words]).exit_code == 0
            continue
        assert name == "benchmark"
        # Two episodes in place of hundreds, in this process.
        brief = [] if "--episodes-in" in words else ["--episodes", 2]
        # The named protocol compares networks, too, that are not there in a test.
        brief += [] if "--methods" in words else ["--methods", "sgps,prototype"]
        words = " ".join(words).replace("--jobs 4", "--jobs 1").split()
        done = invoke(*words, *brief, "--device", "cpu")
        assert done.exit_code == 0, (command, done.exception)
        assert done.stdout
    result = json.loads((place / "novel.json").read_text(encoding="utf-8"))
    assert set(result) == {"protocol", "parts"}
    assert len(result["parts"]) == 8
    assert (place / "episodes" / "mine.json").is_file()


def test_the_table_of_methods_names_each_and_flags_what_is_semi_supervised():
    table = rows("Methods")
    names = [named(row[:1])[0] for row in table]
    plain = {method.partition("@")[0] for method in METHODS if not method.startswith("sgps-")}
    assert sorted(names) == sorted(plain)
    flagged = {named(row[:1])[0] for row in table if row[3]}
    assert flagged == {method.partition("@")[0] for method in SEMI_SUPERVISED}


def test_the_table_of_controls_names_each():
    names = named(row[0] for row in rows("Controls"))
    assert sorted(names) == sorted(method for method in METHODS if method.startswith("sgps-"))


def test_the_table_of_metrics_names_each_and_tells_which_are_paired():
    table = rows("Metrics")
    names = [named(row[:1])[0] for row in table]
    assert names == [*scores.FIGURES, "recall"]
    paired = {name for name, row in zip(names, table, strict=True) if row[4] == "yes"}
    assert paired == set(scores.PAIRED)
    assert all(row[3] for row in table)
    assert [cost for cost in (*scores.COSTS, "peak_memory_bytes") if f"`{cost}`" not in PAGE] == []


def test_the_table_of_protocols_says_what_they_hold():
    table = rows("Run a protocol")
    assert sorted(named(row[:1])[0] for row in table) == protocol_names()
    for row in table:
        plans = load_protocol(named(row[:1])[0]).plans.values()
        assert row[3] == ", ".join(str(shot) for shot in sorted({plan.shot for plan in plans}))
        ways = sorted({plan.way for plan in plans if plan.way})
        assert re.findall(r"\d", row[2]) == [str(way) for way in ways]
        assert {(plan.episodes, plan.query) for plan in plans} == {(1000, 15)}


def test_the_page_names_every_key_of_the_json(invoke, place):
    told = ("--episodes", 2, "--shot", 1, "--device", "cpu", "--per-episode", "--format", "json")
    result = json.loads(invoke("--data", "mine", "--methods", "sgps,ridge", *told).stdout)
    listed = named(cell for row in rows("What the JSON holds") for cell in row)
    assert [key for key in result if key not in listed] == []
    assert [key for key in ("sets", "protocol", "parts") if key not in listed] == []
    named_settings = set(named(row[1] for row in rows("What the JSON holds")[:1]))
    assert named_settings - {"data"} <= set(result["settings"])


def test_the_page_names_every_option_that_it_should():
    names = named(row[0] for row in rows("Options"))
    options = {word for name in names for word in name.split() if word.startswith("--")}
    wanted = {"--peer-backbone", "--engine", "--device", "--image-size", "--classes"}
    wanted |= {"--jobs", "--work", "--limit", "--episodes-out", "--episodes-in", "--costs"}
    assert wanted | {"--backend", "--per-episode", "--format", "--out"} == options

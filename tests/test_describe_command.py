"""`sgps describe`."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from sgps.cli import app
from sgps.clinical.conditions import conditions
from sgps.errors import InputError


def run(*arguments):
    return CliRunner().invoke(app, ["describe", *arguments])


def test_an_entry_is_printed_whole():
    done = run("DF", "--modality", "dermatoscopy")
    assert done.exit_code == 0
    entry = conditions()["dermatofibroma"]
    for text in (entry.name, "D23", *entry.descriptions.values(), *entry.mimics.values()):
        assert text in done.stdout


def test_json_holds_every_entry_of_that_name():
    found = json.loads(run("melanoma", "--format", "json").stdout)
    assert len(found) > 1
    assert {entry["name"] for entry in found} == {"melanoma"}
    assert set(found[0]["descriptions"]) == {"expert", "plain", "terse"}


def test_without_a_name_the_catalogue_is_counted():
    counts = json.loads(run("--format", "json").stdout)
    assert sum(counts.values()) == len(conditions())
    assert run().stdout.split()[-1] == str(len(conditions()))
    assert list(json.loads(run("--modality", "CT", "--format", "json").stdout)) == ["CT"]


def test_an_unknown_name_gets_the_nearest():
    done = run("dermatofibrom")
    assert isinstance(done.exception, InputError)
    assert "no 'dermatofibrom'. The nearest: dermatofibroma (dermatoscopy)" in str(done.exception)
    assert "Nothing there is called alike" in str(run("qqqq zzzz").exception)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text(
        "first: red scaly patch with a sharp border\n"
        "second: [brown papule, sharp border, blurred edge]\n"
        "third: a red patch\n",
        encoding="utf-8",
    )
    return path


def test_own_descriptions_are_checked(file):
    text = run("--check", str(file)).stdout
    assert "contradiction border: both sharp and blurred" in text
    assert "first and second: told apart by color" in text
    assert "first and third: NOT told apart; state border or texture of both" in text
    assert "not stated    size: Which size" in text
    found = json.loads(run("--check", str(file), "--format", "json").stdout)
    assert [own["name"] for own in found["classes"]] == ["first", "second", "third"]
    assert len(found["pairs"]) == 3


def test_what_cannot_go_together_is_refused(file, tmp_path):
    assert "not both" in str(run("DF", "--check", str(file)).exception)
    assert isinstance(run("--check", str(tmp_path / "none.yaml")).exception, InputError)
    assert "knows no modality" in str(run("--modality", "smell").exception)

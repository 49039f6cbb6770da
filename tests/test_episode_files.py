"""Episodes written by the names of pictures are read back as they were, or refused."""

# ruff: noqa: F811 - pytest finds imported fixtures by the names of parameters.

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest
from colors import PLAN, brief_tuning, colors, draw_folder, engine, folder, peer  # noqa: F401
from test_benchmark_command import SHORT, invoke  # noqa: F401

from sgps.errors import InputError
from sgps.evaluation.episode_files import read_episode_files, write_episode_files
from sgps.evaluation.episodes import digest_of
from sgps.evaluation.plans import draw_parts
from sgps.evaluation.sets import read_benchmark_set

PLANS = {
    "two": replace(PLAN, way=2, classes=("amber", "green"), limits={"ridge": 1}),
    "three": PLAN,
}
PROTOCOL = {"name": "mine", "title": "Colors"}


@pytest.fixture
def written(colors, tmp_path):
    drawn = draw_parts([colors], PLANS)
    write_episode_files(tmp_path / "episodes", [colors], PLANS, drawn, PROTOCOL)
    return tmp_path / "episodes", drawn


def edit(folder, change, seal=True):
    path = folder / "colors.json"
    content = json.loads(path.read_text("utf-8"))
    del content["digest"]
    change(content)
    content["digest"] = digest_of(content) if seal else "0" * 64
    path.write_text(json.dumps(content), encoding="utf-8")


def test_episodes_come_back_as_they_were(colors, written):
    folder, drawn = written
    stored = read_episode_files(folder, [colors])
    assert stored.drawn == drawn
    assert stored.plans == PLANS
    assert stored.protocol == PROTOCOL


def test_a_file_names_its_pictures_and_their_classes_and_holds_its_digest(written):
    content = json.loads((written[0] / "colors.json").read_text("utf-8"))
    assert content["set"] == "colors"
    episode = content["parts"]["two"]["episodes"][0]
    assert episode["classes"] == ["amber", "green"]
    labels = [content["pictures"][i][1] for i in episode["support"]]
    assert labels == ["amber", "amber", "green", "green"]
    assert {content["pictures"][i][1] for i in episode["outside"]} == {"blue"}
    assert content["pictures"][0][0] == "amber/00.png"
    digest = content.pop("digest")
    assert digest == digest_of(content)


def test_a_set_in_another_order_gives_the_same_episodes(colors, written):
    folder, drawn = written
    turned = replace(colors, pictures=colors.pictures[::-1])
    stored = read_episode_files(folder, [turned])
    for before, after in zip(drawn["two"][0], stored.drawn["two"][0], strict=True):
        for side in ("support", "query", "outside"):
            names = [colors.pictures[i].name for i in getattr(before, side)]
            assert [turned.pictures[i].name for i in getattr(after, side)] == names


def test_the_command_measures_on_exactly_the_episodes_that_it_wrote(invoke, folder, tmp_path):
    told = ("--data", folder, "--methods", "sgps,chance", "--format", "json", "--per-episode")
    out = tmp_path / "episodes"
    drawn = json.loads(invoke(*told, *SHORT, "--seed", 5, "--way", 2, "--episodes-out", out).stdout)
    read = json.loads(invoke(*told, "--device", "cpu", "--episodes-in", out).stdout)
    assert read["per_episode"] == drawn["per_episode"]
    assert read["settings"] == drawn["settings"]


def test_the_parts_of_a_protocol_are_written_and_read(invoke, folder, tmp_path):
    mine = tmp_path / "mine.toml"
    mine.write_text('title = "Colors"\nways = [2]\nshots = [1, 2]\nquery = 3\nepisodes = 2\n')
    told = ("--data", folder, "--methods", "sgps,chance", "--format", "json", "--device", "cpu")
    out = tmp_path / "episodes"
    drawn = json.loads(invoke(*told, "--protocol", mine, "--episodes-out", out).stdout)
    read = json.loads(invoke(*told, "--episodes-in", out).stdout)
    assert read["protocol"] == drawn["protocol"]
    assert [part["settings"] for part in read["parts"].values()] == [
        part["settings"] for part in drawn["parts"].values()
    ]


def test_episodes_are_not_written_over(invoke, folder, tmp_path):
    error = invoke("--data", folder, *SHORT, "--episodes-out", tmp_path).exception
    assert isinstance(error, InputError)
    assert str(error).endswith("exists already. Choose another name or remove it.")


def test_pictures_that_share_a_name_cannot_be_written(colors, tmp_path):
    same = replace(colors, pictures=tuple(replace(p, name="x.png") for p in colors.pictures))
    with pytest.raises(
        InputError,
        match=r"^pictures of colors share a name: x\.png\. Give each a name of its own to write episodes\.$",
    ):
        write_episode_files(tmp_path / "e", [same], PLANS, draw_parts([same], PLANS))


def test_a_changed_file_is_refused(colors, written):
    edit(written[0], lambda content: content["parts"]["two"]["episodes"].reverse(), seal=False)
    with pytest.raises(
        InputError,
        match=r"colors\.json' is not what was written: its digest does not fit\. Get the file anew\.$",
    ):
        read_episode_files(written[0], [colors])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, r"^cannot read the episodes of colors from '.*colors\.json' \(No such file"),
        ("{", r"colors\.json' is not JSON\. Write the episodes anew\.$"),
        ("[]", r"colors\.json' is no file of episodes of format 1 \(its format is None\)\.$"),
        ('{"format": 2}', r"is no file of episodes of format 1 \(its format is 2\)\.$"),
    ],
)
def test_what_is_no_file_of_episodes_is_refused(colors, tmp_path, text, message):
    if text is not None:
        (tmp_path / "colors.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_episode_files(tmp_path, [colors])


def test_missing_pictures_are_named(colors, written):
    less = replace(colors, pictures=colors.pictures[2:])
    with pytest.raises(
        InputError,
        match=r"^colors lacks 2 of 36 pictures that '.*colors\.json' names: amber/00\.png, amber/01\.png\.$",
    ):
        read_episode_files(written[0], [less])


def test_missing_classes_are_named(colors, written):
    less = replace(colors, pictures=tuple(p for p in colors.pictures if p.label != "blue"))
    with pytest.raises(
        InputError, match=r"^colors has no class blue, which '.*colors\.json' names\.$"
    ):
        read_episode_files(written[0], [less])


def test_pictures_that_changed_their_class_are_named(colors, written):
    first = replace(colors.pictures[0], label="blue")
    other = replace(colors, pictures=(first, *colors.pictures[1:]))
    with pytest.raises(
        InputError,
        match=r"^colors has other classes than '.*colors\.json' for amber/00\.png \(blue, not amber\)\.$",
    ):
        read_episode_files(written[0], [other])


def test_sets_must_have_been_drawn_alike(colors, written, tmp_path):
    other = read_benchmark_set(draw_folder(tmp_path / "paler", seed=5))
    apart = {"two": PLANS["two"]}
    write_episode_files(tmp_path / "apart", [other], apart, draw_parts([other], apart))
    shutil.copy(tmp_path / "apart" / "paler.json", written[0])
    with pytest.raises(
        InputError,
        match=r"^the episodes of paler in '.*' were drawn otherwise than those of colors\. Measure them apart\.$",
    ):
        read_episode_files(written[0], [colors, other])

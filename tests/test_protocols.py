"""A protocol is a list of parts that are measured on the same pictures."""

# ruff: noqa: F811 - pytest finds imported fixtures by the names of parameters.

from __future__ import annotations

import csv
import io
import json

import pytest
from colors import FIGURES, brief_tuning, colors, engine, folder, peer  # noqa: F401
from test_benchmark_command import invoke  # noqa: F401

from sgps.datasets.catalogue import image_set
from sgps.errors import InputError
from sgps.evaluation.benchmark import EpisodePlan, run_benchmark, run_parts
from sgps.evaluation.protocols import load_protocol, protocol_names

MINE = 'title = "Colors"\nways = [2, 9]\nshots = [1, 2]\nquery = 3\nepisodes = 2\n'


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(MINE, encoding="utf-8")
    return path


def test_the_protocols_of_the_package_can_be_read():
    names = ["cross-modality", "isic2018-5way", "isic2018-7way", "isic2018-novel", "rare"]
    assert protocol_names() == names
    for name in protocol_names():
        protocol = load_protocol(name)
        assert protocol.title
        assert all(plan.episodes == 1000 for plan in protocol.plans.values())
        slow = ("finetune", "finetune@lite0", "finetune-head", "anil", "protokd")
        for plan in protocol.plans.values():
            assert all(plan.answered_by(method) <= 30 for method in slow)
            assert plan.answered_by("sgps") == plan.answered_by("ridge") == 1000


def test_the_protocol_of_all_seven_classes_names_each_of_them():
    protocol = load_protocol("isic2018-7way")
    assert list(protocol.plans) == [f"7-way {k}-shot" for k in (1, 5, 10)]
    assert {plan.classes for plan in protocol.plans.values()} == {
        tuple(image_set("ham10000").classes)
    }


def test_the_protocol_of_novel_classes_has_none_that_may_be_learned():
    protocol = load_protocol("isic2018-novel")
    assert list(protocol.plans) == [f"{n}-way {k}-shot" for n in (2, 3) for k in (1, 3, 5, 10)]
    learned = set(image_set("ham10000").train_labels)
    for plan in protocol.plans.values():
        assert plan.classes == ("akiec", "df", "vasc")
        assert not learned & set(plan.classes)


def test_a_protocol_may_be_run_with_other_episodes():
    plans = load_protocol("rare", episodes=7, seed=3).plans.values()
    assert {(plan.way, plan.episodes, plan.seed) for plan in plans} == {(None, 7, 3)}


def test_parts_are_what_single_runs_give(colors, engine, peer):
    methods = ["sgps", "sgps-wrong-support", "ridge", "finetune"]
    plans = {str(k): EpisodePlan(way=2, shot=k, query=3, episodes=2, seed=k) for k in (1, 2)}
    parts = run_parts([colors], methods, plans, engine=engine, peer=peer, per_episode=True)
    for name, plan in plans.items():
        alone = run_benchmark([colors], methods, plan, engine=engine, peer=peer, per_episode=True)
        assert parts[name]["per_episode"] == alone["per_episode"]
        assert parts[name]["settings"] == alone["settings"]


def test_a_set_with_fewer_classes_gives_all_only_where_the_plan_says_so(colors):
    plan = EpisodePlan(way=9, shot=1, query=3, episodes=2)
    with pytest.raises(InputError, match=r"^colors: --way 9 but there are 3 classes"):
        run_benchmark([colors], ["chance"], plan)
    fewer = EpisodePlan(way=9, fewer=True, shot=1, query=3, episodes=2)
    result = run_benchmark([colors], ["chance"], fewer)
    assert result["settings"]["data"][0]["way"] == 3


def test_the_command_runs_a_protocol_from_a_file(invoke, folder, mine):
    told = ("--data", folder, "--protocol", mine, "--methods", "sgps,chance", "--device", "cpu")
    result = json.loads(invoke(*told, "--format", "json").stdout)
    assert result["protocol"] == {"name": "mine", "title": "Colors"}
    names = ["2-way 1-shot", "2-way 2-shot", "9-way 1-shot", "9-way 2-shot"]
    assert list(result["parts"]) == names
    for part in result["parts"].values():
        assert set(part["methods"]["sgps"]) == FIGURES | {"recall", "recall_intervals"}
        assert part["settings"]["episodes"] == 2
    rows = list(csv.DictReader(io.StringIO(invoke(*told, "--format", "csv").stdout)))
    assert [(row["part"], row["method"]) for row in rows] == [
        (name, method) for name in names for method in ("sgps", "chance")
    ]
    table = invoke(*told).stdout
    assert [line for line in table.splitlines() if line.startswith("== ")] == [
        f"== {name}" for name in names
    ]


def test_a_protocol_s_own_methods_are_compared_unless_others_are_named(invoke, folder, mine):
    mine.write_text(MINE + 'methods = ["sgps", "knn"]\n', encoding="utf-8")
    told = ("--data", folder, "--protocol", mine, "--device", "cpu", "--format", "json")
    for more, expected in (((), ["sgps", "knn"]), (("--methods", "ridge"), ["ridge"])):
        parts = json.loads(invoke(*told, *more).stdout)["parts"]
        assert [list(part["methods"]) for part in parts.values()] == [expected] * len(parts)


def test_what_a_protocol_decides_cannot_be_given_beside_it(invoke, folder, mine):
    done = invoke("--data", folder, "--protocol", mine, "--way", 2, "--shot", 1)
    assert isinstance(done.exception, InputError)
    message = "a protocol decides --way, --shot. Leave --protocol or these out."
    assert str(done.exception) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            None,
            r"^no protocol 'other'\. Name one of cross-modality, isic2018-5way, isic2018-7way, ",
        ),
        ("title = 1", r"missing shots; of the wrong kind title\. Known keys: title"),
        (MINE + "shot = 1\n", r"unknown shot\. Known keys: title, shots, ways"),
        (MINE.replace("[1, 2]", '["one"]'), r"of the wrong kind shots\."),
        (
            MINE + "limits = 3\n",
            r"limits must be a table of methods and episodes, at least 1; wrong are",
        ),
        (
            MINE + "[limits]\nfinetune = 0\nanil = true\nridge = 2\n",
            r"limits must be a table of methods and episodes, at least 1; wrong are finetune, anil\.$",
        ),
        (
            MINE + "[limits]\nfinetune = 30\nforest = 3\n'ridge@moon' = 2\nss-text = 2\n",
            r"limits name unknown methods: forest, ridge@moon; known are sgps, .*, chance\.$",
        ),
        (
            MINE + "methods = ['ridge', 'forest']\n",
            r"unknown methods: forest; known are sgps, .*, chance\.$",
        ),
        ("title =", r"is not a readable TOML file"),
    ],
)
def test_a_protocol_that_is_none_is_refused(tmp_path, text, message):
    path = tmp_path / "other.toml"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        load_protocol(str(path) if text is not None else "other")

"""The tables of the ablations say what their file holds, paired."""

from __future__ import annotations

import pytest

from tables import ablations
from tables.reading import Results


def _row(name, group, against, **values):
    return {
        "name": name,
        "group": group,
        "against": against,
        "per_episode": {
            task: {"1": own, "5": [value + 10 for value in own]} for task, own in values.items()
        },
    }


@pytest.fixture
def content():
    """A small file."""
    return {
        "settings": {
            "engine_digest": "e" * 64,
            "image_size": 128,
            "views": 4,
            "seed": 11,
            "query": 15,
            "most_pictures_a_class": 60,
            "episodes": 4,
            "slow_episodes": 2,
        },
        "best_fixed": "a 0.2",
        "rows": [
            _row("reference", "reference", None, t=[50.0, 52, 54, 56], u=[60.0, 60, 60, 60]),
            _row("a 0.2", "experts", "reference", t=[51.0, 55, 55, 59], u=[61.0, 61, 61, 61]),
            _row("sgps", "engine", None, t=[54.0, 56], u=[61.0, 63]),
            _row("best fixed mixture", "engine", "sgps", t=[51.0, 55], u=[61.0, 61]),
            _row("as the recipe", "learning", None, t=[54.0, 56], u=[61.0, 63]),
            _row("no teacher", "learning", "as the recipe", t=[53.0, 56], u=[61.0, 61]),
        ],
        "git_commit": "c" * 40,
    }


def _cells(text, start):
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith(f"| {start} |")
    ]


def test_a_row_stands_with_its_paired_difference(content) -> None:
    text = ablations.ablations(Results(_read={"ablations": content}))
    (row,) = _cells(text, "a 0.2")
    # Differences on t are 1, 3, 1, 3: mean 2, sd 1.155; on u always 1. The mean's interval is half of 1.96 * 1.155 / 2.
    assert row[1:] == [
        "55.0 / 65.0",
        "61.0 / 71.0",
        "58.0 / 68.0",
        "4",
        "reference",
        "+1.5 ± 0.6",
        "+1.5 ± 0.6",
    ]
    assert _cells(text, "reference")[0][-3:] == ["–"] * 3
    assert "seed 11" in text
    assert "engine `eeeeeeeeeeee`" in text.lower()


def test_the_choice_per_task_is_compared_task_by_task(content) -> None:
    text = ablations.ablations(Results(_read={"ablations": content}))
    gain = text.partition("**Written for the task or moved alike for all**")[2]
    assert _cells(gain, "t")[0][1:] == ["+2.0 ± 2.0"] * 3
    assert _cells(gain, "u")[0][1:] == ["+1.0 ± 2.0"] * 3
    assert _cells(gain, "mean of 2")[0][1:] == ["+1.5 ± 1.4"] * 3
    assert "is a 0.2." in gain


def test_engines_that_learned_otherwise_have_a_table_of_their_own(content) -> None:
    text = ablations.ablations(Results(_read={"ablations": content}))
    learned = text.partition("learned otherwise from tasks, on the same networks**")[2]
    assert not _cells(learned, "reference")
    (row,) = _cells(learned, "no teacher")
    # Differences on t are -1, 0, on u 0, -2.
    assert row[-3:] == ["as the recipe", "-0.8 ± 1.1", "-0.8 ± 1.1"]


def test_shots_are_averaged_within_an_episode(content) -> None:
    assert ablations.both_shots({"1": [10.0, 20.0], "5": [30.0, 60.0]}) == [20.0, 40.0]

"""Tasks follow from (seed, i), keep groups apart, and leave every class something to be known by."""

from __future__ import annotations

import dataclasses
from collections import Counter

import pytest
import torch
from pools import SIZE, drawn_pool

from sgps.errors import InputError
from sgps.pretraining import task_stream
from sgps.pretraining.config import Episodic
from sgps.pretraining.pool import LabelSource, Pool
from sgps.pretraining.task_stream import TaskStream

CONFIG = Episodic(steps=1, max_way=4, max_shot=4, queries=3, seen_share=0.4)
COUNT = 400


def pool_of(groups, labels, name="first"):
    """A pool of one source without anything to see."""
    source = LabelSource(
        name=name,
        family="microscopy",
        indices=torch.arange(len(labels)),
        labels=torch.tensor(labels),
        class_names=tuple("abcdef"[: max(labels) + 1]),
    )
    images = torch.zeros(len(labels), 3, SIZE, SIZE, dtype=torch.uint8)
    return Pool(images=images, groups=tuple(groups), sources=(source,))


@pytest.fixture(scope="module")
def pool():
    return drawn_pool({"first": 5, "second": 3, "third": 2}, count=12)


@pytest.fixture(scope="module")
def stream(pool):
    first, second, third = pool.sources
    return TaskStream(pool, [first], [second, third], CONFIG, 0)


@pytest.fixture(scope="module")
def draws(stream):
    return [stream.draw(index) for index in range(COUNT)]


def test_a_task_depends_on_seed_and_index_only(pool, stream, draws):
    first, second, third = pool.sources
    again = TaskStream(pool, [first], [second, third], CONFIG, 0)
    assert [again.draw(index) for index in (37, 5, 399)] == [draws[37], draws[5], draws[399]]
    other = TaskStream(pool, [first], [second, third], CONFIG, 1)
    assert other.draw(37) != draws[37]
    assert len(set(draws)) > 0.99 * COUNT


def test_few_pictures_of_a_class_are_drawn_more_often_than_many(draws):
    counts = Counter(n for draw in draws for n in Counter(draw.support_labels).values())
    assert counts[1] > 1.3 * counts[2] > 1.3 * counts[4] > 0


def test_no_group_stands_in_support_and_query(pool, draws):
    for draw in draws:
        support = {pool.groups[i] for i in draw.support}
        assert support.isdisjoint(pool.groups[i] for i in draw.query)


def test_no_group_stands_in_support_and_query_of_two_classes():
    # Each patient has a picture of either class.
    groups = [f"patient {number}" for number in range(6)] * 2
    pool = pool_of(groups, [0] * 6 + [1] * 6)
    stream = TaskStream(pool, pool.sources, [], CONFIG, 0)
    for index in range(100):
        draw = stream.draw(index)
        support = {pool.groups[i] for i in draw.support}
        assert support.isdisjoint(pool.groups[i] for i in draw.query)
        assert set(draw.query_labels) == {0, 1}


def test_classes_are_of_one_source_and_labels_are_theirs(stream, draws):
    for draw in draws:
        source = next(one for one in stream.sources if one.name == draw.source)
        label_of = dict(zip(source.indices.tolist(), source.labels.tolist(), strict=True))
        for pictures, labels in (
            (draw.support, draw.support_labels),
            (draw.query, draw.query_labels),
        ):
            assert [label_of[i] for i in pictures] == [draw.classes[label] for label in labels]
            assert len(set(pictures)) == len(pictures)
        assert len(set(draw.classes)) == len(draw.classes)


def test_ways_shots_and_queries_stay_within_the_recipe_and_reach_its_bounds(draws):
    ways = {len(draw.classes) for draw in draws}
    shots = {n for draw in draws for n in Counter(draw.support_labels).values()}
    queries = [n for draw in draws for n in Counter(draw.query_labels).values()]
    assert ways == {2, 3, 4}
    assert shots == {1, 2, 3, 4}
    assert max(queries) == 3
    assert any(len(set(Counter(draw.support_labels).values())) > 1 for draw in draws)


def test_every_class_is_asked_for(draws):
    for draw in draws:
        assert set(draw.query_labels) == set(range(len(draw.classes)))


def test_every_class_has_pictures_or_a_description(draws):
    for draw in draws:
        for label, described in enumerate(draw.described):
            assert described or label in draw.support_labels


def test_descriptions_and_pictures_are_missing_at_times(draws):
    kinds = Counter(
        (
            any(draw.described),
            all(draw.described),
            bool(draw.support),
            len(set(draw.support_labels)) == len(draw.classes),
        )
        for draw in draws
    )
    share = {kind: count / COUNT for kind, count in kinds.items()}
    assert 0.2 < share[False, False, True, True] < 0.4, "no description at all"
    assert 0.05 < share[True, True, False, False] < 0.16, "no picture at all"
    assert share[True, False, True, True] > 0.02, "one class without a description"
    assert share[True, True, True, False] > 0.01, "one class without pictures"
    assert share[True, True, True, True] > 0.35, "everything given"


def test_two_classes_at_least_have_pictures_if_any_has(draws):
    assert all(len(set(draw.support_labels)) != 1 for draw in draws)


def test_familiar_sets_get_their_share_and_are_marked(stream, draws):
    familiar = {one.name for one in stream.sources[1:]}
    assert all(draw.is_seen == (draw.source in familiar) for draw in draws)
    assert 0.3 < sum(draw.is_seen for draw in draws) / COUNT < 0.5


def test_without_familiar_sets_all_tasks_are_of_the_others_and_the_reverse(pool):
    alone = TaskStream(pool, pool.sources, [], CONFIG, 0)
    assert not any(alone.draw(index).is_seen for index in range(50))
    familiar = TaskStream(pool, [], pool.sources, CONFIG, 0)
    assert all(familiar.draw(index).is_seen for index in range(50))


def test_a_class_of_one_group_is_never_posed():
    groups = [f"a{n}" for n in range(4)] + [f"b{n}" for n in range(4)] + ["c"] * 4
    pool = pool_of(groups, [0] * 4 + [1] * 4 + [2] * 4)
    stream = TaskStream(pool, pool.sources, [], CONFIG, 0)
    assert {c for index in range(50) for c in stream.draw(index).classes} == {0, 1}


def test_a_class_of_few_large_groups_still_has_a_query():
    groups = ["a0"] * 8 + ["a1"] * 8 + ["b0"] * 8 + ["b1"] * 8
    pool = pool_of(groups, [0] * 16 + [1] * 16)
    stream = TaskStream(pool, pool.sources, [], CONFIG, 0)
    for index in range(50):
        assert set(stream.draw(index).query_labels) == {0, 1}


def test_a_source_with_too_little_is_passed_over(pool):
    poor = dataclasses.replace(
        pool.sources[0],
        name="poor",
        indices=pool.sources[0].indices[:12],
        labels=pool.sources[0].labels[:12],
    )
    stream = TaskStream(pool, [poor, pool.sources[1]], [], CONFIG, 0)
    assert {stream.draw(index).source for index in range(50)} == {pool.sources[1].name}


def test_an_empty_source_is_passed_over(pool):
    empty = dataclasses.replace(
        pool.sources[0], indices=torch.zeros(0, dtype=torch.int64), labels=torch.zeros(0)
    )
    stream = TaskStream(pool, [pool.sources[1]], [empty], CONFIG, 0)
    assert not any(stream.draw(index).is_seen for index in range(20))


def test_sources_that_pose_no_task_are_refused():
    pool = pool_of(["a0", "a1", "b0"], [0, 0, 1])
    message = r"^no task can be drawn from first: two classes with at least 2 groups of pictures"
    with pytest.raises(InputError, match=message):
        TaskStream(pool, pool.sources, [], CONFIG, 0)
    with pytest.raises(InputError, match=r"^no task can be drawn from no set: "):
        TaskStream(pool, [], [], CONFIG, 0)


def test_two_patients_with_every_class_are_shared_out_or_refused(monkeypatch):
    # If one is kept for the query of one class and the other for that of the other, no support is left.
    pool = pool_of(["p", "q", "p", "q"], [0, 0, 1, 1])
    stream = TaskStream(pool, pool.sources, [], CONFIG, 0)
    for index in range(30):
        draw = stream.draw(index)
        assert len({pool.groups[i] for i in draw.query}) == 1
        assert {pool.groups[i] for i in draw.support}.isdisjoint(pool.groups[i] for i in draw.query)
    monkeypatch.setattr(task_stream, "_ATTEMPTS", 0)
    message = r"^no task can be drawn from first: groups hold pictures of nearly every class"
    with pytest.raises(InputError, match=message):
        stream.draw(0)

"""Episodes: drawn from (seed, index) alone, groups kept apart, small classes handled."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgps.errors import InputError
from sgps.evaluation.episodes import Episode, episodes_digest, sample_episodes


def labelled(counts, per_group=1):
    """Labels and groups of a set with `counts[name]` pictures a class, `per_group` pictures a group."""
    labels, groups = [], []
    for name, count in counts.items():
        labels += [name] * count
        groups += [f"{name}-{number // per_group}" for number in range(count)]
    return labels, groups


def draw(labels, groups, **changes):
    options = {"n_shot": 2, "n_query": 3, "n_episodes": 20, "seed": 0} | changes
    return sample_episodes(labels, groups, **options)


THREE = labelled({"c": 10, "a": 12, "b": 9})


def test_an_episode_holds_n_shot_and_n_query_pictures_of_each_class_in_the_order_of_names():
    labels, _ = THREE
    for episode in draw(*THREE):
        assert episode.classes == ("a", "b", "c")
        assert [labels[i] for i in episode.support] == ["a"] * 2 + ["b"] * 2 + ["c"] * 2
        assert [labels[i] for i in episode.query] == ["a"] * 3 + ["b"] * 3 + ["c"] * 3
        assert len({*episode.support, *episode.query}) == 15


def test_the_same_seed_gives_the_same_episodes_and_another_seed_others():
    assert draw(*THREE) == draw(*THREE)
    assert draw(*THREE) != draw(*THREE, seed=1)


def test_a_longer_run_begins_with_the_episodes_of_a_shorter_one():
    assert draw(*THREE, n_episodes=50)[:20] == draw(*THREE)


def test_episodes_differ_from_one_another():
    assert len({episode.support for episode in draw(*THREE)}) > 15


def test_fewer_ways_than_classes_draw_every_class_in_turn():
    episodes = draw(*THREE, n_way=2)
    assert {episode.classes for episode in episodes} == {("a", "b"), ("a", "c"), ("b", "c")}


def test_classes_restrict_the_draw_and_set_the_way():
    assert {e.classes for e in draw(*THREE, classes=["c", "a"])} == {("a", "c")}


@settings(max_examples=40, deadline=None)
@given(
    groups=st.lists(st.integers(0, 12), min_size=40, max_size=60),
    n_shot=st.integers(1, 4),
    seed=st.integers(0, 2**32),
)
def test_support_and_query_never_share_a_group_even_across_classes(groups, n_shot, seed):
    labels = ["ab"[position % 2] for position in range(len(groups))]
    names = [str(group) for group in groups]
    try:
        episodes = draw(labels, names, n_shot=n_shot, n_episodes=5, seed=seed)
    except InputError:
        return
    for episode in episodes:
        support = {names[i] for i in episode.support}
        assert not support & {names[i] for i in episode.query}
        assert {labels[i] for i in episode.query} == {"a", "b"}


def test_the_support_takes_distinct_groups_when_there_are_enough():
    labels, groups = labelled({"a": 30, "b": 30}, per_group=5)
    for episode in draw(labels, groups, n_shot=4):
        assert len({groups[i] for i in episode.support}) == 8


def test_the_support_shares_groups_when_there_are_too_few():
    labels, groups = labelled({"a": 6, "b": 6}, per_group=3)
    for episode in draw(labels, groups, n_shot=3):
        assert len(episode.support) == 6
        assert len({groups[i] for i in episode.support}) == 2
        assert len(episode.query) == 6


def test_a_lone_picture_is_left_for_the_query_when_its_group_cannot_give_the_support():
    labels, groups = ["a"] * 6 + ["b"] * 6, ["big"] * 5 + ["lone"] + [f"b{i}" for i in range(6)]
    for episode in draw(labels, groups, n_shot=5):
        assert [i for i in episode.query if labels[i] == "a"] == [5]


def test_a_small_class_gives_the_queries_it_has_left():
    labels, groups = labelled({"a": 4, "b": 40})
    episode = draw(labels, groups, n_shot=3, n_query=15)[0]
    assert [labels[i] for i in episode.query] == ["a"] + ["b"] * 15


def test_the_digest_names_the_episodes():
    assert episodes_digest(draw(*THREE)) == episodes_digest(draw(*THREE))
    assert episodes_digest(draw(*THREE)) != episodes_digest(draw(*THREE, seed=1))
    one = Episode(support=(0, 2), query=(1, 3), classes=("a", "b"))
    # printf '[[["a","b"],[0,2],[1,3]]]' | sha256sum
    assert episodes_digest([one]).startswith("c36fe37c028e2b21")


def test_classes_too_small_for_the_support_are_all_named():
    labels, groups = labelled({"a": 10, "b": 5, "c": 1})
    groups[10:15] = ["one patient"] * 5
    with pytest.raises(
        InputError,
        match=r"^too few pictures for --shot 2 and one query from another group: b \(5 pictures in 1 groups\), "
        r"c \(1 pictures in 1 groups\)\. Lower --shot or name other classes with --classes\.$",
    ):
        draw(labels, groups)


def test_unknown_classes_are_all_named_with_the_known_ones():
    with pytest.raises(InputError, match=r"^no picture of x, y; the classes are a, b, c\.$"):
        draw(*THREE, classes=["y", "a", "x"])


def test_no_class_is_refused():
    with pytest.raises(
        InputError, match=r"^no classes to draw episodes from\. Name some or give pictures\.$"
    ):
        draw(*THREE, classes=[])


def test_more_ways_than_classes_are_refused():
    with pytest.raises(
        InputError,
        match=r"^--way 5 but there are 3 classes \(a, b, c\)\. Lower --way or add classes\.$",
    ):
        draw(*THREE, n_way=5)


def test_one_class_is_no_episode():
    with pytest.raises(InputError, match=r"^an episode needs at least 2 classes, got a\.$"):
        draw(*THREE, classes=["a"])


def test_counts_that_are_too_small_are_all_named():
    with pytest.raises(
        InputError,
        match=r"^counts must be positive, got --way 1 \(at least 2\), --query -1, --episodes 0, "
        r"--shot -1 \(at least 0\), --seed -3 \(at least 0\)\.$",
    ):
        draw(*THREE, n_way=1, n_shot=-1, n_query=-1, n_episodes=0, seed=-3)


def test_episodes_without_shots_have_queries_alone():
    labels, groups = labelled({"a": 10, "b": 9, "c": 1})
    for episode in draw(labels, groups, n_shot=0):
        assert episode.support == ()
        assert [labels[i] for i in episode.query] == ["a"] * 3 + ["b"] * 3 + ["c"]


def test_classes_that_share_all_their_groups_are_refused():
    labels, groups = ["a", "a", "b", "b"], ["x", "y", "x", "y"]
    assert draw(
        labels, groups, n_shot=1
    )  # Both supports from one patient, both queries from the other.
    groups = ["x", "y", "x", "y"]
    labels, groups = [*labels, "c", "c"], [*groups, "x", "z"]
    for episode in draw(labels, groups, n_shot=1):
        assert not {groups[i] for i in episode.support} & {groups[i] for i in episode.query}


def test_a_set_without_any_disjoint_episode_is_refused():
    # Two supports of each class use up every patient.
    labels = ["a"] * 3 + ["b"] * 3 + ["c"] * 3
    groups = ["x", "y", "z"] * 3
    labels, groups = [*labels, "d", "d"], [*groups, "x", "y"]
    labels, groups = [*labels, "e", "e"], [*groups, "y", "z"]
    labels, groups = [*labels, "f", "f"], [*groups, "x", "z"]
    with pytest.raises(
        InputError, match=r"^found no episode with --way 6 --shot 1 whose queries share no group "
    ):
        draw(labels, groups, n_shot=1, classes=["a", "b", "c", "d", "e", "f"])

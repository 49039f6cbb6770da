"""Pictures of classes that an episode lacks: from a stream of their own, and of groups that it has not seen."""

from __future__ import annotations

from dataclasses import replace

from test_episodes import THREE, draw, labelled

from sgps.evaluation.episodes import episodes_digest
from sgps.evaluation.outside import outside_digest, with_outside


def fill(labels, groups, episodes, **changes):
    return with_outside(episodes, labels, groups, **({"count": 6, "seed": 0} | changes))


def test_outside_pictures_are_of_other_classes_which_take_turns():
    labels, groups = labelled({"a": 10, "b": 10, "c": 10, "d": 200})
    for episode in fill(labels, groups, draw(labels, groups, n_way=2)):
        outside = [labels[i] for i in episode.outside]
        others = {"a", "b", "c", "d"} - set(episode.classes)
        assert sorted(outside) == sorted(3 * [*others])
        assert len(set(episode.outside)) == 6


def test_classes_that_are_not_asked_for_serve_as_outside():
    labels, groups = THREE
    for episode in fill(labels, groups, draw(*THREE, classes=["a", "b"])):
        assert {labels[i] for i in episode.outside} == {"c"}


def test_a_set_without_other_classes_has_none_outside():
    episodes = fill(*THREE, draw(*THREE))
    assert {episode.outside for episode in episodes} == {()}
    assert outside_digest(episodes) is None


def test_no_outside_picture_is_of_a_group_that_the_episode_has():
    # Every patient has a picture of each class.
    labels = ["a", "b", "c"] * 12
    groups = [f"patient {number // 3}" for number in range(36)]
    for episode in fill(labels, groups, draw(labels, groups, n_way=2), count=50):
        seen = {groups[i] for i in (*episode.support, *episode.query)}
        assert episode.outside
        assert not seen & {groups[i] for i in episode.outside}


def test_outside_pictures_change_neither_the_episodes_nor_their_digest():
    plain = draw(*THREE, n_way=2)
    filled = fill(*THREE, plain)
    assert [replace(episode, outside=()) for episode in filled] == plain
    assert episodes_digest(filled) == episodes_digest(plain)


def test_the_same_seed_gives_the_same_outside_and_another_seed_others():
    episodes = draw(*THREE, n_way=2, n_episodes=20)
    first = fill(*THREE, episodes)
    assert fill(*THREE, episodes[:5]) == first[:5]
    assert outside_digest(fill(*THREE, episodes)) == outside_digest(first)
    assert outside_digest(fill(*THREE, episodes, seed=1)) != outside_digest(first)
    assert len({episode.outside for episode in first}) > 15


def test_only_some_pictures_of_a_large_class_may_serve():
    labels, groups = labelled({"a": 20, "b": 20, "c": 500})
    episodes = draw(labels, groups, n_way=2, n_episodes=60, classes=["a", "b"])
    outside = {index for episode in fill(labels, groups, episodes) for index in episode.outside}
    assert 20 < len(outside) <= 60


def test_only_the_first_episodes_get_outside_pictures():
    labels, groups = labelled({"a": 20, "b": 20, "c": 20})
    plain = draw(labels, groups, n_way=2, n_episodes=205)
    filled = fill(labels, groups, plain)
    assert all(len(episode.outside) == 6 for episode in filled[:200])
    assert filled[200:] == plain[200:]

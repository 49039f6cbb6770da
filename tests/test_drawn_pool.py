"""Drawn pictures in the pool: each attribute is a labelling, and nothing else changes."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from pools import SIZE, drawn_pool, pretraining, tiny_recipe, write_sets

from sgps.drawings.tasks import KINDS, draw_any
from sgps.pretraining.drawn_pool import FAMILY, with_drawn
from sgps.pretraining.pool import Storage


@pytest.fixture(scope="module")
def mixed():
    pool = drawn_pool({"first": 2})
    room = torch.zeros(120, 3, SIZE, SIZE, dtype=torch.uint8)
    return with_drawn(dataclasses.replace(pool, images=torch.cat([pool.images, room])), 4)


def test_real_pictures_and_their_labels_stay_as_they_were(mixed):
    pool = drawn_pool({"first": 2})
    assert torch.equal(mixed.images[:48], pool.images)
    assert mixed.groups[:48] == pool.groups
    assert torch.equal(mixed.sources[0].indices, pool.sources[0].indices)


def test_every_drawn_picture_is_labelled_with_what_was_drawn(mixed):
    assert len(mixed.groups) == len(mixed.images) == 168
    drawn = [source for source in mixed.sources if source.family == FAMILY]
    assert {source.name.partition("/")[0] for source in drawn} == {
        f"drawn-{kind}" for kind in KINDS
    }
    for source in drawn:
        kind, attribute = source.name.removeprefix("drawn-").split("/")
        assert source.is_attribute
        assert len(source.class_names) > 1
        for index, label in zip(source.indices.tolist(), source.labels.tolist(), strict=True):
            name, look, picture = draw_any(4, index - 48, SIZE)
            assert name == kind
            assert look[attribute] == source.class_names[label]
            assert torch.equal(mixed.images[index], picture)


def test_without_room_nothing_is_drawn():
    pool = drawn_pool({"first": 2})
    mixed = with_drawn(pool, 0)
    assert torch.equal(mixed.images, pool.images)
    assert len(mixed.sources) == len(pool.sources)


def test_the_features_learn_from_drawn_pictures_and_the_card_says_so(tmp_path):
    write_sets(tmp_path)
    recipe = tiny_recipe(tmp_path, drawn_images=30, experts=())
    out = tmp_path / "run"
    heard = []
    pretraining(recipe, out, on_progress=lambda *given: heard.append(given)).run()
    card = (out / "engine" / "README.md").read_text(encoding="utf-8")
    assert "30 drawn pictures mixed in" in card
    assert "drawn-lesion" not in card
    plain = tiny_recipe(tmp_path, experts=())
    assert plain.digest != recipe.digest


def test_pictures_can_lie_in_a_file(tmp_path):
    file = tmp_path / "run" / "pictures.uint8"
    images = Storage(path=file, spare=2).allocate(3, 8)
    assert images.shape == (5, 3, 8, 8)
    images[4] = 7
    again = Storage(path=file, fills=False, spare=2).allocate(3, 8)
    assert torch.equal(again, images)
    assert file.stat().st_size == 5 * 3 * 8 * 8

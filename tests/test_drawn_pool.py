"""Drawn pictures in the pool: each attribute is a labelling, and nothing else changes."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest
import torch
from pools import SIZE, drawn_pool, pretraining, quick, tiny_recipe, write_sets
from safetensors.torch import load_file

from sgps.drawings.tasks import KINDS, draw_any
from sgps.errors import InputError
from sgps.pretraining.config import DRAWN, Expert, load_recipe
from sgps.pretraining.drawn_pool import with_drawn
from sgps.pretraining.pool import Storage


@pytest.fixture(scope="module")
def mixed():
    pool = drawn_pool({"first": 2})
    room = torch.zeros(200, 3, SIZE, SIZE, dtype=torch.uint8)
    return with_drawn(dataclasses.replace(pool, images=torch.cat([pool.images, room])), 4)


def test_real_pictures_and_their_labels_stay_as_they_were(mixed):
    pool = drawn_pool({"first": 2})
    assert torch.equal(mixed.images[:48], pool.images)
    assert mixed.groups[:48] == pool.groups
    assert torch.equal(mixed.sources[0].indices, pool.sources[0].indices)


def test_every_drawn_picture_is_labelled_with_what_was_drawn(mixed):
    assert len(mixed.groups) == len(mixed.images) == 248
    drawn = [source for source in mixed.sources if source.family == DRAWN]
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


def test_many_drawings_are_shared_among_processes(monkeypatch):
    pool = drawn_pool({"first": 2})
    room = torch.zeros(25, 3, SIZE, SIZE, dtype=torch.uint8)
    larger = dataclasses.replace(pool, images=torch.cat([pool.images, room]))
    alone = with_drawn(larger, 1).images.clone()
    monkeypatch.setattr("sgps.pretraining.drawn_pool._OF_JOB", 10)
    shared = with_drawn(dataclasses.replace(larger, images=larger.images.clone()), 1)
    assert torch.equal(shared.images, alone)
    assert len(shared.groups) == len(alone)


def test_an_expert_learns_from_drawn_pictures_and_the_base_does_not(tmp_path):
    write_sets(tmp_path)
    drawn = Expert(
        name="drawn", families=("drawn",), from_start=True, share=0.3, optimization=quick(2)
    )
    recipe = tiny_recipe(tmp_path, drawn_images=60, experts=(drawn,))
    plain = tiny_recipe(tmp_path, experts=())
    for name, one in (("drawn", recipe), ("plain", plain)):
        pretraining(one, tmp_path / name).run()
    bases = [load_file(tmp_path / name / "base.safetensors") for name in ("drawn", "plain")]
    assert all(torch.equal(bases[0][key], bases[1][key]) for key in bases[0])
    expert = load_file(tmp_path / "drawn" / "expert-drawn.safetensors")
    start = load_file(tmp_path / "start.safetensors")
    assert any(not torch.equal(expert[key], start[key]) for key in expert if key in start)
    card = (tmp_path / "drawn" / "engine" / "README.md").read_text(encoding="utf-8")
    assert "**drawn**: 60 drawn pictures; 2 steps" in card
    assert "drawn-lesion" not in card
    assert plain.digest != recipe.digest


def test_nothing_is_drawn_again_for_networks_that_are_finished(tmp_path, monkeypatch):
    write_sets(tmp_path)
    drawn = Expert(name="drawn", families=("drawn",), from_start=True, optimization=quick(2))
    recipe = tiny_recipe(tmp_path, drawn_images=60, experts=(drawn,))
    pretraining(recipe, tmp_path / "run").run()
    shutil.rmtree(tmp_path / "run" / "engine")
    counts = []
    monkeypatch.setattr(
        "sgps.pretraining.run.with_drawn",
        lambda pool, seed: counts.append(len(pool.images) - len(pool.groups)) or pool,
    )
    pretraining(recipe, tmp_path / "run", resume=True).run()
    assert counts == [0]


def test_drawn_pictures_that_nobody_learns_from_are_refused(tmp_path):
    path = tmp_path / "recipe.toml"
    smoke = Path("recipes/smoke.toml").read_text(encoding="utf-8")
    path.write_text("drawn_images = 20\n" + smoke, encoding="utf-8")
    with pytest.raises(InputError, match="no expert learns from the 20 drawn_images"):
        load_recipe(path)


def test_an_expert_of_drawings_that_nobody_makes_is_refused(tmp_path):
    path = tmp_path / "recipe.toml"
    smoke = Path("recipes/smoke.toml").read_text(encoding="utf-8")
    path.write_text(smoke.replace('"microscopy"]', '"microscopy", "drawn"]'), encoding="utf-8")
    with pytest.raises(InputError, match="nothing is drawn for microscopy"):
        load_recipe(path)


def test_pictures_can_lie_in_a_file(tmp_path):
    file = tmp_path / "run" / "pictures.uint8"
    images = Storage(path=file, spare=2).allocate(3, 8)
    assert images.shape == (5, 3, 8, 8)
    images[4] = 7
    again = Storage(path=file, fills=False, spare=2).allocate(3, 8)
    assert torch.equal(again, images)
    assert file.stat().st_size == 5 * 3 * 8 * 8

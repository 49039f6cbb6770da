"""Drawn tasks: repeatable, said as they are painted, learnable, and without clues that are not said."""

from __future__ import annotations

from collections import Counter
from itertools import combinations, product

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from sgps.drawings import tasks as drawn
from sgps.drawings.sonogram.drawing import draw_sonogram
from sgps.drawings.tasks import KINDS, DrawnTask, draw_any, draw_task
from sgps.drawings.vocabulary import Vocabulary
from sgps.errors import InputError

WORDS = {kind.name: kind.words for kind in drawn._KINDS}
MANY = range(30 * len(KINDS))


@pytest.fixture(scope="module")
def small_tasks() -> list[DrawnTask]:
    """Tiny pictures, one a class, of many tasks: for what does not depend on the pictures."""
    return [draw_task(0, index, 1, 0, image_size=16) for index in MANY]


@pytest.fixture(scope="module")
def tasks() -> list[DrawnTask]:
    return [draw_task(7, index, 5, 5, image_size=48) for index in range(8 * len(KINDS))]


def test_the_same_seed_and_index_give_the_same_task() -> None:
    first, second = (draw_task(3, 4, 2, 1, image_size=32) for _ in range(2))
    assert torch.equal(first.support_images, second.support_images)
    assert torch.equal(first.query_images, second.query_images)
    assert first.class_names == second.class_names
    assert first.descriptions == second.descriptions


def test_another_seed_or_index_gives_another_task() -> None:
    here, seed, index = (draw_task(*at, 1, 1, image_size=32) for at in [(3, 4), (4, 4), (3, 7)])
    assert here.descriptions != seed.descriptions
    assert here.descriptions != index.descriptions


def test_more_shots_keep_the_classes_and_the_first_pictures() -> None:
    few, many = (draw_task(0, 2, n, 1, image_size=32) for n in (1, 3))
    assert few.class_names == many.class_names
    assert few.descriptions == many.descriptions
    assert torch.equal(few.support_images, many.support_images[::3])
    assert torch.equal(few.query_images, many.query_images)


def test_support_and_query_pictures_are_all_different(tasks: list[DrawnTask]) -> None:
    for task in tasks:
        every = torch.cat([task.support_images, task.query_images]).flatten(1)
        assert len(torch.unique(every, dim=0)) == len(every)


def test_all_kinds_take_turns(small_tasks: list[DrawnTask]) -> None:
    turns = range(2 * len(KINDS))
    assert [small_tasks[index].kind for index in turns] == [*KINDS, *KINDS]
    assert [draw_any(0, index, 16)[0] for index in turns] == [*KINDS, *KINDS]


def test_shapes_types_and_order_are_those_of_a_support_set(tasks: list[DrawnTask]) -> None:
    for task in tasks:
        n = len(task.class_names)
        assert 3 <= n <= 5
        assert list(task.class_names) == sorted(set(task.class_names))
        for images, labels in [
            (task.support_images, task.support_labels),
            (task.query_images, task.query_labels),
        ]:
            assert images.shape == (5 * n, 3, 48, 48)
            assert images.dtype == torch.uint8
            assert labels.dtype == torch.int64
            assert labels.tolist() == [label for label in range(n) for _ in range(5)]
        assert task.support_set().shots == (5,) * n
        assert task.support_set().descriptions == task.descriptions


def test_all_kinds_come_with_every_number_of_classes(small_tasks: list[DrawnTask]) -> None:
    assert {(t.kind, len(t.class_names)) for t in small_tasks} == {
        (kind, n) for kind in KINDS for n in (3, 4, 5)
    }


def test_every_description_states_every_value_that_tells_its_class_apart(
    small_tasks: list[DrawnTask],
) -> None:
    for task in small_tasks:
        by_value = {v: p for values in WORDS[task.kind].values.values() for v, p in values.items()}
        for look, texts in zip(task.looks, task.descriptions, strict=True):
            assert len(texts) in (2, 3)
            for text in texts:
                for value in look.values():
                    assert any(p.lower() in text.lower() for p in by_value[value]), (look, text)


def test_any_two_classes_differ_in_a_stated_value(small_tasks: list[DrawnTask]) -> None:
    for task in small_tasks:
        assert task.class_names == tuple("_".join(look.values()) for look in task.looks)
        for one, other in combinations(task.looks, 2):
            assert any(one[name] != other[name] for name in one)


def test_most_tasks_need_more_than_one_attribute(small_tasks: list[DrawnTask]) -> None:
    several = [len(task.looks[0]) > 1 for task in small_tasks]
    assert sum(several) > len(several) / 2


@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)
def test_what_is_not_stated_varies_alike_in_all_classes(words: Vocabulary) -> None:
    rng = np.random.default_rng(0)
    plans = [plan for plan in (drawn._choose_plan(rng, words) for _ in range(300)) if plan]
    assert len(plans) > 30
    for plan in plans:
        stated = set(plan.classes[0])
        assert all(set(look) == stated for look in plan.classes)
        assert stated | set(plan.shared) | set(plan.free) == set(words.values)
        loose = [*plan.shared.values(), *(v for values in plan.free.values() for v in values)]
        for look in plan.classes:
            for value in look.values():
                assert not any(words.clash((value, other)) for other in loose)


@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)
def test_values_and_phrases_mean_one_thing_only(words: Vocabulary) -> None:
    values = [value for menu in words.values.values() for value in menu]
    phrases = [p for menu in words.values.values() for said in menu.values() for p in said]
    assert len(set(values)) == len(values)
    assert len(set(phrases)) == len(phrases)
    assert {value for rule in words.conflicts for value in rule} <= set(values)
    assert set(words.strong) <= set(words.values)


@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)
def test_every_value_is_part_of_some_look(words: Vocabulary) -> None:
    for name, menu in words.values.items():
        for value in menu:
            menus = (words.values | {name: (value,)}).values()
            assert any(not words.clash(look) for look in product(*menus)), value


@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)
def test_values_of_strong_attributes_are_not_rare(words: Vocabulary) -> None:
    rng = np.random.default_rng(0)
    looks = [drawn._choose_look(rng, words) for _ in range(1000)]
    assert not any(words.clash(look.values()) for look in looks)
    for name in words.strong:
        seen = Counter(look[name] for look in looks)
        least = len(looks) / (len(words.strong) * len(words.values[name]))
        assert min(seen[value] for value in words.values[name]) > 0.8 * least


_SOUND = {
    "mass": "oval-mass",
    "margin": "smooth",
    "echo": "isoechoic",
    "inside": "uniform",
    "calcification": "no-calcification",
    "posterior": "unchanged-behind",
    "rim": "no-rim",
    "background": "fine-tissue",
}


def _mean_sonogram(**values: str) -> NDArray[np.float64]:
    """Mean of 30 sonograms that differ from the plain look in these values."""
    look = _SOUND | values
    pictures = [draw_sonogram(np.random.default_rng(seed), look, 48)[0] for seed in range(30)]
    mean: NDArray[np.float64] = np.mean(pictures, axis=0)
    return mean


def test_a_calcification_shadows_only_where_a_shadow_is_said() -> None:
    behind = np.s_[36:, 14:34]
    plain, stone, shadow = (
        _mean_sonogram(**values)[behind].mean()
        for values in (
            {},
            {"calcification": "coarse-calcification"},
            {"calcification": "coarse-calcification", "posterior": "shadow"},
        )
    )
    assert stone > 0.95 * plain
    assert shadow < 0.8 * plain


@pytest.mark.parametrize("background", WORDS["sonogram"].values["background"])
def test_the_margin_of_an_organ_as_gray_as_its_surroundings_is_seen(background: str) -> None:
    # The two pictures differ at the margin only, in nearly every column.
    sharp, blurred = (
        draw_sonogram(
            np.random.default_rng(1),
            _SOUND | {"mass": "no-mass", "background": background, "margin": margin},
            64,
        )[0].astype(float)
        for margin in ("smooth", "indistinct")
    )
    apart = np.abs(sharp - blurred).max(0)
    assert np.median(apart) > 20


def test_every_value_can_be_painted() -> None:
    for kind in drawn._KINDS:
        menus = kind.words.values
        for name, value in ((name, value) for name, menu in menus.items() for value in menu):
            rng = np.random.default_rng(0)
            look: dict[str, str] = {}
            while not look or kind.words.clash(look.values()):
                look = {own: str(rng.choice(list(menu))) for own, menu in menus.items()}
                look[name] = value
            for side in (16, 33):
                picture = kind.draw(rng, look, side)
                assert picture.shape == (3, side, side)
                assert picture.std() > 5


def _statistics(images: Tensor) -> Tensor:
    """Color and coarse texture of the middle of each picture: mean, spread and fine detail of each channel."""
    side = images.shape[-1]
    middle = images.float()[:, :, side // 4 : -side // 4, side // 4 : -side // 4]
    detail = (middle[..., 1:] - middle[..., :-1]).abs()
    return torch.cat([middle.mean((2, 3)), middle.std((2, 3)), detail.mean((2, 3))], dim=1)


def _corners(images: Tensor) -> Tensor:
    """Color of the four corners, where there is only background."""
    c = images.shape[-1] // 8
    x = images.float()
    patches = [x[..., :c, :c], x[..., :c, -c:], x[..., -c:, :c], x[..., -c:, -c:]]
    return torch.stack([patch.mean((2, 3)) for patch in patches]).mean(0)


def _nearest_mean(task: DrawnTask, features: object) -> tuple[float, float]:
    """Accuracy of the nearest class mean, and that of guessing."""
    assert callable(features)
    support, query = features(task.support_images), features(task.query_images)
    center, scale = support.mean(0), support.std(0) + 1e-3
    support, query = (support - center) / scale, (query - center) / scale
    n = len(task.class_names)
    means = torch.stack([support[task.support_labels == label].mean(0) for label in range(n)])
    guess = torch.cdist(query, means).argmin(1)
    return float((guess == task.query_labels).float().mean()), 1 / n


def test_simple_statistics_of_the_middle_tell_the_classes_apart(tasks: list[DrawnTask]) -> None:
    scores = np.array([_nearest_mean(task, _statistics) for task in tasks])
    assert scores[:, 0].mean() > scores[:, 1].mean() + 0.25
    for kind in range(len(KINDS)):
        own = scores[kind :: len(KINDS)]
        assert own[:, 0].mean() > own[:, 1].mean() + 0.15


def test_the_background_tells_nothing(tasks: list[DrawnTask]) -> None:
    # Not asked of fields: the black around a fan or a slice is part of what tells a modality. Tissue, mucosa, and what is seen by
    # sound or in a section of the retina fill the whole picture, and so does what is diffuse on a surface.
    behind = [
        task
        for task in tasks
        if task.kind in ("lesion", "cell", "surface", "fundus")
        and not any("diffuse" in look.values() for look in task.looks)
    ]
    assert len({task.kind for task in behind}) == 4
    scores = np.array([_nearest_mean(task, _corners) for task in behind])
    assert abs(scores[:, 0].mean() - scores[:, 1].mean()) < 0.10


def test_the_scene_does_not_depend_on_the_size_of_the_picture() -> None:
    for index in range(len(KINDS)):
        large, small = (draw_task(1, index, 1, 0, image_size=s).support_images for s in (128, 64))
        shrunk = torch.nn.functional.avg_pool2d(large.float(), 2).flatten(1)
        for one, other in zip(shrunk, small.float().flatten(1), strict=True):
            # Nuclei and speckle a few pixels wide are drawn more coarsely where there are fewer pixels.
            least = 0.85 if KINDS[index] in ("tissue", "sonogram") else 0.95
            assert float(torch.corrcoef(torch.stack([one, other]))[0, 1]) > least


def test_only_what_is_seen_by_rays_or_sound_is_gray(tasks: list[DrawnTask]) -> None:
    gray: dict[str, list[bool]] = {}
    for task in tasks:
        red, green, blue = task.support_images.unbind(1)
        own = ((red == green) & (red == blue)).all(2).all(1)
        gray.setdefault(task.kind, []).extend(own.tolist())
    # A section of the retina is gray, or now and then of the colors of an instrument.
    assert 0.7 < np.mean(gray.pop("retina")) < 1
    assert {kind: set(own) for kind, own in gray.items()} == {
        kind: {kind in ("field", "sonogram", "tomogram", "bone")} for kind in gray
    }


def test_only_a_mass_under_ultrasound_casts_a_shadow() -> None:
    looks = [draw_any(5, len(KINDS) * number + 2, 16)[1] for number in range(150)]
    shadows = [look for look in looks if look["shadow"] != "no-shadow"]
    assert {look["shadow"] for look in shadows} == {"dark-shadow", "enhancement"}
    assert {look["modality"] for look in shadows} == {"ultrasound"}
    assert "no-nodule" not in {look["nodule"] for look in shadows}


def test_too_small_numbers_are_all_named() -> None:
    with pytest.raises(
        InputError,
        match=r"^a drawn task needs larger numbers: seed=-1 \(at least 0\), n_shot=0 \(at least 1\)\.$",
    ):
        draw_task(-1, 0, 0, 1)

"""Tasks without data: drawn pictures, from skin lesions to broken bones, told apart by what is said of them.

In: a seed and an index. Out: a `DrawnTask` with pictures, labels and descriptions, or one picture of any look and a sentence
about it. Kinds take turns: index 0 gives lesions, 1 cells and so on, and after the last kind lesions again. Single drawings teach
the engine what words look like; tasks are the demo and the tests of a package that ships no medical image.

An attribute of a task is one of three kinds. *Telling*: its value is fixed for each class, differs between classes and
is stated in every description. *Shared*: one value for the whole task, often stated. *Free*: drawn anew for every
picture, the same way in every class, and never stated. Any two classes differ in at least one telling attribute.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sgps.drawings.bone.drawing import draw_bone
from sgps.drawings.bone.words import BONE
from sgps.drawings.cell.drawing import draw_cell
from sgps.drawings.cell.words import CELL
from sgps.drawings.field.drawing import draw_field
from sgps.drawings.field.words import FIELD
from sgps.drawings.fundus.drawing import draw_fundus
from sgps.drawings.fundus.words import FUNDUS
from sgps.drawings.glow.drawing import draw_glow
from sgps.drawings.glow.words import GLOW
from sgps.drawings.lesion.drawing import draw_lesion
from sgps.drawings.lesion.words import LESION
from sgps.drawings.microbe.drawing import draw_microbe
from sgps.drawings.microbe.words import MICROBE
from sgps.drawings.mucosa.drawing import draw_mucosa
from sgps.drawings.mucosa.words import MUCOSA
from sgps.drawings.retina.drawing import draw_retina
from sgps.drawings.retina.words import RETINA
from sgps.drawings.sonogram.drawing import draw_sonogram
from sgps.drawings.sonogram.words import SONOGRAM
from sgps.drawings.surface.drawing import draw_surface
from sgps.drawings.surface.words import SURFACE
from sgps.drawings.tissue.drawing import draw_tissue
from sgps.drawings.tissue.words import TISSUE
from sgps.drawings.tomogram.drawing import draw_tomogram
from sgps.drawings.tomogram.words import TOMOGRAM
from sgps.drawings.vocabulary import Vocabulary
from sgps.errors import InputError
from sgps.task import SupportSet

Look = dict[str, str]


@dataclass(frozen=True, kw_only=True)
class DrawnTask:
    """A small classification task, drawn by the program."""

    kind: str
    """One of `KINDS`."""
    support_images: Tensor
    """uint8 (N * n_shot, 3, S, S), class by class."""
    support_labels: Tensor
    """int64, indices into `class_names`."""
    query_images: Tensor
    """uint8 (N * n_query, 3, S, S), class by class."""
    query_labels: Tensor
    """int64, indices into `class_names`."""
    class_names: tuple[str, ...]
    """3 to 5 names made of the telling values, sorted."""
    looks: tuple[Look, ...]
    """For each class the values of its telling attributes."""
    descriptions: tuple[tuple[str, ...], ...]
    """For each class two or three sentences, which state its telling attributes in varied words."""

    def support_set(self) -> SupportSet:
        """Give the support set, with every class described."""
        return SupportSet(
            images=self.support_images,
            labels=self.support_labels,
            class_names=self.class_names,
            descriptions=self.descriptions,
        )


@dataclass(frozen=True)
class _Kind:
    name: str
    words: Vocabulary
    draw: Callable[[np.random.Generator, Look, int], NDArray[np.uint8]]


_KINDS = (
    _Kind("lesion", LESION, draw_lesion),
    _Kind("cell", CELL, draw_cell),
    _Kind("field", FIELD, draw_field),
    _Kind("surface", SURFACE, draw_surface),
    _Kind("tissue", TISSUE, draw_tissue),
    _Kind("fundus", FUNDUS, draw_fundus),
    _Kind("mucosa", MUCOSA, draw_mucosa),
    _Kind("sonogram", SONOGRAM, draw_sonogram),
    _Kind("retina", RETINA, draw_retina),
    _Kind("tomogram", TOMOGRAM, draw_tomogram),
    _Kind("bone", BONE, draw_bone),
    _Kind("microbe", MICROBE, draw_microbe),
    _Kind("glow", GLOW, draw_glow),
)

KINDS = tuple(kind.name for kind in _KINDS)
"""What is drawn, in the order in which an index chooses it: `KINDS[index % len(KINDS)]`."""


def value_name(kind: str, attribute: str, value: str) -> str:
    """What a value of an attribute of a kind is called where all kinds are looked at."""
    return f"{kind}/{attribute}/{value}"


VALUES = tuple(
    value_name(kind.name, attribute, value)
    for kind in _KINDS
    for attribute, menu in kind.words.values.items()
    for value in menu
)
"""Every value of every attribute that is drawn, as `kind/attribute/value`."""

_STATED = 0.8
"""Share of the attributes that a sentence about a single picture states."""


def draw_any(seed: int, index: int, image_size: int = 128) -> tuple[str, Look, Tensor]:
    """Draw picture number `index` of an endless series in which no attribute is tied to another, but for values that clash.

    Args:
        seed: names the series; 0 or more.
        index: number of the picture; kinds take turns in the order of `KINDS`.
        image_size: side of the picture, in pixels.

    Returns:
        The kind, the value of each attribute, and the picture, uint8 (3, S, S).
    """
    kind = _KINDS[index % len(_KINDS)]
    rng = np.random.default_rng((seed, index, 3))
    look = _choose_look(rng, kind.words)
    return kind.name, look, torch.from_numpy(kind.draw(rng, look, image_size))


def _choose_look(rng: np.random.Generator, words: Vocabulary) -> Look:
    """Choose a value of each attribute: first one of a strong attribute, each equally often, then all others to go with it.

    A value that clashes with many would be rare if all were chosen anew after each clash. Every value is part of some
    look without a clash, as a test makes sure, so that this ends.
    """
    strong = str(rng.choice(words.strong))
    kept = {strong: str(rng.choice(list(words.values[strong])))}
    look: Look = {}
    while not look or words.clash(look.values()):
        look = {name: str(rng.choice(list(menu))) for name, menu in words.values.items()} | kept
    return look


def tell(seed: int, index: int, kind: str, look: Look) -> str:
    """Say in one sentence what picture number `index` of `draw_any` shows: most of its attributes, each in one of its phrases.

    Args:
        seed: as for `draw_any`.
        index: as for `draw_any`.
        kind: the picture's kind.
        look: the value of each attribute.
    """
    rng = np.random.default_rng((seed, index, 4))
    stated = {name: value for name, value in look.items() if rng.random() < _STATED}
    return _sentence(rng, _KINDS[KINDS.index(kind)], stated)


@dataclass(frozen=True)
class _Plan:
    classes: list[Look]
    """Telling values of each class."""
    shared: Look
    free: dict[str, list[str]]


def draw_task(seed: int, index: int, n_shot: int, n_query: int, image_size: int = 128) -> DrawnTask:
    """Draw task number `index` of the endless series that `seed` names.

    The same arguments give the same task. `n_shot` and `n_query` change how many pictures there are, not which classes,
    and the first pictures of a class stay the same.

    Args:
        seed: names the series; 0 or more.
        index: number of the task; kinds take turns in the order of `KINDS`.
        n_shot: support pictures of each class, at least 1.
        n_query: query pictures of each class, 0 or more.
        image_size: side of the pictures, in pixels.

    Raises:
        InputError: an argument is too small.
    """
    least = {"seed": 0, "index": 0, "n_shot": 1, "n_query": 0, "image_size": 16}
    given = {"seed": seed, "index": index, "n_shot": n_shot, "n_query": n_query, "image_size": image_size}  # fmt: skip
    low = [
        f"{name}={given[name]} (at least {least[name]})"
        for name in least
        if given[name] < least[name]
    ]
    if low:
        raise InputError(f"a drawn task needs larger numbers: {', '.join(low)}.")

    kind = _KINDS[index % len(_KINDS)]
    rng = np.random.default_rng((seed, index))
    plan = None
    while plan is None:  # some menus hold values that do not go together
        plan = _choose_plan(rng, kind.words)
    named = sorted(("_".join(look.values()), look) for look in plan.classes)
    texts = tuple(
        tuple(_describe(rng, kind, plan, look) for _ in range(int(rng.integers(2, 4))))
        for _, look in named
    )

    def pictures(part: int, count: int) -> tuple[Tensor, Tensor]:
        labels = np.repeat(np.arange(len(named)), count)
        images = np.empty((len(labels), 3, image_size, image_size), dtype=np.uint8)
        for row, label in enumerate(labels):
            own = np.random.default_rng((seed, index, part, int(label), row % count))
            chance = {name: str(own.choice(values)) for name, values in plan.free.items()}
            images[row] = kind.draw(own, named[label][1] | plan.shared | chance, image_size)
        return torch.from_numpy(images), torch.from_numpy(labels.astype(np.int64))

    support_images, support_labels = pictures(1, n_shot)
    query_images, query_labels = pictures(2, n_query)
    return DrawnTask(
        kind=kind.name,
        support_images=support_images,
        support_labels=support_labels,
        query_images=query_images,
        query_labels=query_labels,
        class_names=tuple(name for name, _ in named),
        looks=tuple(look for _, look in named),
        descriptions=texts,
    )


def _choose_plan(rng: np.random.Generator, words: Vocabulary) -> _Plan | None:
    """Choose what tells the classes apart, what they share and what varies; None when the choice does not work out."""
    strong = str(rng.choice(words.strong))
    others = [str(name) for name in rng.permutation([n for n in words.values if n != strong])]
    extra = others[: int(rng.choice((0, 1, 1, 2, 2, 3)))]
    n_way = int(rng.integers(3, 6))
    # Half of the tasks can be solved by one attribute alone; in the others classes share its values, so that all of a
    # description has to be read.
    plain = not extra or bool(rng.random() < 0.5)
    most = {name: 2 for name in extra} | {strong: n_way if plain else int(rng.integers(2, n_way))}
    menus = {
        name: [str(v) for v in rng.permutation(list(values))[: most[name]]]
        for name, values in words.values.items()
        if name in most
    }
    looks = [dict(zip(menus, choice, strict=True)) for choice in product(*menus.values())]
    looks = [looks[i] for i in rng.permutation(len(looks)) if not words.clash(looks[i].values())]
    classes = list({look[strong]: look for look in looks}.values()) if plain else looks[:n_way]
    # A value that all classes have tells nothing, so it must not be called telling.
    if len(classes) < 3 or any(len({look[name] for look in classes}) < 2 for name in menus):
        return None

    taken = sorted({value for look in classes for value in look.values()})
    shared: Look = {}
    free: dict[str, list[str]] = {}
    for name in (name for name in others if name not in menus):
        # Values must suit every class and everything chosen so far: otherwise a value that is never stated would be
        # commoner in one class than in another and would give it away.
        fitting = [v for v in words.values[name] if not any(words.clash((v, t)) for t in taken)]
        if not fitting:
            return None
        if rng.random() < 0.6:
            shared[name] = str(rng.choice(fitting))
            taken.append(shared[name])
        else:
            free[name] = fitting
            taken += fitting
    return _Plan(classes, shared, free)


def _describe(rng: np.random.Generator, kind: _Kind, plan: _Plan, look: Look) -> str:
    """Say one class in one sentence: all telling values, most shared ones, sometimes what not to take it for."""
    stated = look | {name: v for name, v in plan.shared.items() if rng.random() < 0.7}
    sentence = _sentence(rng, kind, stated)
    mimics = [
        str(rng.choice(kind.words.values[name][other[name]]))
        for other in plan.classes
        for name in look
        if name != "color" and other[name] != look[name]
    ]
    if mimics and rng.random() < 0.2:
        sentence += f" Not to be confused with a {kind.name} with {rng.choice(mimics)}."
    return sentence


def _sentence(rng: np.random.Generator, kind: _Kind, stated: Look) -> str:
    """Say values of a look in one sentence."""
    said = {name: str(rng.choice(kind.words.values[name][value])) for name, value in stated.items()}
    lead = " ".join(filter(None, [said.pop("color", ""), str(rng.choice(kind.words.subjects))]))
    parts = [str(part) for part in rng.permutation(list(said.values()))]
    if parts:
        listed = " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))
        lead = f"{lead} {rng.choice(('with', 'showing', 'marked by'))} {listed}"
    return f"{lead[0].upper()}{lead[1:]}."

"""The ground of drawn tomograms: where a body lies in a slice, how bright its tissues are, and what the scanner does.

In: a source of chance and a look (`words.TOMOGRAM`). Out: a `Scene`, whose plane is black so far, and in which a painter
of bodies (`head`, `trunk`, `spine`) finds a `Site`; then `scan` lays noise, bias and window over it. Size, place, turn and
proportions of the body, window and tones, coils and noise are left to chance.

A scene has coordinates of its own: u to the right and v downward, in which the body reaches to about 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sgps.drawings.brushes import (
    Array,
    Point,
    blend_gray,
    ellipse_distance,
    grid,
    noise,
    placed,
    soft,
    toward,
)

_TONES: dict[str, dict[str, float]] = {
    "ct": {
        "skin": 105, "fat": 58, "muscle": 132, "bone": 246, "marrow": 206, "fluid": 78, "gray": 134,
        "white": 112, "organ": 148, "vessel": 172, "lung": 12, "disk": 128, "edema": 72,
    },
    "t1-weighted": {
        "skin": 165, "fat": 226, "muscle": 98, "bone": 14, "marrow": 158, "fluid": 30, "gray": 112,
        "white": 154, "organ": 128, "vessel": 26, "lung": 10, "disk": 98, "edema": 66,
    },
    "t2-weighted": {
        "skin": 120, "fat": 176, "muscle": 70, "bone": 12, "marrow": 112, "fluid": 236, "gray": 124,
        "white": 84, "organ": 92, "vessel": 20, "lung": 10, "disk": 148, "edema": 204,
    },
}  # fmt: skip
"""Gray of every tissue; `edema` is that of soft tissue soaked with water."""
_FLAIR = {"fluid": 20, "gray": 128, "white": 100, "fat": 130, "marrow": 70, "edema": 210}
_LUNG_WINDOW = {
    "lung": 44, "fat": 142, "muscle": 186, "vessel": 196, "fluid": 172, "skin": 160, "organ": 188,
}  # fmt: skip


Points = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Scene:
    """The picture under way, and the body's place in it."""

    plane: Array
    """Gray of every pixel, 0..255."""
    modality: str
    tones: Mapping[str, float]
    """Gray of every tissue."""
    place: tuple[float, float, float, float]
    """x, y, turn and scale of the body in the picture."""
    aspect: float
    """How much wider than high a square of the body is."""
    u: Array
    v: Array
    wave: Array
    """By how much outlines stray from ellipses."""
    hand: int
    """Side of a single finding, 1 or -1."""
    push: float
    """How far the middle is pushed to the other side, 0 or more, in units of its usual push."""
    shrunk: bool
    """Whether organs have lost volume."""

    @property
    def side(self) -> int:
        """Side of the picture in pixels."""
        return len(self.plane)

    @property
    def rays(self) -> bool:
        """Whether it is CT."""
        return self.modality == "ct"

    def at(self, points: ArrayLike, aside: float = 0.0) -> Points:
        """Points (n, 2) from the body to the picture, all moved aside by the same."""
        x, y, turn, scale = self.place
        own = np.asarray(points, dtype=np.float64) * (self.aspect, 1)
        return placed(own, (x + scale * self.aspect * aside, y, turn, scale))

    def ellipse(self, center: Point, axes: tuple[float, float], turn: float = 0.0) -> Array:
        """Distance from a slightly wavy ellipse given in units of the body, negative inside."""
        (x, y), scale = self.at([center])[0], self.place[3]
        wide, high = scale * self.aspect * axes[0], scale * axes[1]
        distance = ellipse_distance(self.side, (x, y), (wide, high), self.place[2] + turn)
        distance += self.wave * np.float32(min(1.0, 4 * min(axes)))
        return distance

    def paint(self, tissue: str | float | Array, mask: Array) -> None:
        """Cover what `mask` says with a tissue, a gray, or a picture of grays."""
        gray = self.tones[tissue] if isinstance(tissue, str) else tissue
        blend_gray(self.plane, gray, mask)

    def aside(self, far: float) -> float:
        """How far to the right the middle is pushed, if its usual push is `far`."""
        return -far * self.hand * self.push


@dataclass(frozen=True, kw_only=True)
class Site:
    """Where findings may lie."""

    organ: Array
    """Mask of what diffuse disease changes."""
    inside: Array
    """Mask of what a mass may fill."""
    wall: Array
    """Distance from the wall along which fluid collects, negative within."""
    pull: Point
    """Toward which side fluid collects; (0, 0) is along the middle of the picture."""
    anchors: Mapping[str, Points]
    """For each place the points (n, 2) of the body where a mass may lie."""
    size: float
    """Size of a single mass."""
    reference: str
    """Tissue that an isointense mass looks like."""
    airy: bool = False
    """Whether it is lung."""


def new_scene(rng: np.random.Generator, look: Mapping[str, str], side: int) -> Scene:
    """Choose place, proportions and tones of the body."""
    x, y = (float(c) for c in rng.uniform(-0.06, 0.06, 2))
    turn, scale = float(rng.normal(0, 0.06)), float(rng.uniform(0.86, 1.08))
    if look["region"] == "brain":
        scale *= 1.07
    elif look["region"] != "spine":
        scale *= 1.03
    aspect = float(rng.uniform(0.92, 1.1))
    c, s = np.cos(turn) / scale, np.sin(turn) / scale
    across, down = grid(side)
    dx, dy = across - np.float32(x), down - np.float32(y)
    return Scene(
        plane=np.full((side, side), 3, dtype=np.float32),
        modality=look["modality"],
        tones=_choose_tones(rng, look),
        place=(x, y, turn, scale),
        aspect=aspect,
        u=dx * np.float32(c / aspect) + dy * np.float32(s / aspect),
        v=dy * np.float32(c) - dx * np.float32(s),
        wave=np.float32(rng.uniform(0.008, 0.018)) * noise(rng, side, int(rng.integers(6, 10))),
        hand=int(rng.choice((-1, 1))),
        push=float(rng.uniform(0.9, 1.15)) if look["surround"] == "shifted" else 0.0,
        shrunk=look["background"] == "atrophy",
    )


def _choose_tones(rng: np.random.Generator, look: Mapping[str, str]) -> dict[str, float]:
    tones = dict(_TONES[look["modality"]])
    chance = rng.random()
    if look["modality"] == "t2-weighted":
        if look["region"] == "brain" and chance < 0.5:
            tones.update(_FLAIR)
        elif chance < 0.35:  # fat is suppressed
            tones.update(fat=84, marrow=74, organ=116, muscle=88)
    elif look["modality"] == "t1-weighted":
        if chance < 0.4:  # a contrast medium was given
            tones.update(vessel=222)
    elif look["region"] == "chest" and chance < 0.5:
        tones.update(_LUNG_WINDOW)
    elif chance < 0.7:  # with a contrast medium too
        tones.update(vessel=float(rng.uniform(185, 225)))
    own = rng.uniform(0.93, 1.07, len(tones))
    return {name: tone * own[step] for step, (name, tone) in enumerate(tones.items())}


def scan(rng: np.random.Generator, scene: Scene, posterior: float) -> None:
    """Lay over the body what a scanner does: noise, bias of the coils, window; `posterior` is where a coil lies."""
    side, plane = scene.side, scene.plane
    fine = int(rng.integers(84, 120))
    grain, strength = noise(rng, side, fine), float(rng.uniform(2.0, 8.5))
    if scene.rays:
        plane += np.float32(1.2 * strength) * grain
        plane += np.float32(0.5 * strength) * noise(rng, side, 40)
    else:
        bias = 1 + np.float32(rng.uniform(0.02, 0.13)) * noise(rng, side, 2)
        if posterior:
            bias += np.float32(rng.uniform(0, 0.35) * posterior) * scene.u
        plane *= bias
        plane += np.float32(1.5 * strength) * grain
        second = np.float32(1.5 * strength) * noise(rng, side, fine)
        np.sqrt(plane * plane + second * second, out=plane)
    np.maximum(plane, 0, out=plane)
    top = float(np.percentile(plane, 95))
    if top < 150:  # few bright pixels: the window is narrower
        plane *= np.float32(rng.uniform(150, 200) / max(top, 60))
    plane *= np.float32(1 / 255)
    np.minimum(plane, 1, out=plane)
    np.power(plane, np.float32(rng.uniform(0.8, 1.25)), out=plane)
    plane *= np.float32(255 * rng.uniform(0.85, 1.1))
    plane += np.float32(max(rng.uniform(-12, 10), -6))


def lay_texture(rng: np.random.Generator, scene: Scene) -> None:
    """Make tissue uneven, before anything is found in it."""
    mottle = np.float32(rng.uniform(0.02, 0.06)) * noise(rng, scene.side, 22)
    mottle += np.float32(rng.uniform(0.01, 0.04)) * noise(rng, scene.side, 48)
    np.multiply(scene.plane, 1 + mottle, out=scene.plane)


def arc(axes: tuple[float, float], degrees: tuple[float, ...], height: float = 0.0) -> Points:
    """Points on an ellipse on either side of the body, at angles from the horizontal through its middle."""
    angles = np.radians(np.asarray(degrees, dtype=np.float64))
    right = toward(angles) * axes
    both: Points = np.vstack([right, right * (-1, 1)])
    both[:, 1] += height
    return both


def band(distance: Array, middle: float, half: float, fade: float) -> Array:
    """Mask of a band along an outline, `middle` inward of it."""
    return soft(np.abs(distance + np.float32(middle)) - np.float32(half), fade)

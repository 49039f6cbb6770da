"""Where the area of a drawn body surface lies: shape, number, size and border.

In: a look, which maps attribute to value (`words.SURFACE`), and the side of the picture. Out: an `Area`, masks and
distances in which color, texture and relief are painted. Place, heading and the exact outline are left to chance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sgps.drawings.brushes import (
    Array,
    Disc,
    Part,
    box,
    chain_distance,
    ellipse_distance,
    noise,
    outline,
    polar,
    scatter,
    soft,
    toward,
)

_SHARP = 0.04
"""How wide a sharp edge is."""


@dataclass(frozen=True, kw_only=True)
class Area:
    """Where the area lies, and how strongly each pixel belongs to it."""

    spots: list[Disc]
    distance: Array
    """From the outline, negative inside."""
    half: float
    """From the outline to the middle: half the width of what is painted."""
    depth: Array
    """0 at the outline and outside, 1 in the middle."""
    mask: Array
    """Opacity of the color."""
    inside: Array
    """Where texture may be drawn: a little less than the mask."""
    blurred: bool
    """Whether the border is, so that the edge is wide."""
    fade: float
    """How wide the edge is."""
    inner_fade: float
    """How wide the edges of what lies within are, in units of `depth`."""
    detail: float
    """Number of texture cells along the picture, the more the narrower the area is."""


def choose_area(rng: np.random.Generator, side: int, look: Mapping[str, str]) -> Area:
    """Choose where the area of the given look lies in a picture of `side` pixels."""
    border = look["border"]
    outline_of, thick = _SHAPES[look["shape"]]
    spots = _spots(rng, look)
    radius = float(np.mean([r for _, _, r in spots]))
    distance = np.full((side, side), 1, dtype=np.float32)
    heading = float(rng.uniform(0, np.pi))
    wobble = (0.09, 0.09, 0.08, 0.07, 0.06, 0.05) if border == "irregular" else (0.03, 0.02)
    for x, y, reach in spots:
        turn = heading + float(rng.normal(0, 0.25))
        part = box(side, x, y, 2 * reach + 0.25)
        spot = _Spot(side=side, part=part, x=x, y=y, radius=reach, wobble=wobble, turn=turn)
        np.minimum(distance[part], outline_of(rng, spot), out=distance[part])
    half = radius * thick
    if look["number"] == "diffuse":  # the edge runs as it likes, and leaves islands
        distance += np.float32(0.16) * noise(rng, side, 4)
        half = 0.5
    if border == "irregular":
        ragged = max(0.20 * half, 0.03)
        distance += np.float32(ragged) * noise(rng, side, int(np.clip(5 / half, 12, 34)))
    blurred = border == "blurred"
    fade = float(np.clip(1.8 * half, 0.14, 0.50)) if blurred else _SHARP
    return Area(
        spots=spots,
        distance=distance,
        half=half,
        depth=np.clip(distance * np.float32(-1 / half), 0, 1),
        mask=soft(distance, fade),
        inside=soft(distance + np.float32(min(0.03, 0.2 * half)), max(0.7 * fade, 0.06)),
        blurred=blurred,
        fade=fade,
        inner_fade=0.6 if blurred else 0.15,
        detail=min(2.2 / half, 12.0),
    )


def _spots(rng: np.random.Generator, look: Mapping[str, str]) -> list[Disc]:
    """Middle and radius of each spot."""
    number, large = look["number"], look["size"] == "large"
    grow = 1.2 if look["shape"] == "ring" else 1.0
    x, y = (float(c) for c in rng.uniform(-0.16, 0.16, 2))
    if number == "diffuse":
        return [(x, y, float(rng.uniform(0.98, 1.12)))]
    if number == "single":
        return [(x, y, grow * float(rng.uniform(0.50, 0.66) if large else rng.uniform(0.24, 0.31)))]
    radius = grow * float(rng.uniform(0.205, 0.25) if large else rng.uniform(0.115, 0.14))
    most = int(rng.integers(4, 6) if large else rng.integers(6, 11))
    sizes = radius * rng.uniform(0.85, 1.15, most)
    if number == "clustered":
        points = scatter(rng, (x, y, 4 * radius), 1.95 * radius)
        points = points[np.argsort(np.hypot(points[:, 0] - x, points[:, 1] - y))]
    else:
        points = _far_apart(rng, 2.5 * radius)
    return [(float(px), float(py), float(r)) for (px, py), r in zip(points, sizes, strict=False)]


def _far_apart(rng: np.random.Generator, gap: float) -> NDArray[np.float64]:
    """Points all over the picture, at least `gap` apart."""
    kept: list[NDArray[np.float64]] = []
    for point in rng.uniform(-0.78, 0.78, (60, 2)):
        if all(np.hypot(*(point - other)) > gap for other in kept):
            kept.append(point)
    return np.array(kept)


@dataclass(frozen=True, kw_only=True)
class _Spot:
    """One spot, as far as it is known before its outline is drawn."""

    side: int
    part: Part
    """The part of the picture that it may cover."""
    x: float
    y: float
    radius: float
    wobble: tuple[float, ...]
    """How uneven the outline is, as `outline` takes it."""
    turn: float
    """Angle of the long axis."""


# Distance from the outline of one spot, negative inside.


def _round(rng: np.random.Generator, spot: _Spot) -> Array:
    table = outline(rng, spot.radius, spot.wobble, rng.uniform(1.0, 1.1))
    rho, edge = polar(spot.side, spot.x, spot.y, table, spot.part)
    rho -= edge
    return rho


def _oval(rng: np.random.Generator, spot: _Spot) -> Array:
    stretch = float(rng.uniform(1.2, 1.35))
    axes = (spot.radius * stretch, spot.radius / stretch)
    # Exact distances keep the edge as sharp along as across; raggedness is noise, added later.
    return ellipse_distance(spot.side, (spot.x, spot.y), axes, spot.turn, spot.part)


def _line(rng: np.random.Generator, spot: _Spot) -> Array:
    way = toward(spot.turn)
    t = np.linspace(-1, 1, 5)[:, None] * min(1.75 * spot.radius, 0.92)
    bow = rng.uniform(-0.5, 0.5) * t**2 + len(spot.wobble) * rng.uniform(-0.008, 0.008, (5, 1))
    points = np.array((spot.x, spot.y)) + t * way + bow * (-way[1], way[0])
    joints = [(float(x), float(y)) for x, y in points]
    return chain_distance(spot.side, joints, _THIN * spot.radius, spot.part)


def _ring(rng: np.random.Generator, spot: _Spot) -> Array:
    calm = tuple(0.6 * w for w in spot.wobble)
    middle = replace(spot, radius=(1 - _BAND) * spot.radius, wobble=calm)
    band = np.abs(_round(rng, middle))
    band -= np.float32(_BAND * spot.radius)
    return band


_BAND = 0.24
"""Half width of a ring, in radii."""
_THIN = 0.30
"""Half width of a line, in radii."""
_SHAPES: dict[str, tuple[Callable[[np.random.Generator, _Spot], Array], float]] = {
    "round": (_round, 1.0),
    "oval": (_oval, 0.78),
    "linear": (_line, _THIN),
    "ring": (_ring, _BAND),
}
"""How the outline is drawn, and half the width of what it encloses, in radii."""

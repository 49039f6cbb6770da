"""Drawn skin lesions under a dermatoscope: how each value of each attribute is painted.

A lesion's look is a mapping from attribute to value (`words.LESION`); everything else (skin, size, place, hairs,
light, focus) is left to chance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from sgps.drawings.brushes import (
    Array,
    Color,
    Stencil,
    Winding,
    blend,
    canvas,
    draw_vessel,
    finish,
    grid,
    mesh,
    noise,
    outline,
    polar,
    scatter,
    soft,
    toward,
)

_COLORS: dict[str, Color] = {
    "light-brown": (172, 120, 80),
    "dark-brown": (100, 62, 44),
    "black": (50, 40, 40),
    "red": (176, 52, 50),
    "pink": (212, 128, 122),
    "purple": (112, 54, 88),
    "blue-gray": (102, 114, 132),
    "multicolored": (136, 88, 60),
}
_SKINS: tuple[Color, ...] = (
    (238, 208, 190),
    (232, 192, 170),
    (222, 178, 152),
    (208, 164, 134),
    (190, 146, 114),
)
_WINDING = Winding(steps=5, turn=0.38, fork=0.8, width=0.66, length=0.78)
"""How vessels run, in a lesion."""


def draw_lesion(
    rng: np.random.Generator, look: Mapping[str, str], image_size: int
) -> NDArray[np.uint8]:
    """Draw one lesion of the given look, uint8 (3, S, S)."""
    side = image_size
    skin = np.asarray(_SKINS[rng.integers(len(_SKINS))]) * rng.uniform(0.96, 1.04)
    picture = canvas(skin, (side, side))
    picture += noise(rng, side, 5) * np.array((2.5, 5, 5), dtype=np.float32)[:, None, None]

    place = _place(rng, side, look)
    color = np.asarray(_COLORS[look["color"]], dtype=np.float32)
    color = (color * rng.uniform(0.92, 1.08) * rng.uniform(0.97, 1.03, 3)).astype(np.float32)
    paint = canvas(color, (side, side))
    if look["color"] == "multicolored":
        for patch in ("light-brown", "red", "blue-gray", "dark-brown", "black"):
            field = noise(rng, side, 4) + np.float32(0.3) * noise(rng, side, 14)
            blend(paint, _COLORS[patch], soft(np.float32(0.30) - field, 0.5) * np.float32(0.92))
    # Pigment is never laid on evenly: coarse and fine mottling, and a middle somewhat darker or paler than the rim.
    mottle = np.float32(0.08) * noise(rng, side, 7) + np.float32(0.05) * noise(rng, side, 24)
    paint *= 1 + mottle + np.float32(rng.uniform(-0.16, 0.16)) * (place.depth - np.float32(0.6))
    blend(picture, paint, place.mask)

    _PATTERNS[look["pattern"]](rng, picture, color, place)
    _paint_center(rng, picture, look["center"], place)
    _paint_skin_and_hairs(rng, picture)
    return finish(rng, picture, image_size, rng.uniform(1.0, 4.5))


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where the lesion lies, and how strongly each pixel belongs to it."""

    side: int
    x: float
    y: float
    radius: float
    table: Array
    """Outline: radius by angle."""
    depth: Array
    """0 in the center, 1 at the outline."""
    mask: Array
    """Opacity of the pigment."""
    inside: Array
    """Where structures may be drawn: a little less than the mask."""

    def scatter(self, rng: np.random.Generator, spacing: float) -> NDArray[np.float64]:
        """Points over the lesion, `spacing` apart."""
        return scatter(rng, (self.x, self.y, float(self.table.max())), spacing)


def _place(rng: np.random.Generator, side: int, look: Mapping[str, str]) -> _Place:
    x, y = rng.uniform(-0.16, 0.16, 2)
    radius = float(rng.uniform(0.44, 0.68))
    notched = look["border"] == "notched"
    wobble = (0.07, 0.10, 0.07, 0.06, 0.05, 0.04, 0.035) if notched else (0.03, 0.02, 0.012)
    table = outline(rng, radius, wobble, rng.uniform(1.0, 1.3))
    rho, edge = polar(side, x, y, table)
    distance = rho - edge
    distance += np.float32(0.045 if notched else 0.010) * noise(rng, side, 11)
    if look["edge"] == "sharp":
        mask, inside = soft(distance, 0.06), soft(distance + np.float32(0.04), 0.10)
        mask = mask * (1 - np.float32(0.25) * soft(-distance - np.float32(0.07), 0.10))
    else:
        mask, inside = soft(distance, 0.36), soft(distance + np.float32(0.08), 0.16)
    return _Place(
        side=side,
        x=float(x),
        y=float(y),
        radius=radius,
        table=table,
        depth=rho / edge,
        mask=mask * np.float32(rng.uniform(0.86, 0.96)),
        inside=inside,
    )


def _darker(color: Array, factor: float) -> Array:
    return color * np.float32(factor)


def _homogeneous(rng: np.random.Generator, picture: Array, color: Array, at: _Place) -> None:
    pass


def _network(rng: np.random.Generator, picture: Array, color: Array, at: _Place) -> None:
    _, wall = mesh(rng, at.side, rng.uniform(15, 20))
    lines = soft(wall - np.float32(0.16), 0.42)
    strength = np.clip(
        np.float32(1.15) - np.float32(0.35) * at.depth + np.float32(0.2) * noise(rng, at.side, 4),
        0,
        1,
    )
    # Paler holes and darker lines of the color that is there, so that many colors stay many.
    tone = np.float32(1) + (np.float32(0.16) - np.float32(0.74) * lines) * (at.inside * strength)
    picture *= tone


def _globules(rng: np.random.Generator, picture: Array, color: Array, at: _Place) -> None:
    stencil = Stencil(at.side)
    points = at.scatter(rng, rng.uniform(0.125, 0.165))
    size, slant, level = rng.uniform(
        ((0.026,), (0.8,), (0.7,)), ((0.054,), (1.2,), (1.0,)), (3, len(points))
    )
    stencil.dots(points, size, size * slant, level)
    blend(picture, _darker(color, 0.42), stencil.mask(0.013) * at.inside * np.float32(0.95))


def _streaks(rng: np.random.Generator, picture: Array, color: Array, at: _Place) -> None:
    stencil = Stencil(at.side)
    count = int(rng.integers(22, 32))
    for angle in (np.arange(count) + rng.uniform(-0.35, 0.35, count)) * (2 * np.pi / count):
        edge = float(at.table[int(angle / (2 * np.pi) * len(at.table)) % len(at.table)])
        reach = np.linspace(rng.uniform(0.62, 0.80), rng.uniform(1.06, 1.24), 4) * edge
        bend = angle + rng.uniform(-0.04, 0.04) * np.arange(4)
        points = (at.x, at.y) + reach[:, None] * toward(bend)
        thick = rng.uniform(0.038, 0.056)
        for step, (start, end) in enumerate(pairwise(points)):
            stencil.stroke(np.stack([start, end]), thick * (1 - 0.22 * step), 1 - 0.10 * step)
    rim = np.abs(at.depth - np.float32(0.86)) - np.float32(0.05)
    blend(picture, _darker(color, 0.55), soft(rim, 0.35) * at.mask * np.float32(0.5))
    blend(picture, _darker(color, 0.48), stencil.mask(0.012) * np.float32(0.95))


def _cysts(rng: np.random.Generator, picture: Array, color: Array, at: _Place) -> None:
    white, plug = Stencil(at.side), Stencil(at.side)
    points = at.scatter(rng, rng.uniform(0.17, 0.22))
    dark = rng.random(len(points)) < 0.16
    size = rng.uniform(0.024, 0.046, len(points))
    plug.dots(points[dark], size[dark], 0.9 * size[dark])
    white.dots(points[~dark], size[~dark], size[~dark])
    blend(picture, _darker(color, 0.35), plug.mask(0.010) * at.inside * np.float32(0.9))
    blend(picture, (244, 230, 204), white.mask(0.045) * at.inside * np.float32(0.5))
    blend(picture, (252, 244, 226), white.mask(0.014) * at.inside * np.float32(0.95))


def _lagoons(rng: np.random.Generator, picture: Array, color: Array, at: _Place) -> None:
    near, wall = mesh(rng, at.side, rng.uniform(7.0, 10.0))
    pool = soft(near - np.float32(0.46), 0.36) * soft(np.float32(0.16) - wall, 0.34)
    septum = np.minimum(color * 0.45 + 128, 240).astype(np.float32)
    blend(picture, septum, at.inside * np.float32(0.62))
    blend(picture, _darker(color, 0.80), pool * at.mask * np.float32(0.96))
    blend(
        picture,
        _darker(color, 0.50),
        soft(near - np.float32(0.16), 0.5) * pool * at.mask * np.float32(0.6),
    )


def _vessels(rng: np.random.Generator, picture: Array, color: Array, at: _Place) -> None:
    stencil = Stencil(at.side)
    trunks = int(rng.integers(3, 5))
    for angle in rng.uniform(0, 2 * np.pi) + np.arange(trunks) * 2 * np.pi / trunks:
        start = np.array((at.x, at.y)) + 0.95 * at.radius * toward(angle)
        inward = angle + np.pi + rng.uniform(-0.4, 0.4)
        draw_vessel(rng, stencil, start, inward, 0.036, 0.42 * at.radius, _WINDING)
    mask = stencil.mask(0.006) * at.inside
    blend(picture, (176, 22, 36), mask * np.float32(0.9))


def _dotted_vessels(rng: np.random.Generator, picture: Array, color: Array, at: _Place) -> None:
    stencil = Stencil(at.side)
    points = at.scatter(rng, rng.uniform(0.095, 0.125))
    stencil.dots(points, rng.uniform(0.016, 0.024, len(points)), 0.020)
    blend(picture, (178, 18, 34), stencil.mask(0.006) * at.inside * np.float32(0.95))


def _scale(rng: np.random.Generator, picture: Array, color: Array, at: _Place) -> None:
    flakes = noise(rng, at.side, 12) + np.float32(0.5) * noise(rng, at.side, 34)
    fine = noise(rng, at.side, 60)
    mask = soft(np.float32(0.34) - flakes - np.float32(0.35) * fine, 0.7) * at.inside
    picture *= 1 - np.float32(0.16) * soft(np.float32(0.1) - flakes, 0.3) * at.inside * (1 - mask)
    blend(
        picture, (242, 234, 218), mask * np.clip(np.float32(0.80) + np.float32(0.12) * fine, 0, 1)
    )


_PATTERNS: dict[str, Callable[[np.random.Generator, Array, Array, _Place], None]] = {
    "homogeneous": _homogeneous,
    "network": _network,
    "globules": _globules,
    "streaks": _streaks,
    "cysts": _cysts,
    "lagoons": _lagoons,
    "vessels": _vessels,
    "dotted-vessels": _dotted_vessels,
    "scale": _scale,
}


def _paint_center(rng: np.random.Generator, picture: Array, kind: str, at: _Place) -> None:
    if kind == "plain-center":
        return
    size = (
        {"white-scar": 0.40, "veil": 0.55, "ulcer": 0.34}[kind] * at.radius * rng.uniform(0.9, 1.15)
    )
    x0, y0 = (at.x, at.y) + rng.uniform(-0.10, 0.10, 2) * at.radius
    rho, edge = polar(at.side, x0, y0, outline(rng, size, (0.10, 0.08, 0.06, 0.05), 1.15))
    distance = rho - edge
    ragged = distance + np.float32(0.05) * noise(rng, at.side, 12)
    if kind == "white-scar":
        blend(picture, (240, 222, 210), soft(ragged, 0.30) * np.float32(0.92))
    elif kind == "veil":
        film = np.clip(np.float32(0.8) + np.float32(0.14) * noise(rng, at.side, 9), 0, 1)
        blend(picture, (122, 138, 164), soft(ragged, 0.34) * film)
        blend(picture, (198, 208, 224), soft(ragged + np.float32(0.12), 0.4) * np.float32(0.30))
    else:
        blend(picture, (146, 40, 34), soft(ragged, 0.07) * np.float32(0.9))
        crust = soft(ragged + np.float32(0.07) + np.float32(0.10) * noise(rng, at.side, 16), 0.10)
        blend(picture, (92, 46, 28), crust * np.float32(0.85))
        amber = soft(np.float32(0.7) - noise(rng, at.side, 20), 0.6)
        blend(picture, (214, 150, 74), amber * crust * np.float32(0.6))


def _paint_skin_and_hairs(rng: np.random.Generator, picture: Array) -> None:
    side = picture.shape[1]
    picture *= (
        1 + noise(rng, side, 44) * np.float32(0.018) + noise(rng, side, 88) * np.float32(0.014)
    )
    if rng.random() < 0.4:
        hairs = Stencil(side)
        growth = rng.uniform(0, np.pi)
        for _ in range(int(rng.integers(1, 6))):
            way = toward(growth + rng.normal(0, 0.35))
            t = np.linspace(-1, 1, 14)[:, None]
            bow = rng.uniform(-0.25, 0.25) * (1 - t**2) * (-way[1], way[0])
            hairs.stroke(
                rng.uniform(-0.8, 0.8, 2) + rng.uniform(0.6, 1.4) * t * way + bow,
                rng.uniform(0.008, 0.016),
            )
        tone = np.array((54, 42, 36)) * rng.uniform(0.7, 2.0)
        blend(picture, tone, hairs.mask(0.003) * np.float32(rng.uniform(0.65, 0.95)))
    x, y = grid(side)
    if rng.random() < 0.25:  # the tube of the dermatoscope
        rim = np.hypot(x, y) - np.float32(rng.uniform(1.05, 1.25))
        blend(picture, (16, 13, 13), soft(-rim, 0.10))
    if rng.random() < 0.2:  # bubbles of the immersion fluid
        for bx, by in rng.uniform(-1, 1, (int(rng.integers(1, 4)), 2)):
            ring = np.abs(
                np.hypot(x - np.float32(bx), y - np.float32(by))
                - np.float32(rng.uniform(0.03, 0.08))
            )
            blend(picture, (255, 252, 246), soft(ring - np.float32(0.004), 0.020) * np.float32(0.5))

"""Drawn blood cells in a stained smear: how each value of each attribute is painted.

A cell's look is a mapping from attribute to value (`words.CELL`); everything else (stain, red cells, place, turn,
light, focus) is left to chance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import hypot

import numpy as np
from numpy.typing import NDArray

from sgps.drawings.brushes import (
    Array,
    Color,
    Disc,
    Part,
    Point,
    Stencil,
    blend,
    box,
    canvas,
    chain_distance,
    ellipse_distance,
    finish,
    noise,
    outline,
    polar,
    scatter,
    soft,
)

_CYTOPLASM: dict[str, Color] = {
    "pink": (242, 196, 208),
    "sky-blue": (164, 202, 244),
    "deep-blue": (64, 90, 178),
    "gray": (160, 163, 172),
}
_NUCLEUS: dict[str, Color] = {
    "dense-chromatin": (74, 38, 108),
    "clumped-chromatin": (110, 68, 146),
    "fine-chromatin": (158, 102, 184),
}
_REACH: dict[str, tuple[float, float]] = {
    "round": (0.52, 0.60),
    "kidney": (0.58, 0.65),
    "bilobed": (0.66, 0.72),
    "segmented": (0.68, 0.74),
    "band": (0.66, 0.72),
}
"""How far the nucleus reaches in a wide cell, in radii of the cell; a thin shape needs more room to be seen."""
_PLASMA: tuple[Color, ...] = ((240, 236, 230), (238, 232, 240), (230, 234, 238), (246, 240, 222))
_RED_CELLS: tuple[Color, ...] = ((222, 168, 160), (214, 176, 178), (200, 180, 190), (226, 184, 158))


def draw_cell(
    rng: np.random.Generator, look: Mapping[str, str], image_size: int
) -> NDArray[np.uint8]:
    """Draw one cell of the given look among red cells, uint8 (3, S, S)."""
    side = image_size
    picture = canvas(
        np.asarray(_PLASMA[rng.integers(len(_PLASMA))]) * rng.uniform(0.95, 1.02), (side, side)
    )
    picture += np.float32(2.5) * noise(rng, side, 5)

    large = look["size"] == "large"
    radius = float(rng.uniform(0.50, 0.62) if large else rng.uniform(0.36, 0.43))
    red = radius * float(rng.uniform(0.42, 0.54) if large else rng.uniform(0.88, 1.05))
    x, y = (float(c) for c in rng.uniform(-0.14, 0.14, 2))
    _paint_red_cells(rng, picture, red, (x, y, radius))

    table = outline(rng, radius, (0.035, 0.025, 0.02, 0.015), rng.uniform(1.0, 1.12))
    part = box(side, x, y, float(table.max()) + 0.06)
    cell = _Cell(side=side, x=x, y=y, radius=radius, part=part, picture=picture[:, *part])
    rho, edge = polar(side, x, y, table, part)
    distance = rho - edge + np.float32(0.012) * cell.noise(rng, 9)
    body = soft(distance, 0.035)
    tint = np.asarray(_CYTOPLASM[look["cytoplasm"]]) * rng.uniform(0.95, 1.03)
    cloud = 1 + np.float32(0.03) * cell.noise(rng, 10) + np.float32(0.025) * cell.noise(rng, 32)
    cloud *= 1 - np.float32(0.14) * soft(-distance - np.float32(0.04), 0.12)  # darker at the rim
    blend(cell.picture, canvas(tint, body.shape) * cloud, body * np.float32(0.95))

    narrow = look["ratio"] == "narrow-rim"
    low, high = (0.84, 0.89) if narrow else _REACH[look["nucleus"]]
    fill = float(rng.uniform(low, high))
    shift = (0.06 if narrow else 0.14) * radius
    middle = (x + float(rng.uniform(-shift, shift)), y + float(rng.uniform(-shift, shift)))
    shape = _nucleus_distance(rng, cell, look["nucleus"], (*middle, radius * fill))
    inner = soft(distance + np.float32(0.035), 0.04)
    # The paler zone around a nucleus, without which a pale nucleus is lost in dark cytoplasm.
    zone = soft(np.abs(shape - np.float32(0.03)) - np.float32(0.015), 0.05) * inner
    blend(cell.picture, (244, 240, 246), zone * np.float32(0.38))
    nucleus = soft(shape, 0.03) * inner
    free = inner * (1 - nucleus)

    if look["vacuoles"] == "vacuoles":
        _paint_vacuoles(rng, cell, free)
    if look["granules"] == "orange-granules":
        _paint_granules(rng, cell, free, (206, 92, 62), 0.085, 0.030)
    elif look["granules"] == "fine-granules":
        _paint_granules(rng, cell, free, (172, 110, 164), 0.058, 0.009)
    _paint_nucleus(rng, cell, nucleus, shape, look["chromatin"], middle)
    if look["granules"] == "violet-granules":
        _paint_granules(rng, cell, inner, (46, 24, 90), 0.120, 0.034)
    return finish(rng, picture, image_size, rng.uniform(1.0, 4.0))


@dataclass(frozen=True, kw_only=True)
class _Cell:
    """Where the cell lies; only that part of the picture is painted on."""

    side: int
    x: float
    y: float
    radius: float
    part: Part
    picture: Array
    """The part of the picture (3, H, W)."""

    def noise(self, rng: np.random.Generator, cells: int) -> Array:
        """Smooth random field over the part."""
        return noise(rng, self.side, cells)[self.part]

    def scatter(self, rng: np.random.Generator, spacing: float) -> NDArray[np.float64]:
        """Points over the cell, `spacing` apart."""
        return scatter(rng, (self.x, self.y, self.radius), spacing)


def _paint_red_cells(rng: np.random.Generator, picture: Array, red: float, keep: Disc) -> None:
    """Strew pale-centered red cells of radius `red` around the disc `keep`, and a few platelets."""
    side = picture.shape[1]
    color = np.asarray(_RED_CELLS[rng.integers(len(_RED_CELLS))], dtype=np.float32)
    placed: list[Disc] = []
    for px, py in rng.uniform(-1.25, 1.25, (int(rng.integers(30, 90)), 2)).tolist():
        size = red * float(rng.uniform(0.92, 1.08))
        gap = hypot(px - keep[0], py - keep[1]) - keep[2] - size
        if gap < -0.12 * size or any(
            hypot(px - qx, py - qy) < 0.88 * (size + other) for qx, qy, other in placed
        ):
            continue
        placed.append((px, py, size))
        part = box(side, px, py, 1.1 * size)
        flat = size * float(rng.uniform(0.88, 1.0))
        level = ellipse_distance(side, (px, py), (size, flat), rng.uniform(0, np.pi), part)
        pallor = soft(level + np.float32(0.72 * size), 0.7 * size) * np.float32(
            rng.uniform(0.25, 0.6)
        )
        tone = color * np.float32(rng.uniform(0.95, 1.04))
        blend(picture[:, *part], tone, soft(level, 0.03) * (np.float32(0.92) - pallor))
    specks = Stencil(side)
    for px, py in rng.uniform(-1, 1, (int(rng.integers(0, 5)), 2)):
        specks.dot(px, py, red * rng.uniform(0.10, 0.20), red * rng.uniform(0.08, 0.16))
    blend(picture, (164, 130, 178), specks.mask(0.012) * np.float32(0.75))


def _nucleus_distance(rng: np.random.Generator, cell: _Cell, kind: str, at: Disc) -> Array:
    """Distance from the nucleus' outline, negative inside; the disc `at` is what a round nucleus of that reach fills."""
    side, part, (x0, y0, radius) = cell.side, cell.part, at
    turn = float(rng.uniform(0, 2 * np.pi))
    c, s = float(np.cos(turn)), float(np.sin(turn))

    def place(u: float, v: float) -> Point:
        """From the nucleus' own axes, in radii, to the picture."""
        return x0 + radius * (u * c - v * s), y0 + radius * (u * s + v * c)

    if kind == "round":
        table = outline(rng, radius, (0.02, 0.015), rng.uniform(1.0, 1.12))
        rho, edge = polar(side, x0, y0, table, part)
        return rho - edge
    if kind == "kidney":
        bean = ellipse_distance(side, (x0, y0), (1.10 * radius, 0.86 * radius), turn, part)
        bay = place(float(rng.uniform(-0.1, 0.1)), 0.98)
        wide = float(rng.uniform(0.50, 0.58)) * radius
        hollow = ellipse_distance(side, bay, (wide, 0.86 * radius), turn, part)
        return _smooth_max(bean, -hollow, 0.10)
    if kind == "band":
        bow = np.linspace(-0.68 * np.pi, 0.68 * np.pi, 9) * rng.uniform(0.92, 1.08)
        points = [place(0.76 * float(np.cos(b)) - 0.10, 0.80 * float(np.sin(b))) for b in bow]
        return chain_distance(side, points, 0.19 * radius, part)

    if kind == "bilobed":
        points = [place(u, float(rng.uniform(-0.08, 0.08))) for u in (-0.62, 0.62)]
        lobe, thread = 0.48, 0.09
    else:
        count = int(rng.integers(3, 6))
        bow = np.linspace(-0.70 * np.pi, 0.70 * np.pi, count) + rng.uniform(-0.10, 0.10, count)
        reach = rng.uniform(0.68, 0.80, (count, 2))
        points = [
            place(float(u * np.cos(b)), float(v * np.sin(b)))
            for (u, v), b in zip(reach, bow, strict=True)
        ]
        lobe, thread = {3: 0.36, 4: 0.32, 5: 0.28}[count], 0.05
    shape = chain_distance(side, points, thread * radius, part)
    for point in points:
        axes = (
            float(rng.uniform(0.95, 1.15)) * lobe * radius,
            float(rng.uniform(0.85, 1.0)) * lobe * radius,
        )
        lobes = ellipse_distance(side, point, axes, float(rng.uniform(0, np.pi)), part)
        np.minimum(shape, lobes, out=shape)
    return shape


def _smooth_max(a: Array, b: Array, width: float) -> Array:
    h = np.clip(np.float32(0.5) + (a - b) * np.float32(0.5 / width), 0, 1)
    blended: Array = b + h * (a - b) + np.float32(width) * h * (1 - h)
    return blended


def _paint_nucleus(
    rng: np.random.Generator,
    cell: _Cell,
    mask: Array,
    shape: Array,
    chromatin: str,
    middle: Point,
) -> None:
    paint = canvas(np.asarray(_NUCLEUS[chromatin]) * rng.uniform(0.94, 1.06), mask.shape)
    coarse = cell.noise(rng, 22)
    if chromatin == "clumped-chromatin":
        clumps = soft(-coarse - np.float32(0.5) * cell.noise(rng, 40), 1.5)
        texture = np.float32(1.26) - np.float32(0.52) * clumps
    elif chromatin == "fine-chromatin":
        texture = 1 + np.float32(0.05) * cell.noise(rng, 60) + np.float32(0.02) * coarse
    else:
        texture = 1 + np.float32(0.05) * coarse
    texture *= 1 - np.float32(0.24) * soft(-shape - np.float32(0.02), 0.06)  # a darker membrane
    paint *= texture
    blend(cell.picture, paint, mask * np.float32(0.96))
    if chromatin == "fine-chromatin":
        nucleoli = Stencil(cell.side)
        inside = scatter(rng, (*middle, 0.5 * cell.radius), 0.27 * cell.radius)
        inside = inside[rng.permutation(len(inside))[: int(rng.integers(2, 5))]]
        size = cell.radius * rng.uniform(0.07, 0.11, len(inside))
        nucleoli.dots(inside, size, size)
        spots = nucleoli.mask(0.008, cell.part) * mask
        blend(cell.picture, (206, 190, 228), spots * np.float32(0.85))


def _paint_granules(
    rng: np.random.Generator, cell: _Cell, mask: Array, color: Color, spacing: float, size: float
) -> None:
    """Fill the cell with granules; spacing and size are in units of half the picture for a large cell."""
    scale = cell.radius / 0.56
    points = cell.scatter(rng, spacing * scale)
    wide = size * scale * rng.uniform(0.8, 1.2, len(points))
    grains = Stencil(cell.side)
    high = wide * rng.uniform(0.85, 1.1, len(points))
    grains.dots(points, wide, high, rng.uniform(0.75, 1.0, len(points)))
    blend(cell.picture, color, grains.mask(0.006, cell.part) * mask * np.float32(0.95))
    if size > 0.02:
        gleam = Stencil(cell.side)
        gleam.dots(points - 0.3 * wide[:, None], 0.45 * wide, 0.45 * wide)
        shine = np.minimum(np.asarray(color) * 1.25 + 24, 255)
        blend(cell.picture, shine, gleam.mask(0.006, cell.part) * mask * np.float32(0.55))


def _paint_vacuoles(rng: np.random.Generator, cell: _Cell, mask: Array) -> None:
    holes = Stencil(cell.side)
    points = cell.scatter(rng, 0.30 * cell.radius)
    points = points[rng.random(len(points)) < 0.75]
    size = cell.radius * rng.uniform(0.06, 0.12, len(points))
    holes.dots(points, size, size)
    blend(cell.picture, (248, 246, 248), holes.mask(0.007, cell.part) * mask * np.float32(0.92))

"""Drawn blood cells in a stained smear: how each value of each attribute is painted.

A cell's look is a mapping from attribute to value (`drawn_words.CELL`); everything else (stain, red cells, place, turn,
light, focus) is left to chance.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from sgps.datasets.drawing import (
    Array,
    Color,
    Disc,
    Stencil,
    blend,
    box,
    canvas,
    ellipse_distance,
    finish,
    grid,
    noise,
    outline,
    polar,
    scatter,
    soft,
)

_CYTOPLASM: dict[str, Color] = {
    "pink": (236, 206, 212),
    "sky-blue": (178, 204, 234),
    "deep-blue": (92, 118, 194),
    "gray": (176, 178, 194),
}
_NUCLEUS: dict[str, Color] = {
    "dense-chromatin": (74, 38, 108),
    "clumped-chromatin": (110, 68, 146),
    "fine-chromatin": (158, 116, 184),
}
_PLASMA: tuple[Color, ...] = ((240, 236, 230), (238, 232, 240), (230, 234, 238), (246, 240, 222))
_RED_CELLS: tuple[Color, ...] = ((222, 168, 160), (214, 176, 178), (200, 180, 190), (226, 184, 158))


def draw_cell(
    rng: np.random.Generator, look: Mapping[str, str], image_size: int
) -> NDArray[np.uint8]:
    """Draw one cell of the given look among red cells, uint8 (3, S, S)."""
    side = 2 * image_size
    picture = canvas(
        np.asarray(_PLASMA[rng.integers(len(_PLASMA))]) * rng.uniform(0.95, 1.02), side
    )
    picture += np.float32(2.5) * noise(rng, side, 5)

    large = look["size"] == "large"
    radius = float(rng.uniform(0.50, 0.62) if large else rng.uniform(0.34, 0.42))
    red = radius * float(rng.uniform(0.42, 0.54) if large else rng.uniform(0.88, 1.05))
    x, y = rng.uniform(-0.14, 0.14, 2)
    _paint_red_cells(rng, picture, red, (float(x), float(y), radius))

    table = outline(rng, radius, (0.035, 0.025, 0.02, 0.015), rng.uniform(1.0, 1.12))
    rho, index = polar(side, x, y)
    distance = rho - table[index] + np.float32(0.012) * noise(rng, side, 9)
    body = soft(distance, 0.035)
    tint = np.asarray(_CYTOPLASM[look["cytoplasm"]]) * rng.uniform(0.95, 1.03)
    cytoplasm = canvas(tint, side)
    cytoplasm *= (
        1 + np.float32(0.03) * noise(rng, side, 10) + np.float32(0.025) * noise(rng, side, 32)
    )
    cytoplasm *= 1 - np.float32(0.14) * soft(
        -distance - np.float32(0.04), 0.12
    )  # darker toward the membrane
    blend(picture, cytoplasm, body * np.float32(0.95))

    fill = rng.uniform(0.82, 0.88) if look["ratio"] == "narrow-rim" else rng.uniform(0.56, 0.64)
    shift = 0.06 if look["ratio"] == "narrow-rim" else 0.16
    nx, ny = (x, y) + rng.uniform(-shift, shift, 2) * radius
    shape = _nucleus_distance(
        rng, side, look["nucleus"], float(nx), float(ny), radius * float(fill)
    )
    inner = soft(distance + np.float32(0.035), 0.04)
    nucleus = soft(shape, 0.03) * inner
    free = inner * (1 - nucleus)

    if look["vacuoles"] == "vacuoles":
        _paint_vacuoles(rng, picture, free, (float(x), float(y), radius))
    if look["granules"] == "orange-granules":
        _paint_granules(
            rng, picture, free, (float(x), float(y), radius), (206, 92, 62), 0.085, 0.030
        )
    elif look["granules"] == "fine-granules":
        _paint_granules(
            rng, picture, free, (float(x), float(y), radius), (172, 110, 164), 0.058, 0.009
        )
    _paint_nucleus(rng, picture, nucleus, shape, look["chromatin"], (float(nx), float(ny), radius))
    if look["granules"] == "violet-granules":
        _paint_granules(
            rng, picture, inner, (float(x), float(y), radius), (52, 26, 88), 0.105, 0.036
        )
    return finish(rng, picture, image_size, rng.uniform(1.0, 4.0))


def _paint_red_cells(rng: np.random.Generator, picture: Array, red: float, keep: Disc) -> None:
    """Strew pale-centered red cells of radius `red` around the disc `keep`, and a few platelets."""
    side = picture.shape[1]
    color = np.asarray(_RED_CELLS[rng.integers(len(_RED_CELLS))], dtype=np.float32)
    placed: list[Disc] = []
    for px, py in rng.uniform(-1.25, 1.25, (int(rng.integers(30, 90)), 2)):
        size = float(red * rng.uniform(0.92, 1.08))
        gap = np.hypot(px - keep[0], py - keep[1]) - keep[2] - size
        if gap < -0.12 * size or any(
            np.hypot(px - qx, py - qy) < 0.88 * (size + other) for qx, qy, other in placed
        ):
            continue
        placed.append((float(px), float(py), size))
        part = box(side, px, py, 1.1 * size)
        flat = size * rng.uniform(0.88, 1.0)
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


def _nucleus_distance(
    rng: np.random.Generator, side: int, kind: str, x0: float, y0: float, radius: float
) -> Array:
    """Distance from the nucleus' outline, negative inside; `radius` is that of a round nucleus of the same reach."""
    turn = float(rng.uniform(0, 2 * np.pi))
    c, s = float(np.cos(turn)), float(np.sin(turn))

    def at(u: float, v: float) -> tuple[float, float]:
        """From the nucleus' own axes, in radii, to the picture."""
        return x0 + radius * (u * c - v * s), y0 + radius * (u * s + v * c)

    if kind == "round":
        rho, index = polar(side, x0, y0)
        return rho - outline(rng, radius, (0.02, 0.015), rng.uniform(1.0, 1.12))[index]
    if kind == "kidney":
        bean = ellipse_distance(side, (x0, y0), (1.10 * radius, 0.82 * radius), turn)
        bay = at(rng.uniform(-0.1, 0.1), 0.98)
        return _smooth_max(
            bean, -ellipse_distance(side, bay, (0.50 * radius, 0.62 * radius), turn), 0.10
        )
    if kind == "band":
        bow = np.linspace(-0.62 * np.pi, 0.62 * np.pi, 10) * rng.uniform(0.92, 1.1)
        return _chain(
            side, [at(0.74 * np.cos(b) - 0.12, 0.82 * np.sin(b)) for b in bow], 0.255 * radius
        )

    if kind == "bilobed":
        points = [at(u, rng.uniform(-0.08, 0.08)) for u in (-0.62, 0.62)]
        lobe, thread = 0.57, 0.11
    else:
        count = int(rng.integers(3, 6))
        bow = np.linspace(-0.68 * np.pi, 0.68 * np.pi, count) + rng.uniform(-0.12, 0.12, count)
        points = [
            at(rng.uniform(0.62, 0.78) * np.cos(b), rng.uniform(0.66, 0.82) * np.sin(b))
            for b in bow
        ]
        lobe, thread = {3: 0.48, 4: 0.40, 5: 0.34}[count], 0.06
    shape = _chain(side, points, thread * radius)
    for point in points:
        long, short = (
            rng.uniform(0.95, 1.18) * lobe * radius,
            rng.uniform(0.85, 1.0) * lobe * radius,
        )
        np.minimum(
            shape, ellipse_distance(side, point, (long, short), rng.uniform(0, np.pi)), out=shape
        )
    return shape


def _smooth_max(a: Array, b: Array, width: float) -> Array:
    h = np.clip(np.float32(0.5) + (a - b) / np.float32(2 * width), 0, 1)
    blended: Array = b + h * (a - b) + np.float32(width) * h * (1 - h)
    return blended


def _thread(
    side: int, start: tuple[float, float], end: tuple[float, float], radius: float
) -> Array:
    """Distance from a rounded bar."""
    x, y = grid(side)
    dx, dy = np.float32(end[0] - start[0]), np.float32(end[1] - start[1])
    px, py = x - np.float32(start[0]), y - np.float32(start[1])
    t = np.clip((px * dx + py * dy) / np.float32(dx * dx + dy * dy + 1e-9), 0, 1)
    return np.hypot(px - t * dx, py - t * dy) - np.float32(radius)


def _chain(side: int, points: list[tuple[float, float]], radius: float) -> Array:
    """Distance from rounded bars joined end to end."""
    shape = np.full((side, side), 9, dtype=np.float32)
    for start, end in pairwise(points):
        np.minimum(shape, _thread(side, start, end, radius), out=shape)
    return shape


def _paint_nucleus(
    rng: np.random.Generator, picture: Array, mask: Array, shape: Array, chromatin: str, at: Disc
) -> None:
    side = picture.shape[1]
    paint = canvas(np.asarray(_NUCLEUS[chromatin]) * rng.uniform(0.94, 1.06), side)
    coarse = noise(rng, side, 22)
    if chromatin == "clumped-chromatin":
        clumps = soft(-coarse - np.float32(0.5) * noise(rng, side, 40), 1.5)
        paint *= np.float32(1.26) - np.float32(0.52) * clumps
    elif chromatin == "fine-chromatin":
        paint *= 1 + np.float32(0.05) * noise(rng, side, 60) + np.float32(0.02) * coarse
    else:
        paint *= 1 + np.float32(0.05) * coarse
    paint *= 1 - np.float32(0.16) * soft(-shape - np.float32(0.02), 0.06)  # the membrane is darker
    blend(picture, paint, mask * np.float32(0.96))
    if chromatin == "fine-chromatin":
        nucleoli = Stencil(side)
        inside = scatter(rng, (at[0], at[1], 0.5 * at[2]), 0.27 * at[2])
        for px, py in inside[rng.permutation(len(inside))[: int(rng.integers(2, 5))]]:
            nucleoli.dot(px, py, at[2] * rng.uniform(0.07, 0.11))
        blend(picture, (206, 190, 228), nucleoli.mask(0.008) * mask * np.float32(0.85))


def _paint_granules(
    rng: np.random.Generator,
    picture: Array,
    mask: Array,
    at: Disc,
    color: Color,
    spacing: float,
    size: float,
) -> None:
    """Fill the cell with granules; spacing and size are in units of half the picture for a large cell."""
    scale = at[2] / 0.56
    grains, gleam = Stencil(picture.shape[1]), Stencil(picture.shape[1])
    for px, py in scatter(rng, at, spacing * scale):
        grain = size * scale * rng.uniform(0.8, 1.2)
        grains.dot(px, py, grain, grain * rng.uniform(0.85, 1.1), rng.uniform(0.75, 1.0))
        gleam.dot(px - 0.3 * grain, py - 0.3 * grain, 0.45 * grain)
    blend(picture, color, grains.mask(0.006) * mask * np.float32(0.95))
    if size > 0.02:
        shine = np.minimum(np.asarray(color) * 1.25 + 24, 255)
        blend(picture, shine, gleam.mask(0.006) * mask * np.float32(0.55))


def _paint_vacuoles(rng: np.random.Generator, picture: Array, mask: Array, at: Disc) -> None:
    holes = Stencil(picture.shape[1])
    for px, py in scatter(rng, at, 0.30 * at[2]):
        if rng.random() < 0.75:
            holes.dot(px, py, at[2] * rng.uniform(0.06, 0.12))
    blend(picture, (248, 246, 248), holes.mask(0.007) * mask * np.float32(0.92))

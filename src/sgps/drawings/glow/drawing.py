"""Drawn fluorescence: how each value of each attribute is painted.

In: a look, which maps attribute to value (`words.GLOW`). Out: a picture. Everything else (size and place of the cells, how bright
each of them is, noise of the camera, blur) is left to chance.

Light adds up: one plane of intensity is built cell by cell, and turned into the color of the label at the end.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from sgps.drawings.brushes import (
    Array,
    Part,
    Point,
    Stencil,
    box,
    finish,
    grid,
    noise,
    outline,
    polar,
    scatter,
    soft,
    toward,
)

_COLORS = {
    "green-label": (0.22, 1.0, 0.30),
    "red-label": (1.0, 0.20, 0.12),
    "blue-label": (0.22, 0.42, 1.0),
}
_STRETCH = {"round-cells": 1.1, "spindle-cells": 2.6, "irregular-cells": 1.4}
_WOBBLE = {
    "round-cells": (0.02, 0.02),
    "spindle-cells": (0.03, 0.02),
    "irregular-cells": (0.16, 0.16, 0.12, 0.08),
}


def draw_glow(
    rng: np.random.Generator, look: Mapping[str, str], image_size: int
) -> NDArray[np.uint8]:
    """Draw one field of the given look, uint8 (3, S, S)."""
    light = np.zeros((image_size, image_size), dtype=np.float32)
    if look["backdrop"] == "hazy-backdrop":
        light += np.float32(rng.uniform(0.24, 0.34))
        light *= 1 + np.float32(0.3) * noise(rng, image_size, 4)
    is_dense = look["crowding"] == "dense-cells"
    spacing = float(rng.uniform(0.48, 0.56) if is_dense else rng.uniform(0.9, 1.0))
    size = float(rng.uniform(0.17, 0.20))
    flow = float(rng.uniform(0, np.pi))
    centers = scatter(rng, (0, 0, 1.7), spacing)
    for number, (x, y) in enumerate(centers):
        if max(abs(x), abs(y)) > 1.2:
            continue
        is_dividing = look["division"] == "mitoses" and number % 3 == 0
        turn = flow + float(rng.normal(0, 0.3))
        _add_cell(rng, light, look, (float(x), float(y)), size, turn, is_dividing)
    if look["fibers"] == "fibers":
        _add_fibers(rng, light, centers, flow)
    strength = rng.uniform(105, 130) if look["brightness"] == "dim" else rng.uniform(205, 250)
    np.minimum(light, np.float32(1.15), out=light)
    # What is too bright for the camera turns white.
    glare = np.maximum(light * np.float32(strength) - np.float32(200), 0)
    color = np.array(_COLORS[look["label"]], dtype=np.float32) * rng.uniform(0.9, 1.1, 3)
    color = np.minimum(color, 1)
    picture = color[:, None, None] * (light * np.float32(strength)) + np.float32(0.7) * glare
    picture += np.float32(rng.uniform(2, 12))
    return finish(rng, picture.astype(np.float32), image_size, rng.uniform(2.0, 6.0))


def _radii(rng: np.random.Generator, shape: str, size: float, turn: float) -> NDArray[np.float32]:
    """Radii of a cell's outline by angle, its long axis at `turn`."""
    long = np.sqrt(_STRETCH[shape] * rng.uniform(0.92, 1.1))
    angle = np.linspace(0, 2 * np.pi, 720, endpoint=False) - turn
    table = size / np.hypot(np.cos(angle) / long, np.sin(angle) * long)
    table *= outline(rng, 1.0, _WOBBLE[shape])
    radii: NDArray[np.float32] = table.astype(np.float32)
    return radii


def _add_cell(
    rng: np.random.Generator,
    light: Array,
    look: Mapping[str, str],
    at: Point,
    size: float,
    turn: float,
    is_dividing: bool,
) -> None:
    side = len(light)
    body = _radii(rng, look["shape"], 1.45 * size * float(rng.uniform(0.9, 1.1)), turn)
    nucleus = _radii(rng, look["shape"], 0.86 * size * float(rng.uniform(0.9, 1.1)), turn)
    part = box(side, *at, float(body.max()) + 0.06)
    away, edge = polar(side, *at, body, part)
    if not away.size:
        return
    core = away - polar(side, *at, nucleus, part)[1]
    own = light[part]
    gain = np.float32(rng.uniform(0.8, 1.1))
    cell, inside = soft(away - edge, 0.05), soft(core, 0.035)
    glow = np.float32(0.16) * cell
    pattern = look["pattern"]
    if not is_dividing or pattern == "cytoplasmic":
        glow += _patterned(rng, side, part, at, size, pattern, cell, core, inside)
    if is_dividing:
        glow += _plate(side, part, at, size, turn)
    own += gain * glow


def _patterned(
    rng: np.random.Generator,
    side: int,
    part: Part,
    at: Point,
    size: float,
    pattern: str,
    cell: Array,
    core: Array,
    inside: Array,
) -> Array:
    """What a cell that rests adds to its faint body, given its mask, and its nucleus as a distance and a mask."""
    if pattern == "homogeneous":
        return np.float32(0.78) * inside
    if pattern == "speckled":
        coarse = np.float32(0.55) + np.float32(0.55) * noise(rng, side, 56)[part]
        grains: Array = np.clip(coarse, 0.05, 1.2)
        return grains * inside
    if pattern == "nucleolar":
        spots = _spots(rng, side, part, at, 0.5 * size, int(rng.integers(2, 5)), 0.24 * size)
        return np.float32(0.2) * inside + np.float32(0.85) * spots * inside
    if pattern == "centromere":
        spots = _spots(rng, side, part, at, 0.72 * size, int(rng.integers(18, 30)), 0.085 * size)
        return np.float32(0.12) * inside + np.float32(0.95) * spots * inside
    if pattern == "rim":
        ring = soft(np.abs(core) - np.float32(0.008), 0.045)
        return np.float32(0.2) * inside + np.float32(0.85) * ring
    uneven = np.float32(0.6) + np.float32(0.25) * noise(rng, side, 30)[part]
    clumps: Array = np.clip(uneven, 0.1, 1)
    return clumps * cell * (1 - inside) - np.float32(0.1) * inside


def _plate(side: int, part: Part, at: Point, size: float, turn: float) -> Array:
    """The bar of a dividing cell's chromatin, across its long axis."""
    x, y = grid(side)
    dx, dy = x[part] - np.float32(at[0]), y[part] - np.float32(at[1])
    cosine, sine = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    along, across = dx * cosine + dy * sine, dy * cosine - dx * sine
    bar = soft(np.abs(along) - np.float32(0.22 * size), 0.04)
    plate: Array = bar * soft(np.abs(across) - np.float32(0.8 * size), 0.05)
    return plate


def _spots(
    rng: np.random.Generator,
    side: int,
    part: Part,
    at: Point,
    reach: float,
    count: int,
    size: float,
) -> Array:
    """Bright spots around a place."""
    dots = Stencil(side)
    far = reach * np.sqrt(rng.uniform(0, 1, count))
    points = np.array(at) + toward(rng.uniform(0, 2 * np.pi, count)) * far[:, None]
    dots.dots(points, size, size)
    return dots.mask(0.006, part)


def _add_fibers(
    rng: np.random.Generator, light: Array, centers: NDArray[np.float64], flow: float
) -> None:
    """Add strands that run through the cells, mostly one way."""
    strands = Stencil(len(light))
    for x, y in centers:
        for _ in range(5):
            turns = flow + float(rng.normal(0, 0.35)) + np.cumsum(rng.uniform(-0.12, 0.12, 8))
            line = np.cumsum(toward(turns) * 0.09, axis=0)
            start = np.array((x, y)) + rng.uniform(-0.16, 0.16, 2)
            strands.stroke(start + line - line[4], 0.013)
    light += np.float32(0.55) * strands.mask(0.004)

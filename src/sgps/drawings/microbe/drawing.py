"""Drawn smears: how each value of each attribute is painted.

In: a look, which maps attribute to value (`words.MICROBE`). Out: a picture. Everything else (shades, focus, where organisms lie
and how they are turned) is left to chance.

What lies between the organisms is painted first, then halos, bodies, and what is inside of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sgps.drawings.brushes import (
    Array,
    Color,
    Stencil,
    blend,
    canvas,
    ellipse_distance,
    finish,
    grid,
    length_of,
    noise,
    outline,
    polar,
    scatter,
    soft,
    toward,
)

Points = NDArray[np.float64]


@dataclass(frozen=True)
class _Tones:
    ground: Color
    body: Color
    halo: Color
    nucleus: Color
    disc: Color


_STAINS = {
    "violet-stain": _Tones(
        (232, 222, 228), (78, 36, 130), (248, 244, 248), (186, 92, 140), (232, 178, 186)
    ),
    "pink-stain": _Tones(
        (236, 226, 222), (204, 74, 112), (250, 246, 244), (214, 108, 132), (236, 188, 184)
    ),
    "acid-fast-stain": _Tones(
        (150, 184, 222), (206, 28, 66), (214, 228, 244), (58, 84, 170), (120, 156, 206)
    ),
    "darkfield": _Tones((14, 16, 18), (214, 226, 222), (70, 80, 82), (150, 156, 140), (66, 70, 64)),
}


@dataclass(frozen=True)
class _Body:
    """One organism: the line along it, and half of its thickness."""

    line: Points
    half: float


def draw_microbe(
    rng: np.random.Generator, look: Mapping[str, str], image_size: int
) -> NDArray[np.uint8]:
    """Draw one smear of the given look, uint8 (3, S, S)."""
    tones = _STAINS[look["stain"]]
    shade = rng.uniform(0.9, 1.06) * rng.uniform(0.96, 1.04, 3)
    picture = canvas(np.array(tones.ground) * shade, (image_size, image_size))
    cloud = np.float32(1) + np.float32(rng.uniform(0.02, 0.06)) * noise(rng, image_size, 5)
    picture *= cloud
    _paint_company(rng, picture, look["company"], tones)
    bodies = _place(rng, look)
    _paint_bodies(rng, picture, look, tones, bodies)
    return finish(rng, picture, image_size, rng.uniform(1.5, 4.0))


def _paint_company(rng: np.random.Generator, picture: Array, kind: str, tones: _Tones) -> None:
    side = picture.shape[-1]
    if kind == "leukocytes":
        for x, y in scatter(rng, (0, 0, 1.2), 0.72):
            size = float(rng.uniform(0.24, 0.30))
            away, radius = polar(side, x, y, outline(rng, size, (0.08, 0.05, 0.03)))
            blend(picture, _between(tones.ground, tones.nucleus, 0.35), soft(away - radius, 0.05))
            first = float(rng.uniform(0, 2 * np.pi))
            lobes = np.full((side, side), 9, dtype=np.float32)
            for turn in first + np.arange(int(rng.integers(2, 5))) * 1.7:
                dx, dy = toward(float(turn)) * 0.42 * size
                own = ellipse_distance(
                    side, (x + dx, y + dy), (0.42 * size, 0.3 * size), float(turn) + 1.2
                )
                np.minimum(lobes, own, out=lobes)
            blend(picture, tones.nucleus, soft(lobes, 0.03) * np.float32(0.92))
    elif kind == "erythrocytes":
        for x, y in scatter(rng, (0, 0, 1.35), float(rng.uniform(0.46, 0.56))):
            size = float(rng.uniform(0.19, 0.23))
            away, radius = polar(side, x, y, outline(rng, size, (0.04, 0.02)))
            disc = soft(away - radius, 0.03)
            hollow = np.float32(1) - np.float32(0.55) * soft(away - np.float32(0.45) * radius, 0.16)
            blend(picture, tones.disc, disc * hollow * np.float32(0.85))
    elif kind == "debris":
        strings = Stencil(side)
        for _ in range(int(rng.integers(7, 12))):
            turns = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.uniform(-0.6, 0.6, 12))
            points = rng.uniform(-1.1, 1.1, 2) + np.cumsum(0.16 * toward(turns), axis=0)
            strings.stroke(points, float(rng.uniform(0.01, 0.03)))
        dirt = soft(np.float32(0.45) - noise(rng, side, 26), 0.5)
        patch = soft(np.float32(0.1) - noise(rng, side, 4), 0.7)
        tone = _between(tones.ground, tones.nucleus, 0.55)
        blend(picture, tone, dirt * patch * np.float32(0.8))
        blend(picture, tone, strings.mask(0.01) * np.float32(0.7))


def _between(one: Color, other: Color, share: float) -> Color:
    first, second, third = ((1 - share) * a + share * b for a, b in zip(one, other, strict=True))
    return first, second, third


def _place(rng: np.random.Generator, look: Mapping[str, str]) -> list[_Body]:
    """Choose where organisms lie: groups in a jittered grid, members of a group side by side."""
    form, many = look["form"], look["number"] == "many-organisms"
    half = 0.036 if look["size"] == "small-organisms" else 0.066
    half *= {"yeasts": 1.7, "hyphae": 0.8, "spirals": 0.6, "cocci": 1.1}.get(form, 0.9)
    half *= float(rng.uniform(0.92, 1.1))
    if form == "hyphae":
        threads = int(rng.integers(8, 12) if many else rng.integers(2, 4))
        return [body for _ in range(threads) for body in _thread(rng, half, 1.1, True)]
    grouped = look["arrangement"]
    reach = half * {"cocci": 1.0, "rods": 3.2, "spirals": 9.0, "yeasts": 1.3}[form]
    spread = {"single-cells": 1.0, "pairs": 1.5, "chains": 3.2, "clusters": 2.6}[grouped]
    spacing = (2.6 if many else 5.2) * max(reach, 0.05) * spread
    spacing = float(np.clip(spacing, 0.17 if many else 0.42, 0.62 if many else 0.95))
    groups = scatter(rng, (0, 0, 1.35), spacing)
    bodies: list[_Body] = []
    for x, y in groups[np.abs(groups).max(1) < 1.1]:
        turn = float(rng.uniform(0, 2 * np.pi))
        center = np.array((x, y))
        for place in _members(rng, grouped, half, form, turn):
            bodies += _one(rng, form, half * float(rng.uniform(0.92, 1.08)), center + place, turn)
    return bodies


def _members(rng: np.random.Generator, grouped: str, half: float, form: str, turn: float) -> Points:
    """Places (n, 2) of the members of a group around its middle."""
    if grouped == "single-cells":
        return np.zeros((1, 2))
    count = {"pairs": 2, "chains": 6, "clusters": 11}[grouped]
    step = half * {"cocci": 2.15, "rods": 5.6, "yeasts": 3.0}[form]
    if grouped == "clusters":
        near = half * {"cocci": 2.0, "rods": 2.9, "yeasts": 2.6}[form]
        heap = scatter(rng, (0, 0, 1.9 * near), near)
        return heap[:count]
    turns = turn + np.cumsum(rng.uniform(-0.3, 0.3, count)) * (grouped == "chains")
    line = np.cumsum(step * toward(turns), axis=0)
    places: Points = line - line.mean(0)
    return places


def _one(
    rng: np.random.Generator, form: str, half: float, center: Points, turn: float
) -> list[_Body]:
    """The strokes of one organism."""
    way = toward(turn)
    if form == "cocci":
        return [_Body(np.stack([center, center]), half)]
    if form == "rods":
        own = toward(turn + float(rng.uniform(-0.35, 0.35))) * half * float(rng.uniform(1.6, 2.4))
        return [_Body(np.stack([center - own, center + own]), half)]
    if form == "spirals":
        along = np.linspace(-1, 1, 40)
        waves = np.sin(along * np.pi * float(rng.uniform(2.6, 3.6))) * 2.1 * half
        side = np.array((-way[1], way[0]))
        line = center + along[:, None] * way * 9 * half + waves[:, None] * side
        return [_Body(line, half)]
    body = _Body(np.stack([center - 0.4 * half * way, center + 0.4 * half * way]), half)
    if rng.random() < 0.6:
        tip = center + 1.75 * half * toward(turn + float(rng.uniform(-0.6, 0.6)))
        return [body, _Body(np.stack([tip, tip]), 0.55 * half)]
    return [body]


def _thread(
    rng: np.random.Generator, half: float, length: float, is_stem: bool, start: Points | None = None
) -> list[_Body]:
    """A winding thread, and its branches."""
    turn = float(rng.uniform(0, 2 * np.pi))
    turns = turn + np.cumsum(rng.uniform(-0.18, 0.18, 20))
    steps = np.cumsum(toward(turns) * (2 * length / 20), axis=0)
    first = rng.uniform(-0.9, 0.9, 2) if start is None else start
    line = first + (steps - steps[10] if start is None else steps)
    bodies = [_Body(line, half)]
    if is_stem:
        for at in rng.choice(np.arange(3, 17), 3, replace=False):
            bodies += _thread(rng, 0.85 * half, 0.35, False, line[at])
    return bodies


def _paint_bodies(
    rng: np.random.Generator,
    picture: Array,
    look: Mapping[str, str],
    tones: _Tones,
    bodies: list[_Body],
) -> None:
    side = picture.shape[-1]
    halos, shapes, inner, clear = (Stencil(side) for _ in range(4))
    is_pale = look["stain"] != "darkfield"
    has_spores, has_granules = look["inside"] == "spores", look["inside"] == "granules"
    for body in bodies:
        level = float(rng.uniform(0.82, 1.0))
        _stroke(shapes, body.line, body.half, level)
        if look["halo"] == "capsule":
            _stroke(halos, body.line, 1.7 * body.half + 0.012, 1.0)
        if has_spores:
            at = body.line[0] + float(rng.uniform(0.3, 0.7)) * (body.line[-1] - body.line[0])
            clear.dot(float(at[0]), float(at[1]), 0.62 * body.half)
        if has_granules:
            for at in body.line[rng.integers(0, len(body.line), 2 if len(body.line) == 2 else 7)]:
                shift = rng.uniform(-0.35, 0.35, 2) * body.half
                inner.dot(float(at[0] + shift[0]), float(at[1] + shift[1]), 0.5 * body.half)
    x, y = grid(side)
    focus = np.float32(1) - np.float32(rng.uniform(0, 0.15)) * length_of(x, y)
    blend(picture, tones.halo, halos.mask(0.012) * np.float32(0.9))
    body_tone = np.array(tones.body, dtype=np.float32) * rng.uniform(0.9, 1.08)
    blend(picture, body_tone, shapes.mask(0.006) * focus)
    if has_granules:
        dark = _between(tones.body, (0, 0, 40), 0.7) if is_pale else (255, 255, 255)
        blend(picture, dark, inner.mask(0.004))
    if has_spores:
        blend(picture, tones.halo if is_pale else (20, 24, 24), clear.mask(0.004))


def _stroke(stencil: Stencil, line: Points, half: float, level: float) -> None:
    """A line with round ends."""
    if not np.allclose(line[0], line[-1]) or len(line) > 2:
        stencil.stroke(line, 2 * half, level)
    stencil.dots(line[[0, -1]], half, half, level)

"""Drawn optical coherence scans of the retina: how each value of each attribute is painted.

In: a look, which maps attribute to value (`words.RETINA`). Out: a picture. Everything else (place, tilt, curvature,
scale, side of the findings, contrast, speckle, shadows of vessels, borders of the scan, false colors) is left to chance.

`layers` lays out and paints the layers, bent and lifted as the look demands; here come what fills the room between them,
what lies in them and on them, and what the machine adds.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from sgps.drawings.brushes import Array, Stencil, canvas, finish, grid, noise, soft
from sgps.drawings.retina.layers import Eye, bump, new_eye, paint_choroid, paint_layers, wave

_RAMPS = (
    ((0, 0, 0), (20, 30, 150), (20, 150, 110), (220, 210, 40), (230, 60, 30), (255, 255, 255)),
    ((0, 0, 20), (0, 60, 140), (30, 180, 190), (150, 220, 90), (255, 220, 60), (255, 90, 40)),
    ((8, 4, 0), (70, 38, 10), (140, 84, 30), (205, 146, 70), (245, 206, 140), (255, 246, 226)),
)
"""False colors, from dark to bright."""


def draw_retina(
    rng: np.random.Generator, look: Mapping[str, str], image_size: int
) -> NDArray[np.uint8]:
    """Draw one scan of a retina of the given look, uint8 (3, S, S)."""
    picture = canvas((0,), (image_size, image_size))
    eye = new_eye(rng, picture[0], look)
    paint_layers(rng, eye, look["layering"])
    _paint_porous(rng, eye, look["intraretinal"])
    _paint_cysts(rng, eye, look)
    _paint_below_retina(rng, eye, look)
    paint_choroid(rng, eye, look["choroid"])
    _paint_epithelium(rng, eye, look["epithelium"], look["choroid"])
    if look["fovea"] == "macular-hole":
        _paint_hole(rng, eye)
    _paint_vessels(rng, eye)
    if look["foci"] != "no-foci":
        paint_spots = _paint_dots if look["foci"] == "bright-foci" else _paint_exudates
        paint_spots(rng, eye, look["fovea"] == "macular-hole")
    _paint_membrane(rng, eye, look["membrane"], look["fovea"])
    _speckle(rng, eye)
    _paint_borders(rng, eye)
    return _develop(rng, picture, image_size)


def _paint_porous(rng: np.random.Generator, eye: Eye, kind: str) -> None:
    """Swell the middle of the retina into a sponge: many small dim pores in a haze that blurs the layers."""
    if kind != "sponge-swelling":
        return
    where = eye.between(eye.edges["ganglion"] + np.float32(0.03), eye.edges["segments"], 0.05)
    where *= bump(eye.x, eye.fovea, 1.3, 4)
    eye.paint(np.float32(88) + 20 * noise(rng, eye.side, 8), where * np.float32(0.85))
    pores = soft(np.float32(0.05) - noise(rng, eye.side, int(rng.integers(40, 50))), 0.8)
    eye.paint(eye.dark + 4, pores * where * np.float32(0.85))


def _paint_cysts(rng: np.random.Generator, eye: Eye, look: Mapping[str, str]) -> None:
    """Paint round dark holes side by side, the largest next to the fovea."""
    if look["intraretinal"] != "round-cysts":
        return
    upper, lower = eye.edges["ganglion"], eye.edges["segments"]
    if look["layering"] == "outer-layer-loss":
        lower = eye.base
    cysts = Stencil(eye.side)
    column = eye.fovea - float(rng.uniform(0.58, 0.7))
    while column < eye.fovea + 0.66:
        high, low = (eye.level(curve, column) for curve in (upper, lower))
        near = 1 - 0.5 * abs(column - eye.fovea) / 0.7
        wide = float(rng.uniform(0.055, 0.115)) * near * eye.scale
        tall = max(min(wide * float(rng.uniform(0.9, 1.7)), 0.42 * (low - high)), 0.015)
        row = high + (low - high) * float(rng.uniform(0.45, 0.62))
        cysts.dot(column, row, wide, tall)
        if tall < 0.3 * (low - high):
            far = row + (low - row) * 0.5 if rng.random() < 0.5 else high + (row - high) * 0.3
            cysts.dot(column + float(rng.uniform(-0.03, 0.03)), far, 0.5 * wide, 0.4 * tall)
        column += wide * 1.7 + 0.03
    eye.paint(eye.dark, cysts.mask(0.008) * np.float32(0.94))


def _paint_below_retina(rng: np.random.Generator, eye: Eye, look: Mapping[str, str]) -> None:
    """Fill the room between retina, pigment epithelium and the membrane below."""
    line = np.float32(0.05 * eye.scale)
    eye.paint(86, eye.below(eye.base))
    if look["subretinal"] == "subretinal-dome":
        eye.paint(eye.dark, eye.between(eye.base, eye.epithelium - line))
    elif look["subretinal"] == "subretinal-material":
        gray = np.float32(rng.uniform(186, 212)) + 20 * noise(rng, eye.side, 16)
        edge = np.float32(0.02) * wave(rng, eye.x, 9)
        eye.paint(gray, eye.between(eye.base + edge, eye.epithelium, 0.04))
    fill = 120.0 if look["epithelium"] != "dome-detachment" else eye.dark + rng.uniform(8, 56)
    eye.paint(fill, eye.between(eye.epithelium, eye.bruch))


def _paint_epithelium(rng: np.random.Generator, eye: Eye, kind: str, choroid: str) -> None:
    bright = float(rng.uniform(218, 246))
    lifted = eye.between(eye.epithelium, eye.bruch)
    if kind == "dome-detachment":
        line = eye.between(eye.bruch - np.float32(0.012), eye.bruch + np.float32(0.012))
        eye.paint(150, line * soft(eye.epithelium + np.float32(0.05) - eye.bruch, 0.04))
    elif kind == "drusen":
        eye.paint(float(rng.uniform(112, 150)), lifted)
    thin = np.full_like(eye.x, 0.052 * eye.scale * rng.uniform(0.85, 1.15))
    if choroid == "bright-transmission":
        thin *= 0.72
    whole = np.ones_like(eye.x)
    if kind == "irregular-epithelium":
        eye.paint(float(rng.uniform(150, 176)), lifted)
        thin *= 1.3 + 0.75 * wave(rng, eye.x, 8)
        whole = soft(wave(rng, eye.x, 6) - np.float32(0.32), 0.3)
    upper = eye.epithelium - np.maximum(thin, 0.02).astype(np.float32)
    eye.paint(bright, eye.between(upper, eye.epithelium) * whole)


def _paint_hole(rng: np.random.Generator, eye: Eye) -> None:
    """Cut the retina open at the fovea, wide at the top, narrow in the middle."""
    surface, base = eye.surface, eye.base + np.float32(0.01)
    share = np.clip((eye.y - surface) / (base - surface), 0, 1)
    half = np.float32(rng.uniform(0.10, 0.16) * eye.scale)
    flare = 1 + np.float32(1.3) * (1 - share) ** 6 + np.float32(0.5) * share**4
    apart = np.abs(eye.x - np.float32(eye.fovea)) - half * flare
    eye.paint(eye.dark, soft(apart, 0.04) * soft(eye.y - base, 0.024))
    if rng.random() < 0.3:  # the lid that was torn out
        lid = Stencil(eye.side)
        row = float(surface.min()) - float(rng.uniform(0.06, 0.14))
        lid.dot(eye.fovea + float(rng.uniform(-0.06, 0.06)), row, 0.07, 0.02)
        eye.paint(120, lid.mask(0.012))


def _paint_vessels(rng: np.random.Generator, eye: Eye) -> None:
    """Darken streaks below the vessels at the surface."""
    lit = np.ones_like(eye.x)
    for _ in range(int(rng.integers(1, 6))):
        way = float(rng.choice((-1, 1)) * rng.uniform(0.34, 1.0))
        width = float(rng.uniform(0.012, 0.034))
        streak = soft(np.abs(eye.x - np.float32(eye.fovea + way)) - np.float32(width), 0.03)
        lit *= 1 - np.float32(rng.uniform(0.2, 0.5)) * streak
    lit *= 1 + np.float32(0.07) * wave(rng, eye.x, 3)
    eye.plane *= 1 - (1 - lit) * eye.below(eye.edges["ganglion"], 0.06)


def _paint_dots(rng: np.random.Generator, eye: Eye, hole: bool) -> None:
    """Strew small bright dots over the retina."""
    away = rng.uniform(0.3 if hole else 0.0, 0.85, int(rng.integers(22, 34)))
    columns = np.clip(eye.fovea + away * rng.choice((-1, 1), len(away)), -0.97, 0.97)
    upper, lower = eye.height(eye.edges["ganglion"], columns), eye.height(eye.base, columns)
    rows = upper + (lower - upper) * rng.uniform(0.1, 0.9, len(columns))
    size = rng.uniform(0.014, 0.027, len(columns))
    dots = Stencil(eye.side)
    dots.dots(np.stack([columns, rows], 1), size, size)
    eye.paint(252, dots.mask())


def _paint_exudates(rng: np.random.Generator, eye: Eye, hole: bool) -> None:
    """Paint bright clumps, and the shadow below each."""
    clumps, lit = Stencil(eye.side), np.ones_like(eye.plane)
    count = int(rng.integers(3, 5 if hole else 6))
    away = int(rng.choice((-1, 1))) * np.array((0.34, -0.34, 0.6, -0.7, 0.06))[:count]
    for column in eye.fovea + away + rng.uniform(-0.08, 0.08, count):
        upper, lower = (eye.level(curve, column) for curve in (eye.edges["nuclear"], eye.base))
        row = upper + (lower - upper) * float(rng.uniform(0.2, 0.6))
        size = float(rng.uniform(0.04, 0.075)) * eye.scale
        for _ in range(5):
            dx, dy = rng.uniform(-0.8, 0.8, 2) * size
            clumps.dot(column + dx, row + 0.55 * dy, 0.55 * size, 0.42 * size)
        across = soft(np.abs(eye.x - np.float32(column)) - np.float32(size), 0.06)
        dim = np.float32(rng.uniform(0.5, 0.72))
        lit *= 1 - dim * across * soft(np.float32(row) - eye.y, 0.04)
    eye.plane *= lit
    eye.paint(250, clumps.mask(0.008) * np.float32(0.95))


def _paint_membrane(rng: np.random.Generator, eye: Eye, kind: str, fovea: str) -> None:
    """Paint what lies on the retina or hovers above it, and the strands that pull at the fovea."""
    away = np.abs(eye.x - np.float32(eye.fovea))
    if kind == "epiretinal-membrane":
        top = eye.cover - np.float32(0.022) + np.float32(0.008) * wave(rng, eye.x, 3)
        spans = soft(np.float32(0.2) - away, 0.02) if fovea == "macular-hole" else np.float32(1)
        eye.paint(244, eye.between(top, top + np.float32(0.038)) * spans)
    hovers, pulled = kind == "detached-hyaloid", fovea == "pulled-fovea"
    if not (hovers or pulled):
        return
    peak = eye.level(eye.cover, eye.fovea)
    level = _hyaloid(rng, eye, 1.0 if pulled else 0.8)
    if pulled:  # the line comes down to the peak
        join = np.exp(-away / np.float32(rng.uniform(0.2, 0.32)))
        level = level + (np.float32(peak) - level) * join
    reach = 3.0 if hovers else float(rng.uniform(0.5, 0.72))
    shown = away < reach
    line = Stencil(eye.side)
    line.stroke(np.stack([eye.x, level], 1)[shown], 0.022)
    eye.paint(float(rng.uniform(140, 185)), line.mask(0.004) * np.float32(0.9))


def _hyaloid(rng: np.random.Generator, eye: Eye, share: float) -> Array:
    """Height of the border of the vitreous where it has come off: a slow curve above this share of the retina."""
    over = np.quantile(eye.bruch - eye.cover, share) + rng.uniform(0.13, 0.22)
    level = eye.bruch - np.float32(over) + np.float32(0.02) * wave(rng, eye.x, 2)
    level = level - np.float32(rng.uniform(-0.02, 0.1)) * eye.x * eye.x
    clear = eye.cover - np.float32(0.07)
    lower = np.maximum(np.minimum(level, clear), -0.95)
    kernel = np.hanning(2 * (eye.side // 8) + 3)[1:-1]
    wide = np.pad(lower, len(kernel) // 2, mode="edge")
    smooth = np.convolve(wide, kernel / kernel.sum(), mode="valid").astype(np.float32)
    hyaloid: Array = np.minimum(smooth, clear)
    return hyaloid


def _speckle(rng: np.random.Generator, eye: Eye) -> None:
    """Add the grain of the echoes, longer across than down, and stronger where it is bright."""
    side, plane = eye.side, eye.plane
    fine = noise(rng, side, 120)
    step = max(1, round(side / 100))
    fine = (fine + np.roll(fine, step, axis=1)) * np.float32(0.7)
    amount = np.float32(rng.uniform(0.05, 0.19))
    grain = fine + np.float32(0.6) * noise(rng, side, 64)
    plane *= 1 + amount * grain
    plane += np.float32(rng.uniform(1, 10)) * grain
    contrast = np.float32(rng.uniform(0.88, 1.14))
    plane *= contrast
    plane += np.float32(rng.uniform(-6, 14))
    np.clip(plane, 0, 255, out=plane)


def _paint_borders(rng: np.random.Generator, eye: Eye) -> None:
    """Leave edges blank where the scan was turned or moved to fit the others."""
    x, y = grid(eye.side)
    chance = rng.random()
    if chance < 0.30:
        white, slope = rng.random() < 0.6, float(rng.uniform(0.04, 0.22)) * int(rng.choice((-1, 1)))
        gray, ends = (252.0 if white else 2.0), rng.uniform(0.80, 1.0, 2)
        for sign, end in zip((-1, 1), ends, strict=True):
            edge = np.float32(end) - np.float32(sign) * y - np.float32(slope * sign) * x
            if sign == 1 or rng.random() < 0.6:
                eye.paint(gray, soft(edge, 0.012))
    elif chance < 0.42:
        edge = np.float32(rng.uniform(0.86, 0.97)) - np.float32(rng.choice((-1, 1))) * x
        eye.paint(2, soft(edge, 0.015))
    if rng.random() < 0.10:
        bars = Stencil(eye.side)
        left, low = float(rng.uniform(-0.92, -0.8)), float(rng.uniform(0.84, 0.92))
        bars.stroke(np.array([(left, low - 0.12), (left, low), (left + 0.12, low)]), 0.016)
        eye.paint(240, bars.mask())


def _develop(rng: np.random.Generator, picture: Array, image_size: int) -> NDArray[np.uint8]:
    """Show the scan in gray, sometimes inverted or in false colors."""
    chance, ramp = rng.random(), int(rng.integers(len(_RAMPS)))
    grain = float(rng.uniform(1.0, 6.0))
    if chance < 0.03:
        np.subtract(255, picture, out=picture)
    elif chance < 0.09:
        stops = np.linspace(0, 255, len(_RAMPS[ramp]))
        tones = np.asarray(_RAMPS[ramp], dtype=np.float32).T
        picture = np.stack([np.interp(picture[0], stops, tone) for tone in tones])
        picture = picture.astype(np.float32)
    return finish(rng, picture, image_size, grain)

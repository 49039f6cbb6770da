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
from sgps.drawings.retina.layers import Scan, bump, new_scan, paint_choroid, paint_layers, wave

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
    scan = new_scan(rng, picture[0], look)
    paint_layers(rng, scan, look["layering"])
    _paint_porous(rng, scan, look["intraretinal"])
    _paint_cysts(rng, scan, look)
    _paint_below_retina(rng, scan, look)
    paint_choroid(rng, scan, look["choroid"])
    _paint_epithelium(rng, scan, look["epithelium"], look["choroid"])
    if look["fovea"] == "macular-hole":
        _paint_hole(rng, scan)
    _paint_vessels(rng, scan)
    if look["foci"] != "no-foci":
        paint_spots = _paint_dots if look["foci"] == "bright-foci" else _paint_exudates
        paint_spots(rng, scan, look["fovea"] == "macular-hole")
    _paint_membrane(rng, scan, look["membrane"], look["fovea"])
    _speckle(rng, scan)
    _paint_borders(rng, scan)
    return _develop(rng, picture, image_size)


def _paint_porous(rng: np.random.Generator, scan: Scan, kind: str) -> None:
    """Swell the middle of the retina into a sponge: many small dim pores in a haze that blurs the layers."""
    if kind != "sponge-swelling":
        return
    where = scan.between(scan.edges["ganglion"] + np.float32(0.03), scan.edges["segments"], 0.05)
    where *= bump(scan.x, scan.fovea, 1.3, 4)
    scan.paint(np.float32(88) + 20 * noise(rng, scan.side, 8), where * np.float32(0.85))
    pores = soft(np.float32(0.05) - noise(rng, scan.side, int(rng.integers(40, 50))), 0.8)
    scan.paint(scan.dark + 4, pores * where * np.float32(0.85))


def _paint_cysts(rng: np.random.Generator, scan: Scan, look: Mapping[str, str]) -> None:
    """Paint round dark holes side by side, the largest next to the fovea."""
    if look["intraretinal"] != "round-cysts":
        return
    upper, lower = scan.edges["ganglion"], scan.edges["segments"]
    if look["layering"] == "outer-layer-loss":
        lower = scan.base
    cysts = Stencil(scan.side)
    column = scan.fovea - float(rng.uniform(0.58, 0.7))
    while column < scan.fovea + 0.66:
        high, low = (scan.level(curve, column) for curve in (upper, lower))
        near = 1 - 0.5 * abs(column - scan.fovea) / 0.7
        wide = float(rng.uniform(0.055, 0.115)) * near * scan.scale
        tall = max(min(wide * float(rng.uniform(0.9, 1.7)), 0.42 * (low - high)), 0.015)
        row = high + (low - high) * float(rng.uniform(0.45, 0.62))
        cysts.dot(column, row, wide, tall)
        if tall < 0.3 * (low - high):
            far = row + (low - row) * 0.5 if rng.random() < 0.5 else high + (row - high) * 0.3
            cysts.dot(column + float(rng.uniform(-0.03, 0.03)), far, 0.5 * wide, 0.4 * tall)
        column += wide * 1.7 + 0.03
    scan.paint(scan.dark, cysts.mask(0.008) * np.float32(0.94))


def _paint_below_retina(rng: np.random.Generator, scan: Scan, look: Mapping[str, str]) -> None:
    """Fill the room between retina, pigment epithelium and the membrane below."""
    line = np.float32(0.05 * scan.scale)
    scan.paint(86, scan.below(scan.base))
    if look["subretinal"] == "subretinal-dome":
        scan.paint(scan.dark, scan.between(scan.base, scan.epithelium - line))
    elif look["subretinal"] == "subretinal-material":
        gray = np.float32(rng.uniform(186, 212)) + 20 * noise(rng, scan.side, 16)
        edge = np.float32(0.02) * wave(rng, scan.x, 9)
        scan.paint(gray, scan.between(scan.base + edge, scan.epithelium, 0.04))
    fill = 120.0 if look["epithelium"] != "dome-detachment" else scan.dark + rng.uniform(8, 56)
    scan.paint(fill, scan.between(scan.epithelium, scan.bruch))


def _paint_epithelium(rng: np.random.Generator, scan: Scan, kind: str, choroid: str) -> None:
    bright = float(rng.uniform(218, 246))
    lifted = scan.between(scan.epithelium, scan.bruch)
    if kind == "dome-detachment":
        line = scan.between(scan.bruch - np.float32(0.012), scan.bruch + np.float32(0.012))
        scan.paint(150, line * soft(scan.epithelium + np.float32(0.05) - scan.bruch, 0.04))
    elif kind == "drusen":
        scan.paint(float(rng.uniform(112, 150)), lifted)
    thin = np.full_like(scan.x, 0.052 * scan.scale * rng.uniform(0.85, 1.15))
    if choroid == "bright-transmission":
        thin *= 0.72
    whole = np.ones_like(scan.x)
    if kind == "irregular-epithelium":
        scan.paint(float(rng.uniform(150, 176)), lifted)
        thin *= 1.3 + 0.75 * wave(rng, scan.x, 8)
        whole = soft(wave(rng, scan.x, 6) - np.float32(0.32), 0.3)
    upper = scan.epithelium - np.maximum(thin, 0.02).astype(np.float32)
    scan.paint(bright, scan.between(upper, scan.epithelium) * whole)


def _paint_hole(rng: np.random.Generator, scan: Scan) -> None:
    """Cut the retina open at the fovea, wide at the top, narrow in the middle."""
    surface, base = scan.surface, scan.base + np.float32(0.01)
    share = np.clip((scan.y - surface) / (base - surface), 0, 1)
    half = np.float32(rng.uniform(0.10, 0.16) * scan.scale)
    flare = 1 + np.float32(1.3) * (1 - share) ** 6 + np.float32(0.5) * share**4
    apart = np.abs(scan.x - np.float32(scan.fovea)) - half * flare
    scan.paint(scan.dark, soft(apart, 0.04) * soft(scan.y - base, 0.024))
    if rng.random() < 0.3:  # the lid that was torn out
        lid = Stencil(scan.side)
        row = float(surface.min()) - float(rng.uniform(0.06, 0.14))
        lid.dot(scan.fovea + float(rng.uniform(-0.06, 0.06)), row, 0.07, 0.02)
        scan.paint(120, lid.mask(0.012))


def _paint_vessels(rng: np.random.Generator, scan: Scan) -> None:
    """Darken streaks below the vessels at the surface."""
    lit = np.ones_like(scan.x)
    for _ in range(int(rng.integers(1, 6))):
        way = float(rng.choice((-1, 1)) * rng.uniform(0.34, 1.0))
        width = float(rng.uniform(0.012, 0.034))
        streak = soft(np.abs(scan.x - np.float32(scan.fovea + way)) - np.float32(width), 0.03)
        lit *= 1 - np.float32(rng.uniform(0.2, 0.5)) * streak
    lit *= 1 + np.float32(0.07) * wave(rng, scan.x, 3)
    scan.plane *= 1 - (1 - lit) * scan.below(scan.edges["ganglion"], 0.06)


def _paint_dots(rng: np.random.Generator, scan: Scan, hole: bool) -> None:
    """Strew small bright dots over the retina."""
    away = rng.uniform(0.3 if hole else 0.0, 0.85, int(rng.integers(22, 34)))
    columns = np.clip(scan.fovea + away * rng.choice((-1, 1), len(away)), -0.97, 0.97)
    upper, lower = scan.height(scan.edges["ganglion"], columns), scan.height(scan.base, columns)
    rows = upper + (lower - upper) * rng.uniform(0.1, 0.9, len(columns))
    size = rng.uniform(0.014, 0.027, len(columns))
    dots = Stencil(scan.side)
    dots.dots(np.stack([columns, rows], 1), size, size)
    scan.paint(252, dots.mask())


def _paint_exudates(rng: np.random.Generator, scan: Scan, hole: bool) -> None:
    """Paint bright clumps, and the shadow below each."""
    clumps, lit = Stencil(scan.side), np.ones_like(scan.plane)
    count = int(rng.integers(3, 5 if hole else 6))
    away = int(rng.choice((-1, 1))) * np.array((0.34, -0.34, 0.6, -0.7, 0.06))[:count]
    for column in scan.fovea + away + rng.uniform(-0.08, 0.08, count):
        upper, lower = (scan.level(curve, column) for curve in (scan.edges["nuclear"], scan.base))
        row = upper + (lower - upper) * float(rng.uniform(0.2, 0.6))
        size = float(rng.uniform(0.04, 0.075)) * scan.scale
        for _ in range(5):
            dx, dy = rng.uniform(-0.8, 0.8, 2) * size
            clumps.dot(column + dx, row + 0.55 * dy, 0.55 * size, 0.42 * size)
        across = soft(np.abs(scan.x - np.float32(column)) - np.float32(size), 0.06)
        dim = np.float32(rng.uniform(0.5, 0.72))
        lit *= 1 - dim * across * soft(np.float32(row) - scan.y, 0.04)
    scan.plane *= lit
    scan.paint(250, clumps.mask(0.008) * np.float32(0.95))


def _paint_membrane(rng: np.random.Generator, scan: Scan, kind: str, fovea: str) -> None:
    """Paint what lies on the retina or hovers above it, and the strands that pull at the fovea."""
    away = np.abs(scan.x - np.float32(scan.fovea))
    if kind == "epiretinal-membrane":
        top = scan.cover - np.float32(0.022) + np.float32(0.008) * wave(rng, scan.x, 3)
        spans = soft(np.float32(0.2) - away, 0.02) if fovea == "macular-hole" else np.float32(1)
        scan.paint(244, scan.between(top, top + np.float32(0.038)) * spans)
    hovers, pulled = kind == "detached-hyaloid", fovea == "pulled-fovea"
    if not (hovers or pulled):
        return
    peak = scan.level(scan.cover, scan.fovea)
    level = _hyaloid(rng, scan, 1.0 if pulled else 0.8)
    if pulled:  # the line comes down to the peak
        join = np.exp(-away / np.float32(rng.uniform(0.2, 0.32)))
        level = level + (np.float32(peak) - level) * join
    reach = 3.0 if hovers else float(rng.uniform(0.5, 0.72))
    shown = away < reach
    line = Stencil(scan.side)
    line.stroke(np.stack([scan.x, level], 1)[shown], 0.022)
    scan.paint(float(rng.uniform(140, 185)), line.mask(0.004) * np.float32(0.9))


def _hyaloid(rng: np.random.Generator, scan: Scan, share: float) -> Array:
    """Height of the border of the vitreous where it has come off: a slow curve above this share of the retina."""
    over = np.quantile(scan.bruch - scan.cover, share) + rng.uniform(0.13, 0.22)
    level = scan.bruch - np.float32(over) + np.float32(0.02) * wave(rng, scan.x, 2)
    level = level - np.float32(rng.uniform(-0.02, 0.1)) * scan.x * scan.x
    clear = scan.cover - np.float32(0.07)
    lower = np.maximum(np.minimum(level, clear), -0.95)
    kernel = np.hanning(2 * (scan.side // 8) + 3)[1:-1]
    wide = np.pad(lower, len(kernel) // 2, mode="edge")
    smooth = np.convolve(wide, kernel / kernel.sum(), mode="valid").astype(np.float32)
    hyaloid: Array = np.minimum(smooth, clear)
    return hyaloid


def _speckle(rng: np.random.Generator, scan: Scan) -> None:
    """Add the grain of the echoes, longer across than down, and stronger where it is bright."""
    side, plane = scan.side, scan.plane
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


def _paint_borders(rng: np.random.Generator, scan: Scan) -> None:
    """Leave edges blank where the scan was turned or moved to fit the others."""
    x, y = grid(scan.side)
    chance = rng.random()
    if chance < 0.30:
        white, slope = rng.random() < 0.6, float(rng.uniform(0.04, 0.22)) * int(rng.choice((-1, 1)))
        gray, ends = (252.0 if white else 2.0), rng.uniform(0.80, 1.0, 2)
        for sign, end in zip((-1, 1), ends, strict=True):
            edge = np.float32(end) - np.float32(sign) * y - np.float32(slope * sign) * x
            if sign == 1 or rng.random() < 0.6:
                scan.paint(gray, soft(edge, 0.012))
    elif chance < 0.42:
        edge = np.float32(rng.uniform(0.86, 0.97)) - np.float32(rng.choice((-1, 1))) * x
        scan.paint(2, soft(edge, 0.015))
    if rng.random() < 0.10:
        bars = Stencil(scan.side)
        left, low = float(rng.uniform(-0.92, -0.8)), float(rng.uniform(0.84, 0.92))
        bars.stroke(np.array([(left, low - 0.12), (left, low), (left + 0.12, low)]), 0.016)
        scan.paint(240, bars.mask())


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

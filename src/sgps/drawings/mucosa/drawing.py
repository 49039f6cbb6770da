"""Drawn views from endoscopy of hollow organs: how each value of each attribute is painted.

In: a look, which maps attribute to value (`words.MUCOSA`). Out: a picture. Everything else (shape of the scope's frame,
place of things, folds, lamps, glints, exposure, color cast, focus) is left to chance.

The bare organ comes from `lumens`, what has grown in it from `growths`. Texture and vessels are laid on it, then dye, what is
missing, what has grown, and last what covers it all; every finding looks for a place of its own. Light is cast on the heights
of all that at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from sgps.drawings.brushes import (
    Array,
    Color,
    Stencil,
    Winding,
    blend_gray,
    canvas,
    draw_vessel,
    finish,
    grid,
    length_of,
    mesh,
    noise,
    outline,
    polar,
    soft,
    toward,
)
from sgps.drawings.mucosa.growths import GROWTHS, SIZES
from sgps.drawings.mucosa.lumens import View, expose, frame, new_view, shine

_FINE = Winding(steps=7, turn=0.55, fork=0.8, width=0.72, length=0.78)
_SNAKING = Winding(steps=9, turn=1.0, fork=1.0, width=0.48, length=0.6)
_TUFT = Winding(steps=5, turn=1.0, fork=1.1, width=0.75, length=0.7)


def draw_mucosa(
    rng: np.random.Generator, look: Mapping[str, str], image_size: int
) -> NDArray[np.uint8]:
    """Draw one endoscopic view of the given look, uint8 (3, S, S)."""
    view = new_view(rng, image_size, look["landmark"], look["color"])
    _RELIEFS[look["relief"]](rng, view)
    _VESSELS[look["vessels"]](rng, view)
    growth = GROWTHS.get(look["growth"])
    if growth:
        view.focus = view.place(rng, float(rng.uniform(*SIZES[look["growth"]])))
    if look["dye"] == "dyed-lift":
        _paint_lift(rng, view)
    elif look["dye"] == "dyed-resection":
        _paint_resection(rng, view)
    if look["defect"] in _DEFECTS:
        _DEFECTS[look["defect"]](rng, view)
    if growth and view.focus:
        growth(rng, view, view.focus)
    cover = _CONTENTS.get(look["content"])
    if cover:
        cover(rng, view)
    shine(rng, view)
    expose(rng, view.picture)
    frame(rng, view.picture)
    return finish(rng, view.picture, image_size, rng.uniform(1.0, 3.5))


def _smooth(rng: np.random.Generator, view: View) -> None:
    np.maximum(view.gloss, np.float32(0.75) * (view.gloss > 0.3), out=view.gloss)
    view.height += np.float32(0.012) * noise(rng, view.side, 6)


def _cobblestone(rng: np.random.Generator, view: View) -> None:
    cells = float(rng.uniform(9, 14))
    near, wall = mesh(rng, view.side, cells)
    near += np.float32(0.06) * noise(rng, view.side, 20)
    cleft = soft(wall - np.float32(0.08), 0.36)
    dome = soft(near - np.float32(0.42), 1.0)
    view.height += np.float32(0.75 / cells) * dome
    view.picture *= 1 - cleft * np.array((0.12, 0.24, 0.22), np.float32)[:, None, None]
    view.paint(view.mixed((255, 232, 214), 0.5), soft(near - np.float32(0.18), 0.4) * 0.4)


def _villous(rng: np.random.Generator, view: View) -> None:
    x, y = grid(view.side)
    turn, close = float(rng.uniform(0, np.pi)), float(rng.uniform(58, 74))
    c, s = np.float32(close * np.cos(turn)), np.float32(close * np.sin(turn))
    warp = np.float32(2.4) * noise(rng, view.side, 13)
    across = np.sin(c * x + s * y + warp)
    along = np.sin(np.float32(0.75) * (c * y - s * x) + np.float32(2.4) * noise(rng, view.side, 14))
    fingers = across * np.float32(0.6) + along * np.float32(0.5)
    fingers += np.float32(0.7) * noise(rng, view.side, 42)
    patch = np.float32(0.85) + np.float32(0.25) * noise(rng, view.side, 6)
    gap = soft(fingers + np.float32(0.3), 2.0) * patch
    view.picture *= 1 - gap * np.array((0.26, 0.46, 0.44), np.float32)[:, None, None]
    tip = soft(np.float32(0.3) - fingers, 2.0) * patch
    view.paint(view.mixed((255, 240, 224), 0.6), tip * np.float32(0.6))
    view.height += np.float32(0.004) * tip
    view.gloss *= np.float32(0.35)


_RELIEFS: dict[str, Callable[[np.random.Generator, View], None]] = {
    "smooth": _smooth,
    "cobblestone": _cobblestone,
    "villous": _villous,
}


def _visible(rng: np.random.Generator, view: View) -> None:
    lines = Stencil(view.side)
    for start in rng.uniform(-0.95, 0.95, (int(rng.integers(9, 13)), 2)):
        width = float(rng.uniform(0.019, 0.0255))
        draw_vessel(rng, lines, start, rng.uniform(0, 2 * np.pi), width, 0.42, _FINE)
    tone = view.tone * np.array((0.70, 0.34, 0.36), np.float32)
    view.paint(tone, lines.mask(0.004) * np.float32(rng.uniform(0.75, 0.95)))


def _lost(rng: np.random.Generator, view: View) -> None:
    """Swelling hides the vessels: only faint blotches are left."""
    blotch = np.float32(0.05) * noise(rng, view.side, 8)
    view.picture *= 1 + blotch * np.array((0.3, 1, 1), np.float32)[:, None, None]


def _dilated(rng: np.random.Generator, view: View) -> None:
    dark: Color = ((92, 34, 70), (84, 40, 96), (112, 14, 30))[rng.integers(3)]
    cords, tufts = Stencil(view.side), Stencil(view.side)
    t = np.linspace(-1, 1, 24)[:, None]
    heading = rng.uniform(0, np.pi)
    for x, y in rng.uniform(-0.6, 0.6, (int(rng.integers(3, 6)), 2)):
        way = toward(heading + rng.normal(0, 0.5))
        swing = np.sin(rng.uniform(4, 8) * t + rng.uniform(0, 6)) + 0.5 * np.sin(11 * t + x)
        path = np.array((x, y)) + rng.uniform(0.5, 0.8) * t * way
        path += rng.uniform(0.06, 0.10) * swing * (-way[1], way[0])
        cords.stroke(path, float(rng.uniform(0.05, 0.09)))
    for x, y in rng.uniform(-0.7, 0.7, (int(rng.integers(1, 3)), 2)):
        for angle in np.linspace(0, 2 * np.pi, 6, endpoint=False):
            draw_vessel(rng, tufts, np.array((x, y)), angle, 0.018, 0.14, _TUFT)
    view.paint((176, 6, 22), tufts.mask(0.004) * np.float32(0.85))
    mask = cords.mask(0.012)
    view.paint(dark, mask * np.float32(0.85))
    view.height += np.float32(0.045) * cords.mask(0.03)


_VESSELS: dict[str, Callable[[np.random.Generator, View], None]] = {
    "visible-vessels": _visible,
    "lost-vessels": _lost,
    "dilated-vessels": _dilated,
}


def _paint_lift(rng: np.random.Generator, view: View) -> None:
    """Cushion of blue fluid under the lining, and under the growth if there is one."""
    x, y, radius = view.focus or view.place(rng, float(rng.uniform(0.34, 0.44)))
    wide = float(np.clip(1.5 * radius, 0.42, 0.70)) if view.focus else radius * 1.15
    rho, edge = polar(view.side, x, y, outline(rng, wide, (0.07, 0.06, 0.05), 1.2))
    away = rho - edge + np.float32(0.05) * noise(rng, view.side, 7)
    blue: Color = ((46, 104, 160), (58, 122, 158), (52, 86, 150))[rng.integers(3)]
    patch = np.float32(0.80) + np.float32(0.14) * noise(rng, view.side, 7)
    view.paint(blue, soft(away, 0.16) * patch)
    share = np.minimum(rho / edge, 1)
    view.height += np.float32(0.30 * wide) * (1 - share * share)


def _paint_resection(rng: np.random.Generator, view: View) -> None:
    """Cut bed, pale and fibrous, in a ring of dye."""
    x, y, radius = view.place(rng, float(rng.uniform(0.28, 0.38)))
    rho, edge = polar(view.side, x, y, outline(rng, radius, (0.12, 0.08, 0.06), 1.25))
    away = rho - edge + np.float32(0.025) * noise(rng, view.side, 12)
    blue: Color = ((44, 92, 156), (58, 118, 160), (50, 78, 146))[rng.integers(3)]
    ring = np.float32(0.12) + np.float32(0.06) * noise(rng, view.side, 5)
    patch = np.float32(0.85) + np.float32(0.10) * noise(rng, view.side, 9)
    view.paint(blue, soft(away - ring, 0.12) * patch)
    bed = canvas(((232, 196, 184), (222, 178, 168), (226, 206, 204))[rng.integers(3)], away.shape)
    fibers = noise(rng, view.side, 16) + np.float32(0.7) * noise(rng, view.side, 34)
    bed *= 1 + np.float32(0.07) * fibers
    mask = soft(away + np.float32(0.02), 0.05)
    view.paint(bed, mask * np.float32(0.95))
    spots = soft(np.float32(1.0) - noise(rng, view.side, 14), 0.3) * mask
    view.paint((168, 20, 24), spots * np.float32(0.85))
    view.height *= 1 - np.float32(0.8) * soft(away, 0.2)
    view.height -= np.float32(0.04) * mask


def _erosions(rng: np.random.Generator, view: View) -> None:
    halos, bases = Stencil(view.side), Stencil(view.side)
    spots = [view.place(rng, 0.10, 0.95) for _ in range(int(rng.integers(6, 10)))]
    for x, y, _ in spots:
        size = float(rng.uniform(0.036, 0.056))
        for dx, dy in rng.normal(0, 0.5 * size, (3, 2)):
            halos.dot(x + dx, y + dy, 1.8 * size)
            bases.dot(x + dx, y + dy, 0.8 * size)
    halo = (98, 2, 14) if view.is_red else (196, 36, 40)
    view.paint(halo, halos.mask(0.03) * np.float32(0.9))
    base = bases.mask(0.008)
    view.paint((250, 240, 214), base * np.float32(0.97))
    view.light_up(0.75, base)
    view.height -= np.float32(0.01) * base


def _ulcer(rng: np.random.Generator, view: View) -> None:
    """Sunken bed covered with fibrin, within a swollen red rim."""
    x, y, radius = view.place(rng, float(rng.uniform(0.28, 0.40)))
    rho, edge = polar(view.side, x, y, outline(rng, radius, (0.10, 0.08, 0.06, 0.04), 1.25))
    away = rho - edge + np.float32(0.02) * noise(rng, view.side, 14)
    rim = np.exp(-((away - np.float32(0.06)) ** 2) * np.float32(220))
    red: Color = (140, 16, 22) if view.is_red else (194, 52, 50)
    view.paint(red, soft(away - np.float32(0.12), 0.16) * np.float32(0.80))
    fibrin = ((230, 208, 138), (236, 222, 176), (214, 192, 122), (224, 214, 166))[rng.integers(4)]
    bed = canvas(fibrin, away.shape)
    lumps = noise(rng, view.side, 10) + np.float32(0.6) * noise(rng, view.side, 26)
    bed *= 1 + np.float32(0.09) * lumps
    mask = soft(away, 0.05)
    view.paint(bed, mask * np.float32(0.96))
    stains = soft(np.float32(rng.uniform(0.9, 1.6)) - noise(rng, view.side, 7), 0.4) * mask
    view.paint((124, 40, 26), stains * np.float32(0.7))
    view.height *= 1 - soft(away - np.float32(0.05), 0.2)
    view.height += np.float32(0.04) * rim - np.float32(0.04) * soft(away, 0.14)
    view.height += np.float32(0.006) * lumps * mask
    view.light_up(0.8, mask)


def _breaks(rng: np.random.Generator, view: View) -> None:
    """Red streaks toward the lumen, each with a whitish line in it."""
    red, white = Stencil(view.side), Stencil(view.side)
    aim = np.array(view.aim)
    near = float(np.hypot(*aim)) < 1
    turn, count = rng.uniform(0, 2 * np.pi), int(rng.integers(3, 6))
    for index in range(count):
        if near:
            way = toward(turn + (index + rng.uniform(-0.2, 0.2)) * 2 * np.pi / count)
            start = aim + rng.uniform(0.26, 0.36) * way
        else:
            way = toward(np.arctan2(-aim[1], -aim[0]) + rng.normal(0, 0.1))
            aside = (index + 0.5) / count * 1.5 - 0.75 + rng.uniform(-0.1, 0.1)
            start = aside * np.array((-way[1], way[0])) - rng.uniform(0.4, 0.7) * way
        t = np.linspace(0, 1, 50)[:, None]
        bend = rng.uniform(-0.12, 0.12) * np.sin(3 * t) + rng.normal(0, 0.006, (50, 1))
        path = start + t * rng.uniform(0.55, 1.0) * way + bend * (-way[1], way[0])
        wide = float(rng.uniform(0.055, 0.075)) * rng.uniform(0.6, 1.25, 50)
        red.dots(path, wide, wide)
        core = path[4:-4][rng.random(42) < 0.8]
        size = rng.uniform(0.014, 0.026, len(core))
        white.dots(core, size, size)
    tone = (98, 2, 14) if view.is_red else (188, 34, 38)
    view.paint(tone, red.mask(0.025) * np.float32(0.92))
    view.paint((246, 230, 196), white.mask(0.010) * np.float32(0.95))


_DEFECTS: dict[str, Callable[[np.random.Generator, View], None]] = {
    "erosions": _erosions,
    "large-ulcer": _ulcer,
    "linear-breaks": _breaks,
}


def _bubbles(rng: np.random.Generator, view: View) -> None:
    """Round films, each with a bright rim and a glint, in clusters."""
    middles = rng.uniform(-0.75, 0.75, (int(rng.integers(4, 7)), 2))
    count = int(rng.integers(90, 150))
    points = middles[rng.integers(len(middles), size=count)] + rng.normal(0, 0.20, (count, 2))
    size = np.sort(rng.uniform(0.17, 0.34, count) ** 2)[::-1]
    films, lights = Stencil(view.side), Stencil(view.side)
    for (x, y), r in zip(points, size, strict=True):
        films.dot(x, y, r, level=0.75)
        films.dot(x, y, 0.76 * r, level=0.22)
        lights.dot(x + 0.45 * r * view.light[0], y + 0.45 * r * view.light[1], max(0.24 * r, 0.012))
    film, light = films.mask(), lights.mask()
    view.light_up(0.75, np.minimum(film + light, 1))
    view.paint((244, 240, 226), film * np.float32(0.85))
    view.paint((255, 255, 252), light * np.float32(0.95))


def _pool(rng: np.random.Generator, view: View, share: float) -> Array:
    """Distance from a pool on the lower side, with drops and smears around it; negative inside."""
    x, y = grid(view.side)
    low = toward(rng.uniform(0, 2 * np.pi))
    if view.focus and low @ np.array(view.focus[:2]) > 0:
        low = -low
    level = x * np.float32(low[0]) + y * np.float32(low[1])
    edge = np.float32(share) - level + np.float32(0.16) * noise(rng, view.side, 4)
    blots = np.float32(0.9) - noise(rng, view.side, 7) - np.float32(0.3) * noise(rng, view.side, 18)
    pool: Array = np.minimum(edge, np.float32(0.16) * blots)
    if view.focus:  # a growth is covered in part at most
        fx, fy, radius = view.focus
        away = length_of(x - np.float32(fx), y - np.float32(fy))
        pool += np.float32(0.3) * soft(away - np.float32(0.9 * radius), 0.5 * radius)
    return pool


def _stool(rng: np.random.Generator, view: View) -> None:
    away = _pool(rng, view, float(rng.uniform(0.15, 0.4)))
    tone = ((150, 112, 34), (118, 82, 26), (176, 140, 44), (126, 116, 36))[rng.integers(4)]
    fluid = canvas(tone, away.shape)
    lumps = noise(rng, view.side, 14) + np.float32(0.8) * noise(rng, view.side, 32)
    fluid *= 1 + np.float32(0.12) * lumps
    mask = soft(away, 0.11)
    view.height *= 1 - np.float32(0.9) * mask
    view.light_up(0.8, mask)
    view.paint(fluid, mask * np.float32(0.92))
    view.height += np.float32(0.006) * lumps * mask
    view.gloss *= 1 - np.float32(0.55) * mask
    crumbs = Stencil(view.side)
    count = int(rng.integers(14, 30))
    crumbs.dots(rng.uniform(-0.9, 0.9, (count, 2)), rng.uniform(0.012, 0.035, count), 0.02)
    view.paint(
        np.array(tone, dtype=np.float32) * np.float32(0.75), crumbs.mask(0.006) * np.float32(0.85)
    )


def _blood(rng: np.random.Generator, view: View) -> None:
    away = _pool(rng, view, float(rng.uniform(0.2, 0.5)))
    streams = Stencil(view.side)
    for start in rng.uniform(-0.6, 0.6, (int(rng.integers(1, 4)), 2)):
        angle, width = rng.uniform(0, 2 * np.pi), float(rng.uniform(0.06, 0.11))
        draw_vessel(rng, streams, start, angle, width, 0.6, _SNAKING)
    mask = np.maximum(soft(away, 0.06), streams.mask(0.012))
    thick = np.float32(0.85) + np.float32(0.22) * noise(rng, view.side, 7)
    red = canvas(((158, 4, 10), (140, 2, 8), (176, 8, 14))[rng.integers(3)], away.shape)
    view.height *= 1 - np.float32(0.5) * mask
    view.light_up(0.7, mask)
    view.paint(red * thick, mask * np.float32(0.95))
    view.height += np.float32(0.03) * mask
    blend_gray(view.gloss, 0.95, mask)


def _plaques(rng: np.random.Generator, view: View) -> None:
    """Raised creamy patches, strewn or running together."""
    count = int(rng.integers(28, 50))
    middles = rng.uniform(-0.9, 0.9, (count, 2))
    sizes = rng.uniform(0.022, 0.065, count)
    films = Stencil(view.side)
    for _ in range(4):
        shift = rng.normal(0, 0.9, (count, 2)) * sizes[:, None]
        films.dots(middles + shift, sizes * rng.uniform(0.6, 1.2, count), sizes)
    mask = films.mask(0.010)
    shade = films.mask(0.035) * (1 - mask)
    mask *= np.clip(view.lit * np.float32(4) - np.float32(0.8), 0, 1)
    cream = canvas(((250, 246, 226), (246, 238, 204), (246, 246, 238))[rng.integers(3)], mask.shape)
    cream *= 1 + np.float32(0.04) * noise(rng, view.side, 30)
    view.lit *= 1 - np.float32(0.35) * shade
    view.light_up(0.85, mask)
    view.paint(cream, mask * np.float32(0.96))
    view.height += np.float32(0.012) * mask
    view.gloss *= 1 - np.float32(0.7) * mask


_CONTENTS: dict[str, Callable[[np.random.Generator, View], None]] = {
    "bubbles": _bubbles,
    "stool": _stool,
    "fresh-blood": _blood,
    "white-plaques": _plaques,
}

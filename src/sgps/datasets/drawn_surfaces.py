"""Drawn close-ups of body surfaces (skin, wounds, mucosa, eardrum, nail, eye): how each value of each attribute is painted.

In: a look, which maps attribute to value (`drawn_surface_words.SURFACE`). Out: a picture. Everything else (the surface around
the area, place, exact color, light, glints, hairs, dark rim of a scope, focus) is left to chance.

Color and height are painted apart: textures and relief raise or dent one height map, which is lit at the end, so that
bumps, domes and craters of one picture have their lights and shadows on the same sides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from sgps.datasets.drawing import (
    Array,
    Color,
    Disc,
    Part,
    Point,
    Stencil,
    bar_distance,
    blend,
    box,
    canvas,
    ellipse_distance,
    finish,
    grid,
    mesh,
    noise,
    outline,
    polar,
    scatter,
    soft,
)

_COLORS: dict[str, tuple[Color, ...]] = {
    "red": ((204, 40, 42), (158, 16, 26), (222, 58, 52)),
    "pink": ((238, 138, 152), (246, 178, 184), (226, 108, 130)),
    "yellow": ((232, 196, 62), (242, 216, 104), (212, 172, 44)),
    "white": ((244, 241, 234), (228, 226, 220), (253, 251, 248)),
    "black": ((30, 26, 28), (42, 36, 36), (18, 16, 18)),
    "brown": ((118, 72, 42), (84, 48, 28), (148, 94, 54), (176, 116, 66)),
    "gray": ((138, 140, 144), (104, 107, 112), (158, 160, 165)),
    "purple": ((112, 42, 108), (86, 30, 88), (126, 60, 130)),
    "green": ((104, 138, 56), (76, 116, 58), (150, 168, 72)),
    "amber": ((234, 152, 30), (216, 130, 20), (244, 178, 64)),
}
"""Tones of each color; the one that is used stands out from the surface around."""
_APART = 70.0
"""How far a tone should be from the surface around, in gray levels over three channels."""
_SKINS: tuple[Color, ...] = (
    (242, 210, 190),
    (230, 188, 162),
    (212, 166, 136),
    (182, 130, 98),
    (140, 94, 68),
    (98, 64, 48),
)
_FADE = 0.04
"""How wide a sharp edge is."""


def draw_surface(
    rng: np.random.Generator, look: Mapping[str, str], image_size: int
) -> NDArray[np.uint8]:
    """Draw one area of the given look on a body surface, uint8 (3, S, S)."""
    scene = _new_scene(rng, image_size)
    ground = _BACKGROUNDS[rng.integers(len(_BACKGROUNDS))]
    around = ground(rng, scene)
    at = _place(rng, image_size, look)
    color = _tone(rng, look["color"], around)
    _paint_color(rng, scene, look["color"], color, around, at)
    _TEXTURES[look["texture"]](rng, scene, color, at)
    _raise(rng, scene, look["relief"], at)
    _shine_light(rng, scene)
    if scene.hairy:
        _paint_hairs(rng, scene.picture)
    if rng.random() < scene.scoped:
        _paint_scope(rng, scene.picture)
    return finish(rng, scene.picture, image_size, rng.uniform(1.0, 4.0))


@dataclass(kw_only=True)
class _Scene:
    """The picture, and what light will make of it."""

    side: int
    picture: Array
    height: Array
    """Above the plane of the picture, in units of half the picture."""
    gloss: Array
    """How strongly wet surfaces mirror the light, 0 to 1."""
    light: Point
    """Unit vector toward the light."""
    hairy: bool = False
    scoped: float = 0.05
    """Chance of the dark rim of an otoscope or endoscope."""

    def paint(self, color: Color | Array, mask: Array) -> None:
        """Paint a color, as opaque as `mask` says."""
        blend(self.picture, color, mask)


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where the area lies, and how strongly each pixel belongs to it."""

    side: int
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
    fade: float
    """How wide the edge is."""
    inner_fade: float
    """How wide the edges of what lies within are, in units of `depth`."""
    detail: float
    """Number of texture cells along the picture, the more the narrower the area is."""


def _new_scene(rng: np.random.Generator, side: int) -> _Scene:
    angle = rng.uniform(0, 2 * np.pi)
    return _Scene(
        side=side,
        picture=canvas((0, 0, 0), (side, side)),
        height=np.zeros((side, side), dtype=np.float32),
        gloss=np.zeros((side, side), dtype=np.float32),
        light=(float(np.cos(angle)), float(np.sin(angle))),
    )


# What lies around the area. Each gives the color on which the area will lie.


def _fill(rng: np.random.Generator, scene: _Scene, color: Color, unrest: float) -> Color:
    """Cover the picture with a slightly varied color, and with cloudy redness as strong as `unrest`."""
    varied = np.asarray(color) * rng.uniform(0.94, 1.06) * rng.uniform(0.97, 1.03, 3)
    scene.picture[:] = varied[:, None, None]
    cloud = np.float32(unrest) * noise(rng, scene.side, 4)
    cloud += np.float32(0.4 * unrest) * noise(rng, scene.side, 14)
    scene.picture += cloud * np.array((0.4, 1, 1), dtype=np.float32)[:, None, None]
    return float(varied[0]), float(varied[1]), float(varied[2])


def _skin(rng: np.random.Generator, scene: _Scene) -> Color:
    color = _fill(rng, scene, _SKINS[rng.integers(len(_SKINS))], 6)
    fine = np.float32(0.020) * noise(rng, scene.side, 46) + np.float32(0.014) * noise(
        rng, scene.side, 84
    )
    if rng.random() < 0.6:  # the fine furrows of skin
        _, wall = mesh(rng, scene.side, float(rng.uniform(16, 26)))
        fine -= soft(wall - np.float32(0.08), 0.24) * np.float32(rng.uniform(0.02, 0.07))
    scene.picture *= 1 + fine
    scene.height += np.float32(0.05) * noise(rng, scene.side, 3)
    scene.gloss += np.float32(rng.uniform(0, 0.12))
    scene.hairy = bool(rng.random() < 0.35)
    return color


def _moist(rng: np.random.Generator, scene: _Scene, tones: tuple[Color, ...]) -> Color:
    """Soft wet lining with shallow folds, glints and by chance faint vessels."""
    color = _fill(rng, scene, tones[rng.integers(len(tones))], 9)
    scene.height += np.float32(rng.uniform(0.05, 0.11)) * noise(rng, scene.side, 3)
    scene.height += np.float32(rng.uniform(0.006, 0.022)) * noise(rng, scene.side, 11)
    scene.gloss += np.float32(rng.uniform(0.15, 0.6))
    if rng.random() < 0.5:
        vessels = _vessels(rng, scene.side, 3, 0.022)
        scene.paint(_scaled(color, (0.78, 0.5, 0.55)), vessels * np.float32(0.4))
    scene.scoped = 0.45
    return color


def _pink_mucosa(rng: np.random.Generator, scene: _Scene) -> Color:
    return _moist(rng, scene, ((222, 150, 146), (226, 160, 138), (206, 128, 124), (232, 176, 166)))


def _red_mucosa(rng: np.random.Generator, scene: _Scene) -> Color:
    return _moist(rng, scene, ((186, 78, 68), (170, 60, 56), (200, 96, 76)))


def _membrane(rng: np.random.Generator, scene: _Scene) -> Color:
    """Eardrum: pearly gray, with the handle of the hammer and a cone of light, at the end of the canal."""
    color = _fill(
        rng, scene, ((190, 188, 184), (200, 192, 180), (176, 178, 180))[rng.integers(3)], 5
    )
    x, y = grid(scene.side)
    scene.gloss += np.float32(rng.uniform(0.05, 0.3))
    scene.height += np.float32(0.06) * noise(rng, scene.side, 3)
    turn = float(rng.uniform(-0.5, 0.5))
    top, middle = (0.8 * turn, -0.85), (0.0, float(rng.uniform(-0.05, 0.15)))
    hammer = bar_distance(scene.side, top, middle, 0.05)
    scene.paint((222, 206, 186), soft(hammer, 0.08) * np.float32(0.55))
    hand = float(rng.choice((-1, 1)))
    cone = bar_distance(scene.side, (0.1 * hand, 0.25), (0.45 * hand, 0.7), 0.05)
    scene.paint((250, 248, 242), soft(cone, 0.10) * np.float32(rng.uniform(0.2, 0.6)))
    rim = np.sqrt(x * x + y * y) - np.float32(rng.uniform(0.86, 1.05))
    wall = (206, 150, 124) if rng.random() < 0.6 else (170, 108, 88)
    scene.paint(wall, soft(-rim - np.float32(0.02) * noise(rng, scene.side, 6), 0.12))
    scene.scoped = 0.6
    return color


def _nail(rng: np.random.Generator, scene: _Scene) -> Color:
    """Nail plate with fine ridges and a moon, framed by skin."""
    skin = np.asarray(_SKINS[rng.integers(len(_SKINS))])
    color = _fill(
        rng, scene, ((234, 190, 178), (226, 178, 168), (236, 204, 188))[rng.integers(3)], 4
    )
    turn = float(rng.uniform(-0.5, 0.5))
    c, s = float(np.cos(turn)), float(np.sin(turn))
    x, y = grid(scene.side)
    across, along = x * np.float32(c) + y * np.float32(s), y * np.float32(c) - x * np.float32(s)
    ridges = np.sin(across * np.float32(rng.uniform(40, 60)) + noise(rng, scene.side, 4))
    scene.picture *= 1 + np.float32(rng.uniform(0.005, 0.03)) * ridges
    half, long = float(rng.uniform(0.72, 0.85)), float(rng.uniform(0.85, 1.0))
    moon = ellipse_distance(scene.side, (-0.95 * long * s, 0.95 * long * c), (0.5, 0.35), turn)
    scene.paint((244, 226, 218), soft(moon, 0.06) * np.float32(0.6))
    # The fourth power makes an ellipse of a plate with rounded corners.
    u, v = across * np.float32(1 / half), along * np.float32(1 / long)
    edge = np.sqrt(np.sqrt(u * u * u * u + v * v * v * v)) - 1
    scene.paint(_scaled(skin, (0.72, 0.66, 0.66)), soft(-edge, 0.07))
    scene.paint(_scaled(skin, (1, 1, 1)), soft(np.float32(0.06) - edge, 0.08))
    scene.height -= np.float32(0.12) * u * u
    scene.gloss += np.float32(rng.uniform(0.1, 0.5)) * soft(edge, 0.05)
    return color


def _sclera(rng: np.random.Generator, scene: _Scene) -> Color:
    """White of the eye under its clear moist skin, with a few vessels."""
    color = _fill(rng, scene, ((230, 220, 214), (216, 194, 186))[rng.integers(2)], 5)
    vessels = _vessels(rng, scene.side, int(rng.integers(1, 4)), 0.018)
    scene.paint((206, 92, 88), vessels * np.float32(rng.uniform(0.2, 0.5)))
    scene.height += np.float32(0.12) * noise(rng, scene.side, 2)
    scene.gloss += np.float32(rng.uniform(0.2, 0.7))
    return color


_BACKGROUNDS: tuple[Callable[[np.random.Generator, _Scene], Color], ...] = (
    _skin,
    _skin,
    _skin,
    _skin,
    _pink_mucosa,
    _pink_mucosa,
    _red_mucosa,
    _membrane,
    _nail,
    _sclera,
)
"""Skin is the commonest."""


# Where the area lies.


def _place(rng: np.random.Generator, side: int, look: Mapping[str, str]) -> _Place:
    shape, border = look["shape"], look["border"]
    spots = _spots(rng, look)
    radius = float(np.mean([r for _, _, r in spots]))
    distance = np.full((side, side), 1, dtype=np.float32)
    heading = float(rng.uniform(0, np.pi))
    wobble = (0.09, 0.09, 0.08, 0.07, 0.06, 0.05) if border == "irregular" else (0.03, 0.02)
    for spot in spots:
        turn = heading + float(rng.normal(0, 0.25))
        part = box(side, spot[0], spot[1], 2 * spot[2] + 0.25)
        own = _SHAPES[shape](rng, side, spot, wobble, turn, part)
        np.minimum(distance[part], own, out=distance[part])
    half = radius * {"round": 1.0, "oval": 0.78, "linear": _THIN, "ring": _BAND}[shape]
    if look["number"] == "diffuse":  # the edge runs as it likes, and leaves islands
        distance += np.float32(0.16) * noise(rng, side, 4)
        half = 0.5
    if border == "irregular":
        ragged = max(0.20 * half, 0.03)
        distance += np.float32(ragged) * noise(rng, side, int(np.clip(5 / half, 12, 34)))
    blurred = border == "blurred"
    fade = float(np.clip(1.8 * half, 0.14, 0.50)) if blurred else _FADE
    return _Place(
        side=side,
        spots=spots,
        distance=distance,
        half=half,
        depth=np.clip(distance * np.float32(-1 / half), 0, 1),
        mask=soft(distance, fade),
        inside=soft(distance + np.float32(min(0.03, 0.2 * half)), max(0.7 * fade, 0.06)),
        fade=fade,
        inner_fade=0.6 if blurred else 0.15,
        detail=float(np.clip(2.2 / half, 0.0, 12.0)),
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
        order = np.argsort(np.hypot(points[:, 0] - x, points[:, 1] - y))
        points = points[order]
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


_BAND = 0.24
"""Half width of a ring, in radii."""
_THIN = 0.30
"""Half width of a line, in radii."""


def _round(
    rng: np.random.Generator,
    side: int,
    spot: Disc,
    wobble: tuple[float, ...],
    turn: float,
    part: Part,
) -> Array:
    table = outline(rng, spot[2], wobble, rng.uniform(1.0, 1.1))
    rho, edge = polar(side, spot[0], spot[1], table, part)
    rho -= edge
    return rho


def _oval(
    rng: np.random.Generator,
    side: int,
    spot: Disc,
    wobble: tuple[float, ...],
    turn: float,
    part: Part,
) -> Array:
    x0, y0, radius = spot
    stretch = float(rng.uniform(1.2, 1.35))
    axes = (radius * stretch, radius / stretch)
    # Exact distances keep the edge as sharp along as across; raggedness is noise, added later.
    return ellipse_distance(side, (x0, y0), axes, turn, part)


def _line(
    rng: np.random.Generator,
    side: int,
    spot: Disc,
    wobble: tuple[float, ...],
    turn: float,
    part: Part,
) -> Array:
    x0, y0, radius = spot
    way = np.array((np.cos(turn), np.sin(turn)))
    t = np.linspace(-1, 1, 5)[:, None] * min(1.75 * radius, 0.92)
    bow = rng.uniform(-0.5, 0.5) * t**2 + len(wobble) * rng.uniform(-0.008, 0.008, (5, 1))
    points = np.array((x0, y0)) + t * way + bow * (-way[1], way[0])
    joints = [(float(px), float(py)) for px, py in points]
    bars = (bar_distance(side, a, b, _THIN * radius, part) for a, b in pairwise(joints))
    shape = next(bars)
    for bar in bars:
        np.minimum(shape, bar, out=shape)
    return shape


def _ring(
    rng: np.random.Generator,
    side: int,
    spot: Disc,
    wobble: tuple[float, ...],
    turn: float,
    part: Part,
) -> Array:
    middle = (spot[0], spot[1], (1 - _BAND) * spot[2])
    calm = tuple(0.6 * w for w in wobble)
    band = np.abs(_round(rng, side, middle, calm, turn, part))
    band -= np.float32(_BAND * spot[2])
    return band


_SHAPES: dict[
    str,
    Callable[[np.random.Generator, int, Disc, tuple[float, ...], float, Part], Array],
] = {"round": _round, "oval": _oval, "linear": _line, "ring": _ring}


# Color.


def _scaled(color: Color | NDArray[np.floating], by: Color) -> Array:
    return np.asarray(color, dtype=np.float32) * np.asarray(by, dtype=np.float32)


def _tone(rng: np.random.Generator, name: str, around: Color) -> Array:
    """Choose a tone that stands out from the color around, or the one that does so best."""
    tones = np.asarray(_COLORS[name], dtype=np.float32)
    apart = np.linalg.norm(tones - np.asarray(around, dtype=np.float32), axis=1)
    fit = np.flatnonzero(apart > _APART)
    choice = tones[rng.choice(fit)] if len(fit) else tones[apart.argmax()]
    varied: Array = (choice * rng.uniform(0.95, 1.04) * rng.uniform(0.98, 1.02, 3)).astype(
        np.float32
    )
    return varied


def _paint_color(
    rng: np.random.Generator, scene: _Scene, name: str, color: Array, around: Color, at: _Place
) -> None:
    mottle = np.float32(0.05) * noise(rng, at.side, 7) + np.float32(0.035) * noise(rng, at.side, 26)
    paint = canvas(color, (at.side, at.side))
    mask = at.mask * np.float32(rng.uniform(0.92, 1.0))
    if name == "amber":  # light goes through: the rim is dark, the middle glows, the ground is seen
        glow = at.depth * at.depth
        paint *= np.float32(0.80) + np.float32(0.30) * glow
        paint[2] *= 1 - np.float32(0.4) * at.depth
        mask *= np.float32(0.92) - np.float32(0.22) * glow
        scene.gloss += np.float32(0.5) * at.inside
    paint *= 1 + mottle
    near = float(np.linalg.norm(color - np.asarray(around, dtype=np.float32))) < _APART
    if near or rng.random() < 0.25:  # a halo of redness, or of pallor around what is dark or red
        halo: Color = (190, 74, 70) if color[1] > 110 else (240, 206, 188)
        strength = np.float32(rng.uniform(0.35, 0.6) if near else rng.uniform(0.1, 0.3))
        scene.paint(halo, soft(at.distance - np.float32(0.08), 0.26) * strength)
    scene.paint(paint, mask)


# Textures.


def _plain(rng: np.random.Generator, scene: _Scene, color: Array, at: _Place) -> None:
    scene.gloss *= 1 - np.float32(0.9) * at.mask


def _shiny(rng: np.random.Generator, scene: _Scene, color: Array, at: _Place) -> None:
    scene.picture *= 1 - np.float32(0.10) * at.inside
    waves = np.float32(0.11) * noise(rng, at.side, 5)
    fine = int(11 + at.detail)
    waves += np.float32(0.5 / fine) * noise(rng, at.side, fine)
    scene.height += waves * at.inside
    np.maximum(scene.gloss, at.inside, out=scene.gloss)


def _dull(scene: _Scene, mask: Array) -> None:
    scene.gloss *= 1 - mask


def _scaly(rng: np.random.Generator, scene: _Scene, color: Array, at: _Place) -> None:
    _dull(scene, at.mask)
    cells = float(rng.uniform(13, 17)) + at.detail
    _, wall = mesh(rng, at.side, cells)
    wall += np.float32(0.13) * noise(rng, at.side, 44)
    here = soft(-noise(rng, at.side, 10) - np.float32(0.28), 0.5)
    flake = soft(np.float32(0.14) - wall, 0.22) * here * at.inside
    crack = soft(wall - np.float32(0.07), 0.16) * at.inside
    fine = noise(rng, at.side, 48)
    scene.picture *= 1 - np.float32(0.26) * crack * (np.float32(0.4) + np.float32(0.6) * here)
    scene.paint((246, 243, 236), flake * (np.float32(0.74) + np.float32(0.14) * fine))
    scene.height += np.float32(0.7 / cells) * flake


def _crusted(rng: np.random.Generator, scene: _Scene, color: Array, at: _Place) -> None:
    tones = ((206, 142, 52), (150, 88, 36), (96, 46, 28))
    dark = float(color.sum()) < 330
    crust = tones[int(rng.integers(2)) if dark else int(rng.integers(3))]
    _dull(scene, at.mask)
    clump = noise(rng, at.side, 8) + np.float32(0.5) * noise(rng, at.side, 22)
    mask = soft(-clump - np.float32(0.28), 0.24) * at.inside
    _, wall = mesh(rng, at.side, float(rng.uniform(8, 11)) + 0.7 * at.detail)
    crack = soft(wall - np.float32(0.05), 0.13)
    lump = noise(rng, at.side, 20) + np.float32(0.7) * noise(rng, at.side, 44)
    paint = canvas(crust, (at.side, at.side))
    paint *= 1 + np.float32(0.20) * lump
    scene.paint(paint, mask * np.float32(0.95))
    scene.picture *= 1 - np.float32(0.62) * crack * mask
    scene.height += (np.float32(0.055) + np.float32(0.030) * lump) * mask * (1 - crack)


def _ulcerated(rng: np.random.Generator, scene: _Scene, color: Array, at: _Place) -> None:
    ragged = at.depth + np.float32(0.08) * noise(rng, at.side, 14)
    bed = soft(np.float32(0.26) - ragged, at.inner_fade) * at.inside
    # A pale undermined margin parts the bed from a surface that is red as well.
    margin = soft(np.abs(ragged - np.float32(0.24)) - np.float32(0.05), 0.10) * at.mask
    scene.paint((238, 208, 178), margin * np.float32(0.6))
    grain = noise(rng, at.side, 18) + np.float32(0.8) * noise(rng, at.side, 36)
    paint = canvas((182, 24, 32), (at.side, at.side))
    paint *= 1 + np.float32(0.16) * grain
    scene.paint(paint, bed * np.float32(0.96))
    fibrin = soft(np.float32(0.62) - noise(rng, at.side, 12), 0.3) * bed
    scene.paint((226, 196, 132), fibrin * np.float32(0.7))
    scene.height += np.float32(0.018) * grain * bed
    np.maximum(scene.gloss, np.float32(0.75) * bed, out=scene.gloss)


def _necrotic(rng: np.random.Generator, scene: _Scene, color: Array, at: _Place) -> None:
    _dull(scene, at.mask)
    field = noise(rng, at.side, 5) + np.float32(0.45) * noise(rng, at.side, 15)
    fiber = noise(rng, at.side, 34)
    share = float(rng.uniform(-0.15, 0.15))
    inside = soft(np.float32(0.14) - at.depth, at.inner_fade) * at.inside
    slough = canvas((208, 178, 98), (at.side, at.side))
    slough *= 1 + np.float32(0.12) * fiber + np.float32(0.08) * noise(rng, at.side, 60)
    scene.paint(slough, soft(field - np.float32(share - 0.12), 0.2) * inside * np.float32(0.94))
    eschar = soft(np.float32(share) - field, 0.16) * inside
    leather = canvas((34, 26, 24), (at.side, at.side))
    leather *= 1 + np.float32(0.3) * fiber
    scene.paint(leather, eschar * np.float32(0.97))
    scene.height += np.float32(0.03) * eschar + np.float32(0.010) * fiber * inside
    scene.gloss += np.float32(0.12) * eschar


def _purulent(rng: np.random.Generator, scene: _Scene, color: Array, at: _Place) -> None:
    tone: Color = ((240, 224, 150), (228, 214, 124), (244, 232, 184))[rng.integers(3)]
    if float(np.linalg.norm(color - np.asarray(tone, dtype=np.float32))) < 90:
        # On ground as pale as pus, an inflamed bed shows through between the pools.
        scene.paint((190, 60, 54), at.inside * np.float32(0.35))
    blob = noise(rng, at.side, 6) + np.float32(0.5) * noise(rng, at.side, 13)
    pool = soft(-blob - np.float32(0.02), 0.16) * at.inside
    swell = np.clip(blob, 0, 1)
    paint = canvas(tone, (at.side, at.side))
    paint *= 1 + np.float32(0.05) * noise(rng, at.side, 18)
    scene.picture *= 1 - np.float32(0.3) * soft(-blob - np.float32(0.16), 0.2) * at.inside * (
        1 - pool
    )
    scene.paint(paint, pool * np.float32(0.96))
    scene.height += np.float32(0.10) * np.sqrt(swell) * pool
    np.maximum(scene.gloss, np.float32(0.8) * at.inside, out=scene.gloss)


def _vascular(rng: np.random.Generator, scene: _Scene, color: Array, at: _Place) -> None:
    red: Color = (96, 2, 16) if color[1] < 90 else (178, 14, 32)
    stencil = Stencil(at.side)
    for index in range(int(rng.integers(10, 14))):
        x0, y0, radius = at.spots[index % len(at.spots)]
        angle = rng.uniform(0, 2 * np.pi)
        start = np.array((x0, y0)) + radius * rng.uniform(0.3, 1.1) * _way(angle)
        length = float(np.clip(0.9 * radius, 0.22, 0.50))
        _branch(rng, stencil, start, angle + rng.uniform(1.8, 4.5), 0.019, length)
    lines = stencil.mask(0.004)
    scene.gloss *= 1 - np.float32(0.7) * at.mask
    scene.paint(red, lines * at.inside * np.float32(0.92))


def _blistered(rng: np.random.Generator, scene: _Scene, color: Array, at: _Place) -> None:
    cells = float(rng.uniform(7.0, 9.5)) + 0.8 * at.detail
    near, _ = mesh(rng, at.side, cells)
    reach = np.float32(0.42) + np.float32(0.10) * noise(rng, at.side, 8)
    np.clip(reach, 0.2, 0.48, out=reach)
    distance = near - reach
    share = near / reach
    dome = np.sqrt(np.clip(1 - share * share, 0, 1))
    bubble = soft(distance, 0.12) * at.inside
    fluid = np.minimum(np.float32(0.55) * color + np.float32(0.45) * np.array((255, 236, 196)), 255)
    scene.picture *= (
        1 - np.float32(0.35) * soft(np.abs(distance) - np.float32(0.02), 0.14) * at.inside
    )
    scene.paint(fluid.astype(np.float32), bubble * np.float32(0.72))
    scene.height += np.float32(0.85 / cells) * dome * at.inside
    np.maximum(scene.gloss, bubble, out=scene.gloss)


def _rough(rng: np.random.Generator, scene: _Scene, color: Array, at: _Place) -> None:
    _dull(scene, at.mask)
    cells = float(rng.uniform(13, 18)) + at.detail
    near, wall = mesh(rng, at.side, cells)
    near += np.float32(0.10) * noise(rng, at.side, 40)
    knob = soft(near - np.float32(0.40), 0.8) * at.inside
    cleft = soft(wall - np.float32(0.10), 0.26) * at.inside
    scene.picture *= 1 - np.float32(0.42) * cleft
    tip = np.minimum(np.asarray(color) * 1.2 + 18, 255).astype(np.float32)
    scene.paint(tip, soft(near - np.float32(0.20), 0.3) * at.inside * np.float32(0.55))
    scene.height += np.float32(1.7 / cells) * knob * (1 + np.float32(0.3) * noise(rng, at.side, 9))


_TEXTURES: dict[str, Callable[[np.random.Generator, _Scene, Array, _Place], None]] = {
    "plain": _plain,
    "shiny": _shiny,
    "scaly": _scaly,
    "crusted": _crusted,
    "ulcerated": _ulcerated,
    "necrotic": _necrotic,
    "purulent": _purulent,
    "vascular": _vascular,
    "blistered": _blistered,
    "rough": _rough,
}


def _vessels(rng: np.random.Generator, side: int, trunks: int, width: float) -> Array:
    """Mask of winding, branching vessels all over the picture."""
    stencil = Stencil(side)
    for index in range(trunks):
        angle = rng.uniform(0, 2 * np.pi)
        start = rng.uniform(-0.75, 0.75, 2) if index % 2 else rng.uniform(-0.4, 0.4, 2)
        _branch(rng, stencil, start - 0.4 * _way(angle), angle, width, 0.5)
    return stencil.mask(0.005)


def _way(angle: float) -> NDArray[np.float64]:
    return np.array((np.cos(angle), np.sin(angle)))


def _branch(
    rng: np.random.Generator,
    stencil: Stencil,
    start: NDArray[np.float64],
    angle: float,
    width: float,
    length: float,
) -> None:
    """Draw a winding vessel that splits in two, each half finer."""
    turns = angle + np.cumsum(rng.uniform(-0.65, 0.65, 7))
    steps = np.stack([np.cos(turns), np.sin(turns)], axis=1) * (length / 7)
    points = np.vstack([start, start + np.cumsum(steps, axis=0)])
    stencil.stroke(points, width)
    if width > 0.011:
        for sign in (-1, 1):
            bend = float(turns[-1]) + sign * float(rng.uniform(0.3, 0.9))
            _branch(rng, stencil, points[-1], bend, width * 0.72, length * 0.72)


# Relief, light, and what lies in front.


def _raise(rng: np.random.Generator, scene: _Scene, kind: str, at: _Place) -> None:
    if kind == "flat":
        return
    lx, ly = (np.float32(c) for c in scene.light)
    across, down = _slopes(at.distance)
    toward: Array = np.clip(across * lx + down * ly, -1, 1)
    # Distance of the point from which light comes: where that lies in the area, or out of it, is the edge's shadow.
    if kind == "raised":
        throw = float(np.clip(0.55 * at.half, 0.06, 0.16))
        cast = at.distance + np.float32(throw) * toward
        shadow = soft(cast, 0.06 + at.fade) * (1 - at.mask)
        scene.picture *= 1 - np.float32(0.55) * shadow
        rest = 1 - at.depth
        # A clear edge has a steep rise, a blurred one a slow rise that begins outside.
        dome = soft(at.distance, 2 * at.half) if at.fade > _FADE else 1 - rest * rest
        scene.height += np.float32(0.52 * at.half) * dome
        np.maximum(scene.gloss, np.float32(0.35) * at.inside, out=scene.gloss)
    else:
        throw = float(np.clip(0.6 * at.half, 0.07, 0.20))
        cast = at.distance + np.float32(throw) * toward
        shadow = (1 - soft(cast, 0.06 + at.fade)) * at.mask
        floor = soft(np.float32(0.25) - at.depth, 0.5)
        # Light between walls of flesh is red, so that white and yellow stay what they are.
        for plane, dim, dark in zip(
            scene.picture, (0.12, 0.22, 0.24), (0.48, 0.58, 0.60), strict=True
        ):
            plane *= (1 - np.float32(dim) * floor) * (1 - np.float32(dark) * shadow)
        lip = soft(np.abs(at.distance - np.float32(0.02)) - np.float32(0.02), 0.06 + at.fade)
        scene.height += np.float32(0.25 * at.half) * (np.float32(0.25) * lip - floor)


def _slopes(field: Array) -> tuple[Array, Array]:
    """How much the field rises per unit to the right, and per unit down."""
    down, across = np.gradient(field)
    steep = np.float32(len(field) / 2)
    return np.asarray(across * steep, np.float32), np.asarray(down * steep, np.float32)


def _shine_light(rng: np.random.Generator, scene: _Scene) -> None:
    """Light the height map from one side: shade, and glints where a wet surface mirrors the lamp."""
    lx, ly = (np.float32(c) for c in scene.light)
    across, down = _slopes(scene.height)
    facing: Array = np.clip((across * lx + down * ly) * np.float32(-0.48), -0.40, 0.36)
    scene.picture *= 1 + facing
    tilt = np.float32(rng.uniform(0.30, 0.42))
    across += tilt * lx
    down += tilt * ly
    away = across * across
    away += down * down
    glint = np.exp(away * np.float32(-1 / rng.uniform(0.018, 0.032)))
    glint *= scene.gloss
    blend(scene.picture, (255, 252, 248), np.minimum(glint, np.float32(0.95)))


def _paint_hairs(rng: np.random.Generator, picture: Array) -> None:
    hairs = Stencil(picture.shape[1])
    growth = rng.uniform(0, np.pi)
    for _ in range(int(rng.integers(2, 9))):
        way = _way(growth + rng.normal(0, 0.35))
        t = np.linspace(-1, 1, 10)[:, None]
        bow = rng.uniform(-0.15, 0.15) * (1 - t**2) * (-way[1], way[0])
        path = rng.uniform(-0.9, 0.9, 2) + rng.uniform(0.2, 0.7) * t * way + bow
        hairs.stroke(path, rng.uniform(0.006, 0.013))
    tone = np.array((54, 42, 36)) * rng.uniform(0.6, 2.2)
    blend(picture, tone, hairs.mask(0.003) * np.float32(rng.uniform(0.5, 0.9)))


def _paint_scope(rng: np.random.Generator, picture: Array) -> None:
    """Darken what an otoscope or endoscope does not see: all but a disc, or the corners only."""
    x, y = grid(picture.shape[1])
    if rng.random() < 0.6:
        rim = np.sqrt(x * x + y * y) - np.float32(rng.uniform(0.98, 1.2))
    else:
        rim = np.abs(x) + np.abs(y) - np.float32(rng.uniform(1.45, 1.7))
    lit = soft(rim, float(rng.uniform(0.03, 0.12)))
    blend(picture, (10, 8, 8), 1 - lit)

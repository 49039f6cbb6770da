"""Drawn close-ups of body surfaces (skin, wounds, mucosa, eardrum, nail, eye): how each value of each attribute is painted.

In: a look, which maps attribute to value (`words.SURFACE`). Out: a picture. Everything else (the surface around
the area, place, exact color, light, glints, hairs, dark rim of a scope, focus) is left to chance.

Color and height are painted apart: textures and relief raise or dent one height map, which is lit at the end, so that
bumps, domes and craters of one picture have their lights and shadows on the same sides. The surface around comes from
`grounds`, the place from `areas`, the texture from `textures`; color, relief and light are here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from sgps.drawings.brushes import (
    Array,
    Color,
    Stencil,
    blend,
    canvas,
    finish,
    grid,
    length_of,
    noise,
    soft,
    toward,
)
from sgps.drawings.surface.areas import Area, choose_area
from sgps.drawings.surface.grounds import GROUNDS, Scene, new_scene
from sgps.drawings.surface.textures import TEXTURES

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


def draw_surface(
    rng: np.random.Generator, look: Mapping[str, str], image_size: int
) -> NDArray[np.uint8]:
    """Draw one area of the given look on a body surface, uint8 (3, S, S)."""
    scene = new_scene(rng, image_size)
    ground = GROUNDS[rng.integers(len(GROUNDS))]
    around = ground(rng, scene)
    at = choose_area(rng, image_size, look)
    color = _tone(rng, look["color"], around)
    _paint_color(rng, scene, look["color"], color, around, at)
    TEXTURES[look["texture"]](rng, scene, color, at)
    if look["relief"] != "flat":
        _RELIEFS[look["relief"]](scene, at)
    _shine_light(rng, scene)
    if scene.hairy:
        _paint_hairs(rng, scene.picture)
    if rng.random() < scene.scoped:
        _paint_scope(rng, scene.picture)
    return finish(rng, scene.picture, image_size, rng.uniform(1.0, 4.0))


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
    rng: np.random.Generator, scene: Scene, name: str, color: Array, around: Color, at: Area
) -> None:
    mottle = np.float32(0.05) * noise(rng, scene.side, 7) + np.float32(0.035) * noise(
        rng, scene.side, 26
    )
    paint = canvas(color, (scene.side, scene.side))
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


def _raise(scene: Scene, at: Area) -> None:
    cast = _cast(scene, at, np.clip(0.55 * at.half, 0.06, 0.16))
    shadow = soft(cast, 0.06 + at.fade) * (1 - at.mask)
    scene.picture *= 1 - np.float32(0.55) * shadow
    rest = 1 - at.depth
    # A clear edge has a steep rise, a blurred one a slow rise that begins outside.
    dome = soft(at.distance, 2 * at.half) if at.blurred else 1 - rest * rest
    scene.height += np.float32(0.52 * at.half) * dome
    np.maximum(scene.gloss, np.float32(0.35) * at.inside, out=scene.gloss)


def _sink(scene: Scene, at: Area) -> None:
    cast = _cast(scene, at, np.clip(0.6 * at.half, 0.07, 0.20))
    shadow = (1 - soft(cast, 0.06 + at.fade)) * at.mask
    floor = soft(np.float32(0.25) - at.depth, 0.5)
    # Light between walls of flesh is red, so that white and yellow stay what they are.
    for plane, dim, dark in zip(scene.picture, (0.12, 0.22, 0.24), (0.48, 0.58, 0.60), strict=True):
        plane *= (1 - np.float32(dim) * floor) * (1 - np.float32(dark) * shadow)
    lip = soft(np.abs(at.distance - np.float32(0.02)) - np.float32(0.02), 0.06 + at.fade)
    scene.height += np.float32(0.25 * at.half) * (np.float32(0.25) * lip - floor)


_RELIEFS: dict[str, Callable[[Scene, Area], None]] = {"raised": _raise, "sunken": _sink}


def _cast(scene: Scene, at: Area, throw: float) -> Array:
    """Distance from the outline of the point that each pixel's light passes: the edge's shadow lies where that point does."""
    lx, ly = (np.float32(c) for c in scene.light)
    across, down = _slopes(at.distance)
    toward_light: Array = np.clip(across * lx + down * ly, -1, 1)
    return at.distance + np.float32(throw) * toward_light


def _slopes(field: Array) -> tuple[Array, Array]:
    """How much the field rises per unit to the right, and per unit down."""
    down, across = np.gradient(field)
    steep = np.float32(len(field) / 2)
    return np.asarray(across * steep, np.float32), np.asarray(down * steep, np.float32)


def _shine_light(rng: np.random.Generator, scene: Scene) -> None:
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
        way = toward(growth + rng.normal(0, 0.35))
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
        rim = length_of(x, y) - np.float32(rng.uniform(0.98, 1.2))
    else:
        rim = np.abs(x) + np.abs(y) - np.float32(rng.uniform(1.45, 1.7))
    lit = soft(rim, float(rng.uniform(0.03, 0.12)))
    blend(picture, (10, 8, 8), 1 - lit)

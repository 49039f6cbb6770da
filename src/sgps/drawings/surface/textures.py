"""The textures of drawn body surfaces: what each value of the attribute `texture` does to color, height and gloss.

In: a scene whose area is colored, that color, and the area. Out: the same scene, changed within the area. How coarse a texture
is follows the area's width, so that narrow areas show cells as well; its exact tones and grain are left to chance.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sgps.drawings.brushes import (
    Array,
    Color,
    Stencil,
    canvas,
    draw_vessel,
    mesh,
    noise,
    soft,
    toward,
)
from sgps.drawings.surface.areas import Area
from sgps.drawings.surface.grounds import WINDING, Scene


def _plain(rng: np.random.Generator, scene: Scene, color: Array, at: Area) -> None:
    scene.gloss *= 1 - np.float32(0.9) * at.mask


def _shiny(rng: np.random.Generator, scene: Scene, color: Array, at: Area) -> None:
    scene.picture *= 1 - np.float32(0.10) * at.inside
    waves = np.float32(0.11) * noise(rng, scene.side, 5)
    fine = int(11 + at.detail)
    waves += np.float32(0.5 / fine) * noise(rng, scene.side, fine)
    scene.height += waves * at.inside
    np.maximum(scene.gloss, at.inside, out=scene.gloss)


def _scaly(rng: np.random.Generator, scene: Scene, color: Array, at: Area) -> None:
    scene.gloss *= 1 - at.mask
    cells = float(rng.uniform(13, 17)) + at.detail
    _, wall = mesh(rng, scene.side, cells)
    wall += np.float32(0.13) * noise(rng, scene.side, 44)
    here = soft(-noise(rng, scene.side, 10) - np.float32(0.28), 0.5)
    flake = soft(np.float32(0.14) - wall, 0.22) * here * at.inside
    crack = soft(wall - np.float32(0.07), 0.16) * at.inside
    fine = noise(rng, scene.side, 48)
    scene.picture *= 1 - np.float32(0.26) * crack * (np.float32(0.4) + np.float32(0.6) * here)
    scene.paint((246, 243, 236), flake * (np.float32(0.74) + np.float32(0.14) * fine))
    scene.height += np.float32(0.7 / cells) * flake


def _crusted(rng: np.random.Generator, scene: Scene, color: Array, at: Area) -> None:
    tones = ((206, 142, 52), (150, 88, 36), (96, 46, 28))
    dark = float(color.sum()) < 330
    crust = tones[int(rng.integers(2)) if dark else int(rng.integers(3))]
    scene.gloss *= 1 - at.mask
    clump = noise(rng, scene.side, 8) + np.float32(0.5) * noise(rng, scene.side, 22)
    mask = soft(-clump - np.float32(0.28), 0.24) * at.inside
    _, wall = mesh(rng, scene.side, float(rng.uniform(8, 11)) + 0.7 * at.detail)
    crack = soft(wall - np.float32(0.05), 0.13)
    lump = noise(rng, scene.side, 20) + np.float32(0.7) * noise(rng, scene.side, 44)
    paint = canvas(crust, (scene.side, scene.side))
    paint *= 1 + np.float32(0.20) * lump
    scene.paint(paint, mask * np.float32(0.95))
    scene.picture *= 1 - np.float32(0.62) * crack * mask
    scene.height += (np.float32(0.055) + np.float32(0.030) * lump) * mask * (1 - crack)


def _ulcerated(rng: np.random.Generator, scene: Scene, color: Array, at: Area) -> None:
    ragged = at.depth + np.float32(0.08) * noise(rng, scene.side, 14)
    bed = soft(np.float32(0.26) - ragged, at.inner_fade) * at.inside
    # A pale undermined margin parts the bed from a surface that is red as well.
    margin = soft(np.abs(ragged - np.float32(0.24)) - np.float32(0.05), 0.10) * at.mask
    scene.paint((238, 208, 178), margin * np.float32(0.6))
    grain = noise(rng, scene.side, 18) + np.float32(0.8) * noise(rng, scene.side, 36)
    paint = canvas((182, 24, 32), (scene.side, scene.side))
    paint *= 1 + np.float32(0.16) * grain
    scene.paint(paint, bed * np.float32(0.96))
    fibrin = soft(np.float32(0.62) - noise(rng, scene.side, 12), 0.3) * bed
    scene.paint((226, 196, 132), fibrin * np.float32(0.7))
    scene.height += np.float32(0.018) * grain * bed
    np.maximum(scene.gloss, np.float32(0.75) * bed, out=scene.gloss)


def _necrotic(rng: np.random.Generator, scene: Scene, color: Array, at: Area) -> None:
    scene.gloss *= 1 - at.mask
    field = noise(rng, scene.side, 5) + np.float32(0.45) * noise(rng, scene.side, 15)
    fiber = noise(rng, scene.side, 34)
    share = float(rng.uniform(-0.15, 0.15))
    inside = soft(np.float32(0.14) - at.depth, at.inner_fade) * at.inside
    slough = canvas((208, 178, 98), (scene.side, scene.side))
    slough *= 1 + np.float32(0.12) * fiber + np.float32(0.08) * noise(rng, scene.side, 60)
    scene.paint(slough, soft(field - np.float32(share - 0.12), 0.2) * inside * np.float32(0.94))
    eschar = soft(np.float32(share) - field, 0.16) * inside
    leather = canvas((34, 26, 24), (scene.side, scene.side))
    leather *= 1 + np.float32(0.3) * fiber
    scene.paint(leather, eschar * np.float32(0.97))
    scene.height += np.float32(0.03) * eschar + np.float32(0.010) * fiber * inside
    scene.gloss += np.float32(0.12) * eschar


def _purulent(rng: np.random.Generator, scene: Scene, color: Array, at: Area) -> None:
    tone: Color = ((240, 224, 150), (228, 214, 124), (244, 232, 184))[rng.integers(3)]
    if float(np.linalg.norm(color - np.asarray(tone, dtype=np.float32))) < 90:
        # On ground as pale as pus, an inflamed bed shows through between the pools.
        scene.paint((190, 60, 54), at.inside * np.float32(0.35))
    blob = noise(rng, scene.side, 6) + np.float32(0.5) * noise(rng, scene.side, 13)
    pool = soft(-blob - np.float32(0.02), 0.16) * at.inside
    swell = np.clip(blob, 0, 1)
    paint = canvas(tone, (scene.side, scene.side))
    paint *= 1 + np.float32(0.05) * noise(rng, scene.side, 18)
    scene.picture *= 1 - np.float32(0.3) * soft(-blob - np.float32(0.16), 0.2) * at.inside * (
        1 - pool
    )
    scene.paint(paint, pool * np.float32(0.96))
    scene.height += np.float32(0.10) * np.sqrt(swell) * pool
    np.maximum(scene.gloss, np.float32(0.8) * at.inside, out=scene.gloss)


def _vascular(rng: np.random.Generator, scene: Scene, color: Array, at: Area) -> None:
    red: Color = (96, 2, 16) if color[1] < 90 else (178, 14, 32)
    stencil = Stencil(scene.side)
    for index in range(int(rng.integers(10, 14))):
        x0, y0, radius = at.spots[index % len(at.spots)]
        angle = rng.uniform(0, 2 * np.pi)
        start = np.array((x0, y0)) + radius * rng.uniform(0.3, 1.1) * toward(angle)
        length = float(np.clip(0.9 * radius, 0.22, 0.50))
        inward = angle + rng.uniform(1.8, 4.5)
        draw_vessel(rng, stencil, start, inward, 0.019, length, WINDING)
    lines = stencil.mask(0.004)
    scene.gloss *= 1 - np.float32(0.7) * at.mask
    scene.paint(red, lines * at.inside * np.float32(0.92))


def _blistered(rng: np.random.Generator, scene: Scene, color: Array, at: Area) -> None:
    cells = float(rng.uniform(7.0, 9.5)) + 0.8 * at.detail
    near, _ = mesh(rng, scene.side, cells)
    reach = np.float32(0.42) + np.float32(0.10) * noise(rng, scene.side, 8)
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


def _rough(rng: np.random.Generator, scene: Scene, color: Array, at: Area) -> None:
    scene.gloss *= 1 - at.mask
    cells = float(rng.uniform(13, 18)) + at.detail
    near, wall = mesh(rng, scene.side, cells)
    near += np.float32(0.10) * noise(rng, scene.side, 40)
    knob = soft(near - np.float32(0.40), 0.8) * at.inside
    cleft = soft(wall - np.float32(0.10), 0.26) * at.inside
    scene.picture *= 1 - np.float32(0.42) * cleft
    tip = np.minimum(np.asarray(color) * 1.2 + 18, 255).astype(np.float32)
    scene.paint(tip, soft(near - np.float32(0.20), 0.3) * at.inside * np.float32(0.55))
    scene.height += (
        np.float32(1.7 / cells) * knob * (1 + np.float32(0.3) * noise(rng, scene.side, 9))
    )


TEXTURES: dict[str, Callable[[np.random.Generator, Scene, Array, Area], None]] = {
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

"""Drawn gray fields, as radiographs, ultrasound and tomograms are: how each value of each attribute is painted.

A field's look is a mapping from attribute to value (`words.FIELD`); everything else (exposure, grain, turn,
body, number of ribs, side of the findings, markers, border) is left to chance. Findings keep out of each other's way:
consolidation and fluid lie on one side, above and below, the mass lies on the other.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from sgps.drawings.brushes import (
    Array,
    Point,
    Stencil,
    canvas,
    finish,
    mark_side,
    mesh,
    noise,
    scatter,
    soft,
    toward,
    unexposed,
)
from sgps.drawings.field.bodies import ANATOMY, APEX, Scene, new_scene


def draw_field(
    rng: np.random.Generator, look: Mapping[str, str], image_size: int
) -> NDArray[np.uint8]:
    """Draw one gray field of the given look, uint8 (3, S, S)."""
    modality = look["modality"]
    picture = canvas((0,), (image_size, image_size))
    scene = new_scene(rng, picture[0], modality)
    lungs = ANATOMY[modality](rng, scene)

    reach = float(rng.uniform(0.155, 0.195))
    mu, mv = scene.body.mass
    mass = (
        -scene.hand * (mu + float(rng.uniform(-0.04, 0.04))),
        mv + float(rng.uniform(-0.05, 0.05)),
    )
    has_mass = look["nodule"] != "no-nodule"
    apart = scene.ellipse(mass, (reach, reach))
    # Patches and lines leave a mass free, so that its outline is seen.
    free = lungs * (1 - soft(apart - np.float32(0.05), 0.08)) if has_mass else lungs
    _paint_opacity(rng, scene, look["opacity"], lungs, free)
    _paint_texture(rng, scene, look["texture"], free)
    _paint_fluid(rng, scene, look["fluid"], lungs)
    _paint_heart(rng, scene, look["organ"] == "large-heart", look["midline"] == "shifted")
    if look["shadow"] != "no-shadow":
        _paint_shadow(scene, look["shadow"], mass, reach)
    _paint_mass(rng, scene, look["nodule"], mass, reach, apart)
    if scene.sound:
        _speckle(rng, scene, lungs)
    _paint_marks(rng, scene)
    contrast = np.float32(rng.uniform(0.82, 1.06))
    picture *= contrast
    picture += np.float32(rng.uniform(-6, 16)) * (1 if not scene.sound else 0.3)
    return finish(rng, picture, image_size, rng.uniform(1.5, 5.0))


def _paint_opacity(
    rng: np.random.Generator, scene: Scene, kind: str, lungs: Array, free: Array
) -> None:
    if kind == "haze":
        cloud = np.float32(0.62) + np.float32(0.10) * noise(rng, scene.side, 6)
        scene.paint(158, cloud * lungs)
    elif kind == "patchy":
        middle = scene.body.mass
        patches = np.full_like(scene.plane, 9)
        for sign in (-1, 1):
            for _ in range(3):
                at = (
                    sign * (middle[0] + float(rng.uniform(-0.20, 0.20))),
                    float(rng.uniform(scene.body.fissure - 0.22, scene.body.levels[1])),
                )
                size = float(rng.uniform(0.13, 0.18))
                np.minimum(patches, scene.ellipse(at, (1.2 * size, size)), out=patches)
        ragged = patches + np.float32(0.06) * noise(rng, scene.side, 16)
        scene.paint(scene.body.white, soft(ragged, 0.16) * free * np.float32(0.88))
    elif kind == "lobar":
        slope = np.float32(rng.uniform(-0.25, 0.10))
        own = np.float32(scene.hand) * scene.u
        below = scene.v - np.float32(scene.body.fissure) - slope * (own - np.float32(0.4))
        inner = np.float32(0.06) - own
        block = np.maximum(below, inner) if scene.sound else np.maximum(below, -own)
        fleck = np.float32(0.92) + np.float32(0.05) * noise(rng, scene.side, 14)
        scene.paint(min(scene.body.white + 12, 222), soft(block, 0.035) * lungs * fleck)


def _paint_texture(rng: np.random.Generator, scene: Scene, kind: str, lungs: Array) -> None:
    if kind == "reticular":
        _, wall = mesh(rng, scene.side, float(rng.uniform(11, 14)))
        lines = soft(wall - np.float32(0.11), 0.28)
        scene.paint(222, lines * lungs * np.float32(0.72))
    elif kind == "miliary":
        seeds = Stencil(scene.side)
        points = scatter(rng, (0, 0, 1.35), float(rng.uniform(0.095, 0.115)))
        size = rng.uniform(0.016, 0.023, len(points))
        seeds.dots(points, size, size)
        scene.paint(240, seeds.mask(0.006) * lungs * np.float32(0.88))


def _paint_fluid(rng: np.random.Generator, scene: Scene, kind: str, lungs: Array) -> None:
    if kind == "no-fluid":
        return
    height = scene.body.levels[kind == "much-fluid"] + float(rng.uniform(-0.04, 0.04))
    own = np.float32(scene.hand) * scene.u
    climb = np.maximum(own - np.float32(0.40), 0)  # the meniscus climbs the outer wall
    level = np.float32(height) - scene.v - np.float32(1.1) * climb * climb
    part = soft(level, 0.035) * soft(np.float32(0.02) - own, 0.04) * lungs
    if scene.sound:
        scene.paint(scene.body.dark, part * np.float32(0.96))
        surface = soft(np.abs(level) - np.float32(0.012), 0.03) * soft(-own, 0.04) * lungs
        scene.paint(226, surface * np.float32(0.85))
    else:
        scene.paint(scene.body.white + 20, part * np.float32(0.97))


def _paint_heart(rng: np.random.Generator, scene: Scene, large: bool, shifted: bool) -> None:
    height, wide, high = scene.body.heart
    grow = float(rng.uniform(1.95, 2.2) if large else rng.uniform(0.92, 1.08))
    # To either side: a push and a pull look the same, and neither tells where the findings are.
    push = scene.body.shift * float(rng.uniform(0.92, 1.1)) * int(rng.choice((-1, 1)))
    at = (push if shifted else float(rng.uniform(-0.02, 0.02)), height)
    tilt = float(rng.uniform(-0.15, 0.15))
    heart = scene.ellipse(at, (wide * grow, high * (0.55 + 0.45 * grow)), tilt)
    heart += np.float32(0.012) * noise(rng, scene.side, 8)
    if scene.sound:
        scene.paint(218, soft(heart - np.float32(0.035), 0.04) * np.float32(0.9))
        scene.paint(scene.body.dark, soft(heart, 0.03))
        return
    if scene.modality == "radiograph":  # great vessels, and the windpipe in them
        lean = np.float32(at[0]) * np.clip(scene.v + np.float32(0.9), 0, 1)
        stem = np.maximum(np.abs(scene.u - lean) - np.float32(0.10), scene.v)
        scene.paint(scene.body.white - 14, soft(stem, 0.05) * np.float32(0.9))
        pipe = np.abs(scene.u - lean) - np.float32(0.03)
        scene.paint(96, soft(np.maximum(pipe, scene.v + np.float32(0.25)), 0.04) * np.float32(0.7))
    scene.paint(scene.body.white, soft(heart, 0.045) * np.float32(0.96))


def _paint_shadow(scene: Scene, kind: str, mass: Point, reach: float) -> None:
    """Darken or brighten what sound reaches through the mass."""
    length = float(np.hypot(mass[0], mass[1] - APEX))
    du, dv = np.float32(mass[0] / length), np.float32((mass[1] - APEX) / length)
    pu, pv = scene.u - np.float32(mass[0]), scene.v - np.float32(mass[1])
    along, across = pu * du + pv * dv, np.abs(pu * dv - pv * du)
    width = np.float32(0.95 * reach) + np.float32(0.9 * reach / length) * along
    band = soft(across - width, 0.05) * soft(np.float32(0.3 * reach) - along, 0.06)
    band *= scene.plane > 3  # outside of the fan there is nothing to change
    if kind == "dark-shadow":
        scene.paint(6, band * np.float32(0.9))
    else:
        scene.paint(236, band * np.float32(0.72))


def _paint_mass(
    rng: np.random.Generator, scene: Scene, kind: str, at: Point, reach: float, distance: Array
) -> None:
    gray = scene.body.mass_gray
    if kind == "round-nodule":
        scene.paint(gray, soft(distance, 0.035) * np.float32(0.96))
    elif kind == "ring-nodule":
        scene.paint(226, soft(distance, 0.035) * np.float32(0.97))
        hole = distance + np.float32(scene.place[3] * 0.42 * reach)
        scene.paint(16, soft(hole, 0.04) * np.float32(0.95))
    elif kind == "spiculated-nodule":
        spikes = Stencil(scene.side)
        count = int(rng.integers(10, 14))
        for angle in (np.arange(count) + rng.uniform(-0.3, 0.3, count)) * (2 * np.pi / count):
            ends = np.array([0.4, 1.05, float(rng.uniform(1.4, 1.8))])[:, None] * reach
            points = np.array(at) + ends * toward(angle)
            scene.stroke(spikes, points[:2], 0.052)
            scene.stroke(spikes, points, 0.026)
        # Under ultrasound the strands around a dark core are bright.
        scene.paint(228 if scene.sound else gray, spikes.mask(0.006) * np.float32(0.95))
        core = distance + np.float32(0.3 * reach) + np.float32(0.03) * noise(rng, scene.side, 18)
        scene.paint(gray, soft(core, 0.06) * np.float32(0.96))


def _speckle(rng: np.random.Generator, scene: Scene, fan: Array) -> None:
    """Multiply by the grain of echoes, and let the gain fall off with depth."""
    side = scene.side
    grain = noise(rng, side, 52)
    grain = np.float32(1) + np.float32(rng.uniform(0.20, 0.32)) * (
        grain + np.float32(0.6) * noise(rng, side, 90)
    )
    np.maximum(grain, np.float32(0.15), out=grain)
    grain *= 1 - np.float32(rng.uniform(0.0, 0.12)) * (scene.v + 1)
    np.multiply(scene.plane, grain * fan, out=scene.plane)


def _paint_marks(rng: np.random.Generator, scene: Scene) -> None:
    """Side marker, scale or dark border: what machines add."""
    if rng.random() < 0.5:
        marks = Stencil(scene.side)
        mx, my = float(rng.choice((-0.86, 0.86))), float(rng.uniform(-0.88, -0.70))
        mark_side(marks, mx, my)
        scene.paint(240, marks.mask())
    if scene.sound and rng.random() < 0.5:
        ticks = Stencil(scene.side)
        rows = np.linspace(-0.8, 0.8, int(rng.integers(5, 9)))
        ticks.dots(np.stack([np.full_like(rows, 0.95), rows], 1), 0.02, 0.008)
        scene.paint(200, ticks.mask())
    if not scene.sound and rng.random() < 0.25:
        scene.paint(6, unexposed(scene.side, float(rng.uniform(0.90, 0.98))))

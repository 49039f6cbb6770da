"""Drawn films of bones and joints: how each value of each attribute is painted.

In: a look, which maps attribute to value (`words.BONE`). Out: a gray picture. Everything else (the bones' place, turn, number
and proportions, exposure, where the findings lie, marker, edge of the film) is left to chance.

Flesh is painted first, then the bones, then what grows in the main one, breaks it or lies upon it. A break and a growth have
places of their own on the main bone, so that each is seen beside the other.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from sgps.drawings.bone.skeleton import (
    Bone,
    Scene,
    axis_of,
    distance_from,
    half_width,
    new_scene,
)
from sgps.drawings.brushes import (
    Array,
    Stencil,
    finish,
    length_of,
    mark_side,
    mesh,
    noise,
    soft,
    unexposed,
)

_CORTEX = {"normal-density": 0.24, "osteopenic": 0.10, "sclerotic": 0.42}
"""Thickness of the cortex, as a share of half the width."""
_GRAYS = {"normal-density": (224, 142), "osteopenic": (178, 96), "sclerotic": (248, 232)}
"""Grays of cortex and marrow."""


def draw_bone(
    rng: np.random.Generator, look: Mapping[str, str], image_size: int
) -> NDArray[np.uint8]:
    """Draw one film of the given look, uint8 (3, S, S)."""
    scene = new_scene(rng, look, image_size)
    across, along, gap = _broken(rng, scene, look["fracture"])
    grown = _ballooned(scene, along) if look["lesion"] == "expansile-lesion" else 0.0
    outline = distance_from(scene.main, across, along, grown) + scene.wave
    flesh = _paint_flesh(rng, scene, look["soft-tissue"], outline)
    _paint_bones(rng, scene, look["density"], outline)
    _paint_lesion(rng, scene, look["lesion"], across, along, outline)
    _paint_gap(scene, gap, outline)
    _paint_surface(rng, scene, look["surface"], along, outline)
    if look["margin"] == "spurs":
        _paint_spurs(rng, scene, look["density"])
    if look["soft-tissue"] == "calcified-soft-tissue":
        _paint_deposits(rng, scene, flesh)
    if look["hardware"] != "no-hardware":
        _paint_hardware(rng, scene, look["hardware"])
    _paint_film(rng, scene)
    scene.plane[:] *= np.float32(rng.uniform(0.86, 1.02))
    return finish(rng, scene.plane[None], image_size, rng.uniform(1.0, 3.5))


def _broken(rng: np.random.Generator, scene: Scene, kind: str) -> tuple[Array, Array, Array]:
    """Coordinates around the main bone's axis as the break leaves them, and the mask of the gap between the fragments."""
    bone, site = scene.main, np.float32(scene.sites[0])
    along = scene.v
    across = scene.u - axis_of(bone, along)
    slope = np.float32(rng.uniform(-0.5, 0.5))
    ragged = np.float32(0.022) * noise(rng, scene.side, 22)
    past = along - site - slope * across + ragged
    if kind == "no-fracture":
        return across, along, np.zeros_like(along)
    if kind == "hairline-fracture":
        return across, along, soft(np.abs(past) - np.float32(0.024), 0.03)
    push = np.float32(scene.hand * bone.width)
    if kind == "displaced-fracture":
        shift, tilt = float(rng.uniform(0.9, 1.25)), float(rng.uniform(0.1, 0.3))
        far = soft(-past, 0.01)
        moved = across - far * push * np.float32(shift)
        moved -= np.float32(scene.hand * tilt) * np.maximum(past, 0)
        return moved, along, soft(np.abs(past) - np.float32(0.045), 0.03)
    _, wall = mesh(rng, scene.side, float(rng.uniform(9, 12)))
    zone = soft(np.abs(past) - np.float32(rng.uniform(0.24, 0.30)), 0.08)
    stray = np.float32(0.7) * push * zone * noise(rng, scene.side, 9)
    return across + stray, along, soft(wall - np.float32(0.17), 0.14) * zone


def _ballooned(scene: Scene, along: Array) -> Array:
    """By how much an expansile lesion widens the bone at every place along it."""
    away = (along - np.float32(scene.sites[1])) / np.float32(_reach(scene.main))
    bulge: Array = np.float32(0.62 * scene.main.width) * np.exp(-away * away)
    return bulge


def _reach(bone: Bone) -> float:
    """Half the length of what grows in a bone."""
    return max(0.17, 0.95 * bone.width)


def _paint_flesh(rng: np.random.Generator, scene: Scene, kind: str, outline: Array) -> Array:
    """Paint the soft tissue around all bones; return its mask."""
    near = outline.copy()
    for bone in scene.bones[1:]:
        across = scene.u - axis_of(bone, scene.v)
        np.minimum(near, distance_from(bone, across, scene.v), out=near)
    depth = np.full_like(near, rng.uniform(0.12, 0.17))
    if kind == "swelling":
        away = (scene.v - np.float32(np.mean(scene.sites))) / np.float32(rng.uniform(0.42, 0.55))
        depth += np.float32(rng.uniform(0.26, 0.34)) * np.exp(-away * away)
    flesh = soft(near - depth, 0.05)
    veil = np.float32(rng.uniform(58, 76)) + np.float32(6) * noise(rng, scene.side, 8)
    if kind == "swelling":
        veil += 14
    scene.paint(veil, flesh)
    return flesh


def _paint_bones(rng: np.random.Generator, scene: Scene, density: str, outline: Array) -> None:
    cortex, marrow = _GRAYS[density]
    beams = np.float32(14 if density == "normal-density" else 8) * noise(rng, scene.side, 40)
    beams += np.float32(8) * noise(rng, scene.side, 14)
    for index, bone in enumerate(scene.bones):
        if index:
            across = scene.u - axis_of(bone, scene.v)
            distance = distance_from(bone, across, scene.v) + scene.wave
        else:
            distance = outline
        shell = np.float32(_CORTEX[density] * bone.width)
        inside = soft(distance, 0.025)
        scene.paint(np.float32(cortex) + np.float32(0.3) * beams, inside)
        scene.paint(np.float32(marrow) + beams, soft(distance + shell, 0.05))


def _paint_lesion(
    rng: np.random.Generator, scene: Scene, kind: str, across: Array, along: Array, outline: Array
) -> None:
    if kind == "no-lesion":
        return
    width, reach = scene.main.width, _reach(scene.main)
    du = across - np.float32(rng.uniform(-0.15, 0.15) * width)
    dv = (along - np.float32(scene.sites[1])) * np.float32(1 / reach)
    if kind == "expansile-lesion":
        bubble = soft(length_of(du / np.float32(1.5 * width), dv / np.float32(1.15)) - 1, 0.1)
        bubble *= soft(outline + np.float32(0.028), 0.025)
        scene.paint(rng.uniform(52, 74), bubble * np.float32(0.94))
        _, wall = mesh(rng, scene.side, float(rng.uniform(7, 9)))
        scene.paint(196, soft(wall - np.float32(0.07), 0.09) * bubble * np.float32(0.8))
        return
    distance = length_of(du / np.float32(0.8 * width), dv / np.float32(0.8)) - 1
    distance *= np.float32(0.8 * width)
    inside = soft(outline, 0.02)
    if kind == "lytic-lesion":
        distance += np.float32(0.012) * noise(rng, scene.side, 20)
        scene.paint(rng.uniform(40, 62), soft(distance, 0.03) * inside * np.float32(0.95))
    else:
        cloud = distance + np.float32(0.05) * noise(rng, scene.side, 16)
        rim = soft(cloud - np.float32(0.04), 0.04) * inside
        scene.paint(70, rim * np.float32(0.45))  # only what is round it tells white in white
        scene.paint(253, soft(cloud, 0.05) * inside)


def _paint_gap(scene: Scene, gap: Array, outline: Array) -> None:
    """Let what lies between fragments be as dark as flesh."""
    scene.paint(58, gap * soft(outline - np.float32(0.02), 0.02) * np.float32(0.92))


def _paint_surface(
    rng: np.random.Generator, scene: Scene, kind: str, along: Array, outline: Array
) -> None:
    if kind == "smooth-surface":
        return
    middle = np.float32(0.5 * sum(scene.sites))
    near = soft(np.abs(along - middle) - np.float32(rng.uniform(0.34, 0.44)), 0.12)
    if kind == "layered-surface":
        layers = np.zeros_like(outline)
        for step in (1, 2, 3):
            layers += soft(np.abs(outline - np.float32(0.038 * step)) - np.float32(0.006), 0.022)
        scene.paint(206, np.minimum(layers, 1) * near * np.float32(0.85))
        return
    uneven = np.float32(1) + np.float32(0.35) * noise(rng, scene.side, 12)
    length = np.float32(rng.uniform(0.13, 0.17)) * uneven
    beat = np.float32(2 * np.pi / rng.uniform(0.06, 0.075))
    fan = np.sin(along * beat + np.float32(1.2) * noise(rng, scene.side, 5))
    rays = soft(-fan + np.float32(0.15), 0.7)
    band = soft(outline - length, 0.05) * soft(-outline, 0.02)
    scene.paint(216, rays * band * near * np.float32(0.9))


def _paint_spurs(rng: np.random.Generator, scene: Scene, density: str) -> None:
    """Draw beaks at the corners of all bone ends in view."""
    beaks = Stencil(scene.side)
    corners = []
    for bone in scene.bones:
        for end, way in ((bone.top, 1), (bone.bottom, -1)):
            if abs(end) > 1.1:
                continue
            wide = float(half_width(bone, np.array([end + way * 0.05], dtype=np.float32))[0])
            axis = float(axis_of(bone, np.array([end], dtype=np.float32))[0])
            size = max(0.075, 0.45 * bone.width) * float(rng.uniform(0.9, 1.25))
            for hand in (-1, 1):
                out = axis + hand * wide
                corners.append(
                    [
                        scene.at(out - hand * 0.09, end + way * 0.02),
                        scene.at(out + hand * size, end - way * float(rng.uniform(0.0, 0.04))),
                        scene.at(out - hand * 0.03, end + way * (0.08 + 0.9 * size)),
                    ]
                )
    beaks.polygons(np.array(corners))
    scene.paint(min(_GRAYS[density][0] + 16, 250), beaks.mask(0.008))


def _paint_deposits(rng: np.random.Generator, scene: Scene, flesh: Array) -> None:
    """Strew chalk beside the main bone."""
    chalk = Stencil(scene.side)
    for hand in (-1, 1):
        count = int(rng.integers(4, 8))
        along = rng.uniform(-0.55, 0.55, count)
        wide = half_width(scene.main, along.astype(np.float32))
        away = hand * (wide + rng.uniform(0.04, 0.13, count)) + scene.main.middle
        points = np.array([scene.at(*at) for at in zip(away.tolist(), along.tolist(), strict=True)])
        size = rng.uniform(0.025, 0.05, count)
        chalk.dots(points, size, size * rng.uniform(0.6, 1.0, count))
    ragged = chalk.mask(0.006) * (1 + np.float32(0.3) * noise(rng, scene.side, 26))
    scene.paint(246, np.clip(ragged, 0, 1) * flesh)


def _paint_hardware(rng: np.random.Generator, scene: Scene, kind: str) -> None:
    bone, metal = scene.main, Stencil(scene.side)
    top, bottom = max(bone.top + 0.06, -0.82), min(bone.bottom - 0.06, 0.82)
    middle = bone.middle
    if kind == "nail":
        ends = np.array([scene.at(middle, top), scene.at(middle, bottom)])
        metal.stroke(ends, max(0.075, 0.42 * bone.width))
    else:
        site = float(np.clip(scene.sites[0], top + 0.25, bottom - 0.25))
        low, high = max(top, site - 0.5), min(bottom, site + 0.5)
        beside = middle + scene.hand * 1.02 * bone.width
        ends = np.array([scene.at(beside, low), scene.at(beside, high)])
        metal.stroke(ends, max(0.07, 0.3 * bone.width))
        for along in np.linspace(low + 0.06, high - 0.06, int(rng.integers(4, 7))):
            tip = middle - scene.hand * 0.75 * bone.width
            screw = np.array([scene.at(beside, float(along)), scene.at(tip, float(along))])
            metal.stroke(screw, 0.032)
    halo = np.minimum(metal.mask(0.03) * 2, 1)
    scene.paint(70, halo * np.float32(0.3))
    scene.paint(255, metal.mask())


def _paint_film(rng: np.random.Generator, scene: Scene) -> None:
    """Add what comes with a film: the letter of a side, and an edge that rays did not reach."""
    if rng.random() < 0.5:
        marks = Stencil(scene.side)
        x, y = float(rng.choice((-0.86, 0.84))), float(rng.choice((-0.86, 0.8)))
        mark_side(marks, x, y)
        scene.paint(244, marks.mask())
    if rng.random() < 0.3:
        scene.paint(4, unexposed(scene.side, float(rng.uniform(0.90, 0.98))))

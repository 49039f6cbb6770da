"""Drawn slices of CT and MRI through head, chest, abdomen and spine: how each value of each attribute is painted.

In: a look, which maps attribute to value (`words.TOMOGRAM`). Out: a gray picture. Everything else (place, size and
proportions of the body, level of the slice, window, contrast medium, bias, noise, side and size of findings, letters) is
left to chance.

The body is painted first (`head`, `trunk`, `spine`), then diffuse disease, edema, masses and what bleeds, calcifies or
collects; the scanner's share (`grounds`) and lettering come last. Where there is no mass, signal and border are those
of a flat patch of tissue.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sgps.drawings.brushes import (
    Stencil,
    blend_gray,
    box,
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
from sgps.drawings.tomogram.grounds import Points, Scene, Site, lay_texture, new_scene, scan
from sgps.drawings.tomogram.head import paint_head
from sgps.drawings.tomogram.spine import paint_spine
from sgps.drawings.tomogram.trunk import paint_abdomen, paint_chest

_BODIES = {
    "brain": paint_head,
    "chest": paint_chest,
    "abdomen": paint_abdomen,
    "spine": paint_spine,
}
_FADES = {"smooth-border": 0.03, "lobulated-border": 0.03, "spiculated-border": 0.10}
"""Width over which each border fades."""


@dataclass(frozen=True)
class _Focus:
    x: float
    """In units of the picture, as are the others."""
    y: float
    size: float
    """Mean radius."""


def draw_tomogram(
    rng: np.random.Generator, look: Mapping[str, str], image_size: int
) -> NDArray[np.uint8]:
    """Draw one slice of the given look, uint8 (3, S, S)."""
    scene = new_scene(rng, look, image_size)
    site = _BODIES[look["region"]](rng, scene)
    if look["background"] == "haze":
        _paint_haze(rng, scene, site)
    elif look["background"] == "reticular":
        _paint_net(rng, scene, site)
    lay_texture(rng, scene)
    foci = _choose_foci(rng, scene, site, look)
    if look["extra"] == "collection":
        _paint_collection(rng, scene, site)
    if look["surround"] == "edema":
        _paint_edema(rng, scene, site, foci)
    if look["mass"] == "no-mass":
        _paint_patch(rng, scene, site, look, foci[0])
    else:
        for focus in foci:
            _paint_mass(rng, scene, site, look, focus)
    if look["extra"] == "hemorrhage":
        _paint_blood(rng, scene, site)
    elif look["extra"] == "calcification":
        _paint_specks(rng, scene, foci)
    scan(rng, scene, 0.6 if look["region"] == "spine" else 0.0)
    _paint_letters(rng, scene)
    return finish(rng, scene.plane[None], image_size, rng.uniform(0.3, 1.6))


def _choose_foci(
    rng: np.random.Generator, scene: Scene, site: Site, look: Mapping[str, str]
) -> tuple[_Focus, ...]:
    """Choose where masses lie, or a patch."""
    anchors = site.anchors[look["place"]]
    scale = scene.place[3] * site.size
    if look["mass"] == "several-nodules":
        order = rng.permutation(len(anchors))[: int(rng.integers(4, 6))]
        points = scene.at(anchors[order] + rng.uniform(-0.05, 0.05, (len(order), 2)))
        sizes = scale * rng.uniform(0.46, 0.62, len(order))
        return tuple(
            _Focus(x, y, size) for (x, y), size in zip(points.tolist(), sizes.tolist(), strict=True)
        )
    x, y = _choose_anchor(rng, scene, anchors, anchors[:, 0] * scene.hand > 0)
    return (_Focus(x, y, scale * float(rng.uniform(0.95, 1.4))),)


def _choose_anchor(
    rng: np.random.Generator, scene: Scene, anchors: Points, wanted: NDArray[np.bool_]
) -> tuple[float, float]:
    """Choose one of the wanted points, or of all if none is, and give its place in the picture."""
    own = anchors[wanted] if wanted.any() else anchors
    (x, y), *_ = scene.at(own[[rng.integers(len(own))]]).tolist()
    return x, y


def _soaked(scene: Scene, site: Site) -> float:
    """Gray of tissue soaked with water, or of air spaces half filled."""
    if site.airy:
        return 0.45 * scene.tones["lung"] + 0.55 * max(scene.tones["muscle"], 120)
    return scene.tones["edema"]


def _paint_haze(rng: np.random.Generator, scene: Scene, site: Site) -> None:
    cloud = np.float32(0.62) + np.float32(0.42) * noise(rng, scene.side, 6)
    np.clip(cloud, 0.2, 0.95, out=cloud)
    scene.paint(_soaked(scene, site), cloud * site.organ)


def _paint_net(rng: np.random.Generator, scene: Scene, site: Site) -> None:
    near, wall = mesh(rng, scene.side, float(rng.uniform(13, 17)))
    patchy = np.clip(np.float32(0.7) + np.float32(0.45) * noise(rng, scene.side, 5), 0.4, 1)
    patchy *= site.organ
    lines = soft(wall - np.float32(0.09), 0.24) * patchy
    if site.airy:
        gray = max(scene.tones["muscle"], 130) * 1.1
        scene.paint(4, soft(near - np.float32(0.3), 0.2) * patchy * np.float32(0.6))
    elif scene.modality == "t2-weighted":
        gray = 232
    else:
        gray = 30 if not scene.rays or site.reference == "gray" else 214
    scene.paint(
        gray, lines * np.float32(rng.uniform(0.66, 0.8) if site.airy else rng.uniform(0.45, 0.62))
    )


def _paint_collection(rng: np.random.Generator, scene: Scene, site: Site) -> None:
    """Paint fluid along the wall, thickest in the direction of the pull."""
    if site.pull == (0.0, 0.0):
        share = np.exp(-((scene.v / np.float32(rng.uniform(0.4, 0.6))) ** 2))
        thick = float(rng.uniform(0.10, 0.16))
    else:
        share = scene.u * np.float32(site.pull[0]) + scene.v * np.float32(site.pull[1])
        share = np.clip(np.float32(1.9) * share - np.float32(0.35), 0, 1)
        thick = float(rng.uniform(0.17, 0.26))
    layer = np.maximum(-site.wall - np.float32(thick) * share, site.wall) + scene.wave
    tone = scene.tones["edema" if scene.modality == "t2-weighted" else "fluid"]
    if site.airy and scene.rays:
        tone = max(tone, 112)
    scene.paint(tone, soft(layer, 0.025) * (share > 0.04))


def _paint_edema(
    rng: np.random.Generator, scene: Scene, site: Site, foci: tuple[_Focus, ...]
) -> None:
    """Soak what lies around the foci, with fingers along the tissue."""
    x, y = grid(scene.side)
    distance = np.full_like(scene.plane, 9)
    for focus in foci:
        away = length_of(x - np.float32(focus.x), y - np.float32(focus.y))
        broad = 0.7 * focus.size + (0.14 if len(foci) == 1 else 0.09)
        np.minimum(distance, away - np.float32(focus.size + broad), out=distance)
    fingers = np.float32(rng.uniform(0.10, 0.16)) * noise(rng, scene.side, 9)
    halo = soft(distance + fingers, 0.09)
    halo *= site.organ if site.airy else site.inside
    scene.paint(_soaked(scene, site), halo * np.float32(rng.uniform(0.75, 0.92)))


def _radii(rng: np.random.Generator, border: str, size: float) -> NDArray[np.float32]:
    """Radii of an outline by angle."""
    table = outline(rng, 1.0, (0.03, 0.02, 0.012), float(rng.uniform(1.0, 1.25)))
    angle = np.linspace(0, 2 * np.pi, len(table), endpoint=False)
    if border == "lobulated-border":
        bent = angle + 0.45 * np.sin(angle + rng.uniform(0, 6))
        bent += 0.2 * np.sin(2 * angle + rng.uniform(0, 6))
        lobes = np.abs(np.sin(int(rng.integers(4, 7)) * bent / 2 + rng.uniform(0, 3)))
        table += 0.52 * (lobes - 0.6) * (1 + 0.3 * np.cos(angle + rng.uniform(0, 6)))
    elif border == "spiculated-border":
        table += outline(rng, 1.0, (0.14, 0.12, 0.08, 0.06)) - 1.22
        count = int(rng.integers(10, 16))
        for tip in (np.arange(count) + rng.uniform(-0.6, 0.6, count)) * (2 * np.pi / count):
            away = np.abs(np.angle(np.exp(1j * (angle - tip)))) / rng.uniform(0.08, 0.2)
            table += rng.uniform(0.25, 0.9) * np.clip(1 - away, 0, 1) ** 2
    radii: NDArray[np.float32] = (size * np.maximum(table, 0.3)).astype(np.float32)
    return radii


def _levels(scene: Scene, site: Site) -> dict[str, float]:
    """Gray of tissue of normal, high and low signal."""
    like = scene.tones[site.reference]
    if site.airy:
        like = max(like, 100)
    return {
        "isointense": like,
        "hyperintense": max(218, min(like + 90, 248)),
        "hypointense": 0.42 * like if site.airy else 0.28 * like,
    }


def _paint_patch(
    rng: np.random.Generator, scene: Scene, site: Site, look: Mapping[str, str], focus: _Focus
) -> None:
    """Paint a flat area of another signal, which pushes nothing aside."""
    if look["signal"] == "isointense":
        return
    table = _radii(rng, look["border"], 1.25 * focus.size)
    table *= outline(rng, 1.0, (0.22, 0.16, 0.08), 1.5)
    away, radius = polar(scene.side, focus.x, focus.y, table)
    distance = away - radius + np.float32(0.05) * noise(rng, scene.side, 10)
    area = soft(distance, 2 * _FADES[look["border"]]) * site.inside
    scene.paint(_levels(scene, site)[look["signal"]], area * np.float32(rng.uniform(0.42, 0.55)))


def _paint_mass(
    rng: np.random.Generator, scene: Scene, site: Site, look: Mapping[str, str], focus: _Focus
) -> None:
    table = _radii(rng, look["border"], focus.size)
    part = box(scene.side, focus.x, focus.y, float(table.max()) + 0.08)
    away, radius = polar(scene.side, focus.x, focus.y, table, part)
    distance = away - radius
    if look["border"] == "spiculated-border":
        distance += np.float32(0.16 * focus.size) * noise(rng, scene.side, 22)[part]
    fade = min(_FADES[look["border"]], max(0.4 * focus.size, 0.03))
    inside = soft(distance, fade) * site.inside[part]
    plane = scene.plane[part]
    levels = _levels(scene, site)
    signal = look["signal"]
    if signal == "cystic":
        fluid = max(scene.tones["fluid"], 8)
        wall = 18 if fluid > 150 and not site.airy else max(levels["isointense"] * 1.45, 212)
        blend_gray(plane, wall, inside)
        inner = distance + np.float32(min(0.036, 0.3 * focus.size))
        blend_gray(plane, fluid, soft(inner, 0.025) * site.inside[part])
        return
    if signal == "ring-enhancing":
        blend_gray(plane, levels["hyperintense"], inside)
        own = outline(rng, focus.size * float(rng.uniform(0.46, 0.58)), (0.1, 0.08, 0.05))
        inner = away - polar(scene.side, focus.x, focus.y, own, part)[1]
        core = max(0.22 * levels["isointense"], 14)
        blend_gray(plane, core, soft(inner, max(0.03, 0.2 * focus.size)))
        return
    mottle = 1 + np.float32(rng.uniform(0.05, 0.13)) * noise(rng, scene.side, 18)[part]
    blend_gray(plane, np.float32(levels[signal]) * mottle, inside * np.float32(0.97))
    if signal == "isointense":  # only a capsule tells it from its surroundings
        rim = soft(np.abs(distance) - np.float32(0.006), max(fade, 0.03))
        gray = 30 if levels[signal] > 90 else 180
        blend_gray(plane, gray, rim * site.inside[part] * np.float32(0.8))


def _paint_blood(rng: np.random.Generator, scene: Scene, site: Site) -> None:
    """Paint a ragged pool of blood on the other side of the body, with a dark border under MRI."""
    anchors = site.anchors["deep"]
    x, y = _choose_anchor(rng, scene, anchors, anchors[:, 0] * scene.hand <= 0)
    size = 0.85 * scene.place[3] * site.size
    table = outline(rng, size, (0.20, 0.16, 0.12, 0.08, 0.06), float(rng.uniform(1.2, 1.8)))
    away, radius = polar(scene.side, x, y, table)
    distance = away - radius + np.float32(0.07) * noise(rng, scene.side, 13)
    dark = 8 if not scene.rays else _soaked(scene, site)
    scene.paint(dark, soft(distance - np.float32(0.025), 0.05) * site.inside * np.float32(0.6))
    clot = np.float32(rng.uniform(214, 238)) + np.float32(16) * noise(rng, scene.side, 14)
    scene.paint(clot, soft(distance, 0.06) * site.inside)


def _paint_specks(rng: np.random.Generator, scene: Scene, foci: tuple[_Focus, ...]) -> None:
    """Strew hard bright specks in and around the foci; what lies next to them is dimmed."""
    specks = Stencil(scene.side)
    for focus in foci:
        count = int(rng.integers(9, 17)) if len(foci) == 1 else int(rng.integers(2, 5))
        far = 1.35 * focus.size * np.sqrt(rng.uniform(0, 1, count))
        points = toward(rng.uniform(0, 2 * np.pi, count)) * far[:, None] + (focus.x, focus.y)
        size = rng.uniform(0.018, 0.034, count)
        specks.dots(points, size, size * rng.uniform(0.7, 1.0, count))
    halo = np.minimum(specks.mask(0.02) * 2, 1)
    scene.paint(10, halo * np.float32(0.7))
    scene.paint(254, specks.mask())


def _paint_letters(rng: np.random.Generator, scene: Scene) -> None:
    """Write what scanners write: side, scale, lines of letters in the corners."""
    marks = Stencil(scene.side)
    for _ in range(int(rng.choice((0, 0, 0, 1, 2, 3)))):
        left, top = float(rng.choice((-0.96, 0.6))), float(rng.choice((-0.94, 0.93)))
        for step in range(int(rng.integers(3, 8))):
            corners = np.array([left, left + 0.03])[rng.integers(0, 2, 4)] + 0.046 * step
            rows = top + np.array((-0.022, 0.022, 0.022, -0.022)) * rng.uniform(0.4, 1, 4)
            marks.stroke(np.stack([corners, rows], 1), 0.010)
    if rng.random() < 0.25:
        side = float(rng.choice((-0.94, 0.94)))
        marks.stroke(np.array([(side, -0.05), (side, 0.05)]), 0.012)
    if rng.random() < 0.2:
        rows = np.linspace(-0.5, 0.5, int(rng.integers(6, 12)))
        marks.stroke(np.array([(0.96, -0.5), (0.96, 0.5)]), 0.008)
        marks.dots(np.stack([np.full_like(rows, 0.945), rows], 1), 0.02, 0.006)
    scene.paint(rng.uniform(150, 245), marks.mask())

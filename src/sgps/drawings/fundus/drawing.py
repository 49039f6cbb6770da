"""Drawn photographs of the back of the eye (fundi): how each value of each attribute is painted.

In: a look, which maps attribute to value (`words.FUNDUS`). Out: a picture. Everything else (right or left eye, zoom,
crop, color of the retina, exposure, shape of the field, flare, dust) is left to chance.

The retina, its disc and its vessels come from `grounds`; lesions, the media before them and the camera are here.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from sgps.drawings.brushes import Array, Stencil, finish, grid, noise, scatter, soft, toward
from sgps.drawings.fundus.grounds import (
    Eye,
    Path,
    curve,
    new_eye,
    paint_disc,
    paint_ground,
    paint_vessels,
)

_FOVEA = (1.0, 0.0)
_EXTENT = {
    "normal-macula": 0.14,
    "pigmented-scar": 0.36,
    "pale-atrophy": 0.40,
    "serous-dome": 0.44,
    "cherry-red-spot": 0.46,
}
"""Radius about the fovea that deposits leave free, so that the macula is seen."""


def draw_fundus(
    rng: np.random.Generator, look: Mapping[str, str], image_size: int
) -> NDArray[np.uint8]:
    """Draw one fundus of the given look, uint8 (3, S, S)."""
    eye = new_eye(rng, image_size)
    paint_ground(rng, eye, look["ground"])
    _paint_retina(rng, eye, look["retina"])
    _paint_macula(rng, eye, look["macula"])
    paint_disc(rng, eye, look["disc"])
    courses = paint_vessels(rng, eye, look["vessels"])
    if look["disc"] == "swollen-disc":  # the swelling hides pieces of the vessels
        veil = soft(eye.around((0, 0)) - np.float32(0.9 * eye.radius), 0.9 * eye.radius)
        eye.paint((232, 160, 112), veil * np.float32(0.42))
    free = _EXTENT[look["macula"]]
    if look["retina"] == "laser-scars":
        _paint_burns(rng, eye)
    if look["ground"] == "bone-spicules":
        _paint_spicules(rng, eye)
    _paint_exudate(rng, eye, look["exudate"], free)
    _paint_hemorrhage(rng, eye, look["hemorrhage"], courses, free)
    _paint_sheen(rng, eye)
    _paint_media(rng, eye, look["media"])
    _take(rng, eye)
    return finish(rng, eye.picture, image_size, rng.uniform(0.5, 3.0))


def _paint_retina(rng: np.random.Generator, eye: Eye, kind: str) -> None:
    if kind == "white-patch":
        place = (float(rng.uniform(0.3, 0.95)), -eye.up * float(rng.uniform(0.86, 0.98)))
        ragged = eye.around(place) - np.float32(rng.uniform(0.30, 0.40))
        ragged += np.float32(0.10) * noise(rng, eye.side, 6)
        eye.dim((0.70, 0.62, 0.62), soft(ragged - np.float32(0.03), 0.09))
        pale = np.array((250, 240, 206)) * rng.uniform(0.94, 1.0)
        eye.paint(pale, soft(ragged + np.float32(0.02), 0.04) * np.float32(0.95))
        clumps = soft(np.float32(0.15) - noise(rng, eye.side, 18), 0.5)
        eye.dim((0.34, 0.26, 0.26), clumps * soft(np.abs(ragged) - np.float32(0.02), 0.07))
    elif kind == "detached-retina":
        bulge = noise(rng, eye.side, 3) * np.float32(0.10)
        lean = np.float32(rng.uniform(-0.35, 0.35))
        height = -np.float32(eye.up) * eye.v + lean * (eye.u - np.float32(0.5)) + bulge
        edge = np.float32(rng.uniform(0.42, 0.52)) - height
        mask = soft(edge, 0.07)
        folds = np.sin(height * np.float32(rng.uniform(11, 18)) + 3 * noise(rng, eye.side, 5))
        gray = np.array((150, 144, 128), np.float32) * np.float32(rng.uniform(0.85, 1.1))
        gray += np.float32(0.14) * eye.tone
        eye.dim((0.62, 0.60, 0.66), soft(np.abs(edge) - np.float32(0.015), 0.06))
        eye.paint(gray[:, None, None] * (1 + np.float32(0.15) * folds), mask * np.float32(0.84))


def _paint_macula(rng: np.random.Generator, eye: Eye, kind: str) -> None:
    near = eye.around(_FOVEA)
    dark = float(rng.uniform(0.28, 0.40))
    if kind in ("normal-macula", "serous-dome"):
        deep = soft(near - np.float32(0.16), 0.42)
        eye.dim((1 - 0.8 * dark, 1 - dark, 1 - dark), deep)
    if kind == "normal-macula":
        if rng.random() < 0.5:
            eye.paint((250, 214, 160), soft(near - np.float32(0.02), 0.04) * np.float32(0.5))
        return
    ragged = near + np.float32(0.07) * noise(rng, eye.side, 7)
    _MACULAE[kind](rng, eye, near, ragged)


def _scar(rng: np.random.Generator, eye: Eye, near: Array, ragged: Array) -> None:
    edge = ragged - np.float32(rng.uniform(0.25, 0.31))
    eye.paint(
        np.array((226, 204, 158)) * rng.uniform(0.88, 1.04), soft(edge, 0.06) * np.float32(0.92)
    )
    clumps = soft(np.float32(rng.uniform(-0.1, 0.15)) - noise(rng, eye.side, 16), 0.4)
    lump = rng.uniform(-0.14, 0.14, 2)
    core = soft(eye.around((1 + float(lump[0]), float(lump[1]))) - np.float32(0.13), 0.16)
    stain = np.maximum(clumps * soft(edge - np.float32(0.06), 0.08), core)
    eye.paint((42, 27, 22), stain * np.float32(0.9))


def _atrophy(rng: np.random.Generator, eye: Eye, near: Array, ragged: Array) -> None:
    edge = ragged - np.float32(rng.uniform(0.33, 0.38))
    mask = soft(edge, 0.04)
    eye.paint(np.array((244, 206, 150)) * rng.uniform(0.94, 1.02), mask * np.float32(0.90))
    bare = Stencil(eye.side)
    for start in rng.uniform((0.62, -0.38), (1.1, 0.38), (8, 2)):
        turns = rng.uniform(-0.7, 0.7) + np.cumsum(rng.uniform(-0.5, 0.5, 5))
        eye.stroke(bare, start + np.cumsum(toward(turns) * 0.12, axis=0), 0.045)
    eye.paint((222, 128, 72), bare.mask(0.006) * mask * np.float32(0.7))


def _dome(rng: np.random.Generator, eye: Eye, near: Array, ragged: Array) -> None:
    edge = near + np.float32(0.25) * (ragged - near) - np.float32(rng.uniform(0.36, 0.42))
    inside = soft(edge, 0.05)
    eye.paint(
        eye.tone * np.float32(0.60) + np.array((48, 50, 30), np.float32), inside * np.float32(0.60)
    )
    side = rng.uniform(0, 2 * np.pi)
    lit = ((eye.u - 1) * np.float32(np.cos(side)) + eye.v * np.float32(np.sin(side))) / np.float32(
        0.4
    )
    slope = inside * soft(np.float32(-0.16) - edge, 0.14)
    eye.picture *= 1 + np.float32(0.38) * np.clip(lit, -1, 1) * slope
    eye.paint((252, 222, 160), soft(np.abs(edge) - np.float32(0.02), 0.09) * np.float32(0.58))


def _whiten(rng: np.random.Generator, eye: Eye, near: Array, ragged: Array) -> None:
    cloud = soft(ragged - np.float32(rng.uniform(0.46, 0.54)), 0.4)
    eye.paint(np.array((240, 218, 182)) * rng.uniform(0.92, 1.03), cloud * np.float32(0.80))
    eye.paint((176, 24, 18), soft(near - np.float32(rng.uniform(0.12, 0.15)), 0.09))


_MACULAE = {
    "pigmented-scar": _scar,
    "pale-atrophy": _atrophy,
    "serous-dome": _dome,
    "cherry-red-spot": _whiten,
}


def _paint_burns(rng: np.random.Generator, eye: Eye) -> None:
    points = scatter(rng, (0.5, 0.0, 1.7), float(rng.uniform(0.22, 0.29)))
    apart = np.hypot(points[:, 0] - 1, points[:, 1]), np.hypot(points[:, 0], points[:, 1])
    points = points[(apart[0] > 0.70) & (apart[1] > 0.46)]
    sizes = rng.uniform(0.050, 0.080, len(points))
    dark, pale, cores = (Stencil(eye.side) for _ in range(3))
    eye.dots(dark, points, 1.35 * sizes)
    eye.dots(pale, points, sizes)
    old = rng.random(len(points)) < rng.uniform(0.2, 0.7)
    eye.dots(cores, points[old], 0.5 * sizes[old])
    eye.dim((0.66, 0.58, 0.58), dark.mask(0.008) * np.float32(0.7))
    eye.paint((240, 216, 160), pale.mask(0.008) * np.float32(rng.uniform(0.68, 0.9)))
    eye.paint((70, 46, 34), cores.mask() * np.float32(0.85))


def _paint_spicules(rng: np.random.Generator, eye: Eye) -> None:
    """Small black stars with branching arms, denser outward."""
    clumps = Stencil(eye.side)
    points = rng.uniform((-1.1, -1.4), (2.0, 1.4), (150, 2))
    far = np.hypot((points[:, 0] - 0.55) / 1.15, points[:, 1])
    points = points[far > rng.uniform(0.62, 0.95, len(points))]
    reach = rng.uniform(0.05, 0.15, (4, len(points), 1))
    ends = points + reach * toward(rng.uniform(0, 2 * np.pi, (4, len(points))))
    arms = np.stack([ends[0], points, ends[1], points, ends[2], points, ends[3]], axis=1)
    for star in arms:
        eye.stroke(clumps, star, 0.021)
    eye.dots(clumps, points, rng.uniform(0.012, 0.028, len(points)))
    eye.paint((32, 22, 18), clumps.mask() * np.float32(0.94))


def _paint_exudate(rng: np.random.Generator, eye: Eye, kind: str, free: float) -> None:
    if kind == "no-exudate":
        return
    spots = Stencil(eye.side)
    if kind == "hard-exudates":
        points, sizes = _clusters(rng, max(free + 0.08, 0.34))
        eye.dots(spots, points, sizes)
        yellow = np.array((255, 236, 138)) * rng.uniform(0.95, 1.0)
        eye.paint(yellow, spots.mask() * np.float32(0.96))
    elif kind == "drusen":
        count = int(rng.integers(60, 90))
        away = free + (0.40 + 0.5 * free) * rng.random(count) ** 1.3
        points = np.array(_FOVEA) + away[:, None] * toward(rng.uniform(0, 2 * np.pi, count))
        points = points[np.hypot(points[:, 0], points[:, 1]) > eye.radius + 0.1]
        eye.dots(spots, points, rng.uniform(0.024, 0.054, len(points)))
        yellow = np.array((248, 208, 116)) * rng.uniform(0.95, 1.04)
        eye.paint(yellow, spots.mask(0.010) * np.float32(0.84))
    else:
        _paint_wool(rng, eye)


def _clusters(rng: np.random.Generator, ring: float) -> tuple[Path, NDArray[np.float64]]:
    """Crowded small dots in clumps, and along part of a ring about the fovea."""
    start, sweep = rng.uniform(0, 2 * np.pi), rng.uniform(1.8, 5.2)
    angles = start + sweep * rng.random(int(rng.integers(34, 54)))
    points = [np.array(_FOVEA) + (ring + rng.normal(0, 0.035, (len(angles), 1))) * toward(angles)]
    for angle in start + rng.uniform(0, sweep, int(rng.integers(2, 5))):
        middle = np.array(_FOVEA) + rng.uniform(ring, ring + 0.2) * toward(angle)
        points.append(middle + rng.normal(0, 0.06, (int(rng.integers(10, 20)), 2)))
    every = np.vstack(points)
    every = every[np.hypot(every[:, 0], every[:, 1]) > 0.34]
    return every, rng.uniform(0.014, 0.038, len(every))


def _paint_wool(rng: np.random.Generator, eye: Eye) -> None:
    """Fluffy white patches about the disc and inside the arcades."""
    near = np.full_like(eye.u, 9)
    for number in range(int(rng.integers(6, 9))):
        angle = (number + rng.uniform(0.2, 0.8)) * 2.4
        spot = rng.uniform(0.44, 0.72) * toward(angle) * (1.1, 0.95) + (0.18, 0)
        if np.hypot(spot[0] - 1, spot[1]) < 0.45:
            spot[1] += np.copysign(0.5, spot[1])
        size = float(rng.uniform(0.075, 0.115))
        np.minimum(near, eye.around((float(spot[0]), float(spot[1]))) - np.float32(size), out=near)
    fluffy = near + np.float32(0.05) * noise(rng, eye.side, 15)
    eye.paint(
        np.array((246, 240, 222)) * rng.uniform(0.94, 1.0), soft(fluffy, 0.14) * np.float32(0.92)
    )


def _paint_hemorrhage(
    rng: np.random.Generator, eye: Eye, kind: str, courses: list[Path], free: float
) -> None:
    if kind == "no-hemorrhage":
        return
    blood = Stencil(eye.side)
    if kind == "dot-blot":
        points = rng.uniform((-0.7, -0.95), (1.7, 0.95), (64, 2))
        apart = np.hypot(points[:, 0], points[:, 1]), np.hypot(points[:, 0] - 1, points[:, 1])
        points = points[(apart[0] > 0.34) & (apart[1] > 0.75 * free)]
        eye.dots(blood, points, 0.020 + 0.060 * rng.random(len(points)) ** 2.5)
        eye.dim((0.48, 0.20, 0.26), blood.mask(0.004) * np.float32(0.96))
    elif kind == "flame":
        blood.polygons(eye.at(_flames(rng, np.stack(courses))))
        eye.dim((0.62, 0.18, 0.24), blood.mask(0.005) * np.float32(0.94))
    else:
        place = (float(rng.uniform(0.35, 0.9)), eye.up * 0.66)
        level = eye.v - np.float32(place[1] - rng.uniform(0.14, 0.20))
        pool = eye.around(place) - np.float32(rng.uniform(0.34, 0.40))
        pool = np.maximum(pool + np.float32(0.015) * noise(rng, eye.side, 8), -level)
        eye.dim((0.7, 0.6, 0.6), soft(pool - np.float32(0.02), 0.07))
        settled = soft(np.float32(0.16) - level, 0.35)[None]
        tone = np.array((122, 14, 14), np.float32)[:, None, None]
        eye.paint(tone * (1 - np.float32(0.42) * settled), soft(pool, 0.03) * np.float32(0.97))


def _flames(rng: np.random.Generator, courses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Outlines (n, 6, 2) of spindles beside the large veins, along their courses (m, k, 2)."""
    count = int(rng.integers(50, 70))
    which, place = rng.integers(len(courses), size=count), rng.integers(5, 24, count)
    middle = courses[which, place]
    way = courses[which, place + 2] - middle
    angle = np.arctan2(way[:, 1], way[:, 0]) + rng.normal(0, 0.28, count)
    along, aside = toward(angle), toward(angle + np.pi / 2)
    middle = middle + aside * rng.normal(0, 0.10, (count, 1))
    along = along * rng.uniform(0.06, 0.17, (count, 1))
    aside = aside * rng.uniform(0.014, 0.038, (count, 1))
    steps = ((-1, 0), (-0.3, 0.8), (0.4, 1), (1, 0), (0.4, -1), (-0.3, -0.8))
    outlines: Path = np.stack([middle + a * along + b * aside for a, b in steps], axis=1)
    return outlines


def _paint_sheen(rng: np.random.Generator, eye: Eye) -> None:
    """The shimmer that the retina of the young has along the arcades."""
    if rng.random() > 0.3:
        return
    glints = Stencil(eye.side)
    for sign in (-1, 1):
        path = curve(((0.1, sign * 0.3), (0.5, sign * 0.8), (1.3, sign * 0.6)), 7)
        eye.stroke(glints, path + rng.normal(0, 0.03, path.shape), 0.09)
    eye.paint((232, 204, 168), glints.mask(0.05) * np.float32(rng.uniform(0.1, 0.25)))


def _paint_media(rng: np.random.Generator, eye: Eye, kind: str) -> None:
    if kind == "hazy-media":
        _blur(eye.picture, float(rng.uniform(0.016, 0.025)))
        fog = eye.tone * np.float32(0.62) + np.array((66, 62, 48), np.float32)
        veil = np.float32(rng.uniform(0.26, 0.38)) + np.float32(0.08) * noise(rng, eye.side, 3)
        eye.paint(fog * np.float32(rng.uniform(0.9, 1.15)), veil)
    elif kind == "asteroid-bodies":
        points = rng.uniform((-1.0, -1.4), (1.9, 1.4), (int(rng.integers(130, 190)), 2))
        crisp, vague = Stencil(eye.side), Stencil(eye.side)
        eye.dots(crisp, points[::2], rng.uniform(0.014, 0.034, len(points[::2])))
        eye.dots(vague, points[1::2], rng.uniform(0.024, 0.042, len(points[1::2])))
        eye.paint((240, 232, 206), vague.mask(0.016) * np.float32(0.72))
        eye.paint((254, 250, 232), crisp.mask() * np.float32(0.96))


def _blur(picture: Array, reach: float) -> None:
    """Blur a picture in place by `reach`, in units of half its side."""
    soften = ImageFilter.GaussianBlur(reach * picture.shape[1] / 2)
    for plane in picture:
        gray = Image.fromarray(np.clip(plane, 0, 255).astype(np.uint8))
        plane[:] = np.asarray(gray.filter(soften))


def _take(rng: np.random.Generator, eye: Eye) -> None:
    """What the camera does: uneven light, flare at the rim, dust, and black around the field."""
    side = eye.side
    inner = 1 + eye.rim
    falloff = np.float32(rng.uniform(0.08, 0.45)) * inner ** int(rng.integers(2, 6))
    eye.picture *= np.float32(rng.uniform(0.84, 1.14)) * (1 - np.minimum(falloff, 0.6))
    x, y = grid(side)
    if rng.random() < 0.35:
        way = toward(rng.uniform(0, 2 * np.pi))
        beam = x * np.float32(way[0]) + y * np.float32(way[1]) - np.float32(0.5)
        flare = soft(-eye.rim - np.float32(rng.uniform(0.06, 0.14)), 0.16) * soft(-beam, 0.8)
        tint = ((236, 190, 150), (190, 200, 220), (250, 220, 170))[rng.integers(3)]
        eye.paint(tint, flare * np.float32(rng.uniform(0.25, 0.6)))
    if rng.random() < 0.3:
        dust = Stencil(side)
        points = rng.uniform(-0.8, 0.8, (int(rng.integers(1, 5)), 2))
        dust.dots(points, 0.018, 0.018)
        eye.dim((0.84, 0.84, 0.86), dust.mask(0.012))
    edge = np.maximum(eye.rim, _crop(rng, side))
    lit = soft(edge, float(rng.uniform(0.012, 0.05)))
    black = np.array((4, 3, 3)) * rng.uniform(0, 2.5)
    eye.paint(black, 1 - lit)


def _crop(rng: np.random.Generator, side: int) -> Array:
    """Distance from what the sensor sees: all, or a band with straight edges, or all but a tab at the rim."""
    x, y = grid(side)
    if rng.random() < 0.28:
        band: Array = np.abs(y) - np.float32(rng.uniform(0.76, 0.92))
        return band
    if rng.random() < 0.25:
        way = toward(rng.choice((0.25, 0.75, 1.25, 1.75)) * np.pi + rng.uniform(-0.3, 0.3))
        tab: Array = x * np.float32(way[0]) + y * np.float32(way[1]) - np.float32(0.93)
        return tab
    return np.full_like(x, -9)

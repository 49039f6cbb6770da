"""The eye in drawn fundi, before lesions: where things lie, the ground of the retina, the optic disc and the vessels.

In: an eye, whose picture starts black, and values of its attributes. Out: the same eye with that part painted. Tone,
side, turn, zoom, size of the disc and course of the vessels are left to chance.

Places are in units of the eye: the disc is at (0, 0), the fovea at (1, 0), and v grows downward in a right or left eye alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sgps.drawings.brushes import (
    Array,
    Point,
    Stencil,
    Winding,
    blend,
    canvas,
    draw_vessel,
    grid,
    length_of,
    noise,
    soft,
    toward,
)

Path = NDArray[np.float64]
"""Points (n, 2) along a line, in units of the eye."""

_TONES = (
    (206, 98, 48),
    (190, 76, 38),
    (164, 78, 40),
    (216, 128, 74),
    (198, 100, 74),
    (146, 64, 30),
    (178, 98, 46),
)
"""Colors of the retina, by the eye's pigment and by the camera."""
_ARCADES: tuple[Sequence[Point], ...] = (
    ((0.0, 0.0), (0.02, 0.46), (0.38, 0.86), (1.0, 1.0), (1.75, 0.45)),
    ((0.0, 0.0), (-0.16, 0.40), (-0.50, 0.52), (-1.15, 1.05)),
    ((0.0, 0.0), (-0.30, 0.10), (-0.60, 0.10), (-1.0, 0.25)),
    ((0.0, 0.0), (0.25, 0.14), (0.45, 0.22), (0.82, 0.16)),
)
"""Courses of the vessels of one half, bent as Bézier curves: around the macula, to the nose up and straight, and to the fovea."""
_CALIBERS = {
    "normal-vessels": (0.056, 0.040, 0.92),
    "tortuous-vessels": (0.098, 0.062, 1.0),
    "attenuated-vessels": (0.030, 0.020, 0.70),
    "new-vessels": (0.056, 0.040, 0.92),
}
"""Width of veins and of arteries, and how dark they are."""


@dataclass(kw_only=True)
class Eye:
    """The picture under way, and the eye's place in it."""

    picture: Array
    tone: Array
    """Color of the retina."""
    origin: NDArray[np.float64]
    """Where the disc is, in units of half the picture."""
    axes: NDArray[np.float64]
    """Directions of u and v in the picture (2, 2)."""
    scale: float
    """Length of the eye's unit, in units of half the picture."""
    u: Array
    v: Array
    rim: Array
    """Distance from the rim of the field, as a share of its radius: negative inside."""
    radius: float
    """Radius of the disc."""
    up: int
    """1 or -1, the sign of v where a preretinal pool lies; white patches and detachments lie on the other side."""

    @property
    def side(self) -> int:
        """Side of the picture in pixels."""
        return len(self.u)

    def at(self, points: ArrayLike) -> NDArray[np.float64]:
        """Turn places of the eye into places of the picture."""
        placed: NDArray[np.float64] = (
            self.origin + np.asarray(points, np.float64) @ self.axes * self.scale
        )
        return placed

    def around(self, place: Point) -> Array:
        """Distance of every pixel from a place, in units of the eye."""
        return length_of(self.u - np.float32(place[0]), self.v - np.float32(place[1]))

    def paint(self, color: ArrayLike, mask: Array) -> None:
        """Paint a color, as opaque as `mask` says."""
        blend(self.picture, color, mask)

    def dim(self, shares: Sequence[float], mask: Array) -> None:
        """Let only these shares of red, green and blue through where `mask` is 1."""
        for plane, share in zip(self.picture, shares, strict=True):
            plane *= 1 - np.float32(1 - share) * mask

    def stroke(self, stencil: Stencil, points: ArrayLike, width: float) -> None:
        """Stroke through places of the eye."""
        stencil.stroke(self.at(points), width * self.scale)

    def dots(self, stencil: Stencil, points: ArrayLike, radii: ArrayLike) -> None:
        """Round dots at places of the eye."""
        sizes = np.asarray(radii) * self.scale
        stencil.dots(self.at(points), sizes, sizes)


def new_eye(rng: np.random.Generator, side: int) -> Eye:
    """Start with a black picture, and choose side, turn, zoom and the color of the retina."""
    hand = int(rng.choice((-1, 1)))
    turn = float(rng.normal(0.0, 0.07)) + hand * 0.09
    c, s = np.cos(turn), np.sin(turn)
    axes = np.array(((hand * c, hand * s), (-s, c)))
    field = float(rng.uniform(0.90, 1.0) if rng.random() < 0.65 else rng.uniform(1.0, 1.22))
    scale = field * float(rng.uniform(0.58, 0.78))
    middle = rng.uniform(-0.03, 0.03, 2)
    origin = middle - np.array((rng.uniform(0.35, 0.75), rng.uniform(-0.12, 0.12))) @ axes * scale
    x, y = grid(side)
    dx, dy = x - np.float32(origin[0]), y - np.float32(origin[1])
    (ux, uy), (vx, vy) = (axes / scale).astype(np.float32)
    across, down = x - np.float32(middle[0]), y - np.float32(middle[1])
    rim = length_of(across, down) * np.float32(1 / field) - 1
    tone = np.array(_TONES[rng.integers(len(_TONES))]) * rng.uniform(0.86, 1.12)
    return Eye(
        picture=canvas((0, 0, 0), (side, side)),
        tone=(tone * rng.uniform(0.93, 1.07, 3)).astype(np.float32),
        origin=origin,
        axes=axes,
        scale=scale,
        u=dx * ux + dy * uy,
        v=dx * vx + dy * vy,
        rim=rim,
        radius=float(rng.uniform(0.22, 0.275)),
        up=int(rng.choice((-1, 1))),
    )


def curve(controls: ArrayLike, count: int) -> Path:
    """Give `count` points along the Bézier curve of these control points."""
    t = np.linspace(0, 1, count)[:, None]
    points = [np.broadcast_to(point, (count, 2)) for point in np.asarray(controls, np.float64)]
    while len(points) > 1:
        points = [start + (end - start) * t for start, end in pairwise(points)]
    return points[0]


def paint_ground(rng: np.random.Generator, eye: Eye, kind: str) -> None:
    """Paint the retina without vessels: its color, its unrest, and what the ground's value adds."""
    eye.picture[:] = eye.tone[:, None, None]
    glow = rng.uniform(0.0, 0.22) * soft(eye.around((0.3, 0.0)) - np.float32(0.7), 1.6)
    cloud = np.float32(0.05) * noise(rng, eye.side, 4) + np.float32(0.025) * noise(
        rng, eye.side, 22
    )
    unrest = 1 + glow.astype(np.float32) + cloud
    eye.picture *= unrest
    eye.picture[1] *= 1 + np.float32(0.04) * noise(rng, eye.side, 3)
    if kind == "tigroid-ground":
        _bare_choroid(rng, eye)
    elif kind == "bone-spicules":
        dull = soft(np.float32(0.55) - eye.around((0.5, 0.0)), 0.5) * np.float32(0.5)
        eye.paint(eye.tone * np.float32(0.75) + np.float32(24), dull)


def _bare_choroid(rng: np.random.Generator, eye: Eye) -> None:
    """Pale winding ribbons on a dark ground, and a pale crescent beside the disc."""
    eye.dim((0.74, 0.56, 0.60), np.ones_like(eye.u))
    ribbons = Stencil(eye.side)
    starts = rng.uniform((-1.3, -1.5), (2.0, 1.5), (84, 2))
    angles = np.arctan2(starts[:, 1], starts[:, 0] - 0.8) + rng.uniform(-0.5, 0.5)
    turns = rng.normal(0, 0.6, 84) + np.cumsum(rng.uniform(-0.4, 0.4, (9, 84)), axis=0)
    paths = starts + np.cumsum(toward(angles + turns) * 0.085, axis=0)
    for path, width in zip(np.swapaxes(paths, 0, 1), rng.uniform(0.03, 0.07, 84), strict=True):
        eye.stroke(ribbons, path, float(width))
    calm = 1 - np.float32(0.6) * soft(eye.around((1.0, 0.0)) - np.float32(0.2), 0.3)
    calm *= 1 + np.float32(0.25) * noise(rng, eye.side, 5)
    pale = np.minimum(eye.tone * np.array((1.10, 1.22, 1.25), np.float32) + 10, 250)
    eye.paint(pale, np.minimum(ribbons.mask(0.014) * calm * np.float32(0.85), 1))
    shift = float(rng.uniform(0.35, 0.60)) * eye.radius
    crescent = eye.around((shift, float(rng.uniform(-0.04, 0.04))))
    crescent = (
        crescent - np.float32(1.20 * eye.radius) + np.float32(0.025) * noise(rng, eye.side, 12)
    )
    eye.paint((238, 204, 150), soft(crescent, 0.05) * np.float32(0.88))


def paint_disc(rng: np.random.Generator, eye: Eye, kind: str) -> None:
    """Paint the optic disc and its cup."""
    rough = eye.around((0.0, 0.0)) + np.float32(0.012) * noise(rng, eye.side, 9)
    # A disc is a little higher than wide.
    rough -= np.float32(0.10) * np.abs(eye.v) * soft(rough - np.float32(0.3), 0.2)
    edge, r = rough - np.float32(eye.radius), eye.radius
    warm = rng.uniform(0.97, 1.03, 3) * np.clip(eye.tone.mean() / 116, 0.82, 1.06)
    cup = eye.around((float(rng.uniform(-0.1, 0.25)) * r, float(rng.uniform(-0.1, 0.1)) * r))
    if kind == "swollen-disc":
        halo = soft(edge - np.float32(0.34 * r), 1.5 * r)
        angle = np.arctan2(eye.v, eye.u)
        rays = np.sin(angle * 23 + 2 * noise(rng, eye.side, 5)) * soft(-edge, 0.2)
        eye.paint(
            np.array((238, 172, 120)) * warm, halo * (np.float32(0.92) + np.float32(0.12) * rays)
        )
        eye.paint(
            np.array((226, 128, 92)) * warm,
            soft(rough - np.float32(0.3 * r), 0.7 * r) * np.float32(0.6),
        )
    elif kind == "pale-disc":
        ring = soft(np.abs(edge) - np.float32(0.02), 0.05)
        eye.dim((0.72, 0.66, 0.70), ring)
        eye.paint(np.minimum(np.array((250, 246, 226)) * warm, 252), soft(edge, 0.035))
    else:
        eye.paint(np.array((248, 178, 112)) * warm, soft(edge, 0.06))
        share, color = (0.40, (254, 226, 166)) if kind == "normal-disc" else (0.70, (255, 248, 212))
        size = np.float32(share * float(rng.uniform(0.92, 1.06)) * r)
        if kind == "cupped-disc":
            eye.paint(np.array((240, 140, 76)) * warm, soft(edge, 0.05) * np.float32(0.8))
        sharp = 0.09 if kind == "normal-disc" else 0.05
        eye.paint(np.minimum(np.array(color) * warm, 252), soft(cup - size, sharp))
        if kind == "cupped-disc":
            shade = soft(np.abs(cup - size) - np.float32(0.008), 0.035)
            eye.dim((0.84, 0.68, 0.58), shade)


def paint_vessels(rng: np.random.Generator, eye: Eye, kind: str) -> list[Path]:
    """Paint veins and arteries, and new ones if so said; give the courses of the large veins."""
    vein, artery, dark = _CALIBERS[kind]
    wavy = 0.055 if kind == "tortuous-vessels" else 0.010
    veins, arteries = Stencil(eye.side), Stencil(eye.side)
    courses: list[Path] = []
    for sign in (-1, 1):
        for order, controls in enumerate(_ARCADES):
            if order == 2 and sign == eye.up:
                continue
            share = (1.0, 0.85, 0.55, 0.42)[order] * float(rng.uniform(0.9, 1.1))
            bent = np.asarray(controls) * (1, sign)
            course = _trunk(
                rng,
                eye,
                veins,
                bent,
                vein * share,
                wavy if order < 2 else 0.4 * wavy,
                3 if order < 2 else 1,
            )
            if order < 2:
                courses.append(course)
                _trunk(rng, eye, arteries, bent * (0.96, 1.06), artery * share, 0.6 * wavy, 2)
    eye.dim((0.90, 0.62, 0.52), arteries.mask(0.004) * np.float32(dark))
    eye.dim((0.62, 0.34, 0.30), veins.mask(0.004) * np.float32(dark))
    if kind == "new-vessels":
        _grow_tufts(rng, eye, courses)
    return courses


def _trunk(
    rng: np.random.Generator,
    eye: Eye,
    stencil: Stencil,
    controls: Path,
    width: float,
    wavy: float,
    forks: int,
) -> Path:
    """Draw one large vessel, which tapers, with its branches; give its course."""
    moved = controls + rng.normal(0, 0.055, controls.shape)
    moved[0] = rng.normal(0, 0.025, 2) - (0.06, 0)
    path = curve(moved, 31)
    t = np.linspace(0, 1, 31)
    slope = np.gradient(path, axis=0)
    slope /= np.hypot(slope[:, 0], slope[:, 1])[:, None]
    swing = wavy * np.minimum(4 * t, 1) * np.sin(t * rng.uniform(26, 40) + rng.uniform(0, 6))
    path = path + swing[:, None] * slope[:, ::-1] * (-1, 1)
    for piece in range(5):
        eye.stroke(stencil, path[6 * piece : 6 * piece + 7], width * (1 - 0.12 * piece))
    hand = int(rng.choice((-1, 1)))
    winding = Winding(steps=5, turn=0.12 + 9 * wavy, fork=0.7, width=0.58, length=0.75)
    for place in (rng.uniform((0.2, 0.42, 0.64)[:forks], (0.4, 0.62, 0.9)[:forks]) * 30).astype(
        int
    ):
        hand = -hand
        way = (
            toward(np.arctan2(slope[place, 1], slope[place, 0]) + hand * rng.uniform(0.5, 0.95))
        ) @ eye.axes
        thin = max(0.55 * width * eye.scale, 0.0085)
        draw_vessel(
            rng,
            stencil,
            eye.at(path[place]),
            float(np.arctan2(way[1], way[0])),
            thin,
            0.34 * eye.scale,
            winding,
        )
    return path


def _grow_tufts(rng: np.random.Generator, eye: Eye, courses: list[Path]) -> None:
    """Tangles of fine vessels at the disc and along the large veins."""
    lines, flush = Stencil(eye.side), Stencil(eye.side)
    roots = [1.1 * eye.radius * toward(rng.uniform(0, 2 * np.pi))]
    roots += [course[int(rng.integers(9, 17))] for course in courses]
    for root in roots:
        fan, size = rng.uniform(0, 2 * np.pi), float(rng.uniform(0.85, 1.2))
        eye.dots(flush, root[None] + 0.13 * size * toward(fan), [0.2 * size])
        starts = fan + rng.uniform(-1.2, 1.2, 13)
        turns = starts[:, None] + np.cumsum(rng.normal(0, 0.62, (13, 8)), axis=1)
        paths = root + np.cumsum(toward(turns) * 0.056 * size, axis=1)
        for path in paths:
            eye.stroke(lines, path, 0.020)
    eye.dim((0.90, 0.72, 0.74), flush.mask(0.03) * np.float32(0.8))
    eye.dim((0.62, 0.26, 0.34), lines.mask())

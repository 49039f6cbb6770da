"""The bodies in drawn gray fields, before anything is found in them: a radiograph, an ultrasound fan and a tomogram.

Each painter of `ANATOMY` leaves out the heart, whose size and place are attributes (`drawing` paints it), and gives the
mask of the field that findings may lie in: the lungs, or all of the fan.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sgps.drawings.brushes import (
    Array,
    Point,
    Stencil,
    blend_gray,
    ellipse_distance,
    grid,
    noise,
    placed,
    soft,
)


@dataclass(frozen=True, kw_only=True)
class Body:
    """Where things lie in one modality, in units of the body: u to one side, v downward."""

    heart: tuple[float, float, float]
    """Height of its middle; half width and half height of a small one."""
    shift: float
    """How far it is pushed aside."""
    mass: Point
    """Middle of the mass, on the positive side."""
    fissure: float
    """Height at which a lobar consolidation ends."""
    levels: tuple[float, float]
    """Height of a little and of much fluid."""
    dark: float
    """Gray of air, or of liquid under ultrasound."""
    white: float
    """Gray of the heart, and of consolidation."""
    mass_gray: float
    """Gray of a solid mass."""


_BODIES = {
    "radiograph": Body(
        heart=(0.20, 0.17, 0.25),
        shift=0.30,
        mass=(0.46, -0.36),
        fissure=-0.36,
        levels=(0.23, -0.15),
        dark=44,
        white=192,
        mass_gray=214,
    ),
    "ultrasound": Body(
        heart=(0.22, 0.18, 0.23),
        shift=0.30,
        mass=(0.36, -0.32),
        fissure=-0.20,
        levels=(0.50, 0.14),
        dark=12,
        white=212,
        mass_gray=26,
    ),
    "tomogram": Body(
        heart=(-0.13, 0.16, 0.18),
        shift=0.24,
        mass=(0.47, -0.15),
        fissure=-0.22,
        levels=(0.19, -0.08),
        dark=30,
        white=176,
        mass_gray=208,
    ),
}


@dataclass(frozen=True, kw_only=True)
class Scene:
    """The picture under way, and the body's place in it."""

    plane: Array
    """Gray of every pixel, 0..255."""
    body: Body
    modality: str
    place: tuple[float, float, float, float]
    """x, y, turn and scale of the body in the picture."""
    u: Array
    v: Array
    hand: int
    """Side of consolidation and fluid, 1 or -1; the mass is on the other."""

    @property
    def side(self) -> int:
        """Side of the picture in pixels."""
        return len(self.plane)

    @property
    def sound(self) -> bool:
        """Whether it is an ultrasound picture."""
        return self.modality == "ultrasound"

    def at(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Points (n, 2) from the body to the picture."""
        return placed(points, self.place)

    def ellipse(self, center: Point, axes: tuple[float, float], turn: float = 0.0) -> Array:
        """Distance from an ellipse given in units of the body, negative inside."""
        (x, y), scale = self.at(np.array([center]))[0], self.place[3]
        wide, high = scale * axes[0], scale * axes[1]
        return ellipse_distance(self.side, (x, y), (wide, high), self.place[2] + turn)

    def stroke(self, stencil: Stencil, points: NDArray[np.floating], width: float) -> None:
        """Draw a line given in units of the body."""
        stencil.stroke(self.at(points), width * self.place[3])

    def add(self, light: ArrayLike) -> None:
        """Make brighter, everywhere or pixel by pixel."""
        np.add(self.plane, light, out=self.plane, casting="same_kind")

    def paint(self, gray: float, mask: Array) -> None:
        """Cover what `mask` says with one gray."""
        blend_gray(self.plane, gray, mask)


def new_scene(rng: np.random.Generator, plane: Array, modality: str) -> Scene:
    """Choose where the body lies in the picture, which is black so far."""
    x, y = (float(c) for c in rng.uniform(-0.05, 0.05, 2))
    turn, scale = float(rng.normal(0, 0.05)), float(rng.uniform(0.90, 1.06))
    c, s = np.float32(np.cos(turn) / scale), np.float32(np.sin(turn) / scale)
    across, down = grid(len(plane))
    dx, dy = across - np.float32(x), down - np.float32(y)
    return Scene(
        plane=plane,
        body=_BODIES[modality],
        modality=modality,
        place=(x, y, turn, scale),
        u=dx * c + dy * s,
        v=dy * c - dx * s,
        hand=int(rng.choice((-1, 1))),
    )


def _radiograph(rng: np.random.Generator, scene: Scene) -> Array:
    """Paint chest wall, spine, lungs and ribs; give the mask of the lungs."""
    u, v = scene.u, scene.v
    scene.add(np.float32(rng.uniform(116, 140)))
    outside = np.abs(u) - np.float32(rng.uniform(0.88, 1.05)) - np.float32(0.10) * v
    scene.paint(22, soft(-outside, 0.16))
    wide = np.abs(u)
    wide -= np.float32(0.42)
    dome = v - (np.float32(0.47) + np.float32(0.9) * wide * wide)
    scene.paint(182, soft(-dome, 0.05) * soft(outside, 0.1))
    scene.paint(170, soft(np.abs(u) - np.float32(0.07), 0.10))
    halves = [scene.ellipse((sign * 0.43, -0.06), (0.33, 0.70), -0.10 * sign) for sign in (-1, 1)]
    lungs = soft(np.maximum(np.minimum(*halves), dome), 0.06)
    scene.paint(scene.body.dark + float(rng.uniform(-8, 12)), lungs * np.float32(0.92))

    ribs, vessels = Stencil(scene.side), Stencil(scene.side)
    along = np.linspace(0, 1, 9)
    count = int(rng.integers(6, 9))
    for sign in (-1, 1):
        for step in range(count):
            top = -0.86 + 1.25 * step / count
            bow = top - 0.14 * np.sin(np.pi * along) + 0.26 * along**2
            scene.stroke(ribs, np.stack([sign * (0.07 + 0.75 * along), bow], 1), 0.045)
        collar = np.stack([sign * (0.08 + 0.70 * along), -0.72 - 0.14 * along], 1)
        scene.stroke(ribs, collar, 0.06)
        for _ in range(5):
            way = rng.uniform(-1.1, 1.1)
            length = np.array([0.0, 0.5, 1.0])[:, None] * rng.uniform(0.20, 0.40)
            start = np.array((sign * 0.16, -0.05))
            bend = np.array((sign * np.cos(way), np.sin(way)))
            scene.stroke(vessels, start + length * bend, 0.022)
    scene.add(np.float32(rng.uniform(26, 40)) * ribs.mask(0.012))
    scene.add(np.float32(26) * vessels.mask(0.012) * lungs)
    return lungs


def _tomogram(rng: np.random.Generator, scene: Scene) -> Array:
    """Paint the slice of a body on black, with lungs, spine and ribs; give the mask of the lungs."""
    high = float(rng.uniform(0.66, 0.72))
    scene.add(np.float32(8))
    scene.paint(92, soft(scene.ellipse((0, 0), (0.92, high)), 0.03))
    scene.paint(138, soft(scene.ellipse((0, 0), (0.85, high - 0.07)), 0.04))
    halves = [scene.ellipse((sign * 0.42, -0.02), (0.34, 0.50), -0.12 * sign) for sign in (-1, 1)]
    lungs = soft(np.minimum(*halves), 0.04)
    scene.paint(scene.body.dark + float(rng.uniform(-8, 10)), lungs)
    bones, dots = Stencil(scene.side), Stencil(scene.side)
    count = int(rng.integers(7, 11))
    for angle in (np.arange(count) + rng.uniform(-0.2, 0.2, count)) * (2 * np.pi / count):
        arc = angle + np.linspace(-0.13, 0.13, 4)
        points = np.stack([0.79 * np.cos(arc), (high - 0.13) * np.sin(arc)], 1)
        scene.stroke(bones, points, 0.05)
    scene.stroke(bones, np.array([(0, 0.46), (0, 0.58)]), 0.15)
    scene.stroke(bones, np.array([(-0.14, 0.56), (0.14, 0.56)]), 0.05)
    scene.paint(236, bones.mask(0.01))
    ends = scene.at(rng.uniform((-0.7, -0.4), (0.7, 0.4), (26, 2)))
    size = rng.uniform(0.008, 0.016, len(ends))
    dots.dots(ends, size, size)
    scene.add(np.float32(60) * dots.mask(0.008) * lungs)
    if rng.random() < 0.6:  # the table
        table = np.abs(scene.v - np.float32(high + 0.08) + np.float32(0.12) * scene.u * scene.u)
        scene.paint(120, soft(table - np.float32(0.012), 0.03))
    return lungs


def _ultrasound(rng: np.random.Generator, scene: Scene) -> Array:
    """Paint layered tissue within a fan; give the mask of the fan."""
    u, v = scene.u, scene.v
    depth = np.hypot(u, v - np.float32(APEX))
    angle = np.arctan2(u, v - np.float32(APEX))
    reach = float(rng.uniform(1.86, 2.0))
    rim = np.maximum(depth - np.float32(reach), np.float32(0.22) - depth)
    flank = (np.abs(angle) - np.float32(rng.uniform(0.64, 0.76))) * depth
    fan = soft(np.maximum(rim, flank), 0.03)
    tissue = 74 + np.float32(10) * noise(rng, scene.side, 4)
    phase = np.float32(rng.uniform(0, 6))
    layers = np.sin(depth * np.float32(rng.uniform(16, 24)) + phase + np.float32(1.2) * angle)
    tissue += layers * np.float32(20) * soft(depth - np.float32(0.52), 0.3)
    scene.add(tissue * fan)
    return fan


APEX = -1.12
"""Height of the point from which the fan opens."""

ANATOMY: dict[str, Callable[[np.random.Generator, Scene], Array]] = {
    "radiograph": _radiograph,
    "ultrasound": _ultrasound,
    "tomogram": _tomogram,
}

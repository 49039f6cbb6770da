"""What drawn tissue sections are made with: the section itself, the nuclei in it, and the brushes that all architectures share.

In: random numbers, a section, places. Out: places, outlines of shapes, and nuclei, which `drawing` paints last of all.
Places and outlines do not depend on the size of the picture.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sgps.drawings.brushes import Array, Stencil

Points = NDArray[np.float64]
"""Places (n, 2), or n outlines (n, corners, 2)."""

_LIMIT = 1.12
"""How far things are placed, so that the border cuts some of them."""


@dataclass(frozen=True)
class Nuclei:
    """Where nuclei lie, and how they are turned."""

    points: Points
    """Centers (n, 2)."""
    angle: NDArray[np.float64]
    """Direction of the long axis (n,)."""
    stretch: NDArray[np.float64]
    """Ratio of the long to the short axis (n,)."""
    shown: NDArray[np.bool_]
    """Which are painted (n,). The others stay, so that as many random numbers are used up at every size of picture."""

    def keep(self, chosen: NDArray[np.bool_]) -> Nuclei:
        """The same nuclei, of which only the chosen ones are painted."""
        return replace(self, shown=self.shown & chosen)


@dataclass(frozen=True, kw_only=True)
class Section:
    """The picture and what all parts of it have in common."""

    picture: Array
    side: int
    stroma: Array
    cell: Array
    nucleus: Array
    blank: Array
    radius: float
    """Of a nucleus."""
    spacing: float
    """Between nuclei that fill an area."""
    scale: float
    """Magnification, near 1."""
    turn: float
    """Main direction."""
    regular: bool
    """Whether cells and glands are alike and in rows."""
    open: bool
    """Whether nuclei are pale within a dark rim."""

    @property
    def step(self) -> float:
        """Between nuclei in the lining of glands and fronds."""
        return max(0.62 * self.spacing, 1.7 * self.radius)

    @property
    def wobble(self) -> float:
        """How irregular outlines of glands and cysts are."""
        return 0.03 if self.regular else 0.085


def blobs(
    rng: np.random.Generator,
    nuclei: Nuclei,
    radius: ArrayLike,
    wobble: float,
    corners: int,
) -> Points:
    """Outlines (n, corners, 2) of irregular ellipses; `wobble` is the relative height of bumps."""
    count = len(nuclei.points)
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    phase = rng.uniform(0, 2 * np.pi, (3, count, 1))
    reach = 1 + wobble * np.cos(2 * angle + phase[0])
    reach = reach + wobble * (np.cos(3 * angle + phase[1]) + 0.6 * np.cos(5 * angle + phase[2]))
    reach = reach * np.broadcast_to(radius, count)[:, None]
    long = np.sqrt(nuclei.stretch)[:, None]
    u, v = reach * np.cos(angle) * long, reach * np.sin(angle) / long
    c, s = np.cos(nuclei.angle)[:, None], np.sin(nuclei.angle)[:, None]
    return np.stack([u * c - v * s, u * s + v * c], axis=-1) + nuclei.points[:, None, :]


def lattice(rng: np.random.Generator, at: Section, spacing: float) -> Points:
    """Points over the picture, about `spacing` apart: in rows when the look is regular, else haphazard."""
    count = int(np.ceil(1.5 * _LIMIT / spacing)) + 1
    axis = np.arange(-count, count + 1) * spacing
    points = np.stack(np.meshgrid(axis, axis * 0.9), axis=-1).reshape(-1, 2)
    points[:, 0] += (np.arange(len(points)) // len(axis) % 2) * spacing / 2
    jitter = 0.17 if at.regular else 0.46
    points += rng.uniform(-jitter, jitter, points.shape) * spacing
    points += rng.uniform(-0.5, 0.5, 2) * spacing
    c, s = np.cos(at.turn), np.sin(at.turn)
    turned: Points = points @ np.array([[c, s], [-s, c]])
    inside: Points = turned[np.abs(turned).max(axis=1) < _LIMIT]
    return inside


def sample(field: Array, points: Points) -> Array:
    """Value of the field at each point, or at the border's pixel nearest to it."""
    side = len(field)
    column, row = np.clip(((points + 1) * (side / 2)).astype(np.intp), 0, side - 1).T
    values: Array = field[row, column]
    return values


def new_nuclei(points: Points, angle: NDArray[np.float64], stretch: float) -> Nuclei:
    """Nuclei of one stretch, all of them painted."""
    count = len(points)
    return Nuclei(points, angle, np.full(count, stretch), np.ones(count, dtype=np.bool_))


def loose(rng: np.random.Generator, points: Points, stretch: float = 1.15) -> Nuclei:
    """Nuclei turned every way."""
    return new_nuclei(points, rng.uniform(0, np.pi, len(points)), stretch)


def joined(*groups: Nuclei) -> Nuclei:
    """All nuclei of the groups, in their order."""
    return Nuclei(
        np.concatenate([np.empty((0, 2)), *(group.points for group in groups)]),
        np.concatenate([np.empty(0), *(group.angle for group in groups)]),
        np.concatenate([np.empty(0), *(group.stretch for group in groups)]),
        np.concatenate([np.empty(0, dtype=np.bool_), *(group.shown for group in groups)]),
    )


def on_ring(
    rng: np.random.Generator, at: Section, ring: Points, step: float, stretch: float
) -> Nuclei:
    """Nuclei every `step` along a closed outline (k, 2), their long axis across it (along it when below 1)."""
    legs = np.roll(ring, -1, axis=0) - ring
    way = np.concatenate([[0.0], np.cumsum(np.hypot(legs[:, 0], legs[:, 1]))])
    count = max(4, int(way[-1] / step))
    jitter = 0.08 if at.regular else 0.45
    where = (np.arange(count) + rng.uniform(-jitter, jitter, count)) % count * (way[-1] / count)
    leg = np.clip(np.searchsorted(way, where, side="right") - 1, 0, len(legs) - 1)
    part = (where - way[leg]) / np.maximum(way[leg + 1] - way[leg], 1e-9)
    points = ring[leg] + legs[leg] * part[:, None]
    if not at.regular:
        points += rng.uniform(-0.7, 0.7, points.shape) * at.radius
    angle = np.arctan2(legs[leg, 1], legs[leg, 0]) + (np.pi / 2 if stretch >= 1 else 0)
    if not at.regular:
        angle += rng.normal(0, 0.6, count)
    return new_nuclei(points, angle, max(stretch, 1 / stretch))


def toward(outlines: Points, centers: Points, share: ArrayLike) -> Points:
    """The outlines drawn in toward their centers."""
    middle = centers[:, None, :]
    return middle + (outlines - middle) * np.reshape(
        np.broadcast_to(share, len(centers)), (-1, 1, 1)
    )


def nested(
    stencil: Stencil,
    outlines: Points,
    centers: Points,
    share: float,
    levels: tuple[float, float],
) -> None:
    """Fill each outline, then the same one drawn in toward its center: levels (1, 0) give walls, (0, 1) what is in them."""
    pairs = np.stack([outlines, toward(outlines, centers, share)], axis=1)
    stencil.polygons(pairs.reshape(-1, *outlines.shape[1:]), np.tile(levels, len(outlines)))


def bodies(
    rng: np.random.Generator, at: Section, centers: Points, reach: float, spread: float
) -> Points:
    """Outlines of glands, cysts or fat cells: alike when the look is regular, else of all sizes and shapes."""
    count = len(centers)
    if at.regular:
        spread *= 0.25
    size = reach * rng.uniform(1 - spread, 1 + 0.7 * spread, count)
    stretch = rng.uniform(1.0, 1.15 if at.regular else 1.5, count)
    around = replace(loose(rng, centers), stretch=stretch)
    return blobs(rng, around, size, at.wobble, 40)

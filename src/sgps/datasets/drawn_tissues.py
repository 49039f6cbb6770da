"""Drawn tissue sections under a microscope: how each value of each attribute is painted.

A section's look is a mapping from attribute to value (`drawn_tissue_words.TISSUE`); everything else (tone of the stain,
magnification, direction, light, focus) is left to chance. The ground is painted first and says where nuclei lie; then come
red cells and clefts, and last the nuclei.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sgps.datasets.drawing import (
    Array,
    Color,
    Stencil,
    blend,
    canvas,
    finish,
    grid,
    mesh,
    noise,
    soft,
)

_Points = NDArray[np.float64]

_STAINS: dict[str, tuple[Color, Color, Color]] = {
    "pink": ((238, 184, 208), (224, 148, 186), (134, 66, 140)),
    "purple": ((200, 164, 216), (166, 122, 194), (76, 42, 134)),
    "pale": ((234, 214, 228), (220, 190, 214), (164, 132, 182)),
    "red": ((226, 118, 124), (206, 84, 104), (104, 32, 84)),
    "blue-gray": ((190, 202, 220), (154, 172, 200), (58, 76, 124)),
}
"""Tone of the stroma, of cell bodies, and of nuclei."""
_BLANK: Color = (246, 242, 246)
"""The glass behind the tissue."""
_RADIUS = {"small": 0.032, "large": 0.062}
_SPACING = {"crowded": 2.5, "sparse": 5.6}
"""Distance between nuclei, in radii of a nucleus."""
_OPEN = ("fat", "papillary", "cysts")
"""What has clear spaces of its own."""
_LIMIT = 1.12
"""How far things are placed, so that the border cuts some of them."""


def draw_tissue(
    rng: np.random.Generator, look: Mapping[str, str], image_size: int
) -> NDArray[np.uint8]:
    """Draw one tissue section of the given look, uint8 (3, S, S)."""
    at = _section(rng, look, image_size)
    picture = at.picture
    ground = _ARCHITECTURES[look["architecture"]](rng, at)
    # The stain is laid on unevenly; glass, which holds none, stays even.
    mottle = np.float32(0.11) * noise(rng, at.side, 8) + np.float32(0.12) * noise(rng, at.side, 44)
    picture -= (at.blank[:, None, None] - picture) * mottle
    if look["color"] == "red":
        _paint_blood(rng, at)
    if look["spaces"] == "gaps" and look["architecture"] not in _OPEN:
        clefts = _clefts(rng, at)
        blend(picture, at.blank, clefts * np.float32(0.97))
        ground = ground.keep(_sample(clefts, ground.points) < 0.3)
    _paint_nuclei(rng, at, ground)
    return finish(rng, picture, image_size, rng.uniform(1.0, 4.0))


@dataclass(frozen=True)
class _Nuclei:
    """Where nuclei lie, and how they are turned."""

    points: _Points
    """Centers (n, 2)."""
    angle: _Points
    """Direction of the long axis (n,)."""
    stretch: _Points
    """Ratio of the long to the short axis (n,)."""
    shown: NDArray[np.bool_]
    """Which are painted (n,). The others stay, so that as many random numbers are used up at every size of picture."""

    def keep(self, chosen: NDArray[np.bool_]) -> _Nuclei:
        """The same nuclei, of which only the chosen ones are painted."""
        return replace(self, shown=self.shown & chosen)


@dataclass(frozen=True, kw_only=True)
class _Section:
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
    open: bool

    @property
    def wobble(self) -> float:
        """How irregular outlines of glands and cysts are."""
        return 0.03 if self.regular else 0.085


def _section(rng: np.random.Generator, look: Mapping[str, str], side: int) -> _Section:
    light, hue = rng.uniform(0.95, 1.04), rng.uniform(0.97, 1.03, 3)
    tones = np.minimum(np.array(_STAINS[look["color"]]) * light * hue, 250).astype(np.float32)
    stroma, cell, nucleus = tones
    # The stronger of the two stains differs from one laboratory to the next.
    nucleus = nucleus * np.float32(rng.uniform(0.88, 1.12))
    scale = float(rng.uniform(0.85, 1.2))
    radius = _RADIUS[look["nuclei-size"]] * scale
    spread = float(rng.uniform(0.94, 1.08)) * radius
    # Large nuclei that lie sparsely would be so few that nothing could be read off them.
    share = 0.82 if look["nuclei-size"] == "large" and look["density"] == "sparse" else 1.0
    return _Section(
        picture=canvas(stroma, (side, side)),
        side=side,
        stroma=stroma,
        cell=cell,
        nucleus=nucleus,
        blank=np.asarray(_BLANK, dtype=np.float32) * np.float32(rng.uniform(0.96, 1.02)),
        radius=radius,
        spacing=_SPACING[look["density"]] * spread * share,
        scale=scale,
        turn=float(rng.uniform(0, 2 * np.pi)),
        regular=look["order"] == "regular",
        open=look["chromatin"] == "open",
    )


class _Sheet(Stencil):
    """A mask that many-sided shapes are cut from."""

    def shapes(self, corners: _Points, level: ArrayLike = 1.0) -> None:
        """Filled polygons (n, k, 2), each over those before it; level is one for all, or one for each."""
        paths = ((corners + 1) * self.side).reshape(len(corners), 2 * corners.shape[1]).tolist()
        levels = np.broadcast_to(np.rint(np.multiply(level, 255)).astype(int), len(paths)).tolist()
        for path, fill in zip(paths, levels, strict=True):
            self._draw.polygon(path, fill=fill)


def _blobs(
    rng: np.random.Generator,
    nuclei: _Nuclei,
    radius: ArrayLike,
    wobble: float,
    corners: int,
) -> _Points:
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


def _lattice(rng: np.random.Generator, at: _Section, spacing: float) -> _Points:
    """Points over the picture, about `spacing` apart: in rows when the look is regular, else haphazard."""
    count = int(np.ceil(1.5 * _LIMIT / spacing)) + 1
    axis = np.arange(-count, count + 1) * spacing
    points = np.stack(np.meshgrid(axis, axis * 0.9), axis=-1).reshape(-1, 2)
    points[:, 0] += (np.arange(len(points)) // len(axis) % 2) * spacing / 2
    jitter = 0.17 if at.regular else 0.46
    points += rng.uniform(-jitter, jitter, points.shape) * spacing
    points += rng.uniform(-0.5, 0.5, 2) * spacing
    c, s = np.cos(at.turn), np.sin(at.turn)
    turned: _Points = points @ np.array([[c, s], [-s, c]])
    inside: _Points = turned[np.abs(turned).max(axis=1) < _LIMIT]
    return inside


def _sample(field: Array, points: _Points) -> Array:
    """Value of the field at each point, or at the border's pixel nearest to it."""
    side = len(field)
    column, row = np.clip(((points + 1) * (side / 2)).astype(np.intp), 0, side - 1).T
    values: Array = field[row, column]
    return values


def _nuclei(points: _Points, angle: _Points, stretch: float) -> _Nuclei:
    """Nuclei of one stretch, all of them painted."""
    count = len(points)
    return _Nuclei(points, angle, np.full(count, stretch), np.ones(count, dtype=np.bool_))


def _loose(rng: np.random.Generator, points: _Points, stretch: float = 1.15) -> _Nuclei:
    """Nuclei turned every way."""
    return _nuclei(points, rng.uniform(0, np.pi, len(points)), stretch)


def _joined(*groups: _Nuclei) -> _Nuclei:
    return _Nuclei(
        np.concatenate([np.empty((0, 2)), *(group.points for group in groups)]),
        np.concatenate([np.empty(0), *(group.angle for group in groups)]),
        np.concatenate([np.empty(0), *(group.stretch for group in groups)]),
        np.concatenate([np.empty(0, dtype=np.bool_), *(group.shown for group in groups)]),
    )


def _on_ring(
    rng: np.random.Generator, at: _Section, ring: _Points, step: float, stretch: float
) -> _Nuclei:
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
    return _nuclei(points, angle, max(stretch, 1 / stretch))


def _toward(outlines: _Points, centers: _Points, share: ArrayLike) -> _Points:
    """The outlines drawn in toward their centers."""
    middle = centers[:, None, :]
    return middle + (outlines - middle) * np.reshape(
        np.broadcast_to(share, len(centers)), (-1, 1, 1)
    )


def _bodies(
    rng: np.random.Generator, at: _Section, centers: _Points, reach: float, spread: float
) -> _Points:
    """Outlines of glands, cysts or fat cells: alike when the look is regular, else of all sizes and shapes."""
    count = len(centers)
    if at.regular:
        spread *= 0.25
    size = reach * rng.uniform(1 - spread, 1 + 0.7 * spread, count)
    stretch = rng.uniform(1.0, 1.15 if at.regular else 1.5, count)
    around = replace(_loose(rng, centers), stretch=stretch)
    return _blobs(rng, around, size, at.wobble, 40)


def _glands(rng: np.random.Generator, at: _Section) -> _Nuclei:
    reach = float(rng.uniform(0.29, 0.37)) * at.scale
    centers = _lattice(rng, at, 2.35 * reach)
    outer = _bodies(rng, at, centers, reach, 0.3)
    share = 1 - min(max(float(rng.uniform(0.38, 0.46)), 2.5 * at.radius / reach), 0.62)
    bodies, lumens = _Sheet(at.side), _Sheet(at.side)
    bodies.shapes(outer)
    lumens.shapes(_toward(outer, centers, share))
    body = bodies.mask()
    blend(at.picture, at.cell, body * np.float32(0.95))
    lumen = lumens.mask(0.012)
    blend(at.picture, at.blank, lumen)
    step = max(0.62 * at.spacing, 1.7 * at.radius)
    rings = _toward(outer, centers, 1 - max(0.17, 1.25 * at.radius / reach))
    lining = _joined(*(_on_ring(rng, at, ring, step, 1.35) for ring in rings))
    lining = lining.keep(_sample(lumen, lining.points) < 0.1)
    between = _loose(rng, _lattice(rng, at, 1.4 * at.spacing), 2.2)
    return _joined(lining, between.keep(_sample(body, between.points) < 0.05))


def _crowded_glands(rng: np.random.Generator, at: _Section) -> _Nuclei:
    blend(at.picture, at.cell, np.full((at.side, at.side), 0.95, dtype=np.float32))
    holes = _Sheet(at.side)
    cells = _loose(rng, _lattice(rng, at, at.spacing), 1.3)
    if rng.random() < 0.5:  # a sieve: round holes punched into one mass of cells
        reach = float(rng.uniform(0.10, 0.13)) * at.scale
        centers = _lattice(rng, at, 3.1 * reach)
        holes.shapes(_bodies(rng, at, centers, reach, 0.6))
    else:  # back to back: glands that share their walls
        reach = float(rng.uniform(0.27, 0.34)) * at.scale
        centers = _lattice(rng, at, 1.9 * reach)
        outer = _bodies(rng, at, centers, reach, 0.2)
        walls = _Sheet(at.side)
        stack = np.stack([outer, _toward(outer, centers, 0.91)], axis=1)
        walls.shapes(stack.reshape(-1, *outer.shape[1:]), np.tile([1.0, 0.0], len(outer)))
        wall = walls.mask()
        blend(at.picture, at.stroma * np.float32(1.05), wall * np.float32(0.95))
        holes.shapes(_toward(outer, centers, rng.uniform(0.26, 0.42, len(outer))))
        depth = max(0.2, 1.3 * at.radius / reach)
        rings = [*_toward(outer, centers, 1 - depth), *_toward(outer, centers, 1 - 1.9 * depth)]
        cells = _joined(*(_on_ring(rng, at, ring, 0.85 * at.spacing, 1.35) for ring in rings))
        cells = cells.keep(_sample(wall, cells.points) < 0.5)
    hole = holes.mask()
    blend(at.picture, at.blank, hole)
    return cells.keep(_sample(holes.mask(0.03), cells.points) < 0.15)


def _solid(rng: np.random.Generator, at: _Section) -> _Nuclei:
    blend(at.picture, at.cell, np.full((at.side, at.side), 0.95, dtype=np.float32))
    cells = _loose(rng, _lattice(rng, at, at.spacing), 1.15)
    inside = _Sheet(at.side)
    around = _blobs(rng, cells, 0.42 * at.spacing, 0.04, 12)
    inside.shapes(around)
    blend(at.picture, at.stroma * np.float32(1.04), inside.mask() * np.float32(0.55))
    if rng.random() < 0.6:  # thin walls between nests
        _, wall = mesh(rng, at.side, float(rng.uniform(1.8, 3.0)) / at.scale)
        septum = soft(wall - np.float32(0.07), 0.08)
        blend(at.picture, at.stroma * np.float32(1.03), septum * np.float32(0.95))
        cells = cells.keep(_sample(septum, cells.points) < 0.5)
    return cells


def _strands(
    rng: np.random.Generator, at: _Section, wave: float, swirl: tuple[float, float]
) -> tuple[Array, Array]:
    """Coordinates across and along strands that wave and swirl; `swirl` is for a regular and a disordered look."""
    x, y = grid(at.side)
    c, s = np.float32(np.cos(at.turn)), np.float32(np.sin(at.turn))
    along, across = x * c + y * s, y * c - x * s
    length = float(rng.uniform(5.5, 8.5)) / at.scale
    phase = rng.uniform(0, 2 * np.pi) + np.float32(0.9) * across + noise(rng, at.side, 3)
    across = across + np.float32(wave) * np.sin(np.float32(length) * along + phase)
    across += np.float32(swirl[0 if at.regular else 1]) * noise(rng, at.side, 3)
    return across, along


def _spindles(
    rng: np.random.Generator, at: _Section, across: Array, spacing: float, stretch: float
) -> _Nuclei:
    """Nuclei that lie along the strands."""
    points = _lattice(rng, at, spacing)
    down, right = (np.asarray(slope, dtype=np.float32) for slope in np.gradient(across))
    angle = np.arctan2(-_sample(right, points), _sample(down, points)).astype(np.float64)
    angle += rng.normal(0, 0.06 if at.regular else 0.3, len(points))
    return _nuclei(points, angle, stretch)


def _fibers(rng: np.random.Generator, at: _Section) -> _Nuclei:
    across, _ = _strands(rng, at, float(rng.uniform(0.045, 0.075)) * at.scale, (0.05, 0.26))
    fine = float(rng.uniform(34, 46)) / at.scale
    shift = np.float32(1.6) * noise(rng, at.side, 7)
    strand = np.sin(np.float32(fine) * across + shift)
    coarse = np.sin(np.float32(0.37 * fine) * across + np.float32(0.7) * shift)
    blend(at.picture, at.cell, soft(-strand, 1.4) * np.float32(0.75))
    slit = soft(coarse + np.float32(0.62) + np.float32(0.25) * noise(rng, at.side, 9), 0.45)
    blend(at.picture, at.blank, slit * np.float32(0.75))
    return _spindles(rng, at, across, 1.05 * at.spacing, 3.8)


def _muscle(rng: np.random.Generator, at: _Section) -> _Nuclei:
    across, along = _strands(rng, at, 0.008, (0.02, 0.07))
    if not at.regular:  # bundles that cross
        other = np.float32(rng.choice((-1, 1))) * along + np.float32(0.2) * noise(rng, at.side, 3)
        swap = noise(rng, at.side, 2) > 0.1
        across, along = np.where(swap, other, across), np.where(swap, across, along)
    wide = float(rng.uniform(11, 15)) / at.scale
    phase = np.float32(wide) * across + np.float32(0.5) * noise(rng, at.side, 4)
    bundle = np.abs(np.sin(phase))
    flesh = at.cell * np.array((1.0, 0.90, 0.96), dtype=np.float32)
    blend(at.picture, flesh, np.full((at.side, at.side), 0.96, dtype=np.float32))
    fine = np.sin(np.float32(5.3) * phase)
    picture = at.picture
    picture *= 1 + np.float32(0.05) * fine
    if rng.random() < 0.3:  # cross-striation
        stripe = np.sin(np.float32(70 / at.scale) * along)
        picture *= 1 + np.float32(0.05) * stripe
    blend(at.picture, at.stroma * np.float32(1.06), soft(bundle - np.float32(0.20), 0.30))
    return _spindles(rng, at, across, 1.25 * at.spacing, 3.0)


def _fat(rng: np.random.Generator, at: _Section) -> _Nuclei:
    reach = float(rng.uniform(0.22, 0.30)) * at.scale
    centers = _lattice(rng, at, 1.75 * reach)
    outer = _bodies(rng, at, centers, reach, 0.35)
    wall = 1 - float(rng.uniform(0.035, 0.055)) / reach
    cells = _Sheet(at.side)
    stack = np.stack([outer, _toward(outer, centers, wall)], axis=1)
    cells.shapes(stack.reshape(-1, *outer.shape[1:]), np.tile([0.0, 1.0], len(outer)))
    empty = cells.mask()
    blend(at.picture, at.cell, np.full((at.side, at.side), 0.7, dtype=np.float32))
    if rng.random() < 0.4:  # a septum
        x, y = grid(at.side)
        c, s = np.float32(np.cos(at.turn)), np.float32(np.sin(at.turn))
        line = np.abs(x * c + y * s + np.float32(0.15) * noise(rng, at.side, 4) + np.float32(rng.uniform(-0.5, 0.5)))  # fmt: skip
        empty = empty * (1 - soft(line - np.float32(rng.uniform(0.06, 0.13)), 0.05))
    blend(at.picture, at.blank, empty)
    walls = _loose(rng, _lattice(rng, at, 0.55 * at.spacing), 1.8)
    return walls.keep(_sample(empty, walls.points) < 0.5)


def _mucus(rng: np.random.Generator, at: _Section) -> _Nuclei:
    across, _ = _strands(rng, at, 0.03, (0.12, 0.40))
    lake = np.asarray((212, 216, 234), dtype=np.float32) * np.float32(0.72) + at.stroma * np.float32(0.28)  # fmt: skip
    _, wall = mesh(rng, at.side, float(rng.uniform(1.3, 2.0)) / at.scale)
    tissue = soft(wall - np.float32(0.07) + np.float32(0.05) * noise(rng, at.side, 12), 0.06)
    wisps = np.sin(np.float32(14 / at.scale) * across + np.float32(1.6) * noise(rng, at.side, 9))
    wisps *= np.float32(0.6) + np.float32(0.5) * noise(rng, at.side, 4)
    blend(at.picture, lake, np.ones((at.side, at.side), dtype=np.float32))
    blend(at.picture, at.blank, soft(-wisps, 1.8) * np.float32(0.55))
    thread = soft(np.float32(0.75) - wisps, 0.5)
    blend(at.picture, (164, 160, 206), thread * np.float32(0.45))
    blend(at.picture, at.cell, tissue)

    lining = _loose(rng, _lattice(rng, at, 0.55 * at.spacing), 1.8)
    lining = lining.keep(_sample(tissue, lining.points) > 0.6)
    islands = _lattice(rng, at, 0.95 * at.scale)
    seeds = _lattice(rng, at, max(0.42 * at.spacing, 2.3 * at.radius))
    apart = np.linalg.norm(seeds[:, None] - islands[None], axis=2).min(axis=1, initial=9.0)
    floating = _loose(rng, seeds[apart < 0.16 * at.scale])
    clumps = _Sheet(at.side)
    clumps.shapes(_blobs(rng, floating, 1.7 * at.radius, 0.05, 12))
    blend(at.picture, at.cell, clumps.mask() * np.float32(0.85))
    return _joined(lining, floating)


def _debris(rng: np.random.Generator, at: _Section) -> _Nuclei:
    side = at.side
    lumps = noise(rng, side, 10) + np.float32(0.8) * noise(rng, side, 26)
    blend(at.picture, at.cell, soft(-lumps, 1.2) * np.float32(0.9))
    blend(at.picture, at.blank, soft(lumps + np.float32(1.1), 0.5) * np.float32(0.45))
    smudge = noise(rng, side, 13) + np.float32(0.7) * noise(rng, side, 40)
    blend(at.picture, at.nucleus, soft(np.float32(0.5) - smudge, 0.9) * np.float32(0.45))
    picture = at.picture
    picture *= 1 + np.float32(0.13) * noise(rng, side, 62) + np.float32(0.10) * noise(rng, side, 40)  # fmt: skip
    dust = _Sheet(side)
    crumbs = _lattice(rng, at, 0.5 * at.spacing)
    crumbs = crumbs + rng.normal(0, 0.05, crumbs.shape)
    dust.dots(crumbs, rng.uniform(0.10, 0.38, len(crumbs)) * at.radius, 0.25 * at.radius)
    blend(at.picture, at.nucleus * np.float32(0.75), dust.mask() * np.float32(0.85))
    left = _loose(rng, _lattice(rng, at, 2.0 * at.spacing), 1.3)
    return left.keep(rng.random(len(left.points)) < 0.7)


def _lymphoid(rng: np.random.Generator, at: _Section) -> _Nuclei:
    blend(at.picture, at.cell, np.full((at.side, at.side), 0.6, dtype=np.float32))
    return _loose(rng, _lattice(rng, at, max(0.92 * at.spacing, 2.2 * at.radius)), 1.04)


def _papillary(rng: np.random.Generator, at: _Section) -> _Nuclei:
    wide = max(float(rng.uniform(0.25, 0.32)) * at.scale, 5.0 * at.radius)
    pitch = wide * float(rng.uniform(1.4, 1.75))
    c, s = np.cos(at.turn), np.sin(at.turn)
    spin = np.array([[c, s], [-s, c]])
    fronds, cores = _Sheet(at.side), _Sheet(at.side)
    groups = []
    count = int(np.ceil(2.6 / pitch))
    shaky = 0.8 if at.regular else 1.3
    t = np.linspace(0, 1, 12)
    for start in (np.arange(count) - count / 2 + 0.5 + rng.uniform(-0.3, 0.3)) * pitch:
        top = rng.uniform(0.1, 0.9) - (0 if at.regular else rng.uniform(0, 0.6))
        height = -1.45 + t * (1.45 + top)
        sway = shaky * wide * rng.uniform(0.4, 0.8)
        bend = start + sway * np.sin(rng.uniform(3, 6) * t + rng.uniform(0, 6)) * t
        path = np.stack([bend, height], axis=1)
        thick = wide * rng.uniform(0.9, 1.05 if at.regular else 1.3)
        groups.append(_frond(rng, at, (fronds, cores), path @ spin, thick))
        if rng.random() < 0.75:  # a side branch
            low, way = path[int(rng.integers(5, 9))], rng.choice((-1, 1)) * pitch * 0.75
            twig = low + np.stack([way * t[:6] * 2, 0.5 * wide * np.sin(3 * t[:6]) + wide * t[:6]], axis=1)  # fmt: skip
            groups.append(_frond(rng, at, (fronds, cores), twig @ spin, 0.8 * thick))
    ahead = _lattice(rng, at, 3.0 * wide)  # tips of fronds from below or above
    ahead = ahead[(ahead @ spin.T)[:, 1] > 0.35]
    tips = _bodies(rng, at, ahead, 0.55 * wide, 0.3)
    for sheet in (fronds, cores):
        sheet.shapes(_toward(tips, ahead, 1.2), 0.0)
    fronds.shapes(tips)
    cores.shapes(_toward(tips, ahead, 0.36))
    step = max(0.62 * at.spacing, 1.7 * at.radius)
    old = _joined(*groups)
    near = np.linalg.norm(old.points[:, None] - ahead[None], axis=2)
    groups = [old.keep(near.min(axis=1, initial=9.0) > 0.72 * wide)]
    groups += [_on_ring(rng, at, ring, step, 1.35) for ring in _toward(tips, ahead, 0.68)]
    blend(at.picture, at.blank, np.ones((at.side, at.side), dtype=np.float32))
    blend(at.picture, at.cell, fronds.mask())
    core = cores.mask()
    blend(at.picture, at.stroma * np.float32(1.03), core)
    return _joined(*groups)


def _frond(
    rng: np.random.Generator,
    at: _Section,
    sheets: tuple[_Sheet, _Sheet],
    path: _Points,
    wide: float,
) -> _Nuclei:
    """Draw a finger along the path (k, 2) and its core, and give the nuclei of its lining."""
    way = np.gradient(path, axis=0)
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    normal = np.stack([-way[:, 1], way[:, 0]], axis=1)
    bow = np.linspace(np.pi / 2, -np.pi / 2, 7)[1:-1, None]
    cap = np.cos(bow) * way[-1] + np.sin(bow) * normal[-1]

    # Waists and a swollen tip.
    t = np.linspace(0, 1, len(path))
    club = 0.86 + 0.16 * np.sin(rng.uniform(9, 15) * t + rng.uniform(0, 6)) + 0.3 * t**3

    def rim(share: float) -> _Points:
        half = share * wide / 2 * club[:, None]
        parts = (path + half * normal, path[-1] + half[-1] * cap, (path - half * normal)[::-1])
        return np.concatenate(parts)

    sheets[0].shapes(rim(1.0)[None])
    inner = max(0.14, 1 - 5.4 * at.radius / wide)
    sheets[1].shapes(rim(min(inner, 0.34))[None])
    step = max(0.62 * at.spacing, 1.7 * at.radius)
    return _on_ring(rng, at, rim(0.66), step, 1.35)


def _cysts(rng: np.random.Generator, at: _Section) -> _Nuclei:
    reach = float(rng.uniform(0.46, 0.60)) * at.scale
    centers = _lattice(rng, at, 2.05 * reach)
    outer = _bodies(rng, at, centers, reach, 0.35)
    walls, spaces = _Sheet(at.side), _Sheet(at.side)
    lining = max(0.035, 1.5 * at.radius)
    stack = np.stack([outer, _toward(outer, centers, 1 - lining / reach)], axis=1)
    both = stack.reshape(-1, *outer.shape[1:])
    walls.shapes(outer)
    spaces.shapes(both, np.tile([0.0, 1.0], len(outer)))
    body = walls.mask()
    blend(at.picture, at.cell, body * np.float32(0.95))
    fluid = at.blank * np.float32(0.86) + at.stroma * np.float32(0.14)
    blend(at.picture, at.blank if rng.random() < 0.5 else fluid, spaces.mask())
    step = max(0.75 * at.spacing, 2.4 * at.radius)
    rings = [
        _on_ring(rng, at, ring, step, 0.45)
        for ring in _toward(outer, centers, 1 - 0.55 * lining / reach)
    ]
    between = _loose(rng, _lattice(rng, at, at.spacing), 1.8)
    lined = _joined(*rings)
    lined = lined.keep(_sample(spaces.mask(), lined.points) < 0.4)
    return _joined(lined, between.keep(_sample(body, between.points) < 0.05))


_ARCHITECTURES: dict[str, Callable[[np.random.Generator, _Section], _Nuclei]] = {
    "glands": _glands,
    "crowded-glands": _crowded_glands,
    "solid": _solid,
    "fibers": _fibers,
    "muscle": _muscle,
    "fat": _fat,
    "mucus": _mucus,
    "debris": _debris,
    "lymphoid": _lymphoid,
    "papillary": _papillary,
    "cysts": _cysts,
}


def _paint_blood(rng: np.random.Generator, at: _Section) -> None:
    """Strew red cells in pools."""
    size = float(rng.uniform(0.026, 0.034)) * at.scale
    points = rng.uniform(-1, 1, (500, 2))
    level = rng.uniform(0.6, 1.0, len(points))
    pooled = _sample(noise(rng, at.side, 4), points) > 0.12
    cells = Stencil(at.side)
    cells.dots(points[pooled], size, size, level[pooled])
    blend(at.picture, (196, 44, 48), cells.mask() * np.float32(0.9))


def _clefts(rng: np.random.Generator, at: _Section) -> Array:
    """Winding, branching slits that are wide here and closed there."""
    field = noise(rng, at.side, 4) + np.float32(0.12) * noise(rng, at.side, 14)
    width = np.float32(0.115) + np.float32(0.10) * noise(rng, at.side, 5)
    return soft(np.abs(field) - width * np.float32(at.scale), 0.07)


def _paint_nuclei(rng: np.random.Generator, at: _Section, nuclei: _Nuclei) -> None:
    count = len(nuclei.points)
    if at.regular:
        size, level = rng.uniform(((0.94,), (0.95,)), ((1.06,), (1.0,)), (2, count))
    else:
        size, level = rng.uniform(((0.0,), (0.7,)), ((1.0,), (1.0,)), (2, count))
        size = 0.60 + 0.95 * size**1.8
        crooked = rng.uniform(1.0, 1.45, count)
        nuclei = replace(nuclei, stretch=nuclei.stretch * crooked)
    outlines = _blobs(rng, nuclei, size * at.radius, 0.02 if at.regular else 0.10, 11)
    nucleoli = nuclei.points + rng.uniform(-0.2, 0.2, (count, 2)) * at.radius
    shown = nuclei.shown
    outlines, points, nucleoli = outlines[shown], nuclei.points[shown], nucleoli[shown]
    whole = _Sheet(at.side)
    if not at.open:
        whole.shapes(outlines, level[shown])
        blend(at.picture, at.nucleus * np.float32(0.66), whole.mask() * np.float32(0.96))
        return
    # A rim around each, so that those which overlap stay apart.
    stack = np.stack([outlines, _toward(outlines, points, 0.66)], axis=1)
    whole.shapes(outlines)
    rims, spots = _Sheet(at.side), Stencil(at.side)
    rims.shapes(stack.reshape(-1, *outlines.shape[1:]), np.tile([1.0, 0.0], len(points)))
    spots.dots(nucleoli, 0.24 * at.radius, 0.24 * at.radius)
    body = at.nucleus * np.float32(0.42) + at.blank * np.float32(0.58)
    blend(at.picture, body, whole.mask() * np.float32(0.95))
    blend(at.picture, at.nucleus * np.float32(0.95), rims.mask() * np.float32(0.85))
    blend(at.picture, at.nucleus * np.float32(0.55), spots.mask() * np.float32(0.95))

"""The architectures of drawn tissue sections: each paints its ground and says where nuclei lie in it.

In: a section of plain stroma. Out: the section's picture, painted in place, and its nuclei, which `drawing` paints.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from sgps.drawings.brushes import Array, Stencil, blend, grid, mesh, noise, soft
from sgps.drawings.tissue.sections import (
    Nuclei,
    Points,
    Section,
    blobs,
    bodies,
    joined,
    lattice,
    loose,
    nested,
    new_nuclei,
    on_ring,
    sample,
    toward,
)


def _flood(at: Section, color: ArrayLike, opacity: float) -> None:
    """Paint all of the picture."""
    blend(at.picture, color, np.full((at.side, at.side), opacity, dtype=np.float32))


def _glands(rng: np.random.Generator, at: Section) -> Nuclei:
    reach = float(rng.uniform(0.29, 0.37)) * at.scale
    centers = lattice(rng, at, 2.35 * reach)
    outer = bodies(rng, at, centers, reach, 0.3)
    share = 1 - min(max(float(rng.uniform(0.38, 0.46)), 2.5 * at.radius / reach), 0.62)
    cells, lumens = Stencil(at.side), Stencil(at.side)
    cells.polygons(outer)
    lumens.polygons(toward(outer, centers, share))
    body = cells.mask()
    blend(at.picture, at.cell, body * np.float32(0.95))
    lumen = lumens.mask(0.012)
    blend(at.picture, at.blank, lumen)
    rings = toward(outer, centers, 1 - max(0.17, 1.25 * at.radius / reach))
    lining = joined(*(on_ring(rng, at, ring, at.step, 1.35) for ring in rings))
    lining = lining.keep(sample(lumen, lining.points) < 0.1)
    between = loose(rng, lattice(rng, at, 1.4 * at.spacing), 2.2)
    return joined(lining, between.keep(sample(body, between.points) < 0.05))


def _crowded_glands(rng: np.random.Generator, at: Section) -> Nuclei:
    _flood(at, at.cell, 0.95)
    holes = Stencil(at.side)
    cells = loose(rng, lattice(rng, at, at.spacing), 1.3)
    if rng.random() < 0.5:  # a sieve: round holes punched into one mass of cells
        reach = float(rng.uniform(0.10, 0.13)) * at.scale
        centers = lattice(rng, at, 3.1 * reach)
        holes.polygons(bodies(rng, at, centers, reach, 0.6))
    else:  # back to back: glands that share their walls
        reach = float(rng.uniform(0.27, 0.34)) * at.scale
        centers = lattice(rng, at, 1.9 * reach)
        outer = bodies(rng, at, centers, reach, 0.2)
        walls = Stencil(at.side)
        nested(walls, outer, centers, 0.91, (1, 0))
        wall = walls.mask()
        blend(at.picture, at.stroma * np.float32(1.05), wall * np.float32(0.95))
        holes.polygons(toward(outer, centers, rng.uniform(0.26, 0.42, len(outer))))
        depth = max(0.2, 1.3 * at.radius / reach)
        rings = [*toward(outer, centers, 1 - depth), *toward(outer, centers, 1 - 1.9 * depth)]
        cells = joined(*(on_ring(rng, at, ring, 0.85 * at.spacing, 1.35) for ring in rings))
        cells = cells.keep(sample(wall, cells.points) < 0.5)
    blend(at.picture, at.blank, holes.mask())
    return cells.keep(sample(holes.mask(0.03), cells.points) < 0.15)


def _solid(rng: np.random.Generator, at: Section) -> Nuclei:
    _flood(at, at.cell, 0.95)
    cells = loose(rng, lattice(rng, at, at.spacing), 1.15)
    inside = Stencil(at.side)
    around = blobs(rng, cells, 0.42 * at.spacing, 0.04, 12)
    inside.polygons(around)
    blend(at.picture, at.stroma * np.float32(1.04), inside.mask() * np.float32(0.55))
    if rng.random() < 0.6:  # thin walls between nests
        _, wall = mesh(rng, at.side, float(rng.uniform(1.8, 3.0)) / at.scale)
        septum = soft(wall - np.float32(0.07), 0.08)
        blend(at.picture, at.stroma * np.float32(1.03), septum * np.float32(0.95))
        cells = cells.keep(sample(septum, cells.points) < 0.5)
    return cells


def _strands(
    rng: np.random.Generator, at: Section, wave: float, swirl: tuple[float, float]
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
    rng: np.random.Generator, at: Section, across: Array, spacing: float, stretch: float
) -> Nuclei:
    """Nuclei that lie along the strands."""
    points = lattice(rng, at, spacing)
    down, right = (np.asarray(slope, dtype=np.float32) for slope in np.gradient(across))
    angle = np.arctan2(-sample(right, points), sample(down, points)).astype(np.float64)
    angle += rng.normal(0, 0.06 if at.regular else 0.3, len(points))
    return new_nuclei(points, angle, stretch)


def _fibers(rng: np.random.Generator, at: Section) -> Nuclei:
    across, _ = _strands(rng, at, float(rng.uniform(0.045, 0.075)) * at.scale, (0.05, 0.26))
    fine = float(rng.uniform(34, 46)) / at.scale
    shift = np.float32(1.6) * noise(rng, at.side, 7)
    strand = np.sin(np.float32(fine) * across + shift)
    coarse = np.sin(np.float32(0.37 * fine) * across + np.float32(0.7) * shift)
    blend(at.picture, at.cell, soft(-strand, 1.4) * np.float32(0.75))
    slit = soft(coarse + np.float32(0.62) + np.float32(0.25) * noise(rng, at.side, 9), 0.45)
    blend(at.picture, at.blank, slit * np.float32(0.75))
    return _spindles(rng, at, across, 1.05 * at.spacing, 3.8)


def _muscle(rng: np.random.Generator, at: Section) -> Nuclei:
    across, along = _strands(rng, at, 0.008, (0.02, 0.07))
    if not at.regular:  # bundles that cross
        other = np.float32(rng.choice((-1, 1))) * along + np.float32(0.2) * noise(rng, at.side, 3)
        swap = noise(rng, at.side, 2) > 0.1
        across, along = np.where(swap, other, across), np.where(swap, across, along)
    wide = float(rng.uniform(11, 15)) / at.scale
    phase = np.float32(wide) * across + np.float32(0.5) * noise(rng, at.side, 4)
    bundle = np.abs(np.sin(phase))
    flesh = at.cell * np.array((1.0, 0.90, 0.96), dtype=np.float32)
    _flood(at, flesh, 0.96)
    fine = np.sin(np.float32(5.3) * phase)
    picture = at.picture
    picture *= 1 + np.float32(0.05) * fine
    if rng.random() < 0.3:  # cross-striation
        stripe = np.sin(np.float32(70 / at.scale) * along)
        picture *= 1 + np.float32(0.05) * stripe
    blend(at.picture, at.stroma * np.float32(1.06), soft(bundle - np.float32(0.20), 0.30))
    return _spindles(rng, at, across, 1.25 * at.spacing, 3.0)


def _fat(rng: np.random.Generator, at: Section) -> Nuclei:
    reach = float(rng.uniform(0.22, 0.30)) * at.scale
    centers = lattice(rng, at, 1.75 * reach)
    outer = bodies(rng, at, centers, reach, 0.35)
    wall = 1 - float(rng.uniform(0.035, 0.055)) / reach
    cells = Stencil(at.side)
    nested(cells, outer, centers, wall, (0, 1))
    empty = cells.mask()
    _flood(at, at.cell, 0.7)
    if rng.random() < 0.4:  # a septum
        x, y = grid(at.side)
        c, s = np.float32(np.cos(at.turn)), np.float32(np.sin(at.turn))
        line = np.abs(x * c + y * s + np.float32(0.15) * noise(rng, at.side, 4) + np.float32(rng.uniform(-0.5, 0.5)))  # fmt: skip
        empty = empty * (1 - soft(line - np.float32(rng.uniform(0.06, 0.13)), 0.05))
    blend(at.picture, at.blank, empty)
    walls = loose(rng, lattice(rng, at, 0.55 * at.spacing), 1.8)
    return walls.keep(sample(empty, walls.points) < 0.5)


def _mucus(rng: np.random.Generator, at: Section) -> Nuclei:
    across, _ = _strands(rng, at, 0.03, (0.12, 0.40))
    lake = np.asarray((212, 216, 234), dtype=np.float32) * np.float32(0.72) + at.stroma * np.float32(0.28)  # fmt: skip
    _, wall = mesh(rng, at.side, float(rng.uniform(1.3, 2.0)) / at.scale)
    tissue = soft(wall - np.float32(0.07) + np.float32(0.05) * noise(rng, at.side, 12), 0.06)
    wisps = np.sin(np.float32(14 / at.scale) * across + np.float32(1.6) * noise(rng, at.side, 9))
    wisps *= np.float32(0.6) + np.float32(0.5) * noise(rng, at.side, 4)
    _flood(at, lake, 1.0)
    blend(at.picture, at.blank, soft(-wisps, 1.8) * np.float32(0.55))
    thread = soft(np.float32(0.75) - wisps, 0.5)
    blend(at.picture, (164, 160, 206), thread * np.float32(0.45))
    blend(at.picture, at.cell, tissue)

    lining = loose(rng, lattice(rng, at, 0.55 * at.spacing), 1.8)
    lining = lining.keep(sample(tissue, lining.points) > 0.6)
    islands = lattice(rng, at, 0.95 * at.scale)
    seeds = lattice(rng, at, max(0.42 * at.spacing, 2.3 * at.radius))
    apart = np.linalg.norm(seeds[:, None] - islands[None], axis=2).min(axis=1, initial=9.0)
    floating = loose(rng, seeds[apart < 0.16 * at.scale])
    clumps = Stencil(at.side)
    clumps.polygons(blobs(rng, floating, 1.7 * at.radius, 0.05, 12))
    blend(at.picture, at.cell, clumps.mask() * np.float32(0.85))
    return joined(lining, floating)


def _debris(rng: np.random.Generator, at: Section) -> Nuclei:
    side = at.side
    lumps = noise(rng, side, 10) + np.float32(0.8) * noise(rng, side, 26)
    blend(at.picture, at.cell, soft(-lumps, 1.2) * np.float32(0.9))
    blend(at.picture, at.blank, soft(lumps + np.float32(1.1), 0.5) * np.float32(0.45))
    smudge = noise(rng, side, 13) + np.float32(0.7) * noise(rng, side, 40)
    blend(at.picture, at.nucleus, soft(np.float32(0.5) - smudge, 0.9) * np.float32(0.45))
    picture = at.picture
    picture *= 1 + np.float32(0.13) * noise(rng, side, 62) + np.float32(0.10) * noise(rng, side, 40)  # fmt: skip
    dust = Stencil(side)
    crumbs = lattice(rng, at, 0.5 * at.spacing)
    crumbs = crumbs + rng.normal(0, 0.05, crumbs.shape)
    dust.dots(crumbs, rng.uniform(0.10, 0.38, len(crumbs)) * at.radius, 0.25 * at.radius)
    blend(at.picture, at.nucleus * np.float32(0.75), dust.mask() * np.float32(0.85))
    left = loose(rng, lattice(rng, at, 2.0 * at.spacing), 1.3)
    return left.keep(rng.random(len(left.points)) < 0.7)


def _lymphoid(rng: np.random.Generator, at: Section) -> Nuclei:
    _flood(at, at.cell, 0.6)
    return loose(rng, lattice(rng, at, max(0.92 * at.spacing, 2.2 * at.radius)), 1.04)


def _papillary(rng: np.random.Generator, at: Section) -> Nuclei:
    wide = max(float(rng.uniform(0.25, 0.32)) * at.scale, 5.0 * at.radius)
    pitch = wide * float(rng.uniform(1.4, 1.75))
    c, s = np.cos(at.turn), np.sin(at.turn)
    spin = np.array([[c, s], [-s, c]])
    fronds, cores = Stencil(at.side), Stencil(at.side)
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
    ahead = lattice(rng, at, 3.0 * wide)  # tips of fronds from below or above
    ahead = ahead[(ahead @ spin.T)[:, 1] > 0.35]
    tips = bodies(rng, at, ahead, 0.55 * wide, 0.3)
    for sheet in (fronds, cores):
        sheet.polygons(toward(tips, ahead, 1.2), 0.0)
    fronds.polygons(tips)
    cores.polygons(toward(tips, ahead, 0.36))
    old = joined(*groups)
    near = np.linalg.norm(old.points[:, None] - ahead[None], axis=2)
    groups = [old.keep(near.min(axis=1, initial=9.0) > 0.72 * wide)]
    groups += [on_ring(rng, at, ring, at.step, 1.35) for ring in toward(tips, ahead, 0.68)]
    _flood(at, at.blank, 1.0)
    blend(at.picture, at.cell, fronds.mask())
    blend(at.picture, at.stroma * np.float32(1.03), cores.mask())
    return joined(*groups)


def _frond(
    rng: np.random.Generator,
    at: Section,
    sheets: tuple[Stencil, Stencil],
    path: Points,
    wide: float,
) -> Nuclei:
    """Draw a finger along the path (k, 2) and its core, and give the nuclei of its lining."""
    way = np.gradient(path, axis=0)
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    normal = np.stack([-way[:, 1], way[:, 0]], axis=1)
    bow = np.linspace(np.pi / 2, -np.pi / 2, 7)[1:-1, None]
    cap = np.cos(bow) * way[-1] + np.sin(bow) * normal[-1]

    # Waists and a swollen tip.
    t = np.linspace(0, 1, len(path))
    club = 0.86 + 0.16 * np.sin(rng.uniform(9, 15) * t + rng.uniform(0, 6)) + 0.3 * t**3

    def rim(share: float) -> Points:
        half = share * wide / 2 * club[:, None]
        parts = (path + half * normal, path[-1] + half[-1] * cap, (path - half * normal)[::-1])
        return np.concatenate(parts)

    sheets[0].polygons(rim(1.0)[None])
    inner = max(0.14, 1 - 5.4 * at.radius / wide)
    sheets[1].polygons(rim(min(inner, 0.34))[None])
    return on_ring(rng, at, rim(0.66), at.step, 1.35)


def _cysts(rng: np.random.Generator, at: Section) -> Nuclei:
    reach = float(rng.uniform(0.46, 0.60)) * at.scale
    centers = lattice(rng, at, 2.05 * reach)
    outer = bodies(rng, at, centers, reach, 0.35)
    walls, spaces = Stencil(at.side), Stencil(at.side)
    lining = max(0.035, 1.5 * at.radius)
    walls.polygons(outer)
    nested(spaces, outer, centers, 1 - lining / reach, (0, 1))
    body = walls.mask()
    blend(at.picture, at.cell, body * np.float32(0.95))
    fluid = at.blank * np.float32(0.86) + at.stroma * np.float32(0.14)
    blend(at.picture, at.blank if rng.random() < 0.5 else fluid, spaces.mask())
    step = max(0.75 * at.spacing, 2.4 * at.radius)
    rings = [
        on_ring(rng, at, ring, step, 0.45)
        for ring in toward(outer, centers, 1 - 0.55 * lining / reach)
    ]
    between = loose(rng, lattice(rng, at, at.spacing), 1.8)
    lined = joined(*rings)
    lined = lined.keep(sample(spaces.mask(), lined.points) < 0.4)
    return joined(lined, between.keep(sample(body, between.points) < 0.05))


ARCHITECTURES: dict[str, Callable[[np.random.Generator, Section], Nuclei]] = {
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
"""By the value of a look's architecture: what paints the ground and says where nuclei lie."""

SPACED = ("fat", "papillary", "cysts")
"""What has clear spaces of its own."""

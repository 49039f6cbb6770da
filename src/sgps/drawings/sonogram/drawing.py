"""Drawn sonograms of breast, thyroid, liver, ovary and soft tissue: how each value of each attribute is painted.

In: a look, which maps attribute to value (`words.SONOGRAM`). Out: a gray picture. Everything else (probe, depth,
gain, contrast, layers of tissue, place and size of the masses, calipers, scales, lettering) is left to chance.

Echoes are painted first, the grain of sound is laid over all of them, and what the machine writes comes last. The tissue
and its grain come from `echoes`. Where there is no mass, contents and margin are those of an organ that fills the lower
part of the picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sgps.drawings.brushes import (
    Array,
    Point,
    Stencil,
    blend_gray,
    box,
    ellipse_distance,
    finish,
    grid,
    noise,
    outline,
    polar,
    scatter,
    soft,
    toward,
)
from sgps.drawings.sonogram.echoes import Probe, new_probe, paint_ground, speckle

_LEVELS = {"anechoic": 0.02, "hypoechoic": 0.40, "isoechoic": 1.0, "hyperechoic": 2.15}
"""Echo of each kind of contents, as a share of the tissue's."""
_FADES = {"smooth": 0.04, "spiculated": 0.07, "microlobulated": 0.05, "indistinct": 0.24}
"""Width over which each margin fades."""


@dataclass(frozen=True)
class _Mass:
    x: float
    y: float
    wide: float
    """Half of its width."""
    high: float
    """Half of its height."""

    def at(self, across: float, down: float) -> Point:
        """A point of it; -1 and 1 are its ends."""
        return self.x + across * self.wide, self.y + down * self.high


@dataclass(frozen=True, kw_only=True)
class _Area:
    """Where the contents lie."""

    masses: tuple[_Mass, ...]
    """For an organ without a mass, the place where one could lie."""
    distance: Array
    inside: Array
    organ: bool
    tone: float
    """Gray of the tissue."""
    level: float
    """Gray of the contents."""


def draw_sonogram(
    rng: np.random.Generator, look: Mapping[str, str], image_size: int
) -> NDArray[np.uint8]:
    """Draw one sonogram of the given look, uint8 (3, S, S)."""
    probe = new_probe(rng, image_size)
    tone = paint_ground(rng, probe, look["background"])
    area = _choose_area(rng, probe, look, tone)
    _paint_contents(rng, probe, look, area)
    if look["rim"] != "no-rim":
        _paint_rim(rng, probe, look, area)
    if look["posterior"] != "unchanged-behind":
        _paint_posterior(rng, probe, look["posterior"], area)
    if look["calcification"] == "microcalcification":
        _paint_specks(rng, probe, area)
    elif look["calcification"] == "coarse-calcification":
        _paint_stone(rng, probe, area, look["posterior"] == "shadow")
    speckle(rng, probe)
    picture = probe.plane[None]
    picture *= np.float32(rng.uniform(0.85, 1.15))
    picture += np.float32(rng.uniform(-4, 9))
    np.maximum(picture, 0, out=picture)
    # Machines compress what is bright, so that little is wholly white.
    picture /= np.sqrt(1 + picture * picture * np.float32(1 / 300**2))
    picture *= probe.seen
    _paint_machine(rng, probe, area)
    return finish(rng, picture, image_size, rng.uniform(0.4, 2.2))


def _choose_area(
    rng: np.random.Generator, probe: Probe, look: Mapping[str, str], tone: float
) -> _Area:
    masses = _place_masses(rng, look["mass"])
    organ = look["mass"] == "no-mass"
    if organ:
        x, y = grid(probe.side)
        top = np.float32(rng.uniform(-0.55, -0.25))
        lean, bow = (np.float32(rng.uniform(-0.2, 0.2)) for _ in range(2))
        distance = top + lean * x + bow * x * x - y
    else:
        distance = np.full_like(probe.plane, 9)
        for mass in masses:
            table = _outline(rng, look, mass)
            part = box(probe.side, mass.x, mass.y, float(table.max()) + 0.4)
            away, radius = polar(probe.side, mass.x, mass.y, table, part)
            np.minimum(distance[part], away - radius, out=distance[part])
    rough = 0.05 if look["margin"] == "indistinct" else 0.007
    if look["mass"] == "irregular-mass":
        rough += 0.016
    distance += np.float32(rough) * noise(rng, probe.side, int(rng.integers(14, 22)))
    return _Area(
        masses=masses,
        distance=distance,
        inside=soft(distance, _FADES[look["margin"]]),
        organ=organ,
        tone=tone,
        level=tone * _LEVELS[look["echo"]] * float(rng.uniform(0.92, 1.08)),
    )


def _place_masses(rng: np.random.Generator, kind: str) -> tuple[_Mass, ...]:
    x, y = float(rng.uniform(-0.28, 0.28)), float(rng.uniform(-0.24, 0.14))
    size = float(rng.uniform(0.25, 0.40))
    if kind == "several-masses":
        count, turn = int(rng.integers(3, 5)), float(rng.uniform(0, 2 * np.pi))
        ways = toward(turn + np.arange(count) * 2 * np.pi / count) * (0.48, 0.40)
        sizes = rng.uniform(0.15, 0.23, count)
        return tuple(
            _Mass(0.5 * x + wx, 0.4 * y + wy, size * float(rng.uniform(1.0, 1.2)), size)
            for (wx, wy), size in zip(ways.tolist(), sizes.tolist(), strict=True)
        )
    low, high = {"oval-mass": (1.65, 2.1), "tall-mass": (0.5, 0.6)}.get(kind, (0.95, 1.08))
    root = float(np.sqrt(rng.uniform(low, high)))
    return (_Mass(x, y, size * root, size / root),)


def _outline(rng: np.random.Generator, look: Mapping[str, str], mass: _Mass) -> NDArray[np.float32]:
    """Radii of a mass by angle: its shape, then what its margin does to it."""
    irregular = look["mass"] == "irregular-mass"
    wobble = (0.16, 0.15, 0.11, 0.08, 0.06) if irregular else (0.01, 0.02, 0.012)
    table = outline(rng, 1.0, wobble)
    angle = np.linspace(0, 2 * np.pi, len(table), endpoint=False)
    tilt = float(rng.uniform(-0.2, 0.2))
    table /= np.hypot(np.cos(angle - tilt) / mass.wide, np.sin(angle - tilt) / mass.high)
    size = float(np.sqrt(mass.wide * mass.high))
    if look["margin"] == "spiculated":
        table += size * _spicules(rng, angle)
    elif look["margin"] == "microlobulated":
        bent = angle + 0.5 * np.sin(angle + rng.uniform(0, 6)) / rng.uniform(1.5, 4)
        swell = np.abs(np.sin(int(rng.integers(9, 13)) * bent / 2 + rng.uniform(0, 3))) - 0.65
        height = 1 + 0.45 * np.cos(2 * angle + rng.uniform(0, 6))
        table += size * float(rng.uniform(0.17, 0.25)) * swell * height
    radii: NDArray[np.float32] = np.maximum(table, 0.25 * size).astype(np.float32)
    return radii


def _spicules(rng: np.random.Generator, angle: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far spikes of uneven length and width stand out, by angle, for a mass of size 1."""
    out = np.full_like(angle, -0.12)
    count = int(rng.integers(10, 16))
    for tip in (np.arange(count) + rng.uniform(-0.5, 0.5, count)) * (2 * np.pi / count):
        away = np.abs(np.angle(np.exp(1j * (angle - tip)))) / rng.uniform(0.10, 0.22)
        out += rng.uniform(0.3, 1.1) * np.clip(1 - away, 0, 1) ** 2
    return out


def _paint_contents(
    rng: np.random.Generator, probe: Probe, look: Mapping[str, str], area: _Area
) -> None:
    mottle = np.float32(1) + np.float32(rng.uniform(0.03, 0.10)) * noise(rng, probe.side, 12)
    contents = np.float32(area.level) * mottle
    if look["inside"] == "debris":
        _add_debris(rng, probe, contents, area)
    elif look["inside"] == "mixed":
        _add_parts(rng, probe, contents, area)
    elif look["inside"] == "septated":
        _add_septa(rng, probe, contents, area)
    if area.organ:  # it keeps the tissue's pattern
        contents *= np.float32(1 / area.tone)
        probe.dim(1 + area.inside * (contents - 1))
    else:
        probe.paint(contents, area.inside * np.float32(0.98))
    if look["echo"] == "isoechoic":  # only an interface tells it from its surroundings
        blurred = look["margin"] == "indistinct"
        if area.organ:  # drawn so that it outdoes the tissue's own bands and mottle
            half, fade, gray, opaque = 0.034, 0.30 if blurred else 0.05, 0.12, 0.85
        else:
            half, fade, gray = 0.012, 0.16 if blurred else 0.06, 0.3
            opaque = 0.55 if blurred else 0.7
        line = soft(np.abs(area.distance) - np.float32(half), fade)
        probe.paint(gray * area.tone, line * np.float32(opaque))


def _add_debris(rng: np.random.Generator, probe: Probe, contents: Array, area: _Area) -> None:
    """Let what is in each mass settle: an even level, and another gray below it."""
    x, y = grid(probe.side)
    below = area.level * 0.35 if area.level > 0.7 * area.tone else area.level + 0.62 * area.tone
    for mass in area.masses:
        part = box(probe.side, mass.x, mass.y, 2 * max(mass.wide, mass.high))
        height = mass.y + float(rng.uniform(-0.1, 0.3)) * mass.high
        tilt = np.float32(rng.uniform(-0.06, 0.06))
        line = np.float32(height) + tilt * (x[part] - np.float32(mass.x)) - y[part]
        layer = soft(line, 0.04)
        blend_gray(contents[part], below, layer)


def _add_parts(rng: np.random.Generator, probe: Probe, contents: Array, area: _Area) -> None:
    """Put black cystic spaces into what is solid, or solid knobs into fluid."""
    fluid = area.level < 0.1 * area.tone
    gray = 0.95 * area.tone if fluid else 0.02 * area.tone
    if area.organ:
        spots = [(x, y, float(rng.uniform(0.07, 0.14))) for x, y in _spread(rng, 0.34)]
    else:
        spots = []
        for mass in area.masses:
            turn, size = float(rng.uniform(0, 6.3)), min(mass.wide, mass.high)
            for step in range(2 if fluid else int(rng.integers(2, 5))):
                x, y = mass.at(*(rng.uniform(0.4, 0.7) * toward(turn + 2.2 * step)))
                spots.append(
                    (
                        x,
                        y,
                        size * float(rng.uniform(0.38, 0.55) if fluid else rng.uniform(0.26, 0.48)),
                    )
                )
    ragged = np.float32(0.03) * noise(rng, probe.side, 14)
    for x, y, size in spots:
        part = box(probe.side, x, y, 2 * size)
        axes = (size * float(rng.uniform(0.9, 1.5)), size * float(rng.uniform(0.7, 1.0)))
        tilt = float(rng.uniform(-0.5, 0.5))
        away = ellipse_distance(probe.side, (x, y), axes, tilt, part) + ragged[part]
        blend_gray(contents[part], gray, soft(away, 0.05))


def _spread(rng: np.random.Generator, spacing: float) -> list[Point]:
    """Points all over the picture."""
    return [(float(x), float(y)) for x, y in scatter(rng, (0, 0.25, 1.0), spacing)]


def _add_septa(rng: np.random.Generator, probe: Probe, contents: Array, area: _Area) -> None:
    walls = Stencil(probe.side)
    t = np.linspace(-1, 1, 7)[:, None]
    chords = [(mass, 3 if len(area.masses) == 1 else 2) for mass in area.masses]
    if area.organ:
        chords = [(_Mass(x, y, 0.3, 0.22), 1) for x, y in _spread(rng, 0.36)]
    for mass, count in chords:
        turn, middle = float(rng.uniform(0, np.pi)), np.array((mass.x, mass.y))
        for step in range(count):
            way = toward(turn + float(rng.uniform(-0.5, 0.5)))
            aside = np.array((-way[1], way[0]))
            shift = 0.62 * (step - (count - 1) / 2) + rng.uniform(-0.12, 0.12)
            bow = rng.choice((-1, 1)) * rng.uniform(0.15, 0.5) * (1 - t**2)
            path = (t * way * 1.4 + aside * (shift + bow)) * (mass.wide, mass.high)
            walls.stroke(middle + path, float(rng.uniform(0.017, 0.027)))
        if count == 3:  # one across the others
            way = toward(turn + np.pi / 2 + float(rng.uniform(-0.3, 0.3)))
            path = (np.linspace(-0.3, 1.3, 3)[:, None] * way) * (mass.wide, mass.high)
            walls.stroke(middle + path, float(rng.uniform(0.017, 0.024)))
    gray = 0.5 * area.level + area.tone * rng.uniform(1.5, 2.0)
    blend_gray(contents, gray, walls.mask(0.006))


def _paint_rim(
    rng: np.random.Generator, probe: Probe, look: Mapping[str, str], area: _Area
) -> None:
    soft_edge = {"indistinct": 0.12, "spiculated": 0.15}.get(look["margin"], 0.055)
    uneven = 1 + np.float32(0.22) * noise(rng, probe.side, 7)
    if look["rim"] == "dark-halo":
        half, gray = float(rng.uniform(0.020, 0.030)), 0.10 * area.tone
    else:
        half = float(rng.uniform(0.034, 0.054))
        gray = area.tone * float(rng.uniform(2.7, 3.3))
    ring = np.abs(area.distance - np.float32(0.6 * half)) - np.float32(half) * uneven
    probe.paint(gray * uneven, soft(ring, soft_edge) * np.float32(0.92))


def _paint_posterior(rng: np.random.Generator, probe: Probe, kind: str, area: _Area) -> None:
    """Darken or brighten what sound reaches through the masses."""
    band = np.zeros_like(probe.plane)
    fray = np.float32(0.05) * noise(rng, probe.side, 9)
    for mass in area.masses:
        half = mass.wide * float(rng.uniform(0.72, 0.95))
        own = probe.beam(mass.at(0, 0.5), half, mass.wide * float(rng.uniform(0.35, 0.8)), fray)
        np.maximum(band, own, out=band)
    if not area.organ:
        band *= 1 - area.inside
    if kind == "shadow":
        probe.dim(1 - np.float32(rng.uniform(0.82, 0.95)) * band)
    else:
        probe.dim(1 + np.float32(rng.uniform(0.65, 0.95)) * band)
        probe.add(np.float32(0.5 * area.tone) * band)


def _paint_specks(rng: np.random.Generator, probe: Probe, area: _Area) -> None:
    specks = Stencil(probe.side)
    for mass in area.masses:
        count = int(rng.integers(10, 20)) if len(area.masses) == 1 else int(rng.integers(4, 8))
        far = 0.8 * np.sqrt(rng.uniform(0, 1, count))
        points = toward(rng.uniform(0, 2 * np.pi, count)) * far[:, None]
        points = points * (mass.wide, mass.high) + (mass.x, mass.y)
        size = rng.uniform(0.011, 0.021, count)
        specks.dots(points, 1.2 * size, 0.9 * size)
    probe.paint(5.0 * area.tone, specks.mask())


def _paint_stone(rng: np.random.Generator, probe: Probe, area: _Area, shadows: bool) -> None:
    """Paint a bright clump, with an uneven top, and the black stripe behind it where sound is lost."""
    largest = max(area.masses, key=lambda mass: mass.wide * mass.high)
    x, y = largest.at(float(rng.uniform(-0.3, 0.3)), float(rng.uniform(-0.35, 0.0)))
    half = float(np.clip(0.42 * largest.wide, 0.085, 0.13))
    fray = np.float32(0.02) * noise(rng, probe.side, 12)
    loss = np.float32(rng.uniform(0.85, 0.95))
    if shadows:
        probe.dim(1 - loss * probe.beam((x, y), half, 0.09, fray))
    clump = Stencil(probe.side)
    count = int(rng.integers(3, 7))
    steps = np.linspace(-1, 1, count) + rng.uniform(-0.2, 0.2, count)
    drop = float(rng.uniform(-0.1, 0.45)) * steps**2 + rng.uniform(-0.1, 0.1, count)
    points = np.stack([x + 0.75 * half * steps, y + half * drop], axis=1)
    wide, high = (rng.uniform(low, top, count) * half for low, top in ((0.3, 0.55), (0.2, 0.4)))
    clump.dots(points, wide, high)
    if not shadows:  # a dark edge, so that it shows on bright tissue too
        edge = Stencil(probe.side)
        edge.dots(points, wide + 0.03, high + 0.03)
        probe.dim(1 - np.float32(0.7) * edge.mask(0.012))
    probe.paint(4.6 * area.tone, clump.mask(0.008))


def _paint_machine(rng: np.random.Generator, probe: Probe, area: _Area) -> None:
    """Write what machines write: calipers, a scale of depth, a wedge of grays, lettering, a sign of the probe."""
    marks = Stencil(probe.side)
    if rng.random() < 0.25:
        _mark_calipers(rng, marks, area.masses[0])
    if rng.random() < 0.4:
        rows = np.linspace(-0.9, 0.9, int(rng.integers(6, 12)))
        column = np.full_like(rows, float(rng.choice((-0.965, 0.965))))
        marks.dots(np.stack([column, rows], 1), rng.uniform(0.012, 0.028), 0.009)
    for _ in range(int(rng.choice((0, 0, 1, 2, 3)))):
        _mark_letters(rng, marks)
    if rng.random() < 0.3:
        sign = np.array((float(rng.uniform(-0.9, 0.9)), -0.93))
        marks.polygons((sign + np.array([(-0.03, -0.03), (0.03, -0.03), (0, 0.03)]))[None])
    probe.paint(rng.uniform(170, 245), marks.mask())
    if rng.random() < 0.2:
        x, y = grid(probe.side)
        left, high = float(rng.choice((-0.95, 0.91))), float(rng.uniform(0.25, 0.6))
        wedge = np.maximum(np.abs(x - np.float32(left)) - np.float32(0.02), np.abs(y) - high)
        probe.paint(np.clip((high - y) * (120 / high), 0, 240), soft(wedge, 0.02))


def _mark_calipers(rng: np.random.Generator, marks: Stencil, mass: _Mass) -> None:
    """Set crosses at two opposite ends of a mass, or four, sometimes with a dotted line between."""
    arm = float(rng.uniform(0.03, 0.045))
    dotted = rng.random() < 0.5
    ways = np.array(((1.05, 0.0), (0.0, 1.05)))[: int(rng.integers(1, 3))]
    for way in ways:
        ends = np.array([mass.at(*(sign * way)) for sign in (-1, 1)])
        for end in ends:
            marks.stroke(end + np.array([(-arm, 0), (arm, 0)]), 0.012)
            marks.stroke(end + np.array([(0, -arm), (0, arm)]), 0.012)
        if dotted:
            share = np.linspace(0.08, 0.92, 11)[:, None]
            marks.dots(ends[0] * (1 - share) + ends[1] * share, 0.008, 0.008)


def _mark_letters(rng: np.random.Generator, marks: Stencil) -> None:
    """Write a line that looks like letters at the border."""
    x = float(rng.choice((-0.93, rng.uniform(-0.5, 0.5), 0.5)))
    y = float(rng.choice((-0.94, 0.92)) + rng.uniform(-0.02, 0.02))
    for step in range(int(rng.integers(3, 9))):
        if rng.random() < 0.85:
            left = x + 0.05 * step
            corners = np.array([left, left + 0.032])[rng.integers(0, 2, 4)]
            rows = y + np.array((-0.025, 0.025, 0.025, -0.025)) * rng.uniform(0.4, 1, 4)
            marks.stroke(np.stack([corners, rows], 1), 0.010)

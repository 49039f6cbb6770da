"""The inside of a hollow organ as an endoscope shows it, before anything is found there: walls, folds, lumen, light and scope.

In: a look's landmark and color (`words.MUCOSA`). Out: a `View`, which is a picture, a height map, how wet each place is
and how much light reaches it. Place of the lumen, folds, exact tone, lamps, glints, and the black frame are left to chance.

Findings raise the height map and paint the picture; light comes last, so that all of one view is lit by the same lamps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sgps.drawings.brushes import (
    Array,
    Color,
    Disc,
    Point,
    Stencil,
    blend,
    blend_gray,
    canvas,
    grid,
    length_of,
    noise,
    outline,
    polar,
    soft,
    toward,
)

_TONES: dict[str, tuple[Color, ...]] = {
    "salmon-pink": (
        (220, 132, 102),
        (226, 150, 124),
        (212, 122, 88),
        (228, 154, 118),
        (216, 130, 116),
        (222, 144, 96),
    ),
    "reddened": ((196, 60, 50), (182, 48, 48), (204, 70, 56), (188, 56, 36), (200, 66, 66)),
    "whitish": ((214, 194, 182), (200, 192, 196), (216, 200, 176), (208, 196, 188)),
}


@dataclass(kw_only=True)
class View:
    """The picture under way, and what light will make of it."""

    picture: Array
    height: Array
    """Toward the scope, in units of half the picture."""
    gloss: Array
    """How strongly the wet surface mirrors the lamps, 0 to 1."""
    lit: Array
    """Share of the light that gets there: little behind a fold, nearly none in the lumen."""
    tone: Array
    """Color of the lining."""
    light: Point
    """Unit vector toward the stronger lamp."""
    aim: Point = (0.0, 0.0)
    """Where the organ leads to: linear things run toward it."""
    focus: Disc | None = None
    """The growth, if there is one."""
    taken: list[Disc] = field(default_factory=list)
    """What is there already, and should stay in sight."""

    @property
    def side(self) -> int:
        """Side of the picture in pixels."""
        return len(self.height)

    def paint(self, color: Color | Array, mask: Array) -> None:
        """Paint a color, as opaque as `mask` says."""
        blend(self.picture, color, mask)

    def light_up(self, least: float, mask: Array) -> None:
        """Let at least this share of the light get to where `mask` is 1."""
        blend_gray(self.lit, np.maximum(self.lit, np.float32(least)), mask)

    @property
    def is_red(self) -> bool:
        """Whether the lining is so red that what is red on it must be darker."""
        return bool(self.tone[1] < 100)

    def mixed(self, color: Color, share: float) -> Array:
        """Give the color of the lining with a share of another one in it."""
        mix: Array = self.tone + np.float32(share) * (np.asarray(color, np.float32) - self.tone)
        return mix

    def place(self, rng: np.random.Generator, radius: float, reach: float = 0.66) -> Disc:
        """Find room for a thing of this radius, away from what is there, and take it."""
        around = np.sqrt(rng.uniform(0, 1, 24)) * max(reach - 0.5 * radius, 0.2)
        points = around[:, None] * toward(rng.uniform(0, 2 * np.pi, 24))
        free = np.full(24, 0.1)
        for x, y, r in self.taken:
            gap = np.hypot(points[:, 0] - x, points[:, 1] - y) - r - radius
            free = np.minimum(free, gap)
        x, y = (float(c) for c in points[free.argmax()])
        self.taken.append((x, y, radius))
        return x, y, radius


def new_view(rng: np.random.Generator, side: int, landmark: str, color: str) -> View:
    """Draw the bare organ."""
    tones = _TONES[color]
    hue = rng.uniform(0.95, 1.04) * rng.uniform(0.975, 1.025, 3)
    tone: Array = (np.asarray(tones[rng.integers(len(tones))]) * hue).astype(np.float32)
    angle = float(rng.uniform(0, 2 * np.pi))
    view = View(
        picture=canvas(tone, (side, side)),
        height=np.float32(rng.uniform(0.03, 0.08)) * noise(rng, side, 3),
        gloss=np.full((side, side), rng.uniform(0.35, 0.95), dtype=np.float32),
        lit=np.ones((side, side), dtype=np.float32),
        tone=tone,
        light=(float(np.cos(angle)), float(np.sin(angle))),
    )
    view.height += np.float32(rng.uniform(0.008, 0.016)) * noise(rng, side, 9)
    cloud = np.float32(0.075) * noise(rng, side, 4) + np.float32(0.035) * noise(rng, side, 13)
    view.picture *= 1 + cloud * np.array((0.35, 1, 1), dtype=np.float32)[:, None, None]
    _LANDMARKS[landmark](rng, view)
    return view


def _choose_aim(rng: np.random.Generator, view: View, reach: float) -> Point:
    """Choose where the organ leads to."""
    point = float(np.sqrt(rng.uniform(0, 1))) * reach * toward(rng.uniform(0, 2 * np.pi))
    view.aim = (float(point[0]), float(point[1]))
    return view.aim


def _open_lumen(rng: np.random.Generator, view: View) -> None:
    """Tube that leads away: rings of folds, each one darker, and a black middle."""
    x, y = _choose_aim(rng, view, 0.42)
    hole = float(rng.uniform(0.24, 0.36))
    count = int(rng.integers(2, 6))
    wobble = tuple(rng.uniform(0.3, 1) * np.array((0.07, 0.12, 0.05, 0.03)))
    for share in np.linspace(0, 1, count, endpoint=False):
        radius = 1.25 ** (1 - share) * hole**share * float(rng.uniform(0.94, 1.06))
        table = outline(rng, radius, wobble, rng.uniform(1.0, 1.2))
        _paint_fold(rng, view, (share * x, share * y), table)
    rho, edge = polar(view.side, x, y, outline(rng, hole, wobble, rng.uniform(1.0, 1.25)))
    _paint_hole(view, rho - edge, float(rng.uniform(0.10, 0.2)), 0.9)
    view.lit *= np.float32(0.55) + np.float32(0.55) * np.minimum(rho, np.float32(0.9))
    if rng.random() < 0.35:
        _pucker(rng, view, int(rng.integers(5, 9)), rho, 0.05)
    view.taken.append((x, y, hole))


def _paint_fold(
    rng: np.random.Generator, view: View, at: Point, table: NDArray[np.float32]
) -> None:
    """A ring-shaped fold: a bright lip, and a shadow on the wall behind it."""
    rho, edge = polar(view.side, at[0], at[1], table)
    beyond = rho - edge + np.float32(0.03) * noise(rng, view.side, 5)
    deep = np.exp(np.minimum(beyond, 0) * np.float32(1 / rng.uniform(0.07, 0.16)))
    strength = soft(noise(rng, view.side, 3) - np.float32(0.5), 1.6)  # folds fade out in places
    behind = soft(beyond, 0.025) * (np.float32(0.10) + np.float32(0.5) * deep * strength)
    lip = np.exp(-np.abs(beyond - np.float32(0.045)) * np.float32(22)) * strength
    view.lit *= 1 - behind
    view.lit += np.float32(0.14) * lip
    view.height += np.float32(0.035) * lip


def _paint_hole(view: View, distance: Array, fade: float, dark: float) -> None:
    inside = soft(distance, fade)
    view.lit *= 1 - np.float32(dark) * inside
    view.gloss *= 1 - soft(distance - np.float32(0.05), fade)


def _pucker(rng: np.random.Generator, view: View, count: int, rho: Array, high: float) -> None:
    """Folds that run toward the aim from all sides."""
    x, y = grid(view.side)
    angle = np.arctan2(y - np.float32(view.aim[1]), x - np.float32(view.aim[0]))
    wave = np.cos(np.float32(count) * angle + np.float32(1.3) * noise(rng, view.side, 4))
    view.height += np.float32(high) * wave * np.minimum(rho * np.float32(2.5), 1)
    view.lit *= 1 - np.float32(0.10) * (1 - wave) * soft(rho - np.float32(0.7), 0.8)


def _wall(rng: np.random.Generator, view: View) -> None:
    """One wall, en face; by chance thick winding folds."""
    x, y = grid(view.side)
    view.aim = (float(rng.choice((-1, 1))) * 2.2, float(rng.uniform(-2, 2)))
    view.height += np.float32(rng.uniform(0.02, 0.07)) * noise(rng, view.side, 4)
    if rng.random() < 0.45:
        way = toward(rng.uniform(0, np.pi))
        along = x * np.float32(way[0]) + y * np.float32(way[1])
        wave = np.sin(
            along * np.float32(rng.uniform(5, 10)) + np.float32(1.5) * noise(rng, view.side, 3)
        )
        view.height += np.float32(rng.uniform(0.02, 0.055)) * wave
        view.lit *= np.float32(0.90) + np.float32(0.10) * wave
    spot = rng.uniform(-0.4, 0.4, 2)
    away = (x - np.float32(spot[0])) ** 2 + (y - np.float32(spot[1])) ** 2
    view.lit *= 1 - np.float32(rng.uniform(0.05, 0.22)) * away


def _z_line(rng: np.random.Generator, view: View) -> None:
    """Border of two linings, pale outside and red toward the stomach, with tongues and notches."""
    x, y = _choose_aim(rng, view, 0.35)
    ring = float(rng.uniform(0.48, 0.72))
    wobble: tuple[float, ...] = (0.08, 0.08, 0.06, 0.06, 0.06, 0.06, 0.05)
    if rng.random() < 0.3:  # from near by, the border runs across the picture
        far = toward(rng.uniform(0, 2 * np.pi)) * rng.uniform(1.5, 1.8)
        x, y = view.aim = (float(far[0]), float(far[1]))
        ring, wobble = 1.7, (0.02, 0.02, 0.03, 0.03, 0.03, 0.03)
    rho, edge = polar(view.side, x, y, outline(rng, ring, wobble, rng.uniform(1.0, 1.2)))
    ragged = rho - edge + np.float32(0.05) * noise(rng, view.side, 9)
    ragged += np.float32(0.028) * noise(rng, view.side, 20)
    shift = view.picture * np.float32(1 / view.tone.mean())
    stomach = view.tone * np.array((0.84, 0.50, 0.48), np.float32)
    gullet = view.tone * np.float32(0.5) + np.array((122, 108, 102), np.float32)
    unit_color = view.tone[:, None, None] / view.tone.mean()
    view.picture[:] = gullet[:, None, None] * shift / unit_color
    view.paint(stomach[:, None, None] * shift / unit_color, soft(ragged, 0.045))
    if ring < 1:
        hole = float(rng.uniform(0.05, 0.2))
        rim = outline(rng, hole, (0.2, 0.15, 0.1), rng.uniform(1.0, 1.5))
        rho, edge = polar(view.side, x, y, rim)
        _paint_hole(view, rho - edge, float(rng.uniform(0.12, 0.25)), float(rng.uniform(0.3, 0.8)))
        _pucker(rng, view, int(rng.integers(4, 8)), rho, float(rng.uniform(0.02, 0.05)))
        view.lit *= np.float32(0.72) + np.float32(0.34) * np.minimum(rho, 1)


def _opening(rng: np.random.Generator, view: View) -> None:
    """Small dark hole or slit in a lit wall, within a swollen ring and puckered folds."""
    x, y = _choose_aim(rng, view, 0.42)
    hole = float(rng.uniform(0.10, 0.17))
    table = outline(rng, hole, (0.08, 0.08, 0.05), rng.choice((1.1, 1.2, 1.9)))
    rho, edge = polar(view.side, x, y, table)
    away = rho - edge
    ring = np.float32(rng.uniform(0.16, 0.26))
    swell = np.exp(-((away - np.float32(0.6) * ring) ** 2) * np.float32(14 / ring))
    view.height += np.float32(rng.uniform(0.05, 0.10)) * swell
    view.lit += np.float32(0.12) * swell
    view.lit *= 1 - np.float32(0.3) * np.exp(-((away - 2 * ring) ** 2) * np.float32(40))
    _pucker(rng, view, int(rng.integers(5, 9)), rho, float(rng.uniform(0.02, 0.05)))
    _paint_hole(view, away, 0.07, 0.93)
    view.taken.append((x, y, hole + 0.08))


_LANDMARKS: dict[str, Callable[[np.random.Generator, View], None]] = {
    "open-lumen": _open_lumen,
    "wall-view": _wall,
    "z-line": _z_line,
    "dark-opening": _opening,
}


def shine(rng: np.random.Generator, view: View) -> None:
    """Light the view from the scope: slopes are darker, lamps glint where wet surfaces face them, edges lose light."""
    down, across = np.gradient(view.height)
    steep = np.float32(view.side / 2)
    across, down = across * steep, down * steep
    lx, ly = (np.float32(c) for c in view.light)
    slope = across * across
    slope += down * down
    shade = 1 - np.minimum(slope * np.float32(0.5), np.float32(0.40))
    shade -= np.clip((across * lx + down * ly) * np.float32(0.27), -0.2, 0.22)
    x, y = grid(view.side)
    shade *= 1 - np.float32(rng.uniform(0.05, 0.25)) * (x * x + y * y)
    shade *= view.lit
    # Light that has gone through flesh is red, so that dark places are brownish red.
    for plane, power in zip(view.picture, (0.88, 1.10, 1.16), strict=True):
        plane *= np.maximum(shade, np.float32(0.02)) ** np.float32(power)
    view.gloss *= np.minimum(view.lit, 1)
    width = np.float32(-1 / rng.uniform(0.005, 0.016))
    tilt = float(rng.uniform(0.22, 0.36))
    for turn in (0.0, float(rng.uniform(1.5, 3.5))):
        lamp = tilt * toward(np.arctan2(ly, lx) + turn)
        away = (across + np.float32(lamp[0])) ** 2 + (down + np.float32(lamp[1])) ** 2
        glint = np.exp(away * width)
        glint *= view.gloss
        view.paint((254, 253, 250), np.minimum(glint * np.float32(1.2), np.float32(0.96)))


def expose(rng: np.random.Generator, picture: Array) -> None:
    """Give the picture a processor's exposure, contrast and color cast."""
    picture *= np.float32(1 / 255)
    np.maximum(picture, 0, out=picture)
    power = float(rng.uniform(0.75, 1.1))
    cast = rng.uniform((0.96, 0.92, 0.86), (1.04, 1.05, 1.10))
    for plane, tint in zip(picture, cast, strict=True):
        np.power(plane, np.float32(power), out=plane)
        plane *= np.float32(255 * tint)
    np.minimum(picture, 255, out=picture)


def frame(rng: np.random.Generator, picture: Array) -> None:
    """Black out what the scope does not show: around a disc, an octagon, a cut-off square, or nothing; add its marks."""
    side = picture.shape[1]
    x, y = grid(side)
    kind = float(rng.random())
    black = rng.uniform(2, 14, 3)
    cx, cy = (np.float32(c) for c in rng.uniform(-0.04, 0.04, 2))
    ax, ay = np.abs(x - cx), np.abs(y - cy)
    if kind < 0.22:
        rim = length_of(ax, ay) - np.float32(rng.uniform(0.92, 1.12))
    elif kind < 0.72:
        wide, high = (np.float32(c) for c in rng.uniform(0.88, 1.02, 2))
        corner = np.float32(rng.uniform(1.38, 1.75))
        rim = np.maximum(np.maximum(ax - wide, ay - high), (ax + ay - corner) * np.float32(0.7))
    else:
        return
    blend(picture, black, 1 - soft(rim, float(rng.uniform(0.015, 0.05))))
    if rng.random() < 0.3:
        _mark(rng, picture)


def _mark(rng: np.random.Generator, picture: Array) -> None:
    """Lines of text, or the box of a scope guide, in a corner."""
    marks = Stencil(picture.shape[1])
    if rng.random() < 0.5:
        top = float(rng.uniform(-0.9, -0.5))
        for row in range(int(rng.integers(2, 6))):
            line = np.array(
                [(-0.97, top + 0.08 * row), (rng.uniform(-0.9, -0.7), top + 0.08 * row)]
            )
            marks.stroke(line, 0.025)
        blend(picture, (200, 200, 200), marks.mask() * np.float32(0.8))
        return
    a, b = (float(c) for c in rng.uniform(0.3, 0.45, 2))
    box = np.array([[(-1, 1), (-1, 1 - b), (a - 1, 1 - b), (a - 1, 1)]], dtype=float)
    marks.polygons(box)
    tone: Color = ((30, 150, 90), (24, 60, 60), (40, 90, 150))[rng.integers(3)]
    blend(picture, tone, marks.mask() * np.float32(0.95))

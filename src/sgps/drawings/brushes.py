"""Brushes for drawn pictures: smooth noise, outlines, soft masks, blending, and the finishing touches of a camera.

A picture is float32 (C, S, S) in 0..255 while it is drawn. Edges are smooth because every mask fades over a pixel or
more: those made of distances by formula, strokes and dots because they are drawn at twice the side and averaged down.
Geometry is in units of half the picture (x and y run from -1 to 1), so that the same random numbers give the same scene
at every size. Masks are float32 (S, S) in 0..1. Whatever is small is painted within a box only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFilter

Array = NDArray[np.float32]
Color = tuple[float, float, float]
Point = tuple[float, float]
Disc = tuple[float, float, float]
"""x and y of the center, and radius."""
Part = tuple[slice, slice]
"""Rows and columns of a picture."""

EVERYWHERE: Part = (slice(None), slice(None))

_TURN = 720  # entries of an outline's table of radii; finer than a pixel at every size in use


@lru_cache(maxsize=4)
def grid(side: int) -> tuple[Array, Array]:
    """Give x and y of every pixel center, from -1 to 1."""
    axis = ((np.arange(side, dtype=np.float32) + 0.5) * (2 / side) - 1).astype(np.float32)
    x, y = np.meshgrid(axis, axis)
    x.setflags(write=False)
    y.setflags(write=False)
    return x, y


def noise(rng: np.random.Generator, side: int, cells: int) -> Array:
    """Smooth random field with about `cells` bumps along a side, mean near 0, standard deviation near 0.6."""
    coarse = rng.standard_normal((cells + 1, cells + 1), dtype=np.float32)
    return np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC))


def soft(distance: Array, width: float) -> Array:
    """Mask of the inside (negative distance), fading over `width` across the outline."""
    t = distance * np.float32(-1 / width)
    t += np.float32(0.5)
    np.maximum(t, 0, out=t)
    np.minimum(t, 1, out=t)
    inside: Array = np.float32(3) - np.float32(2) * t
    inside *= t
    inside *= t
    return inside


def blend(picture: Array, color: ArrayLike, mask: Array) -> None:
    """Paint `color`, one number a channel or a picture, onto `picture` in place, as opaque as `mask` says."""
    paint = np.asarray(color, dtype=np.float32)
    for plane, tone in zip(picture, paint, strict=True):
        change = tone - plane
        change *= mask
        plane += change


def blend_gray(plane: Array, gray: ArrayLike, mask: Array) -> None:
    """Paint one gray, or a plane of grays, onto `plane` in place, as opaque as `mask` says."""
    blend(plane[None], np.asarray(gray, dtype=np.float32)[None], mask)


def canvas(color: ArrayLike, shape: tuple[int, ...]) -> Array:
    """Picture (C, *shape) of one color."""
    paint = np.asarray(color, dtype=np.float32)
    picture = np.empty((len(paint), *shape), dtype=np.float32)
    picture[:] = paint[:, None, None]
    return picture


def outline(
    rng: np.random.Generator, radius: float, wobble: Sequence[float], stretch: float = 1.0
) -> NDArray[np.float32]:
    """Random closed outline as a table of radii by angle.

    Args:
        rng: source of the phases.
        radius: mean radius.
        wobble: relative amplitude of the 2nd, 3rd, 4th ... harmonic.
        stretch: ratio of the long to the short axis.
    """
    angle = np.linspace(0, 2 * np.pi, _TURN, endpoint=False)
    turn = rng.uniform(0, np.pi)
    long, short = np.sqrt(stretch), 1 / np.sqrt(stretch)
    table = 1 / np.hypot(np.cos(angle - turn) / long, np.sin(angle - turn) / short)
    for order, amplitude in enumerate(wobble, start=2):
        table += (
            amplitude * rng.uniform(0.6, 1.4) * np.cos(order * angle + rng.uniform(0, 2 * np.pi))
        )
    radii: Array = (radius * table).astype(np.float32)
    return radii


def polar(
    side: int, x0: float, y0: float, table: Array, part: Part = EVERYWHERE
) -> tuple[Array, Array]:
    """Distance of every pixel from (x0, y0), and the radius that an outline's table has in its direction."""
    x, y = grid(side)
    dx, dy = x[part] - np.float32(x0), y[part] - np.float32(y0)
    turns = np.arctan2(dy, dx)
    turns *= np.float32(_TURN / (2 * np.pi))
    # Negative indices count from the end of the table, which is what negative angles mean.
    return length_of(dx, dy), table.take(turns.astype(np.int32), mode="wrap")


def length_of(dx: Array, dy: Array) -> Array:
    """Length of vectors; `numpy.hypot` guards against overflow and takes several times as long."""
    squares = dx * dx
    squares += dy * dy
    length: Array = np.sqrt(squares, out=squares)
    return length


def box(side: int, x0: float, y0: float, reach: float) -> Part:
    """Rows and columns of the pixels within `reach` of (x0, y0), so that small things are painted at small cost."""
    low_x, high_x, low_y, high_y = (
        min(max(int((c + 1) * side / 2), 0), side)
        for c in (x0 - reach, x0 + reach + 2 / side, y0 - reach, y0 + reach + 2 / side)
    )
    return slice(low_y, high_y), slice(low_x, high_x)


def ellipse_distance(
    side: int,
    center: Point,
    axes: tuple[float, float],
    turn: float = 0.0,
    part: Part = EVERYWHERE,
) -> Array:
    """Distance from an ellipse with these half axes, negative inside (close to exact near the outline)."""
    x, y = grid(side)
    c, s = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    dx, dy = x[part] - np.float32(center[0]), y[part] - np.float32(center[1])
    a, b = np.float32(1 / axes[0]), np.float32(1 / axes[1])
    distance = length_of(dx * (c * a) + dy * (s * a), dy * (c * b) - dx * (s * b))
    distance -= 1
    distance *= np.float32(np.sqrt(axes[0] * axes[1]))
    return distance


def bar_distance(
    side: int, start: Point, end: Point, radius: float, part: Part = EVERYWHERE
) -> Array:
    """Distance from a rounded bar, negative inside."""
    x, y = grid(side)
    dx, dy = (np.float32(b - a) for a, b in zip(start, end, strict=True))
    px, py = x[part] - np.float32(start[0]), y[part] - np.float32(start[1])
    scale = np.float32(1 / float(dx * dx + dy * dy + 1e-9))
    along = px * (dx * scale) + py * (dy * scale)
    np.maximum(along, 0, out=along)
    np.minimum(along, 1, out=along)
    px -= along * dx
    py -= along * dy
    distance = length_of(px, py)
    distance -= np.float32(radius)
    return distance


def chain_distance(
    side: int, points: Sequence[Point], radius: float, part: Part = EVERYWHERE
) -> Array:
    """Distance from rounded bars joined end to end, negative inside."""
    bars = (bar_distance(side, start, end, radius, part) for start, end in pairwise(points))
    shape = next(bars)
    for bar in bars:
        np.minimum(shape, bar, out=shape)
    return shape


def mesh(rng: np.random.Generator, side: int, cells: float) -> tuple[Array, Array]:
    """Honeycomb of jittered cells: distance to the nearest center, and to the wall between cells, in cell widths."""
    axis = (grid(side)[0][0] + 1) * np.float32(cells / 2)
    nearest = axis.astype(np.intp)
    size = int(np.ceil(cells)) + 3
    jitter = rng.uniform(0.15, 0.85, (2, size, size)).astype(np.float32)
    first = np.full((side, side), 81, dtype=np.float32)
    second = first.copy()
    for column in (-1, 0, 1):
        across = jitter[
            :, :, nearest + (column + 1)
        ]  # what depends on the column, once for all rows
        across[0] += nearest + column - axis
        for row in (-1, 0, 1):
            dx, dy = across[:, nearest + (row + 1)]
            dy += (nearest + row - axis).astype(np.float32)[:, None]
            dx *= dx
            dy *= dy
            dx += dy
            np.minimum(second, np.maximum(first, dx), out=second)
            np.minimum(first, dx, out=first)
    near: Array = np.sqrt(first, out=first)
    return near, np.sqrt(second, out=second) - near


class Stencil:
    """A mask made of strokes, dots and polygons, drawn in units of half the picture."""

    def __init__(self, side: int) -> None:
        self.side = side
        self._image = Image.new("L", (2 * side, 2 * side))
        self._draw = ImageDraw.Draw(self._image)

    def dot(self, x: float, y: float, a: float, b: float | None = None, level: float = 1.0) -> None:
        """Filled ellipse with upright axes."""
        h, b = self.side, a if b is None else b
        box = ((x - a + 1) * h, (y - b + 1) * h, (x + a + 1) * h, (y + b + 1) * h)
        self._draw.ellipse(box, fill=round(255 * level))

    def dots(
        self, points: NDArray[np.floating], a: ArrayLike, b: ArrayLike, level: ArrayLike = 1.0
    ) -> None:
        """Many filled ellipses around `points` (n, 2): half axes and level are one for all, or one for each."""
        reach = np.empty_like(points)
        reach[:, 0], reach[:, 1] = a, b
        boxes = np.hstack([points - reach, points + reach])
        boxes = ((boxes + 1) * self.side).tolist()
        for box, fill in zip(boxes, _levels(level, len(points)), strict=True):
            self._draw.ellipse(box, fill=fill)

    def polygons(self, corners: NDArray[np.floating], level: ArrayLike = 1.0) -> None:
        """Filled polygons (n, k, 2), each over those before it; level is one for all, or one for each."""
        paths = ((corners + 1) * self.side).reshape(len(corners), 2 * corners.shape[1]).tolist()
        for path, fill in zip(paths, _levels(level, len(paths)), strict=True):
            self._draw.polygon(path, fill=fill)

    def stroke(self, points: NDArray[np.floating], width: float, level: float = 1.0) -> None:
        """Polyline through `points` (n, 2)."""
        path = ((points + 1) * self.side).ravel().tolist()
        thick = max(1, round(width * self.side))
        self._draw.line(path, fill=round(255 * level), width=thick, joint="curve")

    def mask(self, blur: float = 0.0, part: Part = EVERYWHERE) -> Array:
        """The mask, or a part of it, blurred by `blur`."""
        (top, bottom, _), (left, right, _) = (own.indices(self.side) for own in part)
        image = self._image.reduce(2, (2 * left, 2 * top, 2 * right, 2 * bottom))
        if blur * self.side > 1:  # averaging down has blurred as much as that
            image = image.filter(ImageFilter.GaussianBlur(blur * self.side / 2))
        mask = np.asarray(image, dtype=np.float32)
        mask *= np.float32(1 / 255)
        return mask


def _levels(level: ArrayLike, count: int) -> list[int]:
    """Gray values of `count` shapes, whose level is one for all, or one for each."""
    grays = np.rint(np.multiply(level, 255)).astype(int)
    levels: list[int] = np.broadcast_to(grays, count).tolist()
    return levels


def placed(
    points: NDArray[np.floating], place: tuple[float, float, float, float]
) -> NDArray[np.float64]:
    """Points (n, 2) of a body in the picture, where it lies at a place: x, y, turn and scale."""
    x, y, turn, scale = place
    c, s = np.cos(turn), np.sin(turn)
    moved: NDArray[np.float64] = points @ (scale * np.array(((c, s), (-s, c)))) + (x, y)
    return moved


def toward(angle: ArrayLike) -> NDArray[np.float64]:
    """Unit vector at an angle, or one (n, 2) for each of n angles."""
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)


@dataclass(frozen=True, kw_only=True)
class Winding:
    """How vessels wind and split."""

    steps: int
    """Straight pieces from one split to the next."""
    turn: float
    """How far a piece turns from the one before at most, in radians."""
    fork: float
    """How far a half turns aside at most, in radians; 0.3 at least."""
    width: float
    """Width of a half, as a share of the whole's."""
    length: float
    """Length of a half, as a share of the whole's."""


def draw_vessel(
    rng: np.random.Generator,
    stencil: Stencil,
    start: NDArray[np.float64],
    angle: float,
    width: float,
    length: float,
    winding: Winding,
) -> None:
    """Draw a winding vessel that splits in two, each half finer, until it is a hair."""
    turns = angle + np.cumsum(rng.uniform(-winding.turn, winding.turn, winding.steps))
    pieces = toward(turns) * (length / winding.steps)
    points = np.vstack([start, start + np.cumsum(pieces, axis=0)])
    stencil.stroke(points, width)
    if width > 0.011:
        for hand in (-1, 1):
            bend = float(turns[-1]) + hand * float(rng.uniform(0.3, winding.fork))
            finer, shorter = width * winding.width, length * winding.length
            draw_vessel(rng, stencil, points[-1], bend, finer, shorter, winding)


def mark_side(stencil: Stencil, x: float, y: float) -> None:
    """Write the letter that tells a side of a film."""
    stencil.stroke(np.array([(x, y - 0.06), (x, y + 0.06), (x + 0.06, y + 0.06)]), 0.022)


def unexposed(side: int, reach: float) -> Array:
    """Mask of the border of a film that rays did not reach, which begins at `reach` from the middle."""
    x, y = grid(side)
    return soft(-(np.maximum(np.abs(x), np.abs(y)) - np.float32(reach)), 0.03)


def scatter(rng: np.random.Generator, at: Disc, spacing: float) -> NDArray[np.float64]:
    """Points (n, 2) within the disc `at`, about `spacing` apart, in a jittered grid."""
    x0, y0, radius = at
    count = max(1, int(radius / spacing))
    axis = np.arange(-count, count + 1) * spacing
    points = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    points[:, 0] += (np.arange(len(points)) // len(axis) % 2) * spacing / 2
    points += rng.uniform(-0.32, 0.32, points.shape) * spacing
    points = points[np.hypot(points[:, 0], points[:, 1]) < radius]
    moved: NDArray[np.float64] = points + np.array((x0, y0))
    return moved


def finish(
    rng: np.random.Generator, picture: Array, image_size: int, grain: float
) -> NDArray[np.uint8]:
    """Give the picture light, white balance, blur and grain; turn it into uint8 (3, S, S)."""
    x, y = grid(image_size)
    angle, strength = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.13)
    gain = float(rng.uniform(0.88, 1.08))
    across, down = (np.float32(gain * strength * way) for way in (np.cos(angle), np.sin(angle)))
    falloff = np.float32(gain * rng.uniform(0, 0.10))
    # Light is a function of the column plus one of the row, so that it costs two lines.
    columns = x[0] * across - falloff * x[0] ** 2
    rows = y[:, 0] * down - falloff * y[:, 0] ** 2 + np.float32(gain)
    picture *= columns[None, :] + rows[:, None]
    if len(picture) == 3:
        picture *= rng.uniform(0.97, 1.03, (3, 1, 1)).astype(np.float32)
    # The sum of two random bytes is grain enough, and quicker to come by than a normal number.
    grains = np.frombuffer(rng.bytes(2 * picture.size), dtype=np.uint8).reshape(2, *picture.shape)
    speck = grains[0].astype(np.float32)
    speck += grains[1]
    speck *= np.float32(grain / 104.5)
    picture += speck
    picture += np.float32(0.5 - 255 * grain / 104.5)
    np.maximum(picture, 0, out=picture)
    np.minimum(picture, 255, out=picture)
    planes = [Image.fromarray(plane) for plane in picture.astype(np.uint8)]
    blur = rng.uniform(-0.4, 0.9) * image_size / 128
    if blur > 0:
        planes = [plane.filter(ImageFilter.GaussianBlur(blur)) for plane in planes]
    done = np.stack([np.asarray(plane) for plane in planes])
    return done if len(done) == 3 else np.repeat(done, 3, axis=0)

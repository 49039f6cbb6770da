"""Brushes for drawn pictures: smooth noise, outlines, soft masks, blending, and the finishing touches of a camera.

A picture is float32 (3, R, R) in 0..255 while it is drawn, at twice the wanted side (R = 2 S), and is averaged down
at the end, which smooths every edge. Geometry is in units of half the picture (x and y run from -1 to 1), so that the
same random numbers give the same scene at every size. Masks are float32 (R, R) in 0..1.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFilter

Array = NDArray[np.float32]
Color = tuple[float, float, float]
Disc = tuple[float, float, float]
"""x and y of the center, and radius."""

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
    t = np.clip(0.5 - distance / np.float32(width), 0, 1)
    inside: Array = t * t * (3 - 2 * t)
    return inside


def blend(picture: Array, color: ArrayLike, mask: Array) -> None:
    """Paint `color`, (3,) or a picture, onto `picture` in place, as opaque as `mask` says."""
    paint = np.asarray(color, dtype=np.float32)
    for channel in range(3):
        plane = picture[channel]
        plane += mask * (paint[channel] - plane)


def canvas(color: ArrayLike, side: int) -> Array:
    """Picture of one color."""
    picture = np.empty((3, side, side), dtype=np.float32)
    picture[:] = np.asarray(color, dtype=np.float32)[:, None, None]
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


def polar(side: int, x0: float, y0: float) -> tuple[Array, NDArray[np.intp]]:
    """Distance of every pixel from (x0, y0), and its angle as an index into an outline's table."""
    x, y = grid(side)
    dx, dy = x - np.float32(x0), y - np.float32(y0)
    index = (np.arctan2(dy, dx) * np.float32(_TURN / (2 * np.pi))).astype(np.intp) % _TURN
    return np.hypot(dx, dy), index


def box(side: int, x0: float, y0: float, reach: float) -> tuple[slice, slice]:
    """Rows and columns of the pixels within `reach` of (x0, y0), so that small things are painted at small cost."""
    low_x, high_x, low_y, high_y = (
        min(max(int((c + 1) * side / 2), 0), side)
        for c in (x0 - reach, x0 + reach + 2 / side, y0 - reach, y0 + reach + 2 / side)
    )
    return slice(low_y, high_y), slice(low_x, high_x)


def ellipse_distance(
    side: int,
    center: tuple[float, float],
    axes: tuple[float, float],
    turn: float = 0.0,
    part: tuple[slice, slice] = (slice(None), slice(None)),
) -> Array:
    """Distance from an ellipse with these half axes, negative inside (close to exact near the outline)."""
    x, y = grid(side)
    c, s = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    dx, dy = x[part] - np.float32(center[0]), y[part] - np.float32(center[1])
    a, b = np.float32(axes[0]), np.float32(axes[1])
    distance: Array = (np.hypot((dx * c + dy * s) / a, (dy * c - dx * s) / b) - 1) * np.sqrt(a * b)
    return distance


def mesh(rng: np.random.Generator, side: int, cells: float) -> tuple[Array, Array]:
    """Honeycomb of jittered cells: distance to the nearest center, and to the wall between cells, in cell widths."""
    half = side // 2  # a quarter of the pixels is plenty for walls that are several pixels wide
    x, y = grid(half)
    u, v = (x + 1) * np.float32(cells / 2), (y + 1) * np.float32(cells / 2)
    iu, iv = u.astype(np.intp), v.astype(np.intp)
    size = int(np.ceil(cells)) + 3
    jitter = rng.uniform(0.15, 0.85, (2, size, size)).astype(np.float32)
    first = np.full((half, half), 9, dtype=np.float32)
    second = first.copy()
    for du in (-1, 0, 1):
        for dv in (-1, 0, 1):
            cu, cv = iu + (du + 1), iv + (dv + 1)
            d = np.hypot(jitter[0, cv, cu] + (iu + du) - u, jitter[1, cv, cu] + (iv + dv) - v)
            np.minimum(second, np.maximum(first, d), out=second)
            np.minimum(first, d, out=first)
    return enlarge(first.astype(np.float32), side), enlarge(
        (second - first).astype(np.float32), side
    )


def enlarge(field: Array, side: int) -> Array:
    """Stretch a field to `side` pixels, bilinear."""
    return np.asarray(Image.fromarray(field).resize((side, side), Image.Resampling.BILINEAR))


class Stencil:
    """A mask made of strokes and dots, drawn in units of half the picture."""

    def __init__(self, side: int) -> None:
        self.side = side
        self._image = Image.new("L", (side, side))
        self._draw = ImageDraw.Draw(self._image)

    def dot(self, x: float, y: float, a: float, b: float | None = None, level: float = 1.0) -> None:
        """Filled ellipse with upright axes."""
        h, b = self.side / 2, a if b is None else b
        box = ((x - a + 1) * h, (y - b + 1) * h, (x + a + 1) * h, (y + b + 1) * h)
        self._draw.ellipse(box, fill=round(255 * level))

    def stroke(self, points: NDArray[np.floating], width: float, level: float = 1.0) -> None:
        """Polyline through `points` (n, 2)."""
        h = self.side / 2
        path = [(float(px + 1) * h, float(py + 1) * h) for px, py in points]
        self._draw.line(
            path, fill=round(255 * level), width=max(1, round(width * h)), joint="curve"
        )

    def mask(self, blur: float = 0.0) -> Array:
        """The mask, blurred by `blur`."""
        image = self._image
        if blur:
            image = image.filter(ImageFilter.GaussianBlur(blur * self.side / 2))
        return np.asarray(image, dtype=np.float32) / np.float32(255)


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
    """Give the picture light, white balance, blur and grain; average it down to uint8 (3, S, S)."""
    side = picture.shape[1]
    x, y = grid(side)
    angle, strength = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.13)
    light = 1 + np.float32(strength) * (
        x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle))
    )
    light -= np.float32(rng.uniform(0, 0.10)) * (x * x + y * y)
    picture *= light * np.float32(rng.uniform(0.88, 1.08))
    picture *= rng.uniform(0.97, 1.03, (3, 1, 1)).astype(np.float32)
    small = (
        picture[:, ::2, ::2]
        + picture[:, 1::2, ::2]
        + picture[:, ::2, 1::2]
        + picture[:, 1::2, 1::2]
    ) * np.float32(0.25)
    small += rng.standard_normal(small.shape, dtype=np.float32) * np.float32(grain)
    image = Image.fromarray(np.clip(small + 0.5, 0, 255).astype(np.uint8).transpose(1, 2, 0))
    blur = rng.uniform(-0.4, 0.9) * image_size / 128
    if blur > 0:
        image = image.filter(ImageFilter.GaussianBlur(blur))
    return np.ascontiguousarray(np.asarray(image).transpose(2, 0, 1))

"""What grows from the wall in drawn endoscopic views: polyps with and without a stalk, flat lesions, and masses.

In: a view, and the disc that the growth takes. Out: the same view, with the growth's color, height and shadow. Its outline, lobes
and exact tone are left to chance.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sgps.drawings.brushes import (
    Array,
    Disc,
    blend_gray,
    canvas,
    chain_distance,
    grid,
    length_of,
    mesh,
    noise,
    outline,
    polar,
    soft,
    toward,
)
from sgps.drawings.mucosa.lumens import View


def _flesh(rng: np.random.Generator, view: View) -> Array:
    """Color of a growth: redder than a pale lining, paler than a red one."""
    if view.is_red:
        return view.mixed((236, 156, 138), float(rng.uniform(0.35, 0.6)))
    return view.mixed((196, 66, 54), float(rng.uniform(0.2, 0.6)))


def _clear(view: View, mask: Array, light: float) -> None:
    """What stands out of the wall toward the scope is lit whatever lies behind it."""
    blend_gray(view.lit, light, mask)
    view.height *= 1 - mask


def _cast(view: View, spot: Disc, throw: float, strength: float) -> None:
    """Shadow of a growth, on the side away from the lamp."""
    x, y, radius = spot
    px, py = grid(view.side)
    sx, sy = x - throw * view.light[0], y - throw * view.light[1]
    away = length_of(px - np.float32(sx), py - np.float32(sy))
    view.lit *= 1 - np.float32(strength) * soft(away - np.float32(radius), 0.6 * radius)


def _knob(rng: np.random.Generator, view: View, spot: Disc, tone: Array, lumpy: float) -> None:
    """A dome that stands out of the wall."""
    x, y, radius = spot
    table = outline(rng, radius, (0.05, 0.04, 0.03), rng.uniform(1.0, 1.2))
    rho, edge = polar(view.side, x, y, table)
    share = np.minimum(rho / edge, 1)
    mask = soft(rho - edge, 0.035)
    _clear(view, mask, 1.05)
    paint = canvas(tone, mask.shape)
    paint *= (
        1
        + np.float32(0.06) * noise(rng, view.side, 12)
        + np.float32(0.04 * lumpy) * noise(rng, view.side, 26)
    )
    view.paint(paint, mask * np.float32(0.95))
    lobes = np.float32(lumpy * 0.05 * radius) * noise(rng, view.side, int(5 / radius)) * mask
    view.height += np.float32(0.62 * radius) * np.sqrt(1 - np.float32(0.94) * share * share) * mask
    view.height += lobes
    view.lit *= 1 - np.float32(0.38) * mask * share**6
    blend_gray(view.gloss, 0.85, mask)


def _sessile(rng: np.random.Generator, view: View, spot: Disc) -> None:
    _cast(view, spot, 0.3 * spot[2], 0.45)
    _knob(rng, view, spot, _flesh(rng, view), float(rng.uniform(0, 1.5)))


def _stalked(rng: np.random.Generator, view: View, spot: Disc) -> None:
    x, y, radius = spot
    angle = float(np.arctan2(y, x) + np.pi + rng.uniform(-1.0, 1.0))
    way, bow = toward(angle), float(rng.uniform(-0.12, 0.12))
    long = float(rng.uniform(0.46, 0.62)) + radius
    t = np.linspace(0, 1, 5)[:, None]
    path = np.array((x, y)) + t * long * way + bow * np.sin(np.pi * t) * (-way[1], way[0])
    joints = [(float(px), float(py)) for px, py in path]
    thick = float(rng.uniform(0.34, 0.44)) * radius
    end = path[-1]
    px, py = grid(view.side)
    root = length_of(px - np.float32(end[0]), py - np.float32(end[1]))
    away = chain_distance(view.side, joints, thick)
    away -= np.float32(0.7 * thick) * soft(root - np.float32(0.9 * thick), 2.6 * thick)
    view.paint(view.tone, soft(away - np.float32(0.5 * thick), 0.3 * thick) * np.float32(0.3))
    shadow = soft(away - np.float32(0.04), 0.14)
    near_root = soft(root - np.float32(1.2 * thick), 2.6 * thick)
    view.lit *= 1 - np.float32(0.5) * shadow * (1 - np.float32(0.8) * near_root)
    mask = soft(away, 0.04) * (1 - np.float32(0.7) * near_root)
    _clear(view, mask, 1.0)
    view.paint(view.mixed((240, 176, 156), 0.35), mask * np.float32(0.92))
    deep = np.clip(away * np.float32(-1 / thick), 0, 1)
    view.height += np.float32(0.8 * thick) * np.sqrt(deep) * mask * (1 - near_root)
    _cast(view, spot, 0.35 * radius, 0.5)
    _knob(rng, view, spot, _flesh(rng, view) * np.float32(0.92), float(rng.uniform(0.8, 2.5)))


def _flat(rng: np.random.Generator, view: View, spot: Disc) -> None:
    x, y, radius = spot
    table = outline(rng, radius, (0.10, 0.10, 0.08, 0.06, 0.05), rng.uniform(1.2, 1.5))
    rho, edge = polar(view.side, x, y, table)
    away = rho - edge + np.float32(0.03) * noise(rng, view.side, 10)
    mask = soft(away, 0.05)
    _clear(view, soft(away, 0.16) * np.float32(0.8), 1.0)
    grain = noise(rng, view.side, 18) + np.float32(0.8) * noise(rng, view.side, 30)
    paint = canvas(_flesh(rng, view), mask.shape)
    paint *= 1 + np.float32(0.07) * grain
    view.paint(paint, mask * np.float32(0.8))
    view.lit *= 1 - np.float32(0.20) * np.exp(-((away - np.float32(0.03)) ** 2) * np.float32(900))
    view.lit += np.float32(0.16) * np.exp(-((away + np.float32(0.04)) ** 2) * np.float32(900))
    view.height += np.float32(0.045) * soft(away, 0.14) + np.float32(0.004) * grain * mask
    blend_gray(view.gloss, 0.6, mask)


def _mass(rng: np.random.Generator, view: View, spot: Disc) -> None:
    """Nodular bulk with a dead, bleeding middle."""
    x, y, radius = spot
    _cast(view, spot, 0.25 * radius, 0.45)
    rho, edge = polar(view.side, x, y, outline(rng, radius, (0.12, 0.12, 0.10, 0.08, 0.07), 1.2))
    away = rho - edge + np.float32(0.06) * noise(rng, view.side, 8)
    mask = soft(away, 0.05)
    _clear(view, mask, 0.98)
    near, wall = mesh(rng, view.side, float(rng.uniform(6.5, 9)))
    wall += np.float32(0.12) * noise(rng, view.side, 16)
    near += np.float32(0.10) * noise(rng, view.side, 18)
    tone = np.asarray(((166, 58, 56), (146, 50, 58), (178, 78, 66))[rng.integers(3)], np.float32)
    paint = canvas(tone * np.float32(rng.uniform(0.9, 1.1)), mask.shape)
    paint *= 1 + np.float32(0.10) * noise(rng, view.side, 20)
    paint *= 1 - np.float32(0.45) * soft(wall - np.float32(0.06), 0.25)
    view.paint(paint, mask * np.float32(0.96))
    bulk = np.sqrt(np.clip(away * np.float32(-1 / radius), 0, 1))
    view.height += (
        np.float32(0.32 * radius) * bulk + np.float32(0.09) * soft(near - 0.4, 0.9)
    ) * mask
    aside = 0.25 * radius * toward(rng.uniform(0, 2 * np.pi))
    rim = outline(rng, 0.48 * radius, (0.15, 0.12, 0.10), 1.3)
    rho, edge = polar(view.side, x + float(aside[0]), y + float(aside[1]), rim)
    crater = rho - edge + np.float32(0.04) * noise(rng, view.side, 14)
    view.paint((110, 14, 20), soft(crater - np.float32(0.05), 0.08) * mask * np.float32(0.75))
    slough = canvas(
        ((196, 178, 128), (176, 160, 120), (206, 194, 158))[rng.integers(3)], mask.shape
    )
    slough *= 1 + np.float32(0.14) * noise(rng, view.side, 22)
    view.paint(slough, soft(crater, 0.06) * mask * np.float32(0.92))
    view.height -= np.float32(0.10) * soft(crater, 0.12) * mask


SIZES = {
    "sessile-polyp": (0.24, 0.33),
    "stalked-polyp": (0.21, 0.27),
    "flat-lesion": (0.36, 0.46),
    "ulcerated-mass": (0.46, 0.58),
}
"""Smallest and largest radius."""
GROWTHS: dict[str, Callable[[np.random.Generator, View, Disc], None]] = {
    "sessile-polyp": _sessile,
    "stalked-polyp": _stalked,
    "flat-lesion": _flat,
    "ulcerated-mass": _mass,
}
"""Each paints one growth at a given place."""

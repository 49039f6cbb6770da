"""The spine in drawn tomograms: a sagittal section through vertebrae, disks and canal.

In: a source of chance and a scene. Out: a `Site`. Number, size and curve of the vertebrae, side of the front, what lies
before and behind, and where cord gives way to nerve roots are left to chance.
"""

from __future__ import annotations

import numpy as np

from sgps.drawings.brushes import Array, noise, soft
from sgps.drawings.tomogram.grounds import Points, Scene, Site


def paint_spine(rng: np.random.Generator, scene: Scene) -> Site:
    """Paint a sagittal section of a spine."""
    u, v = scene.u, scene.v
    front = -1 if rng.random() < 0.8 else 1
    bow, slope = float(rng.uniform(-0.14, 0.2)), float(rng.uniform(-0.12, 0.12))
    phase = float(rng.uniform(-0.4, 0.4))
    kyphosis = 0.22 if scene.shrunk else 0.0

    def curve(height: Array) -> Array:
        """Middle of the column at a height, counted toward the back."""
        away = height - np.float32(phase)
        bent: Array = (
            np.float32(bow - 0.1 + kyphosis) * (1 - away * away) + np.float32(slope) * height
        )
        return bent

    back = np.float32(-front) * u - curve(v)
    skin = float(rng.uniform(0.62, 0.85))
    _paint_flesh(rng, scene, back, skin)
    period, wide = float(rng.uniform(0.30, 0.40)), float(rng.uniform(0.16, 0.20))
    start = float(rng.uniform(0, period))
    bulge = np.float32(0.22 * scene.push) * np.exp(-((v / np.float32(0.3)) ** 2))
    _paint_canal(rng, scene, back, wide, bulge)
    step = (v - np.float32(start)) * np.float32(1 / period)
    _paint_processes(rng, scene, back, wide, (step - np.round(step) - 0.4) * period, period)
    _paint_vertebrae(rng, scene, back, wide, step, period)
    levels = np.array([k * period + start for k in range(-6, 7)])
    levels = levels[np.abs(levels) < 0.72]
    middle = curve(levels.astype(np.float32)).astype(np.float64)

    def points(offset: float) -> Points:
        return np.stack([-front * (middle + offset), levels], axis=1)

    column = soft(np.abs(back) - np.float32(wide + 0.02), 0.04)
    return Site(
        organ=column,
        inside=soft(back - np.float32(skin - 0.1), 0.05),
        wall=back + np.float32(wide),
        pull=(0.0, 0.0),
        anchors={
            "peripheral": points(-wide - 0.14),
            "central": points(wide + 0.10),
            "deep": points(0.0),
        },
        size=0.17,
        reference="marrow",
    )


def _paint_vertebrae(
    rng: np.random.Generator, scene: Scene, back: Array, wide: float, step: Array, period: float
) -> None:
    """Paint bodies and the disks between them; `step` counts the bodies along the column."""
    number = np.round(step)
    along = (step - number) * np.float32(period)
    tall = np.float32(0.5 * period * (0.88 if scene.shrunk else 0.82))
    if scene.shrunk:  # bodies have collapsed, each to its own height and mostly in front
        own = rng.uniform(0.62, 1.0, 41).astype(np.float32)[(number + 20).astype(np.intp)]
        height = tall * own * (1 + np.minimum(back, 0) * np.float32(0.45 / wide))
    else:
        height = tall + np.abs(back) * np.float32(0.02 / wide)
    across = np.abs(back) - np.float32(wide)
    across += np.float32(0.02) * np.cos(along * np.float32(np.pi / period)) + scene.wave
    bodies = np.maximum(across, np.abs(along) - height)
    disk = "disk"
    if scene.shrunk:
        disk = "fluid" if scene.rays else "bone"
    scene.paint(disk, soft(across + np.float32(-0.025 if scene.shrunk else 0.01), 0.03))
    scene.paint("bone", soft(bodies, 0.03))
    scene.paint("marrow", soft(bodies + np.float32(0.022), 0.025) * np.float32(0.95))


def _paint_flesh(rng: np.random.Generator, scene: Scene, back: Array, skin: float) -> None:
    """Paint what lies before the column, the muscles behind it, fat and skin."""
    outside = back - np.float32(skin) + np.float32(0.05) * scene.wave
    scene.paint("skin", soft(outside, 0.03))
    scene.paint("fat", soft(outside + np.float32(0.02), 0.02))
    streak = noise(rng, scene.side, 9)
    muscle = outside + np.float32(rng.uniform(0.10, 0.22)) + np.float32(0.02) * streak
    scene.paint("muscle", soft(muscle, 0.04))
    scene.paint("fat", soft(np.float32(0.35) - streak, 0.5) * soft(muscle, 0.04) * np.float32(0.4))
    ahead = back + np.float32(rng.uniform(0.34, 0.5))
    organs = soft(ahead + np.float32(0.1) * streak, 0.06)
    scene.paint("organ" if rng.random() < 0.5 else "fluid", organs * np.float32(0.7))
    tube = np.abs(back + np.float32(rng.uniform(0.27, 0.33))) - np.float32(rng.uniform(0.03, 0.06))
    scene.paint(
        "vessel" if rng.random() < 0.6 else 6, soft(tube + scene.wave, 0.03) * np.float32(0.9)
    )


def _paint_canal(
    rng: np.random.Generator, scene: Scene, back: Array, wide: float, bulge: Array
) -> None:
    """Paint the sac with cord or nerve roots; `bulge` pushes them backward."""
    middle = wide + 0.10
    sac = np.abs(back - np.float32(middle) - bulge) - np.float32(rng.uniform(0.07, 0.09))
    scene.paint("fat", soft(sac - np.float32(0.03), 0.03) * np.float32(0.6))
    scene.paint("fluid", soft(sac, 0.025))
    thick = float(rng.uniform(0.018, 0.026) if scene.shrunk else rng.uniform(0.034, 0.048))
    end = float(rng.uniform(-0.4, 1.5))
    cord = np.abs(back - np.float32(middle) - bulge) - np.float32(thick)
    scene.paint(
        "white" if scene.rays else "gray", soft(np.maximum(cord, scene.v - np.float32(end)), 0.03)
    )
    roots = np.abs(back - np.float32(middle + 0.03) - bulge) - np.float32(0.012)
    scene.paint("gray", soft(np.maximum(roots, np.float32(end) - scene.v), 0.03) * np.float32(0.7))


def _paint_processes(
    rng: np.random.Generator, scene: Scene, back: Array, wide: float, along: Array, period: float
) -> None:
    """Paint the spinous processes behind the canal."""
    sloped = along - np.float32(0.3) * (back - np.float32(wide + 0.3))
    sloped -= np.float32(period) * np.round(sloped * np.float32(1 / period))
    reach = np.abs(back - np.float32(wide + 0.33)) - np.float32(rng.uniform(0.09, 0.13))
    process = np.maximum(reach, np.abs(sloped) - np.float32(0.26 * period)) + scene.wave
    scene.paint("bone", soft(process, 0.03))
    scene.paint("marrow", soft(process + np.float32(0.02), 0.03))

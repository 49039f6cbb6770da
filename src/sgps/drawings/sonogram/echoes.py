"""The ground of drawn sonograms: the field that a probe sees, the tissue in it, and the grain of echoes.

In: a source of chance and the name of a background (`words.SONOGRAM`). Out: a `Probe`, whose plane is painted.
Type of the probe, its geometry, thickness and tone of skin, fat and muscle are left to chance.

A probe has coordinates of its own: `across` from -1 to 1 over the beams, `depth` from 0 at the skin to 1. Beams are upright
under a linear probe and spread under a convex one, so that layers, grain and shadows follow them in either case.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from sgps.drawings.brushes import Array, Point, blend_gray, grid, length_of, noise, soft


@dataclass(frozen=True, kw_only=True)
class Probe:
    """The picture under way, and the field in it that the probe sees."""

    plane: Array
    """Echo of every pixel, 0..255 and somewhat more before the grain."""
    across: Array
    depth: Array
    seen: Array
    """Mask of the field."""
    apex: Point
    """Where the beams of a convex probe meet; the middle of a linear probe."""
    near: float
    """Distance of the skin from the apex; 0 for a linear probe."""
    length: float
    """From the skin to the greatest depth."""
    spread: float
    """Half the angle of a convex probe, half the width of a linear one."""
    curved: bool

    @property
    def side(self) -> int:
        """Side of the picture in pixels."""
        return len(self.plane)

    def paint(self, gray: ArrayLike, mask: Array) -> None:
        """Paint a gray, or a picture of grays, as opaque as the mask says."""
        blend_gray(self.plane, gray, mask)

    def dim(self, share: ArrayLike) -> None:
        """Multiply all echoes by this."""
        np.multiply(self.plane, np.asarray(share, dtype=np.float32), out=self.plane)

    def add(self, gray: ArrayLike) -> None:
        """Make all echoes brighter by this."""
        np.add(self.plane, np.asarray(gray, dtype=np.float32), out=self.plane)

    def locate(self, at: Point) -> tuple[float, float, float]:
        """Give `across` and `depth` of a point, and how much `across` grows there over one unit of the picture."""
        dx, dy = at[0] - self.apex[0], at[1] - self.apex[1]
        if not self.curved:
            return dx / self.spread, dy / self.length, 1 / self.spread
        far = float(np.hypot(dx, dy))
        turn = float(np.arctan2(dx, dy)) / self.spread
        return turn, (far - self.near) / self.length, 1 / (far * self.spread)

    def beam(self, at: Point, half: float, blur: float, fray: ArrayLike = 0.0) -> Array:
        """Mask of what sound reaches through something at this point, `half` wide to either side, give or take `fray`."""
        across, depth, grows = self.locate(at)
        beside = np.abs(self.across - np.float32(across)) - np.float32(half * grows)
        beside += np.asarray(fray, dtype=np.float32) * np.float32(grows)
        behind = np.float32(depth) - self.depth
        return soft(beside, blur * grows) * soft(behind, 0.05)


def new_probe(rng: np.random.Generator, side: int) -> Probe:
    """Choose a probe and its place in a black picture."""
    return _convex(rng, side) if rng.random() < 0.4 else _linear(rng, side)


def _linear(rng: np.random.Generator, side: int) -> Probe:
    x, y = grid(side)
    filled = rng.random() < 0.6
    frame = rng.uniform(0, 0.02 if filled else 1, 4) * (0.16, 0.16, 0.2, 0.2)
    left, right, top, bottom = frame.tolist()
    middle, half = (left - right) / 2, 1 - (left + right) / 2
    length = 2 - top - bottom
    across = (x - np.float32(middle)) * np.float32(1 / half)
    depth = (y - np.float32(top - 1)) * np.float32(1 / length)
    outside = np.maximum(np.abs(across) - 1, np.abs(depth - np.float32(0.5)) - np.float32(0.5))
    return Probe(
        plane=np.zeros((side, side), dtype=np.float32),
        across=across,
        depth=depth,
        seen=soft(outside - np.float32(0.01), 0.02),
        apex=(middle, top - 1),
        near=0.0,
        length=length,
        spread=half,
        curved=False,
    )


def _convex(rng: np.random.Generator, side: int) -> Probe:
    x, y = grid(side)
    top, near = float(rng.uniform(-1.04, -0.84)), float(rng.uniform(0.4, 1.5))
    length = float(rng.uniform(0.86, 1.0)) - top
    # The lower corners may lie outside of the picture.
    spread = float(np.arcsin(min(rng.uniform(0.98, 1.6) / (near + length), 0.82)))
    apex = (float(rng.uniform(-0.06, 0.06)), top - near)
    dx, dy = x - np.float32(apex[0]), y - np.float32(apex[1])
    far = length_of(dx, dy)
    across = np.arctan2(dx, dy) * np.float32(1 / spread)
    depth = (far - np.float32(near)) * np.float32(1 / length)
    outside = np.maximum(
        (np.abs(across) - 1) * np.float32(spread) * far,
        (np.abs(depth - np.float32(0.5)) - np.float32(0.5)) * np.float32(length),
    )
    return Probe(
        plane=np.zeros((side, side), dtype=np.float32),
        across=across,
        depth=depth,
        seen=soft(outside, 0.025),
        apex=apex,
        near=near,
        length=length,
        spread=spread,
        curved=True,
    )


def paint_ground(rng: np.random.Generator, probe: Probe, background: str) -> float:
    """Paint the tissue, from the skin down; give its middle gray."""
    tone = float(rng.uniform(80, 112))
    wavy = probe.depth + np.float32(rng.uniform(0.010, 0.032)) * noise(rng, probe.side, 4)
    wavy += np.float32(rng.uniform(-0.06, 0.06)) * probe.across
    probe.add(1)
    probe.add(np.float32(0.10) * noise(rng, probe.side, 4))
    streaks = _along_skin(rng, probe, wavy, int(rng.integers(18, 30)), 0.22)
    if background == "fine-tissue":
        probe.dim(1 + np.float32(rng.uniform(0.0, 0.10)) * streaks)
    elif background == "coarse-tissue":
        large = _along_skin(rng, probe, probe.depth, int(rng.integers(13, 18)), 0.7)
        small = _along_skin(rng, probe, probe.depth, int(rng.integers(26, 36)), 0.7)
        mottle = large + np.float32(0.7) * small + np.float32(0.25) * streaks
        probe.dim(np.exp(np.float32(rng.uniform(0.42, 0.60)) * mottle - np.float32(0.08)))
    else:
        _lay_bands(rng, probe, wavy, streaks)
    _lay_skin(rng, probe, wavy)
    if rng.random() < 0.5:
        _lay_muscle(rng, probe, wavy)
    focus = (probe.depth - np.float32(rng.uniform(0.3, 0.6))) * np.float32(1 / 0.3)
    bright = np.float32(rng.uniform(0, 0.25)) * np.exp(-focus * focus)
    probe.dim(np.float32(tone) * (bright + np.float32(0.92)))
    return tone


def _along_skin(
    rng: np.random.Generator, probe: Probe, depth: Array, cells: int, stretch: float
) -> Array:
    """Smooth noise whose bumps follow the skin; they are as wide as `1 / stretch` times their height."""
    size = 2 * probe.side
    texture = noise(rng, size, cells)
    wide = probe.spread * (probe.near + 0.5 * probe.length) if probe.curved else probe.spread
    columns = (probe.across * np.float32(0.5 * stretch * wide * size)).astype(np.intp)
    columns += size // 2
    rows = (depth * np.float32(0.5 * probe.length * size)).astype(np.intp)
    return texture[rows % size, columns % size]


def _lay_bands(rng: np.random.Generator, probe: Probe, wavy: Array, streaks: Array) -> None:
    """Cross the tissue by bright bands along the skin, of uneven width and broken here and there."""
    fine = _along_skin(rng, probe, wavy, int(rng.integers(36, 50)), 0.14)
    turns = np.float32(2 * np.pi * rng.uniform(4.5, 7.0))
    phase = np.float32(rng.uniform(0, 6.3))
    crest = np.sin(turns * wavy + phase + np.float32(0.8) * streaks)
    level = np.float32(0.62) * crest + np.float32(0.55) * streaks + np.float32(0.30) * fine
    probe.dim(np.exp(np.float32(rng.uniform(0.58, 0.82)) * level))


def _lay_skin(rng: np.random.Generator, probe: Probe, wavy: Array) -> None:
    """Lay skin, a dark layer of fat with thin bright lines, and the fascia below it on top."""
    skin, fat = float(rng.uniform(0.025, 0.06)), float(rng.uniform(0.10, 0.24))
    under = soft(wavy - np.float32(fat), 0.04)
    if rng.random() < 0.7:
        probe.paint(rng.uniform(0.55, 0.8), under * np.float32(0.8))
        lines = np.abs(wavy - np.float32(fat)) - np.float32(0.006)
        probe.paint(rng.uniform(1.4, 1.9), soft(lines, 0.03) * np.float32(rng.uniform(0.3, 0.8)))
    probe.paint(rng.uniform(1.4, 2.0), soft(probe.depth - np.float32(skin), 0.03))
    probe.paint(rng.uniform(0.2, 0.9), soft(probe.depth - np.float32(0.35 * skin), 0.02))


def _lay_muscle(rng: np.random.Generator, probe: Probe, wavy: Array) -> None:
    """Lay muscle with fine streaks at the bottom, or what lies behind a bright deep surface."""
    start = float(rng.uniform(0.72, 0.9))
    below = soft(np.float32(start) - wavy, 0.04)
    streaks = np.sin(np.float32(rng.uniform(90, 130)) * wavy) * np.float32(0.22)
    probe.paint(np.float32(rng.uniform(0.35, 0.7)) + streaks, below * np.float32(0.8))
    surface = soft(np.abs(wavy - np.float32(start)) - np.float32(0.008), 0.03)
    probe.paint(rng.uniform(1.5, 2.2), surface * np.float32(rng.uniform(0.4, 0.9)))


def speckle(rng: np.random.Generator, probe: Probe) -> None:
    """Multiply by the grain of echoes: smeared along the skin, coarser with depth, with dark pits; then dim with depth."""
    fine, coarse = int(rng.integers(72, 112)), int(rng.integers(34, 48))
    smear = float(rng.uniform(0.5, 0.8))
    real, imaginary, slow = (
        _along_skin(rng, probe, probe.depth, cells, smear) for cells in (fine, fine, coarse)
    )
    real *= real
    imaginary *= imaginary
    real += imaginary
    real += np.float32(0.45)
    grain = np.log(real, out=real)
    grain *= np.float32(0.75)
    grain += np.float32(0.25)
    grain += np.float32(0.8) * np.clip(probe.depth, 0, 1) * slow
    grain *= np.float32(rng.uniform(0.26, 0.46))
    grain += 1
    np.maximum(grain, np.float32(0.12), out=grain)
    loss = np.float32(max(rng.uniform(-0.12, 0.5), 0))
    grain *= 1 - loss * probe.depth
    grain *= 1 - np.float32(rng.uniform(0, 0.22)) * probe.across * probe.across
    probe.dim(grain)

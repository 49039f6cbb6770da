"""Drawn tissue sections under a microscope: how each value of each attribute is painted.

In: a look, which maps attribute to value (`words.TISSUE`). Out: a picture. Everything else (tone of the stain,
magnification, direction, light, focus) is left to chance. The architecture's ground is painted first and says where nuclei
lie; then come red cells and clefts, and last the nuclei.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sgps.drawings.brushes import Array, Color, Stencil, blend, canvas, finish, noise, soft
from sgps.drawings.tissue.architectures import ARCHITECTURES, SPACED
from sgps.drawings.tissue.sections import Nuclei, Section, blobs, nested, sample

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


def draw_tissue(
    rng: np.random.Generator, look: Mapping[str, str], image_size: int
) -> NDArray[np.uint8]:
    """Draw one tissue section of the given look, uint8 (3, S, S)."""
    at = _section(rng, look, image_size)
    picture = at.picture
    ground = ARCHITECTURES[look["architecture"]](rng, at)
    # The stain is laid on unevenly; glass, which holds none, stays even.
    mottle = np.float32(0.11) * noise(rng, at.side, 8) + np.float32(0.12) * noise(rng, at.side, 44)
    picture -= (at.blank[:, None, None] - picture) * mottle
    if look["color"] == "red":
        _paint_blood(rng, at)
    if look["spaces"] == "gaps" and look["architecture"] not in SPACED:
        clefts = _clefts(rng, at)
        blend(picture, at.blank, clefts * np.float32(0.97))
        ground = ground.keep(sample(clefts, ground.points) < 0.3)
    _paint_nuclei(rng, at, ground)
    return finish(rng, picture, image_size, rng.uniform(1.0, 4.0))


def _section(rng: np.random.Generator, look: Mapping[str, str], side: int) -> Section:
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
    return Section(
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


def _paint_blood(rng: np.random.Generator, at: Section) -> None:
    """Strew red cells in pools."""
    size = float(rng.uniform(0.026, 0.034)) * at.scale
    points = rng.uniform(-1, 1, (500, 2))
    level = rng.uniform(0.6, 1.0, len(points))
    pooled = sample(noise(rng, at.side, 4), points) > 0.12
    cells = Stencil(at.side)
    cells.dots(points[pooled], size, size, level[pooled])
    blend(at.picture, (196, 44, 48), cells.mask() * np.float32(0.9))


def _clefts(rng: np.random.Generator, at: Section) -> Array:
    """Winding, branching slits that are wide here and closed there."""
    field = noise(rng, at.side, 4) + np.float32(0.12) * noise(rng, at.side, 14)
    width = np.float32(0.115) + np.float32(0.10) * noise(rng, at.side, 5)
    return soft(np.abs(field) - width * np.float32(at.scale), 0.07)


def _paint_nuclei(rng: np.random.Generator, at: Section, nuclei: Nuclei) -> None:
    count = len(nuclei.points)
    if at.regular:
        size, level = rng.uniform(((0.94,), (0.95,)), ((1.06,), (1.0,)), (2, count))
    else:
        size, level = rng.uniform(((0.0,), (0.7,)), ((1.0,), (1.0,)), (2, count))
        size = 0.60 + 0.95 * size**1.8
        crooked = rng.uniform(1.0, 1.45, count)
        nuclei = replace(nuclei, stretch=nuclei.stretch * crooked)
    outlines = blobs(rng, nuclei, size * at.radius, 0.02 if at.regular else 0.10, 11)
    nucleoli = nuclei.points + rng.uniform(-0.2, 0.2, (count, 2)) * at.radius
    shown = nuclei.shown
    outlines, points, nucleoli = outlines[shown], nuclei.points[shown], nucleoli[shown]
    whole = Stencil(at.side)
    if not at.open:
        whole.polygons(outlines, level[shown])
        blend(at.picture, at.nucleus * np.float32(0.66), whole.mask() * np.float32(0.96))
        return
    # A rim around each, so that those which overlap stay apart.
    whole.polygons(outlines)
    rims, spots = Stencil(at.side), Stencil(at.side)
    nested(rims, outlines, points, 0.66, (1, 0))
    spots.dots(nucleoli, 0.24 * at.radius, 0.24 * at.radius)
    body = at.nucleus * np.float32(0.42) + at.blank * np.float32(0.58)
    blend(at.picture, body, whole.mask() * np.float32(0.95))
    blend(at.picture, at.nucleus * np.float32(0.95), rims.mask() * np.float32(0.85))
    blend(at.picture, at.nucleus * np.float32(0.55), spots.mask() * np.float32(0.95))

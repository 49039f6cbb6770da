"""The bones of drawn films, before anything is found in them: where they lie, how thick they are, and the flesh around.

In: a source of chance and a look (`words.BONE`). Out: a `Scene` with all bones, one of which is the main one, on which findings
lie. Nothing is painted yet. Place, turn, size, number and proportions of the bones are left to chance.

A limb runs from top to bottom, turned a little: u is across it and v along it, in units of half the picture. Each bone has two
coordinates of its own, across from its axis and along it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from sgps.drawings.brushes import Array, Point, blend_gray, grid, length_of, noise

_BEYOND = 1.7
"""Where the ends of a bone lie that are not in the picture, from its middle."""


@dataclass(frozen=True, kw_only=True)
class Bone:
    """One bone, as it is without findings."""

    middle: float
    """Across the limb, of its axis."""
    top: float
    bottom: float
    """Along the limb, of its ends."""
    width: float
    """Half of its width at the waist."""
    flare: tuple[float, float]
    """By how much of that width its two ends are wider."""
    bow: float
    """How far its axis is bent."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """The film under way."""

    plane: Array
    """Gray of every pixel, 0..255."""
    u: Array
    v: Array
    wave: Array
    """By how much outlines stray."""
    bones: tuple[Bone, ...]
    """The main one first."""
    sites: tuple[float, float]
    """Along the limb, where the main bone breaks and where something grows in it."""
    hand: int
    """Side of what lies on one side, 1 or -1."""
    place: Point
    """Of the limb's middle in the picture."""
    turn: float
    scale: float

    @property
    def side(self) -> int:
        """Side of the picture in pixels."""
        return len(self.plane)

    @property
    def main(self) -> Bone:
        """The bone that findings lie in."""
        return self.bones[0]

    def paint(self, gray: ArrayLike, mask: Array) -> None:
        """Paint one gray, or a plane of grays, as opaque as `mask` says."""
        blend_gray(self.plane, gray, mask)

    def at(self, across: float, along: float) -> Point:
        """Place in the picture of a point of the limb."""
        cosine, sine = self.scale * float(np.cos(self.turn)), self.scale * float(np.sin(self.turn))
        return (
            self.place[0] + across * cosine - along * sine,
            self.place[1] + across * sine + along * cosine,
        )


def axis_of(bone: Bone, along: Array) -> Array:
    """Across the limb, where a bone's axis lies; it is straight at the middle of the picture and bends to its ends."""
    axis: Array = np.float32(bone.middle) + np.float32(bone.bow) * along * along
    return axis


def half_width(bone: Bone, along: Array) -> Array:
    """Half of a bone's width at every place along it."""
    reach = np.float32(max(0.16, 1.5 * bone.width))
    width = np.ones_like(along)
    for end, flare in zip((bone.top, bone.bottom), bone.flare, strict=True):
        away = (along - np.float32(end)) / reach
        width += np.float32(flare) * np.exp(-away * away)
    width *= np.float32(bone.width)
    return width


def distance_from(bone: Bone, across: Array, along: Array, grown: Array | float = 0.0) -> Array:
    """Distance from a bone's outline, negative inside, given coordinates around its axis; `grown` widens it."""
    corner = np.float32(min(0.12, 0.7 * bone.width))
    out = np.abs(across) - half_width(bone, along) - grown + corner
    beyond = np.maximum(np.float32(bone.top) - along, along - np.float32(bone.bottom)) + corner
    inner = np.minimum(np.maximum(out, beyond), 0)
    outer = length_of(np.maximum(out, 0), np.maximum(beyond, 0))
    distance: Array = outer + inner - corner
    return distance


def new_scene(rng: np.random.Generator, look: Mapping[str, str], image_size: int) -> Scene:
    """Choose the bones of a film; its plane is dark so far."""
    turn, scale = float(rng.normal(0, 0.2)), float(rng.uniform(0.92, 1.12))
    place = (float(rng.uniform(-0.08, 0.08)), float(rng.uniform(-0.08, 0.08)))
    x, y = grid(image_size)
    cosine, sine = np.float32(np.cos(turn) / scale), np.float32(np.sin(turn) / scale)
    dx, dy = x - np.float32(place[0]), y - np.float32(place[1])
    u, v = dx * cosine + dy * sine, dy * cosine - dx * sine
    space = float(rng.uniform(0.055, 0.075) if look["space"] == "open-space" else 0.012)
    if look["region"] == "shaft":
        bones, sites = _shaft(rng)
    elif look["region"] == "joint":
        bones, sites = _joint(rng, space)
    else:
        bones, sites = _digits(rng, space)
    return Scene(
        plane=np.full((image_size, image_size), rng.uniform(2, 26), dtype=np.float32),
        u=u,
        v=v,
        wave=np.float32(0.006) * noise(rng, image_size, 14),
        bones=bones,
        sites=sites,
        hand=int(rng.choice((-1, 1))),
        place=place,
        turn=turn,
        scale=scale,
    )


def _shaft(rng: np.random.Generator) -> tuple[tuple[Bone, ...], tuple[float, float]]:
    """One long bone, often with a thinner one beside it."""
    bow = float(rng.uniform(-0.06, 0.06))
    width, middle = float(rng.uniform(0.17, 0.22)), float(rng.uniform(-0.08, 0.08))
    flare = (float(rng.uniform(0.2, 0.8)), float(rng.uniform(0.2, 0.8)))
    bones = [Bone(middle=middle, top=-_BEYOND, bottom=_BEYOND, width=width, flare=flare, bow=bow)]
    if rng.random() < 0.5:
        beside = middle + float(rng.choice((-1, 1))) * (width + float(rng.uniform(0.26, 0.34)))
        thin = float(rng.uniform(0.08, 0.12))
        bones.append(
            Bone(middle=beside, top=-_BEYOND, bottom=_BEYOND, width=thin, flare=flare, bow=-bow)
        )
    return tuple(bones), _two_sites(rng, 0.30)


def _joint(rng: np.random.Generator, space: float) -> tuple[tuple[Bone, ...], tuple[float, float]]:
    """Two bones end to end, the main one above or below."""
    width, line = float(rng.uniform(0.21, 0.26)), float(rng.uniform(-0.12, 0.12))
    middle, bow = float(rng.uniform(-0.06, 0.06)), float(rng.uniform(-0.04, 0.04))
    flares = [float(rng.uniform(0.7, 1.0)) for _ in range(2)]
    upper = Bone(
        middle=middle, top=-_BEYOND, bottom=line - space, width=width, flare=(0.0, flares[0]), bow=bow
    )  # fmt: skip
    lower = Bone(
        middle=middle, top=line + space, bottom=_BEYOND, width=0.93 * width, flare=(flares[1], 0.0), bow=bow
    )  # fmt: skip
    way = int(rng.choice((-1, 1)))
    bones = (upper, lower) if way < 0 else (lower, upper)
    near, far = line + way * (space + 0.20), line + way * (space + 0.58)
    shift = way * float(rng.uniform(-0.03, 0.03))
    return bones, ((far + shift, near) if rng.random() < 0.7 else (near, far + shift))


def _digits(rng: np.random.Generator, space: float) -> tuple[tuple[Bone, ...], tuple[float, float]]:
    """Two or three rays of small bones, the main one near the middle of the picture."""
    count = int(rng.integers(2, 4))
    apart, length = float(rng.uniform(0.52, 0.60)), float(rng.uniform(0.62, 0.74))
    main = int(rng.integers(0, count))
    bones: list[Bone] = []
    for ray in range(count):
        middle = (ray - main) * apart + (0.5 * main - 0.25 * (count - 1)) * apart
        width = float(rng.uniform(0.115, 0.14))
        shift = 0.0 if ray == main else float(rng.uniform(-0.22, 0.22))
        flare = (float(rng.uniform(0.35, 0.55)), float(rng.uniform(0.3, 0.5)))
        own = [
            Bone(
                middle=middle,
                top=shift + place * (2 * length + 2 * space) - length + space,
                bottom=shift + place * (2 * length + 2 * space) + length - space,
                width=width,
                flare=flare,
                bow=0.0,
            )
            for place in (0, -1, 1)
        ]
        bones = own + bones if ray == main else bones + own
    return tuple(bones), _two_sites(rng, 0.27)


def _two_sites(rng: np.random.Generator, away: float) -> tuple[float, float]:
    """Two places on either side of the middle of the picture."""
    first = float(rng.choice((-1, 1))) * away
    jitter = rng.uniform(-0.04, 0.04, 2)
    return first + float(jitter[0]), float(jitter[1]) - first

"""The grounds of drawn body surfaces, before the area that a look describes lies on them: skin, mucosa, eardrum, nail, eye.

In: a scene, which starts black, flat and dull. Out: the same scene with the ground's picture, height and gloss, and the color
that the area will lie on. No attribute has a say here: which ground it is, and its tone, are left to chance.

Color and height are painted apart, here and in what lies on the ground; `drawing` lights the height map at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sgps.drawings.brushes import (
    Array,
    Color,
    Point,
    Stencil,
    Winding,
    bar_distance,
    blend,
    canvas,
    draw_vessel,
    ellipse_distance,
    grid,
    length_of,
    mesh,
    noise,
    soft,
    toward,
)

_SKINS: tuple[Color, ...] = (
    (242, 210, 190),
    (230, 188, 162),
    (212, 166, 136),
    (182, 130, 98),
    (140, 94, 68),
    (98, 64, 48),
)
WINDING = Winding(steps=7, turn=0.65, fork=0.9, width=0.72, length=0.72)
"""How vessels run, in the ground and in the area."""


@dataclass(kw_only=True)
class Scene:
    """The picture, and what light will make of it."""

    picture: Array
    height: Array
    """Above the plane of the picture, in units of half the picture."""
    gloss: Array
    """How strongly wet surfaces mirror the light, 0 to 1."""
    light: Point
    """Unit vector toward the light."""
    hairy: bool = False
    scoped: float = 0.05
    """Chance of the dark rim of an otoscope or endoscope."""

    @property
    def side(self) -> int:
        """Side of the picture in pixels."""
        return len(self.height)

    def paint(self, color: Color | Array, mask: Array) -> None:
        """Paint a color, as opaque as `mask` says."""
        blend(self.picture, color, mask)


def new_scene(rng: np.random.Generator, side: int) -> Scene:
    """Start with a black, flat, dull picture, and choose where light comes from."""
    angle = rng.uniform(0, 2 * np.pi)
    return Scene(
        picture=canvas((0, 0, 0), (side, side)),
        height=np.zeros((side, side), dtype=np.float32),
        gloss=np.zeros((side, side), dtype=np.float32),
        light=(float(np.cos(angle)), float(np.sin(angle))),
    )


def _fill(rng: np.random.Generator, scene: Scene, color: Color, unrest: float) -> Color:
    """Cover the picture with a slightly varied color, and with cloudy redness as strong as `unrest`."""
    varied = np.asarray(color) * rng.uniform(0.94, 1.06) * rng.uniform(0.97, 1.03, 3)
    scene.picture[:] = varied[:, None, None]
    cloud = np.float32(unrest) * noise(rng, scene.side, 4)
    cloud += np.float32(0.4 * unrest) * noise(rng, scene.side, 14)
    scene.picture += cloud * np.array((0.4, 1, 1), dtype=np.float32)[:, None, None]
    return float(varied[0]), float(varied[1]), float(varied[2])


def _skin(rng: np.random.Generator, scene: Scene) -> Color:
    color = _fill(rng, scene, _SKINS[rng.integers(len(_SKINS))], 6)
    fine = np.float32(0.020) * noise(rng, scene.side, 46) + np.float32(0.014) * noise(
        rng, scene.side, 84
    )
    if rng.random() < 0.6:  # the fine furrows of skin
        _, wall = mesh(rng, scene.side, float(rng.uniform(16, 26)))
        fine -= soft(wall - np.float32(0.08), 0.24) * np.float32(rng.uniform(0.02, 0.07))
    scene.picture *= 1 + fine
    scene.height += np.float32(0.05) * noise(rng, scene.side, 3)
    scene.gloss += np.float32(rng.uniform(0, 0.12))
    scene.hairy = bool(rng.random() < 0.35)
    return color


def _moist(rng: np.random.Generator, scene: Scene, tones: tuple[Color, ...]) -> Color:
    """Soft wet lining with shallow folds, glints and by chance faint vessels."""
    color = _fill(rng, scene, tones[rng.integers(len(tones))], 9)
    scene.height += np.float32(rng.uniform(0.05, 0.11)) * noise(rng, scene.side, 3)
    scene.height += np.float32(rng.uniform(0.006, 0.022)) * noise(rng, scene.side, 11)
    scene.gloss += np.float32(rng.uniform(0.15, 0.6))
    if rng.random() < 0.5:
        vessels = _vessels(rng, scene.side, 3, 0.022)
        scene.paint(_scaled(color, (0.78, 0.5, 0.55)), vessels * np.float32(0.4))
    scene.scoped = 0.45
    return color


def _pink_mucosa(rng: np.random.Generator, scene: Scene) -> Color:
    return _moist(rng, scene, ((222, 150, 146), (226, 160, 138), (206, 128, 124), (232, 176, 166)))


def _red_mucosa(rng: np.random.Generator, scene: Scene) -> Color:
    return _moist(rng, scene, ((186, 78, 68), (170, 60, 56), (200, 96, 76)))


def _membrane(rng: np.random.Generator, scene: Scene) -> Color:
    """Eardrum: pearly gray, with the handle of the hammer and a cone of light, at the end of the canal."""
    color = _fill(
        rng, scene, ((190, 188, 184), (200, 192, 180), (176, 178, 180))[rng.integers(3)], 5
    )
    x, y = grid(scene.side)
    scene.gloss += np.float32(rng.uniform(0.05, 0.3))
    scene.height += np.float32(0.06) * noise(rng, scene.side, 3)
    turn = float(rng.uniform(-0.5, 0.5))
    top, middle = (0.8 * turn, -0.85), (0.0, float(rng.uniform(-0.05, 0.15)))
    hammer = bar_distance(scene.side, top, middle, 0.05)
    scene.paint((222, 206, 186), soft(hammer, 0.08) * np.float32(0.55))
    hand = float(rng.choice((-1, 1)))
    cone = bar_distance(scene.side, (0.1 * hand, 0.25), (0.45 * hand, 0.7), 0.05)
    scene.paint((250, 248, 242), soft(cone, 0.10) * np.float32(rng.uniform(0.2, 0.6)))
    rim = length_of(x, y) - np.float32(rng.uniform(0.86, 1.05))
    wall = (206, 150, 124) if rng.random() < 0.6 else (170, 108, 88)
    scene.paint(wall, soft(-rim - np.float32(0.02) * noise(rng, scene.side, 6), 0.12))
    scene.scoped = 0.6
    return color


def _nail(rng: np.random.Generator, scene: Scene) -> Color:
    """Nail plate with fine ridges and a moon, framed by skin."""
    skin = _SKINS[rng.integers(len(_SKINS))]
    color = _fill(
        rng, scene, ((234, 190, 178), (226, 178, 168), (236, 204, 188))[rng.integers(3)], 4
    )
    turn = float(rng.uniform(-0.5, 0.5))
    c, s = float(np.cos(turn)), float(np.sin(turn))
    x, y = grid(scene.side)
    across, along = x * np.float32(c) + y * np.float32(s), y * np.float32(c) - x * np.float32(s)
    ridges = np.sin(across * np.float32(rng.uniform(40, 60)) + noise(rng, scene.side, 4))
    scene.picture *= 1 + np.float32(rng.uniform(0.005, 0.03)) * ridges
    half, long = float(rng.uniform(0.72, 0.85)), float(rng.uniform(0.85, 1.0))
    moon = ellipse_distance(scene.side, (-0.95 * long * s, 0.95 * long * c), (0.5, 0.35), turn)
    scene.paint((244, 226, 218), soft(moon, 0.06) * np.float32(0.6))
    # The fourth power makes an ellipse of a plate with rounded corners.
    u, v = across * np.float32(1 / half), along * np.float32(1 / long)
    edge = np.sqrt(np.sqrt(u * u * u * u + v * v * v * v)) - 1
    scene.paint(_scaled(skin, (0.72, 0.66, 0.66)), soft(-edge, 0.07))
    scene.paint(skin, soft(np.float32(0.06) - edge, 0.08))
    scene.height -= np.float32(0.12) * u * u
    scene.gloss += np.float32(rng.uniform(0.1, 0.5)) * soft(edge, 0.05)
    return color


def _sclera(rng: np.random.Generator, scene: Scene) -> Color:
    """White of the eye under its clear moist skin, with a few vessels."""
    color = _fill(rng, scene, ((230, 220, 214), (216, 194, 186))[rng.integers(2)], 5)
    vessels = _vessels(rng, scene.side, int(rng.integers(1, 4)), 0.018)
    scene.paint((206, 92, 88), vessels * np.float32(rng.uniform(0.2, 0.5)))
    scene.height += np.float32(0.12) * noise(rng, scene.side, 2)
    scene.gloss += np.float32(rng.uniform(0.2, 0.7))
    return color


def _vessels(rng: np.random.Generator, side: int, trunks: int, width: float) -> Array:
    """Mask of winding, branching vessels all over the picture."""
    stencil = Stencil(side)
    for index in range(trunks):
        angle = rng.uniform(0, 2 * np.pi)
        start = rng.uniform(-0.75, 0.75, 2) if index % 2 else rng.uniform(-0.4, 0.4, 2)
        draw_vessel(rng, stencil, start - 0.4 * toward(angle), angle, width, 0.5, WINDING)
    return stencil.mask(0.005)


def _scaled(color: Color, by: Color) -> Array:
    return np.asarray(color, dtype=np.float32) * np.asarray(by, dtype=np.float32)


GROUNDS: tuple[Callable[[np.random.Generator, Scene], Color], ...] = (
    _skin,
    _skin,
    _skin,
    _skin,
    _pink_mucosa,
    _pink_mucosa,
    _red_mucosa,
    _membrane,
    _nail,
    _sclera,
)
"""Each paints what lies around the area, and gives the color on which the area will lie. Skin is the commonest."""

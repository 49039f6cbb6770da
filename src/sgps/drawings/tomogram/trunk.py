"""The trunks in drawn tomograms, before anything is found in them: chest and abdomen.

Each painter paints an axial slice into a scene and gives a `Site`: where findings may lie. Thickness of fat, bone
and muscle, size and place of organs and level of the slice are left to chance.
"""

from __future__ import annotations

import numpy as np

from sgps.drawings.brushes import Array, Stencil, Winding, draw_vessel, noise, soft
from sgps.drawings.tomogram.grounds import Points, Scene, Site, arc


def _lay_wall(rng: np.random.Generator, scene: Scene, high: float, fat: float) -> Array:
    """Paint skin, fat and muscle of a trunk; give the distance from the inner side of the fat."""
    body = scene.ellipse((0, 0), (0.95, high)) - np.float32(0.6) * scene.wave
    scene.paint("skin", soft(body, 0.02))
    scene.paint("fat", soft(body + np.float32(0.016), 0.02))
    wall = scene.ellipse((0, -0.01), (0.95 - fat, high - fat))
    scene.paint("muscle", soft(wall, 0.03))
    if scene.rays and rng.random() < 0.7:
        bow = np.float32(rng.uniform(0.05, 0.3)) * scene.u * scene.u
        table = np.abs(scene.v - np.float32(high + 0.06) + bow) - np.float32(0.008)
        scene.paint(110, soft(table, 0.02) * np.float32(rng.uniform(0.4, 1)))
    return wall


def _paint_spine(rng: np.random.Generator, scene: Scene, low: float, ribs: Points) -> None:
    """Paint a vertebra from above, muscles beside it, and ribs or other bones around."""
    backs = Stencil(scene.side)
    scale = scene.place[3]
    sides = scene.at([(-0.2, low + 0.16), (0.2, low + 0.16)])
    backs.dots(sides, 0.15 * scale, 0.09 * scale)
    scene.paint("muscle", backs.mask(0.01))
    bones, core = Stencil(scene.side), Stencil(scene.side)
    for angle, reach, high in ribs:
        angles = angle + np.linspace(-0.16, 0.16, 5)
        rib = scene.at(np.stack([reach * np.cos(angles), high * np.sin(angles)], 1))
        bones.stroke(rib, 0.05)
        core.stroke(rib, 0.018)
    for sign in (-1, 1):
        bones.stroke(scene.at([(sign * 0.05, low + 0.08), (sign * 0.22, low + 0.15)]), 0.06 * scale)
        bones.stroke(scene.at([(sign * 0.09, low + 0.08), (0, low + 0.24)]), 0.045 * scale)
    bones.stroke(scene.at([(0, low + 0.2), (0, low + 0.3)]), 0.05 * scale)
    bones.dots(scene.at([(0, low)]), 0.135 * scale, 0.105 * scale)
    core.dots(scene.at([(0, low)]), 0.11 * scale, 0.08 * scale)
    scene.paint("bone", bones.mask(0.008))
    scene.paint("marrow", core.mask(0.01) * np.float32(0.9))
    canal = Stencil(scene.side)
    canal.dots(scene.at([(0, low + 0.145)]), 0.05 * scale, 0.042 * scale)
    scene.paint("fluid", canal.mask())


def _ribs(rng: np.random.Generator, count: int, wide: float, high: float) -> Points:
    """Angle and ellipse of each rib that a slice meets."""
    angles = (np.arange(count) + rng.uniform(-0.25, 0.25, count)) * (2 * np.pi / max(count, 1))
    return np.stack([angles, np.full(count, wide), np.full(count, high)], axis=1)


def paint_chest(rng: np.random.Generator, scene: Scene) -> Site:
    """Paint an axial section of the chest."""
    high = float(rng.uniform(0.64, 0.74))
    fat, muscle = float(rng.uniform(0.03, 0.12)), float(rng.uniform(0.06, 0.10))
    wall = _lay_wall(rng, scene, high, fat)
    rim = 0.95 - fat - muscle
    shrink = float(rng.uniform(0.66, 0.76)) if scene.shrunk else 1.0
    aside = scene.aside(0.24)
    scene.paint("fat", soft(wall + np.float32(0.5 * muscle), 0.04) * np.float32(0.5))
    lungs = _lungs(scene, rim, high - fat - muscle, shrink)
    mask = soft(lungs, 0.03)
    scene.paint("lung", mask)
    _paint_branches(rng, scene, aside, shrink, mask)
    middle = _paint_heart(rng, scene, aside)
    low = high - fat - 0.30
    _paint_spine(rng, scene, low, _ribs(rng, int(rng.integers(9, 13)), rim + 0.04, rim * high))
    mask *= 1 - soft(middle, 0.03)
    side = rim - 0.10
    return Site(
        organ=mask,
        inside=np.maximum(mask, soft(middle - np.float32(0.1), 0.1)) * soft(wall, 0.03),
        wall=lungs,
        pull=(-scene.hand * 0.75, 0.8),
        anchors={
            "peripheral": arc((side, 0.40), (-55, -35, -15, 5, 25, 45)),
            "central": np.array([(s * 0.2, v) for s in (-1, 1) for v in (-0.2, -0.08, 0.05, 0.16)]),
            "deep": np.array(
                [(s * u, v) for s in (-1, 1) for u, v in ((0.48, -0.2), (0.5, 0.02), (0.42, 0.22))]
            ),
        },
        size=0.20,
        reference="muscle",
        airy=True,
    )


def _lungs(scene: Scene, rim: float, tall: float, shrink: float) -> Array:
    """Distance from both lungs; what is pushed aside narrows the one it is pushed into."""
    halves = []
    for sign in (-1, 1):
        squeeze = 1 - 0.28 * (scene.push > 0) * (sign != scene.hand)
        wide = 0.5 * (rim - 0.08) * shrink * squeeze
        at = (sign * (rim - wide - 0.01 - 0.10 * (1 - shrink)), 0.02 + 0.08 * (1 - shrink))
        halves.append(scene.ellipse(at, (wide, tall * 0.9 * shrink), -0.08 * sign))
    both: Array = np.minimum(*halves)
    return both


def _paint_branches(
    rng: np.random.Generator, scene: Scene, aside: float, shrink: float, lungs: Array
) -> None:
    """Paint the vessels that branch into the lungs."""
    vessels = Stencil(scene.side)
    winding = Winding(steps=3, turn=0.35, fork=0.75, width=0.62, length=0.8)
    for sign in (-1, 1):
        start = scene.at([(sign * 0.16 + aside, 0.04)])[0]
        for way in (-0.8, 0.05, 0.9):
            angle = way * sign + (0 if sign > 0 else np.pi) + float(rng.uniform(-0.2, 0.2))
            draw_vessel(rng, vessels, start, angle, 0.036, 0.27 * shrink, winding)
    scene.paint("vessel" if scene.rays else 90, vessels.mask(0.004) * lungs * np.float32(0.8))


def _paint_heart(rng: np.random.Generator, scene: Scene, aside: float) -> Array:
    """Paint heart or great vessels, aorta and windpipe; give the distance from all of them."""
    heart = rng.random() < 0.6
    if heart:
        axes = (float(rng.uniform(0.29, 0.38)), float(rng.uniform(0.23, 0.29)))
        main = scene.ellipse((0.06 + aside, -0.12), axes, 0.5)
    else:
        main = scene.ellipse((aside, -0.14), (0.19, float(rng.uniform(0.2, 0.28))))
    stem = scene.ellipse((0.5 * aside, 0.15), (0.15, 0.26))
    middle = np.minimum(main, stem)
    scene.paint("muscle", soft(middle, 0.03))
    if rng.random() < 0.5:
        scene.paint("fat", soft(middle, 0.03) * np.float32(0.7))
    scene.paint("muscle", soft(main + np.float32(0.03), 0.04))
    pools, air = Stencil(scene.side), Stencil(scene.side)
    scale = scene.place[3]
    pools.dots(scene.at([(0.11 + 0.5 * aside, 0.24)]), 0.065 * scale, 0.065 * scale)
    rooms = ((-0.07, -0.2), (0.06, -0.12), (0.02, -0.26))
    tubes: tuple[tuple[float, float], ...] = ((0.0, 0.06),)
    if heart:
        rooms = ((-0.02, -0.2), (0.14, -0.12), (-0.03, -0.03))
        tubes = ((-0.09, 0.06), (0.09, 0.06))
    pools.dots(scene.at(rooms, aside), 0.095 * scale, 0.075 * scale)
    scene.paint("vessel", pools.mask(0.015) * np.float32(0.7))
    air.dots(scene.at(tubes, 0.7 * aside), 0.04 * scale, 0.04 * scale)
    scene.paint("lung", air.mask())
    return middle


def paint_abdomen(rng: np.random.Generator, scene: Scene) -> Site:
    """Paint an axial section of the abdomen."""
    high = float(rng.uniform(0.62, 0.74))
    fat = float(rng.uniform(0.05, 0.15))
    wall = _lay_wall(rng, scene, high, fat)
    inner = wall + np.float32(rng.uniform(0.05, 0.08))
    scene.paint("fat", soft(inner, 0.03))
    rim, tall = 0.95 - fat - 0.07, high - fat - 0.07
    aside = scene.aside(0.23)
    inside = soft(inner - np.float32(0.005), 0.02)
    _paint_bowel(rng, scene, aside, inside)
    _paint_organs(rng, scene, rim, aside, inside)
    low = tall - 0.21
    psoas = Stencil(scene.side)
    sides = scene.at([(-0.2, low + 0.03), (0.2, low + 0.03)])
    psoas.dots(sides, 0.085 * scene.place[3], 0.085 * scene.place[3])
    scene.paint("muscle", psoas.mask(0.008))
    _paint_spine(rng, scene, low, _ribs(rng, int(rng.integers(0, 9)), rim + 0.03, tall + 0.03))
    beside = 1 - soft(np.maximum(np.abs(scene.u) - 0.16, low - 0.1 - scene.v), 0.1)
    return Site(
        organ=inside * beside,
        inside=soft(inner, 0.02),
        wall=inner,
        pull=(-scene.hand * 1.0, float(rng.uniform(0, 0.5))),
        anchors={
            "peripheral": arc((rim - 0.06, tall - 0.06), (-50, -30, -10, 10, 30)),
            "central": np.array([(s * 0.07, v) for s in (-1, 1) for v in (-0.24, -0.12, 0.0)]),
            "deep": arc((0.42, 0.2), (-70, -35, 0, 35, 70)),
        },
        size=0.21,
        reference="organ",
    )


def _paint_organs(
    rng: np.random.Generator, scene: Scene, rim: float, aside: float, inside: Array
) -> None:
    """Paint liver, spleen, kidneys and great vessels."""
    scale = scene.place[3]
    size = 0.72 if scene.shrunk else 1.0
    nodular = np.float32(0.05 if scene.shrunk else 0.0) * noise(rng, scene.side, 14)
    at = (-rim + 0.40 * size + aside + 0.04, -0.08)
    liver = scene.ellipse(at, (0.40 * size, 0.40 * size), 0.2)
    lobe = scene.ellipse((-0.16 + aside, -0.26), (0.34 * size, 0.16 * size), 0.1)
    spleen = scene.ellipse((rim - 0.17 + 0.5 * aside, 0.16), (0.13 * size, 0.26 * size), -0.3)
    liver = np.minimum(liver, lobe) + nodular
    scene.paint("organ", soft(np.minimum(liver, spleen), 0.03) * inside)
    kidneys, sinus, tubes, branches = (Stencil(scene.side) for _ in range(4))
    for sign in (-1, 1):
        x, y = sign * 0.40 + 0.5 * aside, 0.26 + float(rng.uniform(-0.03, 0.03))
        kidneys.dots(scene.at([(x, y)]), 0.145 * size * scale, 0.16 * size * scale)
        sinus.dots(scene.at([(x - sign * 0.06, y)]), 0.07 * scale, 0.055 * scale)
    kidney = "vessel" if scene.rays else "disk"
    scene.paint(kidney, kidneys.mask(0.006) * inside * np.float32(0.9))
    scene.paint("fat", sinus.mask(0.008) * inside)
    great = scene.at([(0.06, 0.14), (-0.09, 0.13)], 0.5 * aside)
    tubes.dots(great, 0.06 * scale, 0.055 * scale)
    branches.dots(scene.at(rng.uniform((-0.65, -0.3), (-0.25, 0.15), (9, 2)), aside), 0.016, 0.012)
    scene.paint("vessel", tubes.mask(0.006))
    scene.paint("vessel", branches.mask(0.006) * soft(liver, 0.03) * np.float32(0.7))


def _paint_bowel(rng: np.random.Generator, scene: Scene, aside: float, inside: Array) -> None:
    """Paint loops of bowel with content or gas, and a stomach."""
    walls, insides, gas = (Stencil(scene.side) for _ in range(3))
    scale = scene.place[3]
    count = int(rng.integers(12, 22))
    points = rng.uniform((-0.2, -0.42), (0.66, 0.16), (count, 2))
    sizes = rng.uniform(0.055, 0.10, count) * scale
    walls.dots(scene.at(points, aside), 1.15 * sizes, sizes)
    insides.dots(scene.at(points, aside), 0.8 * sizes, 0.65 * sizes)
    some = rng.random(count) < 0.35
    gas.dots(scene.at(points[some] - (0, 0.015), aside), 0.75 * sizes[some], 0.5 * sizes[some])
    if rng.random() < 0.6:
        at = np.array([(0.36, -0.27)])
        walls.dots(scene.at(at, aside), 0.24 * scale, 0.14 * scale)
        insides.dots(scene.at(at, aside), 0.21 * scale, 0.11 * scale)
        gas.dots(scene.at(at - (0, 0.05), aside), 0.15 * scale, 0.05 * scale)
    scene.paint("muscle", walls.mask(0.006) * inside)
    content = "white" if rng.random() < 0.5 else "fluid"
    scene.paint(content, insides.mask(0.008) * inside * np.float32(0.8))
    scene.paint(6, gas.mask() * inside)

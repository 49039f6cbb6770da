"""The heads in drawn tomograms: axial, coronal and sagittal sections, before anything is found in them.

In: a source of chance and a scene. Out: a `Site`, where findings may lie. Which way the section runs, thickness of scalp and
skull, folds of the cortex, size of the ventricles and profile of the face are left to chance.
"""

from __future__ import annotations

import numpy as np

from sgps.drawings.brushes import Array, Stencil, noise, soft
from sgps.drawings.tomogram.grounds import Points, Scene, Site, arc, band


def paint_head(rng: np.random.Generator, scene: Scene) -> Site:
    """Paint a section of the head."""
    way = rng.random()
    if way < 0.64:
        return _paint_axial(rng, scene)
    return _paint_coronal(rng, scene) if way < 0.8 else _paint_sagittal(rng, scene)


def _paint_axial(rng: np.random.Generator, scene: Scene) -> Site:
    wide, high = float(rng.uniform(0.70, 0.78)), float(rng.uniform(0.88, 0.95))
    head = scene.ellipse((0, 0), (wide, high)) - np.float32(0.6) * scene.wave
    head -= np.float32(rng.uniform(-0.02, 0.05)) * scene.v * np.abs(scene.u) * 2
    inner = _paint_vault(rng, scene, head)
    middle = np.abs(scene.u - _bend(scene, 0.5))
    cleft = middle + 2 * np.maximum(np.float32(0.32) - np.abs(scene.v), 0)
    mask = _paint_cortex(rng, scene, inner + _gap(scene), cleft)
    _paint_core(rng, scene, mask)
    axes = (wide - 0.135, high - 0.135)
    return Site(
        organ=mask,
        inside=soft(inner, 0.02),
        wall=inner,
        pull=(-scene.hand * 1.0, float(rng.uniform(-0.4, 0.2))),
        anchors={
            "peripheral": arc((0.86 * axes[0], 0.86 * axes[1]), (-70, -45, -20, 5, 30, 50, 72)),
            "central": rng.uniform(-0.1, 0.1, (9, 2)) * (1, 0.6) + _column(-0.36, 0.40, 9),
            "deep": arc((0.52 * axes[0], 0.55 * axes[1]), (-55, -30, -5, 20, 45)),
        },
        size=0.23,
        reference="gray",
    )


def _gap(scene: Scene) -> np.float32:
    """Distance of the brain from the skull."""
    return np.float32(0.055 if scene.shrunk else 0.012)


def _column(top: float, bottom: float, count: int) -> Points:
    """Points in the midline."""
    return np.stack([np.zeros(count), np.linspace(top, bottom, count)], axis=1)


def _paint_coronal(rng: np.random.Generator, scene: Scene) -> Site:
    u, v = scene.u, scene.v
    wide, high = float(rng.uniform(0.70, 0.78)), float(rng.uniform(0.68, 0.74))
    aside = scene.aside(0.22)
    jaw = scene.ellipse((0, 0.35), (0.85 * wide, 0.72))
    scene.paint("fat", soft(jaw, 0.03))
    scene.paint("muscle", soft(jaw + np.float32(0.07) + scene.wave, 0.04))
    neck = np.maximum(np.abs(u) - np.float32(0.10), np.float32(0.4) - v) + scene.wave
    scene.paint("marrow", soft(neck - np.float32(0.06), 0.05))
    inner = _paint_vault(rng, scene, scene.ellipse((0, -0.18), (wide, high)))
    lobes = np.float32(0.20) - np.float32(0.13) * np.cos(
        np.float32(9) * (np.abs(u) - np.float32(0.03))
    )
    floor = v - lobes
    brain = np.maximum(inner + _gap(scene), floor)
    scene.paint("muscle", soft(np.float32(0.05) - floor, 0.05) * soft(inner, 0.03))
    middle = np.abs(u - _bend(scene, 0.6))
    cleft = middle + 2 * np.maximum(v + np.float32(0.34), 0)
    sylvian = np.abs(v + np.float32(0.02) + np.float32(0.25) * (np.abs(u) - np.float32(0.4)))
    sylvian += 2 * np.maximum(np.float32(0.40) - np.abs(u), 0)
    mask = _paint_cortex(rng, scene, brain, np.minimum(cleft, sylvian))
    grow = float(rng.uniform(1.9, 2.4) if scene.shrunk else rng.uniform(0.75, 1.15))
    gray, fluid = np.full_like(mask, 9), np.full_like(mask, 9)
    for sign in (-1, 1):
        own = grow * (0.55 if scene.push and sign == scene.hand else 1.0)
        np.minimum(gray, scene.ellipse((0.11 * sign + aside, 0.0), (0.08, 0.10)), out=gray)
        at, axes = (sign * (0.03 + 0.06 * own) + aside, -0.20), (0.09 * own**0.5, 0.035 * own)
        horn = scene.ellipse(at, axes, -0.5 * sign)
        np.minimum(fluid, horn, out=fluid)
    np.minimum(fluid, scene.ellipse((aside, 0.0), (0.013 * grow, 0.08)), out=fluid)
    scene.paint("gray", soft(gray, 0.05) * np.float32(0.9))
    scene.paint("fluid", soft(fluid, 0.03))
    stem = scene.ellipse((0.5 * aside, 0.24), (0.10, 0.2))
    small = scene.ellipse((0.3 * aside, 0.34), (0.44, 0.14)) + np.abs(scene.wave)
    scene.paint("fluid", soft(np.minimum(stem, small) - np.float32(0.03), 0.04) * soft(inner, 0.04))
    scene.paint("gray", soft(small, 0.04) * soft(inner, 0.04))
    scene.paint("white", soft(stem, 0.04) * soft(inner, 0.04))
    side = wide - 0.17
    return Site(
        organ=np.maximum(mask, soft(np.minimum(stem, small), 0.04)),
        inside=soft(inner, 0.02),
        wall=inner,
        pull=(-scene.hand * 1.0, -0.4),
        anchors={
            "peripheral": arc((side, high - 0.17), (-75, -55, -35, -15, 5), -0.18),
            "central": rng.uniform(-0.1, 0.1, (8, 2)) * (1, 0.5) + _column(-0.35, 0.22, 8),
            "deep": arc((0.36, 0.3), (-65, -40, -15, 10, 30), -0.18),
        },
        size=0.21,
        reference="gray",
    )


def _paint_sagittal(rng: np.random.Generator, scene: Scene) -> Site:
    u, v = scene.u, scene.v
    face = -1 if rng.random() < 0.75 else 1
    ahead = np.float32(face) * u
    low = 0.10 * scene.push
    _paint_face(rng, scene, face)
    inner = _paint_vault(rng, scene, scene.ellipse((-0.06 * face, -0.24), (0.80, 0.64)))
    floor = v - np.float32(0.12) + np.float32(0.28) * ahead + np.float32(0.06) * np.sin(6 * ahead)
    brain = np.maximum(inner + _gap(scene), floor)
    base = soft(np.float32(0.05) - floor, 0.05) * soft(inner, 0.03)
    scene.paint("muscle", base)
    scene.paint("marrow", base * soft(np.abs(ahead) - np.float32(0.2), 0.2) * np.float32(0.7))
    roof = scene.ellipse((-0.02 * face, -0.10 + low), (0.34, 0.22), 0.1 * face)
    cleft = np.maximum(roof - np.float32(0.05), 0) + np.float32(0.04)
    mask = _paint_cortex(rng, scene, brain, cleft)
    grow = float(rng.uniform(1.8, 2.4) if scene.shrunk else rng.uniform(0.7, 1.1))
    upper = soft(v - np.float32(0.02 + low), 0.05)
    core = soft(roof, 0.03) * mask
    scene.paint("gray", core)
    scene.paint("fluid", band(roof, 0.05 + 0.045 * grow, 0.045 * grow, 0.03) * upper)
    scene.paint("white", band(roof, 0.03, 0.034, 0.03) * upper)
    small = scene.ellipse((-0.42 * face, 0.24), (0.25, 0.18), 0.3 * face)
    leaves = np.abs(np.sin(np.float32(40) * small + np.float32(9) * v))
    scene.paint("gray", soft(small, 0.03))
    scene.paint("white", soft(small + np.float32(0.04), 0.05) * leaves * np.float32(0.8))
    stem = np.abs(ahead + np.float32(0.16) + np.float32(0.16) * (v - np.float32(0.1)))
    stem -= np.float32(0.075) - np.float32(0.05) * np.clip(v - np.float32(0.3), 0, 0.7)
    stem = np.maximum(np.minimum(stem, scene.ellipse((-0.11 * face, 0.22), (0.09, 0.13))), -v)
    scene.paint("fluid", soft(stem - np.float32(0.035), 0.03))
    scene.paint("white", soft(stem, 0.03))
    dome = np.radians(np.array((-160, -140, -120, -100, -80, -60, -40)))
    around = np.stack([-0.06 * face + 0.58 * np.cos(dome), -0.24 + 0.44 * np.sin(dome)], axis=1)
    inside = ((0.08, 0.12), (0.0, 0.0), (-0.16, 0.2), (-0.2, 0.02), (0.14, -0.06), (-0.05, -0.14))
    middle = ((0.42, -0.2), (0.3, -0.4), (0, -0.5), (-0.3, -0.42), (-0.48, -0.2), (-0.42, 0.22))
    return Site(
        organ=np.maximum(mask, soft(np.minimum(small, stem), 0.03)),
        inside=np.maximum(soft(inner, 0.02), soft(stem, 0.03)),
        wall=inner,
        pull=(-face * 0.5, -0.9),
        anchors={
            "peripheral": around,
            "central": np.array(inside) * (face, 1),
            "deep": np.array(middle) * (face, 1),
        },
        size=0.19,
        reference="gray",
    )


def _paint_face(rng: np.random.Generator, scene: Scene, face: int) -> None:
    """Paint face and neck from the side, with airways, palate, tongue and vertebrae."""
    nose, chin = float(rng.uniform(0.84, 0.94)), float(rng.uniform(0.62, 0.76))
    profile = np.array(
        [(0.72, -0.3), (0.74, -0.02), (0.70, 0.06), (nose, 0.30), (0.74, 0.36), (0.79, 0.46),
         (0.71, 0.54), (chin, 0.74), (0.52, 0.82), (0.22, 0.84), (0.16, 1.5), (-0.58, 1.5),
         (-0.56, 0.8), (-0.70, 0.2), (-0.6, -0.3)]
    )  # fmt: skip
    outer, meat, air, bones = (Stencil(scene.side) for _ in range(4))
    outer.polygons(scene.at(profile * (face, 1))[None])
    shrunk = (profile - (0.05, 0.3)) * (0.88, 0.93) + (0.05, 0.3)
    meat.polygons(scene.at(shrunk * (face, 1))[None])
    scale = scene.place[3]
    scene.paint("fat", outer.mask(0.012))
    scene.paint("muscle", meat.mask(0.02) * np.float32(0.9))
    air.dots(scene.at([(0.42 * face, 0.22)]), 0.22 * scale, 0.06 * scale)
    air.stroke(scene.at([(0.2 * face, 0.2), (0.13 * face, 0.5), (0.10 * face, 1.4)]), 0.05 * scale)
    air.dots(scene.at([(0.56 * face, 0.06)]), 0.08 * scale, 0.07 * scale)
    bones.stroke(scene.at([(0.66 * face, 0.36), (0.3 * face, 0.35)]), 0.05 * scale)
    bones.dots(scene.at([(0.6 * face, 0.66)]), 0.06 * scale, 0.08 * scale)
    for step in range(6):
        low = 0.60 + 0.15 * step
        ends = [(-0.05 * face - 0.06, low), (-0.05 * face + 0.06, low)]
        bones.stroke(scene.at(ends), 0.115 * scale)
    scene.paint("bone", bones.mask(0.012) * np.float32(0.6))
    scene.paint("marrow", bones.mask(0.03) * np.float32(0.6))
    scene.paint(4, air.mask(0.01))


def _paint_vault(rng: np.random.Generator, scene: Scene, head: Array) -> Array:
    """Paint scalp, skull and the fluid within; give the distance from the inner side of the skull."""
    scalp, bone = float(rng.uniform(0.03, 0.08)), float(rng.uniform(0.06, 0.10))
    scene.paint("skin", soft(head, 0.03))
    scene.paint("fat", soft(head + np.float32(0.016), 0.02))
    scene.paint("bone", soft(head + np.float32(scalp), 0.025))
    if not scene.rays or rng.random() < 0.4:
        marrow = band(head, scalp + 0.5 * bone, 0.14 * bone, 0.03)
        scene.paint("marrow", marrow * np.float32(rng.uniform(0.3, 0.9)))
    inner = head + np.float32(scalp + bone)
    scene.paint("fluid", soft(inner, 0.025))
    return inner


def _bend(scene: Scene, width: float) -> Array:
    """How far the middle is pushed aside at each height."""
    share = scene.v * np.float32(1 / width)
    pushed: Array = np.exp(-share * share) * np.float32(scene.aside(0.22))
    return pushed


def _paint_cortex(rng: np.random.Generator, scene: Scene, brain: Array, cleft: Array) -> Array:
    """Paint gray and white matter and sulci of a brain split where `cleft` is 0; give the brain's mask."""
    fold = np.abs(noise(rng, scene.side, int(rng.integers(15, 22))))
    depth = np.minimum(-brain, cleft + np.float32(0.01))
    mask = soft(brain, 0.03)
    scene.paint("gray", mask)
    near = np.clip(np.float32(1.3) - depth * np.float32(1 / 0.30), 0, 1)
    ridge = np.maximum(1 - fold * np.float32(1 / 0.40), 0)
    scene.paint("white", soft(0.055 + np.float32(0.22) * ridge * near - depth, 0.05))
    sulcus = np.float32(rng.uniform(0.26, 0.36) if scene.shrunk else rng.uniform(0.03, 0.08))
    reach = np.float32(0.30 if scene.shrunk else 0.20)
    sulci = soft(fold + 5 * np.maximum(depth - reach, 0) - sulcus, 0.16)
    slit = 0.022 if scene.shrunk else 0.007
    np.maximum(sulci, soft(cleft - np.float32(slit), 0.02), out=sulci)
    scene.paint("fluid", sulci * mask * np.float32(0.95 if scene.shrunk else 0.6))
    return mask


def _paint_core(rng: np.random.Generator, scene: Scene, mask: Array) -> None:
    """Paint basal ganglia, thalami and ventricles."""
    grow = float(rng.uniform(1.9, 2.5) if scene.shrunk else rng.uniform(0.75, 1.15))
    aside = scene.aside(0.22)
    high = rng.random() < 0.25
    gray, fluid = np.full_like(mask, 9), np.full_like(mask, 9)
    for sign in (-1, 1):
        own = grow * (0.55 if scene.push and sign == scene.hand else 1.0)
        wide, long = 0.046 * own, 0.14 * own**0.5
        if high:  # above the ganglia, where the ventricles are two long bands
            body = scene.ellipse(
                (sign * (0.06 + wide) + aside, 0.0), (0.9 * wide, 0.34), 0.1 * sign
            )
            np.minimum(fluid, body, out=fluid)
            continue
        np.minimum(gray, scene.ellipse((0.10 * sign + aside, 0.07), (0.07, 0.12)), out=gray)
        lens = scene.ellipse((0.27 * sign + aside, -0.03), (0.06, 0.16), -0.3 * sign)
        np.minimum(gray, lens, out=gray)
        front = scene.ellipse((sign * (0.05 + wide) + aside, -0.22), (wide, long), 0.35 * sign)
        back = scene.ellipse((sign * (0.15 + wide) + aside, 0.26), (wide, long), -0.4 * sign)
        np.minimum(fluid, np.minimum(front, back), out=fluid)
    if not high:
        np.minimum(fluid, scene.ellipse((aside, 0.04), (0.014 * grow, 0.09)), out=fluid)
    scene.paint("gray", soft(gray, 0.05) * np.float32(0.9))
    scene.paint("fluid", soft(fluid, 0.035) * mask)

"""The layers of a drawn retina in an optical coherence scan, before anything is found between them.

In: a look, which maps attribute to value (`words.RETINA`). Out: a `Scan`, the picture under way and the curves that
its layers follow from left to right. All that bends, lifts or thins the layers is decided here; `drawing` paints what lies
in them. Place, tilt, curvature, scale, side of the findings and gray of the layers are left to chance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sgps.drawings.brushes import Array, Stencil, blend_gray, grid, noise, soft

_THICKNESS = {"normal-thickness": 0.48, "thickened": 0.80, "thinned": 0.27}
_CHOROID = {"normal-choroid": 0.26, "thick-choroid": 0.54, "bright-transmission": 0.15}
_SHARES = {
    "fibers": 0.10,
    "ganglion": 0.25,
    "nuclear": 0.14,
    "plexiform": 0.10,
    "outer": 0.25,
    "segments": 0.05,
    "ellipsoid": 0.06,
    "gap": 0.05,
}
"""Layers from the surface down, each as a share of the whole thickness; the first four leave the foveal pit."""
_GRAYS = {
    "fibers": 196,
    "ganglion": 124,
    "nuclear": 78,
    "plexiform": 128,
    "outer": 58,
    "segments": 84,
    "ellipsoid": 186,
    "gap": 96,
}


@dataclass(kw_only=True)
class Scan:
    """The picture under way, and the curves of its layers: heights (S,) by column, from -1 (top) to 1."""

    plane: Array
    """Gray of every pixel, 0..255."""
    x: Array
    """(S,), where each column lies."""
    y: Array
    """(S, S), height of every pixel."""
    scale: float
    """Size of things, near 1."""
    fovea: float
    """Column of the fovea."""
    dark: float
    """Gray of liquid."""
    bruch: Array
    """The membrane below the pigment epithelium."""
    epithelium: Array
    """Lower edge of the pigment epithelium."""
    base: Array
    """Lower edge of the retina."""
    edges: dict[str, Array]
    """Upper edge of each layer of the retina."""
    cover: Array
    """Inner surface of the retina as it would be without folds."""
    choroid: float
    """Thickness of the choroid."""

    @property
    def side(self) -> int:
        """Side of the picture in pixels."""
        return len(self.plane)

    @property
    def surface(self) -> Array:
        """Inner surface of the retina."""
        return self.edges["fibers"]

    def paint(self, gray: float | Array, mask: Array) -> None:
        """Paint a gray, as opaque as `mask` says."""
        blend_gray(self.plane, gray, mask)

    def below(self, curve: Array, fade: float = 0.024) -> Array:
        """Mask of all that lies below a curve."""
        return soft(curve - self.y, fade)

    def between(self, upper: Array, lower: Array, fade: float = 0.024) -> Array:
        """Mask of what lies between two curves; nothing where they meet."""
        room = np.clip((lower - upper) / np.float32(0.03), 0, 1)
        inside = soft(np.maximum(upper - self.y, self.y - lower), fade)
        inside *= room
        return inside

    def height(self, curve: Array, columns: NDArray[np.floating]) -> NDArray[np.float64]:
        """Height of a curve at some columns."""
        heights: NDArray[np.float64] = np.interp(columns, self.x, curve)
        return heights

    def level(self, curve: Array, column: float) -> float:
        """Height of a curve at one column."""
        return float(np.interp(column, self.x, curve))


def bump(x: Array, middle: float, half: float, power: float = 2.0) -> Array:
    """Smooth hill of height 1 that ends about `half` from its middle; a higher power makes a flatter top."""
    away = np.abs((x - np.float32(middle)) / np.float32(0.62 * half))
    hill: Array = np.exp(-(away ** np.float32(power))).astype(np.float32)
    return hill


def wave(rng: np.random.Generator, x: Array, turns: float) -> Array:
    """Irregular wave between about -1 and 1 with about `turns` crests from left to right."""
    total = np.zeros_like(x)
    for share in (0.6, 1.0, 1.55):
        phase, rate = rng.uniform(0, 2 * np.pi), np.pi * turns * share * rng.uniform(0.9, 1.1)
        total += np.sin(x * np.float32(rate) + np.float32(phase))
    return total * np.float32(0.45)


def new_scan(rng: np.random.Generator, plane: Array, look: Mapping[str, str]) -> Scan:
    """Lay out the layers of one retina of the given look in an empty picture."""
    side = len(plane)
    x, y = grid(side)[0][0], grid(side)[1]
    scale, hand = float(rng.uniform(0.90, 1.12)), int(rng.choice((-1, 1)))
    fovea = float(rng.uniform(-0.28, 0.28))
    thick = _THICKNESS[look["thickness"]] * scale * float(rng.uniform(0.95, 1.05))
    choroid = _CHOROID[look["choroid"]] * scale * float(rng.uniform(0.9, 1.1))
    detachment, dome = _places(rng, look, fovea, hand)
    lift = _lift(rng, x, look["epithelium"], detachment) * np.float32(scale)
    gap = _gap(rng, x, look["subretinal"], dome) * np.float32(scale)
    raised = float((lift + gap).max())
    middle = 0.5 * (thick + 0.6 * raised - 0.75 * choroid) + float(rng.uniform(-0.09, 0.12))
    if look["fovea"] == "pulled-fovea":  # room for the vitreous strand
        middle += 0.12
    tilt, bend = np.float32(rng.normal(0, 0.09)), np.float32(rng.uniform(-0.20, 0.10))
    bruch = np.float32(min(middle, 0.62)) + tilt * x + bend * (x * x - np.float32(0.3))
    bruch = bruch + np.float32(0.006) * wave(rng, x, 3)
    epithelium = bruch - lift
    base = epithelium - gap - np.float32(0.045 * scale)
    # Small bumps press the outer retina flat, large domes lift all of it.
    dent = lift if look["epithelium"] != "dome-detachment" else np.zeros_like(lift)
    edges = _edges(rng, x, look, base, thick, dent, fovea)
    return Scan(
        plane=plane,
        x=x,
        y=y,
        scale=scale,
        fovea=fovea,
        dark=float(rng.uniform(8, 32)),
        bruch=bruch,
        epithelium=epithelium,
        base=base,
        edges=edges,
        cover=edges.pop("cover"),
        choroid=choroid,
    )


def _places(
    rng: np.random.Generator, look: Mapping[str, str], fovea: float, hand: int
) -> tuple[float, float]:
    """Choose columns of the two things that lift the retina: apart when both are there, or a hole is between them."""
    both = look["epithelium"] == "dome-detachment" and look["subretinal"] != "no-subretinal-fluid"
    if both or look["fovea"] == "macular-hole":
        left, right = rng.uniform(0.40, 0.50, 2)
        return fovea + hand * float(left), fovea - hand * float(right)
    first, second = rng.uniform(-0.28, 0.28, 2)
    return fovea + float(first), fovea + float(second)


def _lift(rng: np.random.Generator, x: Array, kind: str, middle: float) -> Array:
    """How far the pigment epithelium lies above the membrane below it."""
    if kind == "dome-detachment":
        half, high = rng.uniform(0.42, 0.54), rng.uniform(0.27, 0.36)
        return np.float32(high) * bump(x, middle, half, 3.2)
    lift = np.zeros_like(x)
    if kind == "drusen":
        spacing = float(rng.uniform(0.17, 0.24))
        for step in np.arange(-0.95, 0.95, spacing):
            at = float(step + rng.uniform(-0.5, 0.5) * spacing)
            half, high = float(rng.uniform(0.07, 0.17)), rng.uniform(0.045, 0.12)
            np.maximum(lift, np.float32(high) * bump(x, at, half, 3), out=lift)
    elif kind == "irregular-epithelium":
        rough = wave(rng, x, 4) + np.float32(0.7) * wave(rng, x, 9) + np.float32(0.4)
        lift = np.float32(0.075) * np.maximum(rough, 0) * bump(x, middle, 0.9, 4)
    return lift


def _gap(rng: np.random.Generator, x: Array, kind: str, middle: float) -> Array:
    """How far the retina lies above the pigment epithelium."""
    if kind == "no-subretinal-fluid":
        return np.zeros_like(x)
    if kind == "subretinal-dome":
        half, high = rng.uniform(0.52, 0.72), rng.uniform(0.18, 0.26)
        return np.float32(high) * bump(x, middle, half, 3)
    half, high = rng.uniform(0.40, 0.54), rng.uniform(0.19, 0.26)
    rough = 1 + np.float32(0.22) * wave(rng, x, 4)
    return np.float32(high) * bump(x, middle, half, 2.6) * rough


def _edges(
    rng: np.random.Generator,
    x: Array,
    look: Mapping[str, str],
    base: Array,
    thick: float,
    dent: Array,
    fovea: float,
) -> dict[str, Array]:
    """Stack the layers of the retina on its lower edge."""
    hand, width = int(rng.choice((-1, 1))), float(rng.uniform(0.23, 0.38))
    whole = np.float32(thick) * (1 + np.float32(0.10) * bump(x, fovea, 1.0))
    pit = bump(x, fovea, width) * np.float32(rng.uniform(0.88, 1.0) * min(1, 0.62 / thick))
    if look["fovea"] != "normal-pit":
        pit *= np.float32(0.08)
    if look["fovea"] == "pulled-fovea":
        away = np.abs(x - np.float32(fovea)) / np.float32(rng.uniform(0.15, 0.2))
        whole = whole + np.float32(rng.uniform(0.18, 0.24)) * np.exp(-away)
    if look["intraretinal"] != "no-cysts":
        whole = whole * (1 + np.float32(0.14) * bump(x, fovea, 0.8))
    sizes = {name: whole * np.float32(share) for name, share in _SHARES.items()}
    sizes["fibers"] = sizes["fibers"] * (1 + np.float32(0.6 * hand) * x)
    for name in ("fibers", "ganglion", "nuclear", "plexiform"):
        sizes[name] = sizes[name] * (1 - pit)
    sizes["outer"] = sizes["outer"] * (1 + np.float32(0.35) * pit)
    if look["layering"] == "outer-layer-loss":
        lost = bump(x, fovea + float(rng.uniform(-0.2, 0.2)), 1.05, 4)
        for name in ("outer", "segments", "ellipsoid", "gap"):
            sizes["ganglion"] = sizes["ganglion"] + np.float32(0.5) * lost * sizes[name] * (1 - pit)
            sizes[name] = sizes[name] * (1 - np.float32(0.86) * lost)
    _press(sizes, dent)
    edges: dict[str, Array] = {}
    level = base
    for name in reversed(sizes):
        level = level - sizes[name]
        edges[name] = level
    edges["cover"] = edges["fibers"]
    if look["membrane"] == "epiretinal-membrane":
        folds = 1 - np.abs(wave(rng, x, float(rng.uniform(3.5, 6))))
        folds = np.float32(rng.uniform(0.065, 0.09)) * np.maximum(folds, 0)
        edges["fibers"] = edges["fibers"] + folds
        edges["ganglion"] = np.maximum(edges["ganglion"] + np.float32(0.8) * folds, edges["fibers"])
    return edges


def _press(sizes: dict[str, Array], dent: Array) -> None:
    """Thin the outer layers by what bumps from below take of their room, so that the surface stays smooth."""
    rest = dent
    for name in ("segments", "ellipsoid", "gap"):
        taken = sizes[name] * np.clip(np.float32(9) * dent, 0, 0.75)
        sizes[name] = sizes[name] - taken
        rest = rest - taken
    sizes["outer"] = sizes["outer"] - np.minimum(rest, np.float32(0.9) * sizes["outer"])


def paint_layers(rng: np.random.Generator, scan: Scan, layering: str) -> None:
    """Paint the vitreous, and the layers of the retina down to its lower edge."""
    scan.plane += np.float32(scan.dark)
    contrast, fade = rng.uniform(0.9, 1.08), float(rng.uniform(0.02, 0.034))
    for name in _SHARES:
        gray = _GRAYS[name] * contrast + rng.uniform(-9, 9)
        if layering == "bright-inner-layers":
            inner = name in ("fibers", "ganglion", "nuclear", "plexiform")
            gray = 188 + rng.uniform(-10, 14) if inner else 0.55 * gray
        elif layering == "outer-layer-loss" and name in ("segments", "ellipsoid", "gap"):
            gray = 78
        scan.paint(gray, scan.below(scan.edges[name], fade))


def paint_choroid(rng: np.random.Generator, scan: Scan, kind: str) -> None:
    """Paint the choroid, its vessels, and what light is left behind it."""
    depth = scan.y - scan.bruch
    deep = np.maximum(depth, 0) * np.float32(1 / scan.choroid)
    fall = np.float32(0.42 if kind == "thick-choroid" else 0.62)
    stroma = np.float32(rng.uniform(82, 112)) * np.exp(-fall * deep * deep)
    stroma += np.float32(scan.dark + 6) + np.float32(12) * noise(rng, scan.side, 9)
    scan.paint(stroma, scan.below(scan.bruch))
    if kind == "normal-choroid":
        holes = noise(rng, scan.side, 22) - np.float32(0.25)
        inside = soft(-holes, 0.9) * scan.between(scan.bruch + np.float32(0.06), scan.bruch + 0.26)
        scan.paint(scan.dark + 26, inside * np.float32(0.55))
    elif kind == "thick-choroid":
        _paint_lumens(rng, scan)
    else:
        streaks = np.float32(0.72) + np.float32(0.2) * wave(rng, scan.x, 9)
        where = bump(scan.x, scan.fovea + float(rng.uniform(-0.2, 0.2)), 0.85, 4)
        light = np.float32(rng.uniform(0.85, 1.0)) * where * np.clip(streaks, 0.45, 1)
        fading = np.exp(-np.maximum(depth, 0) * np.float32(rng.uniform(0.55, 0.95)))
        scan.paint(244 * fading, scan.below(scan.bruch) * light)


def _paint_lumens(rng: np.random.Generator, scan: Scan) -> None:
    """Paint large dark vessels side by side in the deeper choroid."""
    lumens = Stencil(scan.side)
    column = -1.0 + float(rng.uniform(-0.1, 0.1))
    while column < 1.1:
        wide, high = rng.uniform((0.06, 0.07), (0.15, 0.13)) * scan.scale
        column += 0.8 * wide
        row = scan.level(scan.bruch, column)
        lumens.dot(column, row + scan.choroid * float(rng.uniform(0.38, 0.72)), wide, high)
        if wide < 0.09:
            lumens.dot(column, row + scan.choroid * float(rng.uniform(0.75, 0.9)), wide, 0.06)
        column += wide + float(rng.uniform(0.02, 0.09))
    small = rng.uniform(-1, 1, 16)
    rows = scan.height(scan.bruch, small) + rng.uniform(0.07, 0.14, len(small)) * scan.scale
    lumens.dots(np.stack([small, rows], 1), 0.032, 0.02, 0.6)
    shape = soft(
        np.float32(0.5) - lumens.mask(0.03) + np.float32(0.12) * noise(rng, scan.side, 22), 0.4
    )
    scan.paint(scan.dark + 6, shape * np.float32(0.85))

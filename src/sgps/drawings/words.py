"""The words of drawn lesions and cells: which attributes they have, their values, and how each value is said.

They are the words of dermatoscopy and of hematology, so that they mean in a drawing what they mean in a real picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """What can differ in one kind of drawing."""

    subjects: tuple[str, ...]
    """Nouns for the thing itself."""
    values: Mapping[str, Mapping[str, tuple[str, ...]]]
    """Attribute to value to phrases. A phrase follows "with"; those of `color` are adjectives."""
    strong: tuple[str, ...]
    """Attributes one of which always tells the classes apart: the others alone are hard to see in a small picture."""
    conflicts: tuple[tuple[str, ...], ...]
    """Rules on values: the first one never goes with any of the others."""

    def clash(self, values: Iterable[str]) -> bool:
        """Tell whether any two of the values never go together."""
        pairs = {frozenset((first, other)) for first, *others in self.conflicts for other in others}
        return any(frozenset(pair) in pairs for pair in combinations(values, 2))


LESION = Vocabulary(
    subjects=("lesion", "skin lesion", "patch", "spot"),
    values={
        "color": {
            "light-brown": ("light brown", "tan", "evenly pale brown"),
            "dark-brown": ("dark brown", "deep brown", "chocolate-brown"),
            "black": ("black", "jet-black", "nearly black"),
            "red": ("bright red", "red", "blood-red"),
            "pink": ("pink", "pale pink", "rosy, pinkish"),
            "purple": ("purple", "violet to maroon", "dark purple"),
            "blue-gray": ("blue-gray", "slate-blue", "steel-blue to gray"),
            "multicolored": (
                "multicolored brown, black, red and blue-gray",
                "unevenly colored brown, black, reddish and gray",
                "variegated brown, black, red and blue-gray",
            ),
        },
        "border": {
            "smooth": (
                "a smooth, regular, rounded outline",
                "a regular round to oval border",
                "an even border",
            ),
            "notched": (
                "an irregular, notched border",
                "a jagged, asymmetric outline",
                "an irregular, scalloped outline with bays and spurs",
            ),
        },
        "edge": {
            "sharp": (
                "a sharp, abrupt edge",
                "a sharply demarcated margin",
                "an edge cut off abruptly",
            ),
            "fading": (
                "an edge fading gradually into the skin",
                "a blurred margin",
                "an ill-defined, diffuse edge",
            ),
        },
        "pattern": {
            "homogeneous": (
                "a homogeneous, structureless surface",
                "no structures inside",
                "a plain, even texture",
            ),
            "network": (
                "a honeycomb network of dark lines",
                "a reticular pattern of dark meshes",
                "a pigment network",
            ),
            "globules": (
                "many round dark globules",
                "a pattern of dark dots and globules",
                "scattered round dark clods",
            ),
            "streaks": (
                "radial streaks at the periphery",
                "dark spokes running outward all around",
                "a starburst of dark streaks",
            ),
            "cysts": (
                "many white milia-like cysts",
                "multiple small bright white, round cysts",
                "white pearl-like cysts and a few dark plugged openings",
            ),
            "lagoons": (
                "round lagoons separated by paler septa",
                "well-defined oval lacunae with pale walls between them",
                "clustered round lacunae",
            ),
            "vessels": (
                "branching tree-like red vessels",
                "arborizing, thick and fine red vessels",
                "red telangiectasia branching like a tree",
            ),
            "dotted-vessels": (
                "many evenly spread dotted red vessels",
                "a regular pattern of red dotted vessels",
                "pinpoint red vessels all over",
            ),
            "scale": (
                "white flaky scale on the surface",
                "patches of white keratin scale",
                "a rough surface of whitish scales",
            ),
        },
        "center": {
            "plain-center": (
                "no distinct center",
                "a center like the rest",
                "an unremarkable middle",
            ),
            "white-scar": (
                "a white scar-like center",
                "a central white patch",
                "a pale, whitish middle like a scar",
            ),
            "veil": (
                "a blue-white veil over the middle",
                "a hazy bluish-white central veil",
                "a milky blue-white area in the center",
            ),
            "ulcer": (
                "a central ulcer with a red-brown crust",
                "a bleeding, crusted erosion in the middle",
                "an ulcerated center",
            ),
        },
    },
    strong=("color", "pattern"),
    conflicts=(
        # Lagoons are pools of blood, networks and streaks are melanin; red vessels do not show on dark pigment.
        ("lagoons", "light-brown", "dark-brown", "black", "blue-gray", "multicolored"),
        ("network", "red", "pink", "purple", "black"),
        ("globules", "red", "purple", "black"),
        ("streaks", "red", "pink", "purple"),
        ("vessels", "dark-brown", "black", "red", "purple", "multicolored"),
        ("dotted-vessels", "dark-brown", "black", "red", "purple", "multicolored"),
        ("veil", "blue-gray"),
    ),
)

CELL = Vocabulary(
    subjects=("white cell", "leukocyte", "white blood cell", "cell"),
    values={
        "nucleus": {
            "round": (
                "a single round nucleus",
                "one circular, smooth nucleus",
                "a round unsegmented nucleus",
            ),
            "kidney": (
                "a kidney-shaped nucleus",
                "an indented, bean-shaped nucleus",
                "a single nucleus with a deep indentation",
            ),
            "bilobed": (
                "a bilobed nucleus",
                "a nucleus of two connected lobes",
                "a spectacle-like nucleus of two lobes",
            ),
            "segmented": (
                "a nucleus of several lobes linked by thin threads",
                "a multilobed, segmented nucleus",
                "three to five small nuclear lobes in a chain",
            ),
            "band": (
                "a band-shaped nucleus curved like a C",
                "a bent, ribbon-like nucleus of even width without lobes",
                "a horseshoe-shaped unsegmented band nucleus",
            ),
        },
        "granules": {
            "agranular": ("no granules", "no visible granulation", "a smooth, agranular cell body"),
            "orange-granules": (
                "coarse orange-red granules",
                "large, round, brick-red granules",
                "many bright orange granules",
            ),
            "violet-granules": (
                "coarse dark violet granules covering the nucleus",
                "blue-black granules that overlie the nucleus",
                "deep purple, uneven granules over the whole cell",
            ),
            "fine-granules": (
                "very fine pinkish granules",
                "a faint lilac dusting of tiny granules",
                "fine, dust-like granulation",
            ),
        },
        "cytoplasm": {
            "pink": (
                "pale pink cytoplasm",
                "light pink, almost colorless cytoplasm",
                "cytoplasm of a pinkish tint",
            ),
            "sky-blue": (
                "clear sky-blue cytoplasm",
                "light blue, transparent cytoplasm",
                "pale blue cytoplasm",
            ),
            "deep-blue": (
                "deep blue cytoplasm",
                "strongly basophilic, dark blue cytoplasm",
                "intensely blue cytoplasm",
            ),
            "gray": (
                "cloudy gray-blue cytoplasm",
                "dull gray, ground-glass cytoplasm",
                "grayish cytoplasm",
            ),
        },
        "ratio": {
            "narrow-rim": (
                "a nucleus that fills nearly the whole cell",
                "only a thin rim around the nucleus",
                "a high nucleus-to-cytoplasm ratio",
            ),
            "wide-rim": (
                "abundant cytoplasm around the nucleus",
                "a wide cell body around the nucleus",
                "a low nucleus-to-cytoplasm ratio",
            ),
        },
        "chromatin": {
            "dense-chromatin": (
                "dense, dark, even chromatin",
                "ink-dark condensed chromatin",
                "compact, nearly black-violet chromatin",
            ),
            "clumped-chromatin": (
                "coarsely clumped chromatin",
                "blocky chromatin of light and dark patches",
                "a mottled, clumped nuclear texture",
            ),
            "fine-chromatin": (
                "pale, fine chromatin with nucleoli",
                "open, delicate chromatin and visible nucleoli",
                "light, lacy chromatin and pale nucleoli",
            ),
        },
        "vacuoles": {
            "no-vacuoles": (
                "no vacuoles",
                "no clear holes in the cytoplasm",
                "not a single vacuole",
            ),
            "vacuoles": (
                "clear round vacuoles in the cytoplasm",
                "several punched-out vacuoles",
                "white, bubble-like vacuoles",
            ),
        },
        "size": {
            "small": (
                "a size close to that of a red cell",
                "a small body, hardly larger than red cells",
                "a diameter near that of a red cell",
            ),
            "large": (
                "a width of two red cells",
                "a large body dwarfing the red cells",
                "a diameter far above that of red cells",
            ),
        },
    },
    strong=("nucleus", "granules", "cytoplasm", "chromatin"),
    conflicts=(
        # A thin rim has no room for a shaped nucleus, for granules, or for vacuoles.
        (
            "narrow-rim",
            "bilobed",
            "segmented",
            "band",
            "orange-granules",
            "fine-granules",
            "vacuoles",
        ),
        # Coarse violet granules hide chromatin and vacuoles.
        ("violet-granules", "fine-chromatin", "clumped-chromatin", "vacuoles", "deep-blue"),
        ("small", "segmented", "orange-granules", "vacuoles"),
        ("deep-blue", "fine-granules"),
    ),
)

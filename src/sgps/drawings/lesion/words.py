"""The words of drawn lesions: which attributes they have, their values, and how each value is said.

They are the words of dermatoscopy, so that they mean in a drawing what they mean in a real picture.
"""

from __future__ import annotations

from sgps.drawings.vocabulary import Vocabulary

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

"""The words of the drawn sonograms: which attributes a gray ultrasound picture has, their values, and how each is said.

They are the words in which radiologists report sonograms of breast, thyroid, liver, ovary and soft tissue, so that they
mean in a drawing what they mean in a real picture.
"""

from __future__ import annotations

from sgps.drawings.vocabulary import Vocabulary

SONOGRAM = Vocabulary(
    subjects=("sonogram", "ultrasound picture", "B-mode scan", "gray-scale ultrasound image"),
    values={
        "mass": {
            "no-mass": (
                "tissue without a mass",
                "no nodule or tumor",
                "no discrete mass in the parenchyma",
            ),
            "round-mass": (
                "a single round mass",
                "a spherical nodule as wide as tall",
                "one rounded focal lesion",
            ),
            "oval-mass": (
                "an oval mass wider than tall",
                "an ellipsoid lesion parallel to the skin",
                "a horizontally oriented oval nodule",
            ),
            "irregular-mass": (
                "a mass of irregular shape",
                "an irregularly shaped, lopsided lesion",
                "a bizarrely shaped, asymmetric mass",
            ),
            "tall-mass": (
                "a mass taller than wide",
                "a vertically oriented lesion, not parallel to the skin",
                "a nodule growing upright across tissue planes",
            ),
            "several-masses": (
                "several separate nodules",
                "multiple masses scattered in the tissue",
                "more than one focal lesion",
            ),
        },
        "margin": {
            "smooth": (
                "smooth, circumscribed margins",
                "a well-defined, sharp contour",
                "an even, clearly demarcated border",
            ),
            "spiculated": (
                "spiculated margins",
                "sharp spicules radiating into the surrounding tissue",
                "a stellate border with straight radiating lines",
            ),
            "microlobulated": (
                "microlobulated margins",
                "a border of many small lobulations",
                "a finely scalloped, lobulated contour",
            ),
            "indistinct": (
                "indistinct, ill-defined margins",
                "a blurred border merging with its surroundings",
                "poorly defined, fuzzy contours",
            ),
        },
        "echo": {
            "anechoic": (
                "anechoic, black contents",
                "echo-free, black fluid inside",
                "a largely black, fluid-filled interior",
            ),
            "hypoechoic": (
                "hypoechoic, dark gray echotexture",
                "markedly reduced internal echoes",
                "low echogenicity, darker than its surroundings",
            ),
            "isoechoic": (
                "isoechoic echotexture",
                "echogenicity equal to the adjacent tissue",
                "the same gray level as its surroundings",
            ),
            "hyperechoic": (
                "hyperechoic, bright echotexture",
                "increased echogenicity, brighter than its surroundings",
                "strongly echogenic, whitish contents",
            ),
        },
        "inside": {
            "uniform": (
                "uniform internal structure",
                "homogeneous contents",
                "an even, monotonous interior",
            ),
            "mixed": (
                "mixed solid and cystic components",
                "a complex interior of solid parts and fluid",
                "cystic spaces next to solid tissue",
            ),
            "septated": (
                "thin internal septations",
                "a multilocular interior divided by septa",
                "echogenic septa crossing the interior",
            ),
            "debris": (
                "a fluid-debris level inside",
                "layering of internal debris",
                "a horizontal fluid level with dependent sediment",
            ),
        },
        "calcification": {
            "no-calcification": (
                "no calcifications",
                "absence of calcified foci",
                "no calcific deposits",
            ),
            "microcalcification": (
                "bright punctate microcalcifications",
                "multiple tiny echogenic foci",
                "clustered pinpoint bright specks",
            ),
            "coarse-calcification": (
                "a coarse, bright calcification",
                "a large, dense macrocalcification",
                "a stone-like echogenic clump",
            ),
        },
        "posterior": {
            "unchanged-behind": (
                "no posterior acoustic features",
                "unchanged echoes at depth",
                "unaltered sound transmission behind",
            ),
            "shadow": (
                "marked posterior acoustic shadowing",
                "a broad dark band at depth",
                "loss of echoes behind, attenuating the beam",
            ),
            "enhancement": (
                "posterior acoustic enhancement",
                "increased through transmission",
                "a bright band of amplified echoes at depth",
            ),
        },
        "rim": {
            "no-rim": (
                "no halo",
                "absence of a peripheral ring",
                "no visible capsule",
            ),
            "dark-halo": (
                "a thin dark halo",
                "a thin lucent line all around",
                "a sonolucent peripheral ring",
            ),
            "bright-rim": (
                "a thick echogenic rim",
                "a bright echogenic ring",
                "a broad white peripheral border",
            ),
        },
        "background": {
            "fine-tissue": (
                "a background of homogeneous fine echoes",
                "finely granular, even surrounding parenchyma",
                "an even, ordinary background echotexture",
            ),
            "coarse-tissue": (
                "a coarse, heterogeneous background echotexture",
                "patchy, mottled surrounding parenchyma",
                "coarsened background echoes of uneven brightness",
            ),
            "layered-tissue": (
                "bright fatty layers in the background",
                "a background of echogenic horizontal bands",
                "layered, striped subcutaneous fat and fascia",
            ),
        },
    },
    strong=("mass", "echo", "posterior", "background"),
    conflicts=(
        # Without a mass, contents and contour are those of the organ: it is neither spiky nor a bag of fluid.
        ("no-mass", "spiculated", "microlobulated", "anechoic", "debris", "dark-halo"),
        # Fluid lets sound through, and a dark halo does not show on it.
        ("anechoic", "shadow", "dark-halo"),
        # Bright septa do not show on bright tissue.
        ("hyperechoic", "septated"),
        # A thin halo needs a clear outline.
        ("dark-halo", "spiculated", "indistinct"),
    ),
)

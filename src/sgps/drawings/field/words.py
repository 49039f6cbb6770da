"""The words of the drawn gray fields: which attributes a radiograph-like or ultrasound-like picture has, and how each is said.

They are the words of radiology, so that they mean in a drawing what they mean in a real picture.
"""

from __future__ import annotations

from sgps.drawings.vocabulary import Vocabulary

FIELD = Vocabulary(
    subjects=("gray image", "grayscale scan", "scan", "gray-level picture"),
    values={
        "modality": {
            "radiograph": (
                "ribs projected over two dark lungs",
                "the look of a frontal chest radiograph",
                "crossing ribs as in an X-ray",
            ),
            "ultrasound": (
                "a fan-shaped sector of speckled echoes",
                "the look of an ultrasound sector",
                "grainy echoes within a fan as in a sonogram",
            ),
            "tomogram": (
                "an oval cross-section of the body on black",
                "the look of an axial CT slice",
                "a ring of bone around two dark lungs as in a tomogram",
            ),
        },
        "opacity": {
            "clear": (
                "clear fields",
                "no opacity",
                "fields free of consolidation",
            ),
            "patchy": (
                "several patchy, ill-defined white opacities",
                "scattered fluffy opacities on both sides",
                "multifocal patchy consolidation",
            ),
            "lobar": (
                "one dense white consolidation with a straight border",
                "a lobar opacity ending at a fissure",
                "a homogeneous, dense, one-sided consolidation",
            ),
            "haze": (
                "a diffuse ground-glass haze",
                "a gray veil over both sides",
                "diffuse, hazy whitening everywhere",
            ),
        },
        "nodule": {
            "no-nodule": (
                "no nodule",
                "no focal mass",
                "not a single mass",
            ),
            "round-nodule": (
                "a round, well-defined nodule",
                "a smooth circumscribed mass",
                "a coin-like solid nodule",
            ),
            "spiculated-nodule": (
                "a spiculated mass",
                "a star-shaped nodule with radiating spikes",
                "a mass with spicules running outward",
            ),
            "ring-nodule": (
                "a thick-walled ring with a dark center",
                "a cavity with a white rim",
                "a ring-shaped cavitating lesion",
            ),
        },
        "fluid": {
            "no-fluid": (
                "no fluid at the base",
                "no effusion",
                "free, sharp angles at the base",
            ),
            "little-fluid": (
                "a small effusion with a meniscus",
                "a little fluid in one angle",
                "a small layer of fluid at one base",
            ),
            "much-fluid": (
                "a large effusion up to half the height",
                "much fluid with a high level on one side",
                "a massive one-sided effusion",
            ),
        },
        "texture": {
            "smooth": (
                "a smooth background without lines",
                "no reticulation and no tiny nodules",
                "a plain parenchyma",
            ),
            "reticular": (
                "a coarse reticular pattern of white lines",
                "a net of thick septal lines",
                "honeycomb-like reticulation",
            ),
            "miliary": (
                "innumerable tiny white nodules",
                "a miliary pattern of pinpoint spots",
                "fine, seed-like bright dots all over",
            ),
        },
        "organ": {
            "small-heart": (
                "a narrow heart",
                "a small central organ",
                "a slim heart of normal width",
            ),
            "large-heart": (
                "an enlarged heart",
                "a wide central organ taking half the width",
                "marked cardiomegaly",
            ),
        },
        "midline": {
            "centered": (
                "a heart in the midline",
                "no shift of the midline",
                "a central organ in its place",
            ),
            "shifted": (
                "a heart pushed to one side",
                "a marked shift of the midline",
                "a displaced central organ",
            ),
        },
        "shadow": {
            "no-shadow": (
                "neither shadow nor enhancement behind",
                "no acoustic shadow",
                "even echoes at depth",
            ),
            "dark-shadow": (
                "a dark acoustic shadow behind the mass",
                "posterior shadowing",
                "a black band below the lesion",
            ),
            "enhancement": (
                "posterior acoustic enhancement",
                "a bright band behind the mass",
                "echoes amplified below the lesion",
            ),
        },
    },
    strong=("modality", "opacity", "nodule", "texture"),
    conflicts=(
        # Only sound casts acoustic shadows, and only a mass does.
        ("dark-shadow", "radiograph", "tomogram", "no-nodule"),
        ("enhancement", "radiograph", "tomogram", "no-nodule"),
    ),
)

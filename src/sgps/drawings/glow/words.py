"""The words of the drawn fluorescence: which attributes glowing cells have, their values, and how each is said.

They are the words in which immunofluorescence is reported, so that they mean in a drawing what they mean in a real picture.
"""

from __future__ import annotations

from sgps.drawings.vocabulary import Vocabulary

GLOW = Vocabulary(
    subjects=(
        "fluorescence micrograph",
        "immunofluorescence field",
        "picture of glowing cells",
        "fluorescent staining",
    ),
    values={
        "label": {
            "green-label": (
                "apple-green fluorescence",
                "a FITC-green label",
                "emission in green",
            ),
            "red-label": (
                "red fluorescence",
                "a rhodamine-red label",
                "emission in red",
            ),
            "blue-label": (
                "blue fluorescence",
                "a DAPI-blue label",
                "emission in blue",
            ),
        },
        "pattern": {
            "homogeneous": (
                "a homogeneous nuclear pattern",
                "evenly glowing nuclei",
                "diffuse nuclear fluorescence",
            ),
            "speckled": (
                "a speckled nuclear pattern",
                "grainy nuclei",
                "fine bright granules throughout the nuclei",
            ),
            "nucleolar": (
                "a nucleolar pattern",
                "a few large glowing spots per nucleus",
                "bright nucleoli in dim nuclei",
            ),
            "centromere": (
                "a centromere pattern",
                "many discrete dots in each nucleus",
                "pinpoint, countable nuclear dots",
            ),
            "rim": (
                "a rim-like nuclear membrane pattern",
                "nuclei outlined by a bright ring",
                "peripheral nuclear fluorescence",
            ),
            "cytoplasmic": (
                "a cytoplasmic pattern around dark nuclei",
                "glowing cytoplasm sparing the nuclei",
                "fluorescence outside the nuclei",
            ),
        },
        "shape": {
            "round-cells": (
                "round cells",
                "circular cell bodies",
                "globular cells",
            ),
            "spindle-cells": (
                "spindle-shaped cells",
                "elongated cells with tapered ends",
                "slender, drawn-out cells",
            ),
            "irregular-cells": (
                "irregular, angular cells",
                "cells of odd outline",
                "misshapen cell bodies",
            ),
        },
        "crowding": {
            "sparse-cells": (
                "sparse cells",
                "few cells far apart",
                "a thin layer of separate cells",
            ),
            "dense-cells": (
                "densely packed cells",
                "a confluent layer",
                "cells side by side",
            ),
        },
        "brightness": {
            "dim": (
                "weak fluorescence",
                "a faint signal",
                "low intensity",
            ),
            "bright": (
                "strong fluorescence",
                "an intense signal",
                "brilliant staining",
            ),
        },
        "division": {
            "no-division": (
                "no dividing cells",
                "no mitotic figures",
                "interphase cells only",
            ),
            "mitoses": (
                "dividing cells with glowing chromatin plates",
                "metaphase plates",
                "bright mitotic bars",
            ),
        },
        "fibers": {
            "no-fibers": (
                "no filaments",
                "no cytoskeletal fibers",
                "cytoplasm free of fibers",
            ),
            "fibers": (
                "a network of cytoskeletal filaments",
                "long stress fibers",
                "fibrillar strands across the cells",
            ),
        },
        "backdrop": {
            "black-backdrop": (
                "a black background",
                "no background fluorescence",
                "a clean dark field",
            ),
            "hazy-backdrop": (
                "a hazy, glowing background",
                "unspecific background fluorescence",
                "a veil of stray light",
            ),
        },
    },
    strong=("label", "pattern", "crowding"),
    conflicts=(),
)

"""The words of the drawn microbes: which attributes a stained smear has, their values, and how each is said.

They are the words in which microbiologists report smears, so that they mean in a drawing what they mean in a real picture.
"""

from __future__ import annotations

from sgps.drawings.vocabulary import Vocabulary

MICROBE = Vocabulary(
    subjects=("stained smear", "microscopy of microbes", "oil-immersion field", "bacterial smear"),
    values={
        "stain": {
            "violet-stain": (
                "violet, Gram-positive organisms",
                "deep purple microbes on a pale ground",
                "crystal-violet staining",
            ),
            "pink-stain": (
                "pink, Gram-negative organisms",
                "salmon-red microbes on a pale ground",
                "safranin-pink staining",
            ),
            "acid-fast-stain": (
                "bright red organisms on blue",
                "acid-fast microbes against a methylene-blue ground",
                "Ziehl-Neelsen staining",
            ),
            "darkfield": (
                "bright organisms on black",
                "dark-field illumination",
                "glowing outlines against a black ground",
            ),
        },
        "form": {
            "cocci": (
                "round cocci",
                "spherical bacteria",
                "small globes",
            ),
            "rods": (
                "straight rods",
                "bacilli with blunt ends",
                "stick-shaped bacteria",
            ),
            "spirals": (
                "corkscrew-shaped spirals",
                "wavy spirochetes",
                "helical, snake-like bacteria",
            ),
            "yeasts": (
                "oval budding yeasts",
                "egg-shaped cells with buds",
                "large oval blastospores",
            ),
            "hyphae": (
                "branching hyphae",
                "long septate filaments",
                "a mycelium of thin threads",
            ),
        },
        "arrangement": {
            "single-cells": (
                "organisms lying singly",
                "no grouping",
                "scattered, separate organisms",
            ),
            "pairs": (
                "organisms in pairs",
                "diplo-forms",
                "two by two arrangement",
            ),
            "chains": (
                "organisms in chains",
                "rows like strings of beads",
                "strepto-forms",
            ),
            "clusters": (
                "grape-like clusters",
                "dense heaps of organisms",
                "staphylo-forms",
            ),
        },
        "number": {
            "few-organisms": (
                "few organisms",
                "a sparse field",
                "only some microbes",
            ),
            "many-organisms": (
                "innumerable organisms",
                "a crowded field",
                "masses of microbes",
            ),
        },
        "size": {
            "small-organisms": (
                "tiny organisms",
                "small and slender forms",
                "organisms at the limit of resolution",
            ),
            "large-organisms": (
                "large organisms",
                "bulky forms",
                "big, plump microbes",
            ),
        },
        "halo": {
            "no-halo": (
                "no capsule",
                "no clear zone around them",
                "organisms without a halo",
            ),
            "capsule": (
                "a clear capsule",
                "unstained halos around each organism",
                "encapsulated organisms",
            ),
        },
        "inside": {
            "even-inside": (
                "even staining",
                "solid, uniform bodies",
                "no inclusions",
            ),
            "spores": (
                "unstained endospores",
                "a clear oval gap within",
                "spore-bearing bodies",
            ),
            "granules": (
                "beaded staining with dark granules",
                "polar bodies",
                "metachromatic granules",
            ),
        },
        "company": {
            "clean-ground": (
                "a clean ground",
                "no host cells",
                "an empty background",
            ),
            "leukocytes": (
                "neutrophils between them",
                "pus cells with lobed nuclei",
                "many inflammatory cells",
            ),
            "erythrocytes": (
                "red blood cells between them",
                "pale discs of erythrocytes",
                "a background of blood",
            ),
            "debris": (
                "granular debris and mucus",
                "a dirty, stringy background",
                "amorphous sediment",
            ),
        },
    },
    strong=("stain", "form", "company"),
    conflicts=(
        # Threads and spirals lie singly.
        ("hyphae", "pairs", "chains", "clusters", "capsule"),
        ("spirals", "pairs", "chains", "clusters", "granules"),
        # Only rods bear spores.
        ("spores", "cocci", "spirals", "yeasts", "hyphae"),
    ),
)

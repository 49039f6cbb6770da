"""The words of the drawn tissues: which attributes a stained section has, their values, and how each value is said.

They are the words of histology, so that they mean in a drawing what they mean in a real picture.
"""

from __future__ import annotations

from sgps.drawings.vocabulary import Vocabulary

TISSUE = Vocabulary(
    subjects=("tissue", "tissue section", "stained section", "tissue under the microscope"),
    values={
        "color": {
            "pink": ("pink", "eosinophilic, pink", "pink-stained"),
            "purple": ("purple", "basophilic, purple", "deep violet"),
            "pale": ("pale", "washed-out, whitish", "faintly stained, pale"),
            "red": ("red", "hemorrhagic, blood-red", "blood-soaked red"),
            "blue-gray": ("blue-gray", "grayish-blue", "bluish gray"),
        },
        "architecture": {
            "glands": (
                "round glands with open lumens",
                "well-formed tubules lined by a single row of nuclei",
                "separate glandular rings around a lumen, with stroma between them",
            ),
            "crowded-glands": (
                "crowded, fused, back-to-back glands",
                "a cribriform pattern of sieve-like holes",
                "densely packed glands with hardly any stroma between them",
            ),
            "solid": (
                "solid sheets of cells without lumens",
                "solid nests of cells that form no glands",
                "a solid growth of closely joined cells",
            ),
            "fibers": (
                "wavy collagen fibers",
                "fibrous stroma with few spindle-shaped nuclei",
                "undulating strands of connective tissue",
            ),
            "muscle": (
                "parallel bundles of muscle fibers",
                "smooth muscle with elongated, cigar-shaped nuclei",
                "straight muscle bundles running side by side",
            ),
            "fat": (
                "large, empty, round fat cells with thin walls",
                "adipose tissue like a white honeycomb",
                "adipocytes, clear bubbles with thin membranes",
            ),
            "mucus": (
                "pale bluish lakes of mucus",
                "pools of extracellular mucin with few floating cells",
                "amorphous, stringy mucus",
            ),
            "debris": (
                "structureless, granular necrotic debris",
                "necrosis with nuclear dust",
                "dead, smudged cell remnants and ghost outlines",
            ),
            "lymphoid": (
                "a dense sheet of lymphocytes",
                "lymphoid tissue of small, round, dark nuclei",
                "a monotonous infiltrate of small round lymphoid cells",
            ),
            "papillary": (
                "papillary fronds with fibrovascular cores",
                "finger-like projections into an open space",
                "slender papillae covered by a layer of cells",
            ),
            "cysts": (
                "large cystic spaces with a flat lining",
                "dilated cysts with thin walls",
                "wide open cavities filled with pale fluid",
            ),
        },
        "density": {
            "sparse": (
                "few, widely spaced nuclei",
                "sparse nuclei and low cellularity",
                "nuclei far apart from each other",
            ),
            "crowded": (
                "many crowded nuclei",
                "high cellularity with closely packed nuclei",
                "nuclei that touch and overlap",
            ),
        },
        "nuclei-size": {
            "small": (
                "small nuclei",
                "tiny, compact nuclei",
                "nuclei of small size with a low nucleus-to-cytoplasm ratio",
            ),
            "large": (
                "large nuclei",
                "enlarged nuclei",
                "big nuclei with a high nucleus-to-cytoplasm ratio",
            ),
        },
        "chromatin": {
            "dark": (
                "dark, hyperchromatic nuclei",
                "dense, nearly black chromatin",
                "deeply stained nuclei without inner detail",
            ),
            "open": (
                "pale, vesicular nuclei with nucleoli",
                "open chromatin and prominent nucleoli",
                "light nuclei with a thin dark rim",
            ),
        },
        "order": {
            "regular": (
                "a regular, even arrangement",
                "uniform cells of one size and shape",
                "an orderly, well-differentiated layout",
            ),
            "disordered": (
                "a disordered, haphazard arrangement",
                "marked pleomorphism, nuclei of varied size and shape",
                "an irregular, poorly differentiated layout with loss of polarity",
            ),
        },
        "spaces": {
            "no-gaps": (
                "no empty gaps in the tissue",
                "compact tissue without clefts",
                "an unbroken texture without clear slits",
            ),
            "gaps": (
                "clear white gaps in the tissue",
                "empty white clefts between the cells",
                "loose tissue torn by optically empty slits",
            ),
        },
    },
    strong=("architecture", "color"),
    conflicts=(
        # Lymphocytes are small, dark and so dense that nothing pink is left; what is fused is not sparse.
        ("lymphoid", "sparse", "large", "open", "pink"),
        ("crowded-glands", "sparse"),
        # These are poor in cells by what they are.
        ("crowded", "fibers", "mucus", "fat"),
        # The empty spaces of these are gaps themselves.
        ("no-gaps", "fat", "papillary", "cysts"),
        # What is dead has neither order nor open nuclei.
        ("debris", "regular", "open"),
    ),
)

"""The words of drawn cells: which attributes they have, their values, and how each value is said.

They are the words of hematology, so that they mean in a drawing what they mean in a real picture.
"""

from __future__ import annotations

from sgps.drawings.vocabulary import Vocabulary

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

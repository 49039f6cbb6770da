"""The words of the drawn body surfaces: which attributes an area of skin or mucosa has, their values, and how each is said.

They are the words in which clinicians and lay people speak of photographs of skin, wounds, mouth, throat, ear, bowel and
eye, so that they mean in a drawing what they mean in a real picture.
"""

from __future__ import annotations

from sgps.drawings.vocabulary import Vocabulary

SURFACE = Vocabulary(
    subjects=("area", "lesion", "patch", "spot"),
    values={
        "color": {
            "red": ("red", "bright red, inflamed", "fiery red, erythematous"),
            "pink": ("pink", "light pink", "rosy, salmon-pink"),
            "yellow": ("yellow", "yellowish", "pale to bright yellow"),
            "white": ("white", "whitish", "chalky white"),
            "black": ("black", "blackish", "coal-black"),
            "brown": ("brown", "brownish", "tan to dark brown"),
            "gray": ("gray", "grayish", "dull gray"),
            "purple": ("purple", "violaceous", "bluish-purple like a bruise"),
            "green": ("green", "greenish", "olive to yellow-green"),
            "amber": ("amber", "translucent honey-colored", "straw-colored, see-through"),
        },
        "texture": {
            "shiny": (
                "a smooth, wet, glistening surface",
                "a shiny surface with bright light reflections",
                "a moist, glossy surface",
            ),
            "scaly": (
                "dry, flaking scales",
                "a scaly surface peeling in white flakes",
                "silvery scaling",
            ),
            "crusted": (
                "thick crusts",
                "dried brown to honey-colored scabs",
                "a crusted surface with cracks",
            ),
            "ulcerated": (
                "a raw, open sore",
                "an ulcerated red granulating bed",
                "loss of the surface down to beefy red tissue",
            ),
            "necrotic": (
                "black eschar and yellow slough",
                "dead, necrotic tissue",
                "a dark leathery eschar with tan fibrinous slough",
            ),
            "purulent": (
                "creamy yellow pus",
                "thick purulent discharge",
                "cream-colored exudate oozing from it",
            ),
            "vascular": (
                "fine dilated blood vessels",
                "a network of thin red vessels",
                "branching injected vessels",
            ),
            "blistered": (
                "fluid-filled vesicles",
                "clear tense blisters",
                "a blistered surface of glistening bubbles",
            ),
            "rough": (
                "a rough, warty surface",
                "a bumpy, papillary surface",
                "cobblestone-like or cauliflower-like bumps",
            ),
            "plain": (
                "an even, featureless surface",
                "no scale, crust or sore",
                "a plain, uniform appearance",
            ),
        },
        "border": {
            "sharp": (
                "a sharp, well-defined border",
                "clearly demarcated, regular margins",
                "a crisp edge",
            ),
            "blurred": (
                "a blurred, ill-defined border",
                "margins fading into the surroundings",
                "a soft, indistinct edge",
            ),
            "irregular": (
                "an irregular, ragged border",
                "jagged, uneven margins",
                "a torn-looking, map-like edge",
            ),
        },
        "relief": {
            "flat": (
                "no elevation",
                "a flat, macular profile",
                "a level flush with the surroundings",
            ),
            "raised": (
                "a raised, bulging, dome-shaped profile",
                "elevation above the surroundings",
                "a swollen, protruding form",
            ),
            "sunken": (
                "a sunken, crater-like center",
                "a depressed, hollowed-out profile",
                "a deep cavity below the surroundings",
            ),
        },
        "shape": {
            "round": ("a round shape", "a circular outline", "a coin-like, disc-shaped form"),
            "oval": ("an oval shape", "an elliptical outline", "an egg-like, elongated oval form"),
            "linear": (
                "a linear shape like a cut",
                "an elongated, streak-like form",
                "a long narrow line or slit",
            ),
            "ring": (
                "a ring shape with a clear center",
                "an annular outline",
                "a circle of change around a normal middle",
            ),
        },
        "number": {
            "single": ("a single focus", "only one spot", "a solitary, isolated site"),
            "several": (
                "several scattered spots",
                "multiple separate foci spread apart",
                "many discrete sites across the surface",
            ),
            "clustered": (
                "a cluster of closely grouped spots",
                "grouped, crowded foci",
                "several sites huddled together",
            ),
            "diffuse": (
                "diffuse spread over most of the surface",
                "widespread, extensive involvement",
                "a change covering nearly the whole picture",
            ),
        },
        "size": {
            "small": ("a small size", "tiny dimensions", "little extent"),
            "large": ("a large size", "big dimensions", "broad extent"),
        },
    },
    strong=("color", "texture", "number"),
    conflicts=(
        # What covers most of the picture is neither a small thing nor a line, a ring or a hollow.
        ("diffuse", "small", "linear", "ring", "sunken"),
        # Dead tissue is not rosy, and hides what shines through.
        ("necrotic", "pink", "amber"),
        # Red vessels do not show on dark ground.
        ("vascular", "black", "brown", "purple"),
        # What is translucent is smooth.
        ("amber", "rough", "scaly", "ulcerated"),
    ),
)

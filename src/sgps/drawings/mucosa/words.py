"""The words of the drawn endoscopic views: which attributes the lining of a hollow organ has, their values, and how each is said.

They are the words of gastroscopy, colonoscopy, capsule endoscopy, laryngoscopy and cystoscopy reports, so that they mean in a
drawing what they mean in a real picture.
"""

from __future__ import annotations

from sgps.drawings.vocabulary import Vocabulary

MUCOSA = Vocabulary(
    subjects=("endoscopic view", "mucosa", "lining of the gut", "mucosal surface"),
    values={
        "color": {
            "salmon-pink": (
                "salmon-pink",
                "pink to orange-pink",
                "rosy, peach-colored",
            ),
            "reddened": (
                "diffusely reddened, erythematous",
                "inflamed, hyperemic red",
                "intensely red, congested",
            ),
            "whitish": (
                "pale, whitish",
                "blanched, pale gray-white",
                "pallid, discolored off-white",
            ),
        },
        "landmark": {
            "open-lumen": (
                "an open dark lumen with circular folds",
                "a view down the patent tubular lumen",
                "ring-shaped folds receding into a wide dark lumen",
            ),
            "wall-view": (
                "the wall seen en face, close up",
                "a face-on view of one wall",
                "a single wall without the lumen in view",
            ),
            "z-line": (
                "the Z-line, a jagged border of two linings",
                "the squamocolumnar junction",
                "an irregular transition from paler to redder epithelium",
            ),
            "dark-opening": (
                "a small round orifice with puckered folds",
                "a small dark opening such as the pylorus",
                "a small hole or slit such as the appendiceal orifice",
            ),
        },
        "vessels": {
            "visible-vessels": (
                "a clearly visible branching vascular pattern",
                "a fine network of submucosal vessels",
                "a preserved, distinct vascular pattern",
            ),
            "lost-vessels": (
                "loss of the vascular pattern",
                "an obscured, no longer visible vascular pattern",
                "no submucosal vessels to be seen",
            ),
            "dilated-vessels": (
                "tortuous, dilated, dark vessels",
                "engorged, bluish, snaking varices",
                "ectatic vessels as in angiectasia",
            ),
        },
        "growth": {
            "no-growth": (
                "no polyp or mass",
                "no polypoid lesion",
                "absence of any growth",
            ),
            "sessile-polyp": (
                "a sessile, broad-based, dome-shaped polyp",
                "a hemispherical polyp without a stalk",
                "a rounded polypoid bump on a broad base",
            ),
            "stalked-polyp": (
                "a pedunculated polyp on a stalk",
                "a polyp head hanging from a pedicle",
                "a mushroom-like polyp with a long stalk",
            ),
            "flat-lesion": (
                "a flat, slightly elevated lesion",
                "a superficial, laterally spreading lesion",
                "a wide, barely raised lesion",
            ),
            "ulcerated-mass": (
                "an irregular, ulcerated, fungating mass",
                "a large, friable tumor with central necrosis",
                "a bulky nodular carcinoma-like mass",
            ),
        },
        "defect": {
            "no-defect": (
                "an intact surrounding mucosa",
                "no erosions or ulcers in the surrounding mucosa",
                "an otherwise unbroken lining",
            ),
            "erosions": (
                "multiple small erosions with red halos",
                "several aphthous spots with white bases",
                "scattered aphthoid lesions ringed by erythema",
            ),
            "large-ulcer": (
                "a large ulcer with a yellow-white base",
                "a deep, fibrin-covered ulcer crater",
                "an extensive ulcer with a raised rim",
            ),
            "linear-breaks": (
                "linear mucosal breaks",
                "longitudinal, streak-like red breaks of the lining",
                "long, narrow ulcers running lengthwise",
            ),
        },
        "content": {
            "clean": (
                "a clean, well-prepared field",
                "a field washed free of fluid and residue",
                "a clear view of a rinsed surface",
            ),
            "bubbles": (
                "many bubbles and foam",
                "frothy, foamy fluid",
                "clusters of air bubbles",
            ),
            "stool": (
                "brown-yellow stool or bile-stained fluid",
                "turbid brown residue, fecal or bilious",
                "fecal matter or murky, bilious fluid",
            ),
            "fresh-blood": (
                "fresh, bright red blood",
                "active bleeding with pooling blood",
                "blood streaks and clots",
            ),
            "white-plaques": (
                "adherent white plaques",
                "patches of creamy white exudate",
                "adherent yellowish-white pseudomembranes",
            ),
        },
        "relief": {
            "smooth": (
                "a smooth, shiny surface",
                "an even, glossy surface",
                "a glistening surface without granularity",
            ),
            "cobblestone": (
                "a cobblestone surface",
                "a coarsely granular, nodular surface",
                "many rounded nodules side by side",
            ),
            "villous": (
                "a velvety, villous surface",
                "fine finger-like villi",
                "a finely textured, carpet-like surface of villi",
            ),
        },
        "dye": {
            "no-dye": (
                "no staining by dye",
                "natural, undyed tissue",
                "no blue discoloration by injected dye",
            ),
            "dyed-lift": (
                "a blue cushion lifted by injected dye",
                "submucosal injection of indigo carmine, well lifted",
                "a dyed, raised, bluish bleb",
            ),
            "dyed-resection": (
                "a resection site with dyed blue margins",
                "a cut resection bed rimmed with blue dye",
                "a polypectomy wound with blue-stained edges",
            ),
        },
    },
    strong=("growth", "content", "landmark", "dye"),
    conflicts=(
        # Where one lining is as pale as the other, no border is seen.
        ("z-line", "whitish"),
        # What has been cut away is no longer there, and its wound looks like an ulcer.
        ("dyed-resection", "sessile-polyp", "stalked-polyp", "flat-lesion", "ulcerated-mass"),
        ("dyed-resection", "large-ulcer"),
        # A mass has an ulcer of its own.
        ("ulcerated-mass", "large-ulcer"),
    ),
)

"""The words of the drawn tomograms: which attributes a slice of CT or MRI has, their values, and how each is said.

They are the words in which radiologists report slices of head, chest, abdomen and spine, so that they mean in a drawing
what they mean in a real picture.
"""

from __future__ import annotations

from sgps.drawings.vocabulary import Vocabulary

TOMOGRAM = Vocabulary(
    subjects=("slice", "cross-sectional scan", "tomogram", "sectional image"),
    values={
        "region": {
            "brain": (
                "brain within the skull",
                "a section of the head",
                "cerebral hemispheres with ventricles",
            ),
            "chest": (
                "lungs and mediastinum",
                "an axial section of the chest",
                "a thoracic section with lungs beside the heart",
            ),
            "abdomen": (
                "liver, kidneys and bowel",
                "an axial section of the abdomen",
                "abdominal organs in cross section",
            ),
            "spine": (
                "vertebral bodies and spinal canal",
                "a sagittal section of the spine",
                "a column of vertebrae with intervertebral disks",
            ),
        },
        "modality": {
            "ct": (
                "the appearance of computed tomography",
                "a CT window with white bone",
                "X-ray attenuation as on CT",
            ),
            "t1-weighted": (
                "T1-weighted MRI signal with dark fluid",
                "a T1-weighted MR sequence",
                "T1 contrast with bright fat",
            ),
            "t2-weighted": (
                "T2-weighted or FLAIR MRI signal",
                "a T2-weighted MR sequence",
                "long-TE, fluid-sensitive MRI contrast",
            ),
        },
        "mass": {
            "no-mass": (
                "no mass or nodule",
                "no space-occupying tumor",
                "absence of a focal mass",
            ),
            "single-mass": (
                "a single large mass",
                "one solitary tumor",
                "a solitary space-occupying lesion",
            ),
            "several-nodules": (
                "multiple scattered nodules",
                "several small lesions",
                "numerous separate metastasis-like foci",
            ),
        },
        "signal": {
            "isointense": (
                "the same signal as normal tissue",
                "isointense or isodense signal",
                "density equal to the normal parenchyma",
            ),
            "hyperintense": (
                "homogeneous, strong contrast enhancement",
                "hyperintense, bright signal throughout",
                "a solid, hyperdense, uniformly bright focus",
            ),
            "hypointense": (
                "a low-density, hypodense focus",
                "hypointense, dark signal throughout",
                "a poorly enhancing, dark area",
            ),
            "ring-enhancing": (
                "thick ring enhancement around a necrotic center",
                "peripheral rim enhancement with central necrosis",
                "a cavitated core with a thick bright wall",
            ),
            "cystic": (
                "a thin-walled, fluid-filled cyst",
                "cystic contents of water density",
                "homogeneous fluid within a hairline wall",
            ),
        },
        "border": {
            "smooth-border": (
                "smooth, well-circumscribed margins",
                "a sharply demarcated, regular border",
                "a well-defined, rounded contour",
            ),
            "lobulated-border": (
                "a lobulated contour",
                "lobular, scalloped margins",
                "a bosselated, multilobed outline",
            ),
            "spiculated-border": (
                "spiculated, infiltrating margins",
                "irregular, invasive, star-like borders",
                "ill-defined margins with radiating strands",
            ),
        },
        "place": {
            "peripheral": (
                "a peripheral, dural or pleural based location",
                "a location at the outer surface",
                "a subpleural or subcapsular, extra-axial site",
            ),
            "central": (
                "a central, midline or hilar location",
                "a site next to the midline",
                "a mediastinal, sellar or intraspinal location",
            ),
            "deep": (
                "a deep location within the parenchyma",
                "an intraparenchymal, intra-axial site",
                "a site in the middle of one side's parenchyma",
            ),
        },
        "surround": {
            "quiet-surround": (
                "no edema and no mass effect",
                "normal surrounding tissue, midline in place",
                "unaffected neighboring structures",
            ),
            "edema": (
                "extensive surrounding edema",
                "a wide perilesional halo",
                "broad, finger-like vasogenic edema",
            ),
            "shifted": (
                "marked mass effect with midline shift",
                "displacement of the midline structures",
                "compressed neighbors pushed to one side",
            ),
        },
        "background": {
            "normal-background": (
                "otherwise normal parenchyma",
                "no atrophy and no diffuse disease",
                "normal organ volume and texture",
            ),
            "atrophy": (
                "marked atrophy with widened fluid spaces",
                "enlarged ventricles and sulci, shrunken organs",
                "generalized volume loss",
            ),
            "haze": (
                "diffuse ground-glass opacity",
                "widespread, patchy, hazy signal change",
                "confluent, bilateral, cloudy abnormality",
            ),
            "reticular": (
                "a coarse reticular pattern",
                "honeycombing and fibrotic reticulation",
                "a diffuse network of thickened septa",
            ),
        },
        "extra": {
            "no-extra": (
                "no hemorrhage, calcification or fluid collection",
                "neither calcified foci, blood nor effusion",
                "no bleeding and no effusion",
            ),
            "calcification": (
                "punctate bright calcifications",
                "clustered, stone-like calcified specks",
                "multiple tiny, dense calcific foci",
            ),
            "hemorrhage": (
                "acute, bright intraparenchymal hemorrhage",
                "a large, irregular hematoma",
                "extravasated blood pooling in the tissue",
            ),
            "collection": (
                "a crescent-shaped fluid collection along the wall",
                "pleural effusion, ascites or subdural fluid",
                "a layering effusion at the outer margin",
            ),
        },
    },
    strong=("region",),
    conflicts=(
        # A wall around something makes it a mass.
        ("no-mass", "ring-enhancing", "cystic"),
    ),
)

"""The words of the drawn fundi: which attributes a photograph of the back of the eye has, their values, and how each is said.

They are the words in which ophthalmologists describe fundus photographs, so that they mean in a drawing what they mean in
a real picture.
"""

from __future__ import annotations

from sgps.drawings.vocabulary import Vocabulary

FUNDUS = Vocabulary(
    subjects=(
        "fundus photograph",
        "retinal photograph",
        "fundus picture",
        "back of the eye",
    ),
    values={
        "disc": {
            "normal-disc": (
                "a healthy pink optic disc with small cup",
                "a distinct disc margin and normal cup-to-disc ratio",
                "an optic nerve head of normal color",
            ),
            "cupped-disc": (
                "an enlarged optic cup with thin neuroretinal rim",
                "a high cup-to-disc ratio, glaucomatous cupping",
                "deep excavation of the optic nerve head",
            ),
            "swollen-disc": (
                "a swollen optic disc with blurred margins",
                "optic disc edema, papilledema",
                "an elevated, hyperemic nerve head without clear edge",
            ),
            "pale-disc": (
                "optic disc pallor",
                "a chalky white, atrophic optic disc",
                "optic atrophy with a well-outlined white disc",
            ),
        },
        "hemorrhage": {
            "no-hemorrhage": (
                "no retinal hemorrhage",
                "absence of any bleeding",
                "a retina free of blood spots",
            ),
            "dot-blot": (
                "microaneurysms and dot-and-blot hemorrhages",
                "scattered round dark red dots and blots",
                "many small deep intraretinal hemorrhages",
            ),
            "flame": (
                "flame-shaped hemorrhages along the vessels",
                "splinter-like superficial nerve fiber layer hemorrhages",
                "streaky red hemorrhages radiating in all quadrants",
            ),
            "preretinal-pool": (
                "a large preretinal hemorrhage",
                "a boat-shaped subhyaloid pool of blood",
                "a big dark red hemorrhage with fluid level",
            ),
        },
        "exudate": {
            "no-exudate": (
                "neither exudates nor drusen",
                "no yellow or white deposits in the retina",
                "absence of lipid deposits",
            ),
            "hard-exudates": (
                "bright yellow hard exudates",
                "waxy lipid deposits in clusters",
                "a circinate ring of hard exudates",
            ),
            "cotton-wool": (
                "several white cotton-wool spots",
                "fluffy white soft exudates",
                "feathery white nerve fiber layer infarcts",
            ),
            "drusen": (
                "many soft drusen in the macula",
                "scattered round yellowish dots at the posterior pole",
                "soft, confluent drusen under the retina",
            ),
        },
        "macula": {
            "normal-macula": (
                "a normal dark fovea",
                "an unremarkable foveal center",
                "a fovea evenly darker than its surroundings",
            ),
            "pigmented-scar": (
                "a pigmented macular scar",
                "a disciform fibrous scar with black pigment",
                "a yellow-white macular scar with dark pigment clumps",
            ),
            "pale-atrophy": (
                "geographic atrophy of the macula",
                "a well-demarcated pale atrophic patch centrally",
                "central loss of pigment epithelium baring choroidal vessels",
            ),
            "serous-dome": (
                "a serous detachment of the macula",
                "a round dome of subretinal fluid centrally",
                "a blister-like, circumscribed macular elevation",
            ),
            "cherry-red-spot": (
                "a cherry-red spot at the fovea",
                "milky retinal whitening around a red fovea",
                "an opaque white macula with cherry-red center",
            ),
        },
        "vessels": {
            "normal-vessels": (
                "retinal vessels of normal caliber and course",
                "unremarkable arterioles and venules",
                "healthy, evenly curved vascular arcades",
            ),
            "tortuous-vessels": (
                "dilated, tortuous retinal veins",
                "engorged vessels winding like snakes",
                "marked venous tortuosity and engorgement",
            ),
            "attenuated-vessels": (
                "attenuated, thread-like arterioles",
                "generalized narrowing of retinal vessels",
                "thin, sclerotic, barely filled vessels",
            ),
            "new-vessels": (
                "neovascularization with fine vascular tufts",
                "fans of fragile new vessels",
                "lacy networks of proliferating new vessels",
            ),
        },
        "media": {
            "clear-media": (
                "clear ocular media",
                "a crisp view of fine details",
                "no opacity in lens or vitreous",
            ),
            "hazy-media": (
                "media haze as from a cataract",
                "a blurred, foggy view of the retina",
                "details veiled by a clouded lens",
            ),
            "asteroid-bodies": (
                "asteroid hyalosis of the vitreous",
                "glittering cream-white particles floating in the vitreous",
                "many refractile asteroid bodies before the retina",
            ),
        },
        "ground": {
            "even-ground": (
                "an even orange-red background",
                "a uniformly pigmented background without tessellation",
                "a plain reddish-orange background",
            ),
            "tigroid-ground": (
                "a tessellated, tigroid fundus with visible choroidal vessels",
                "myopic thinning and a peripapillary crescent",
                "a tigroid pattern of bared choroid",
            ),
            "bone-spicules": (
                "bone-spicule pigmentation in the periphery",
                "black spidery pigment clumps in the mid-periphery",
                "intraretinal pigment migration shaped like bone corpuscles",
            ),
        },
        "retina": {
            "flat-retina": (
                "a flat, attached retina outside the macula",
                "neither scars nor detachment beyond the arcades",
                "a peripheral retina without scar or detachment",
            ),
            "laser-scars": (
                "panretinal photocoagulation scars",
                "a grid of round laser burns",
                "rows of evenly spaced laser spots",
            ),
            "white-patch": (
                "a large white chorioretinal atrophic patch",
                "bare white sclera with a pigmented border",
                "a punched-out chorioretinal lesion beyond the arcade",
            ),
            "detached-retina": (
                "a rhegmatogenous retinal detachment",
                "gray, billowing folds of elevated retina",
                "a corrugated, ballooning, lifted retina",
            ),
        },
    },
    strong=("disc", "hemorrhage", "exudate", "macula", "ground", "retina"),
    conflicts=(
        # A crescent beside the disc and a disc without edge would be taken for one another.
        ("tigroid-ground", "swollen-disc"),
        # Yellow dots do not show on a milky macula.
        ("cherry-red-spot", "drusen"),
        # Both are strewn over the same periphery.
        ("bone-spicules", "laser-scars"),
        # A veil hides what is as fine as a hair.
        ("hazy-media", "new-vessels"),
    ),
)

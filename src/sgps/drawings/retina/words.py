"""The words of the drawn retinas: which attributes an optical coherence scan has, their values, and how each is said.

They are the words in which ophthalmologists read cross-sections of the macula, so that they mean in a drawing what they
mean in a real picture.
"""

from __future__ import annotations

from sgps.drawings.vocabulary import Vocabulary

RETINA = Vocabulary(
    subjects=(
        "OCT scan",
        "cross-section of the retina",
        "optical coherence tomogram",
        "macular B-scan",
    ),
    values={
        "fovea": {
            "normal-pit": (
                "a preserved foveal depression",
                "a foveal pit of ordinary shape",
                "a central foveal dip",
            ),
            "flat-fovea": (
                "loss of the foveal depression",
                "a flattened, effaced foveal contour",
                "an absent foveal pit",
            ),
            "macular-hole": (
                "a full-thickness macular hole",
                "a central full-thickness foveal defect",
                "a gap through all retinal layers at the fovea",
            ),
            "pulled-fovea": (
                "a fovea pulled up by vitreous traction",
                "vitreomacular traction tenting the fovea",
                "a peaked fovea under a vitreous strand",
            ),
        },
        "thickness": {
            "normal-thickness": (
                "normal retinal thickness",
                "a retina of ordinary thickness",
                "unchanged macular thickness",
            ),
            "thickened": (
                "marked retinal thickening",
                "a thickened, bulky macula",
                "increased retinal thickness",
            ),
            "thinned": (
                "marked retinal thinning",
                "a thin, atrophic retina",
                "reduced macular thickness with atrophy",
            ),
        },
        "intraretinal": {
            "no-cysts": (
                "no intraretinal fluid",
                "no cystoid spaces in the retina",
                "a compact retina free of cysts",
            ),
            "round-cysts": (
                "round dark intraretinal cysts",
                "cystoid macular edema with hyporeflective spaces",
                "large intraretinal cystoid cavities of fluid",
            ),
            "sponge-swelling": (
                "sponge-like diffuse retinal edema",
                "diffuse spongiform edema of the retina",
                "a hazy, porous retina of low reflectivity",
            ),
        },
        "subretinal": {
            "no-subretinal-fluid": (
                "no subretinal fluid",
                "a retina attached to the pigment epithelium",
                "no detachment of the neurosensory retina",
            ),
            "subretinal-dome": (
                "a dark dome of subretinal fluid",
                "serous detachment of the neurosensory retina",
                "hyporeflective fluid beneath the retina",
            ),
            "subretinal-material": (
                "hyperreflective subretinal material",
                "a bright subretinal fibrous scar",
                "a dense, bright mound beneath the retina",
            ),
        },
        "epithelium": {
            "smooth-line": (
                "a smooth retinal pigment epithelium line",
                "an even, continuous pigment epithelium",
                "a regular RPE band without bumps",
            ),
            "drusen": (
                "many small drusen bumps of the RPE",
                "drusen as undulating RPE elevations",
                "multiple small rounded deposits under the RPE",
            ),
            "dome-detachment": (
                "a large pigment epithelial detachment",
                "one high dome-shaped RPE elevation",
                "a big serous detachment of the pigment epithelium",
            ),
            "irregular-epithelium": (
                "an irregular, broken, thickened RPE",
                "a disrupted, ragged pigment epithelium as in neovascularization",
                "fragmented thick RPE with a neovascular membrane",
            ),
        },
        "foci": {
            "no-foci": (
                "no hyperreflective foci",
                "no exudates and no bright dots",
                "layers free of bright spots",
            ),
            "bright-foci": (
                "scattered hyperreflective foci",
                "many tiny bright intraretinal dots",
                "punctate hyperreflective spots in the retina",
            ),
            "hard-exudates": (
                "hard exudates casting shadows",
                "bright clumps of lipid with posterior shadowing",
                "coarse hyperreflective deposits with dark shadows below",
            ),
        },
        "membrane": {
            "no-membrane": (
                "no epiretinal membrane",
                "an unwrinkled inner retinal surface",
                "an inner surface free of membranes",
            ),
            "epiretinal-membrane": (
                "an epiretinal membrane with retinal folds",
                "a bright preretinal line wrinkling the surface",
                "macular pucker with surface corrugation",
            ),
            "detached-hyaloid": (
                "a detached posterior hyaloid",
                "posterior vitreous detachment as a thin line",
                "a thin hyaloid line above the retina",
            ),
        },
        "choroid": {
            "normal-choroid": (
                "a choroid of normal thickness",
                "an ordinary choroid with small vessels",
                "an unremarkable choroid",
            ),
            "thick-choroid": (
                "a thick choroid with large dilated vessels",
                "pachychoroid with dark dilated vessel lumens",
                "choroidal thickening with enlarged vessels",
            ),
            "bright-transmission": (
                "hypertransmission of light into a thin choroid",
                "choroidal thinning with increased light transmission",
                "bright signal passing through into a thinned choroid",
            ),
        },
        "layering": {
            "distinct-layers": (
                "clearly distinct outer retinal layers",
                "preserved lamination of the outer retina",
                "a well-defined, bright ellipsoid zone",
            ),
            "bright-inner-layers": (
                "hyperreflective inner retinal layers",
                "bright, opaque inner retina from ischemia",
                "increased inner reflectivity with blurred lamination",
            ),
            "outer-layer-loss": (
                "loss of the outer retinal layers",
                "an absent ellipsoid zone",
                "photoreceptor loss with a collapsed outer nuclear layer",
            ),
        },
    },
    strong=("thickness", "intraretinal", "subretinal", "foci"),
    conflicts=(
        # A retina that holds much fluid is not thin, and there is no room for cysts in one that is.
        ("thinned", "round-cysts", "sponge-swelling"),
        # What is porous and dim inside is not bright there.
        ("sponge-swelling", "bright-inner-layers"),
        # A vitreous that pulls at the fovea has not come off it.
        ("pulled-fovea", "detached-hyaloid"),
        # What lies under the retina keeps light from going through.
        ("bright-transmission", "dome-detachment"),
    ),
)

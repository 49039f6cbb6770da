"""The words of the drawn bones: which attributes a radiograph of limbs has, their values, and how each is said.

They are the words in which radiologists report films of long bones, joints, hands and feet, so that they mean in a drawing what
they mean in a real picture.
"""

from __future__ import annotations

from sgps.drawings.vocabulary import Vocabulary

BONE = Vocabulary(
    subjects=("bone radiograph", "skeletal film", "plain film of a limb", "X-ray of bone"),
    values={
        "region": {
            "shaft": (
                "the shaft of a long bone",
                "a diaphysis running through the film",
                "a long tubular bone of the limb",
            ),
            "joint": (
                "two broad bone ends facing each other",
                "a large hinge joint such as a knee",
                "condyles opposite a plateau",
            ),
            "digits": (
                "slender phalanges side by side",
                "the small bones of fingers or toes",
                "rays of short tubular bones",
            ),
        },
        "density": {
            "normal-density": (
                "normal bone density",
                "a regular cortex around a gray marrow cavity",
                "preserved mineralization",
            ),
            "osteopenic": (
                "demineralized bone with a pencil-thin cortex",
                "marked osteopenia",
                "washed-out, translucent bone",
            ),
            "sclerotic": (
                "diffusely dense bone without a marrow cavity",
                "generalized osteosclerosis",
                "chalk-white bone throughout",
            ),
        },
        "fracture": {
            "no-fracture": (
                "no fracture line",
                "an unbroken cortex",
                "intact bone without interruption",
            ),
            "hairline-fracture": (
                "a thin lucent line across the bone",
                "an undisplaced transverse fracture",
                "a hairline crack in good alignment",
            ),
            "displaced-fracture": (
                "a displaced fracture with a step of the cortex",
                "fragments out of line",
                "a broken, angulated and shifted bone",
            ),
            "comminuted-fracture": (
                "a comminuted fracture",
                "a break into many small fragments",
                "splintered bone",
            ),
        },
        "lesion": {
            "no-lesion": (
                "no bone lesion",
                "no focal destruction",
                "an even marrow cavity without tumor",
            ),
            "lytic-lesion": (
                "a punched-out lytic defect",
                "a lucent hole in the bone",
                "a geographic focus of bone destruction",
            ),
            "expansile-lesion": (
                "an expansile, bubbly lesion with a thin shell",
                "a ballooned bone cyst with septa",
                "a blown-out, multiloculated lucency",
            ),
            "blastic-lesion": (
                "a dense blastic focus",
                "a cotton-white sclerotic patch in the marrow",
                "a bone-forming, ivory-like lesion",
            ),
        },
        "surface": {
            "smooth-surface": (
                "a smooth periosteum",
                "no periosteal reaction",
                "a sharp, plain outer contour",
            ),
            "layered-surface": (
                "onion-skin periosteal layers",
                "lamellated new bone along the cortex",
                "parallel periosteal stripes",
            ),
            "spiculated-surface": (
                "a sunburst of periosteal spicules",
                "hair-on-end new bone standing off the cortex",
                "radiating periosteal spikes",
            ),
        },
        "space": {
            "no-space": (
                "no joint in view",
                "no articular surface on the film",
                "a film between two joints",
            ),
            "open-space": (
                "a joint space of normal width",
                "wide, well-kept cartilage space",
                "articular surfaces well apart",
            ),
            "narrowed-space": (
                "a narrowed joint space",
                "bone nearly on bone",
                "loss of the articular gap",
            ),
        },
        "margin": {
            "plain-margin": (
                "no osteophytes",
                "rounded joint margins without spurs",
                "no bony outgrowth at the edges",
            ),
            "spurs": (
                "marginal osteophytes",
                "beak-like bony spurs at the joint margins",
                "pointed bony lips",
            ),
        },
        "soft-tissue": {
            "slim-soft-tissue": (
                "slim soft tissues",
                "no soft-tissue swelling",
                "normal soft-tissue outlines",
            ),
            "swelling": (
                "marked soft-tissue swelling",
                "a bulging soft-tissue shadow",
                "puffy, widened soft tissues",
            ),
            "calcified-soft-tissue": (
                "calcifications in the soft tissues",
                "chalky deposits beside the bone",
                "calcific clumps outside the bone",
            ),
        },
        "hardware": {
            "no-hardware": (
                "no metalwork",
                "no implant",
                "neither plate nor nail",
            ),
            "plate": (
                "a metal plate with screws",
                "plate osteosynthesis",
                "a plate fixed along the cortex",
            ),
            "nail": (
                "an intramedullary nail",
                "a metal rod within the marrow cavity",
                "a long pin along the axis of the bone",
            ),
        },
    },
    strong=("region", "density", "fracture", "lesion"),
    conflicts=(
        # A joint is seen, or a shaft between two.
        ("shaft", "open-space", "narrowed-space", "spurs"),
        ("no-space", "joint", "digits"),
    ),
)

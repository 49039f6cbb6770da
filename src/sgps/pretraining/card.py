"""The engine's card: what it is, what it has seen, and under which licenses."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sgps.datasets.catalogue import image_set
from sgps.drawings.tasks import KINDS, VALUES
from sgps.evaluation.provenance import git_commit
from sgps.pretraining.config import DRAWN, Expert, Recipe
from sgps.pretraining.pool import Pool
from sgps.version import __version__


def engine_card(recipe: Recipe, pool: Pool, hours: Mapping[str, float], known_classes: int) -> str:
    """Text of the engine's README.md: recipe, sets, classes, counts and licenses; the hours that it took, by hardware."""
    rows = []
    for source in pool.sources:
        if source.family == DRAWN:
            continue
        entry = image_set(source.set_name)
        counts = [int((source.labels == c).sum()) for c in range(len(source.class_names))]
        classes = ", ".join(f"{n} {k}" for n, k in zip(source.class_names, counts, strict=True))
        if source.set_name in recipe.held_out:
            stage = "no stage" if source.is_attribute else "episodes only"
        else:
            stage = "features only" if source.is_attribute else "features and episodes"
        rows.append(
            f"| {source.name} | {entry.modality} | {classes} | {stage} | {entry.license} | {entry.reference} |"
        )
    start = f"`{Path(recipe.start).name}`"
    if recipe.architecture == "tf_efficientnetv2_b0":
        start = "an EfficientNetV2-B0 trained on ImageNet-1k (Keras Applications, Apache-2.0)"
    experts = "\n".join(
        f"- **{expert.name}**: {', '.join(_family(f, recipe) for f in expert.families)}; {expert.optimization.steps} steps of "
        f"{expert.optimization.batch_size} pictures{_shown(expert)} at {expert.optimization.image_size} px, from the "
        f"{'start' if expert.from_start else 'whole way of the base'}{_share(expert)}{_followed(expert)}."
        for expert in recipe.experts
    )
    return f"""---
license: cc-by-nc-sa-4.0
library_name: sgps
pipeline_tag: image-classification
---

# {recipe.name}: an engine of sgps

Reads a few labelled medical pictures and a sentence a class, and writes every parameter of a
`{recipe.architecture}`. Written by sgps {__version__} from a recipe with digest `{recipe.digest[:16]}`.

**Not a medical device.** For research. Several of the sets below may not be used commercially, and so neither may this
engine or what it synthesizes; see the license column.

## What it was pretrained on

The start is {start}, trained onward. Classes of the role "dev" were refused by the code: it has seen none of `akiec`,
`df`, `vasc` of HAM10000 nor any picture of the dev sets. Of the groups of every set, about 12 % never entered the
feature stage and served the episodes.

| set | modality | classes and pictures | used for | license | from |
|---|---|---|---|---|---|
{chr(10).join(rows)}

## How

- **base**: {recipe.representation.steps} steps of {recipe.representation.batch_size} pictures at \
{recipe.representation.image_size} px over all sets but the held-out ones, with distillation \
from the start{" and " + ", ".join(recipe.teachers) if recipe.teachers else ""}; moved {recipe.base_step:g} of the way.
{experts}
- **memory**: a text and a mean feature of each of {known_classes} classes above, by which descriptions are answered; tasks
familiar by their descriptions move up to {recipe.expert_step:g} of the way towards the expert that has learned them.
{_lexicon(recipe)}- **generator and head**: {recipe.episodic.steps} steps of {recipe.episodic.tasks_per_step} tasks, \
after {recipe.episodic.head_steps} steps of the head alone.
- **temperature**: fitted to {recipe.episodic.calibration_tasks} tasks{_drawn_tasks(recipe)}.

Made at commit `{git_commit() or "unknown"}` in {_times(hours)}.

Known weaknesses: shortcuts in several sets (stain color in `leukemia_all4`, different sources of the classes in
`brain_mri_nickparvar4`, stickers in `isic2017`); `bccd_wbc4` is augmentations of about 350 originals.
"""


def _times(hours: Mapping[str, float]) -> str:
    return " and ".join(f"{count:.1f} hours on {hardware}" for hardware, count in hours.items())


def _family(name: str, recipe: Recipe) -> str:
    return f"{recipe.drawn_images} drawn pictures" if name == DRAWN else name


def _share(expert: Expert) -> str:
    way = "towards" if expert.share > 0 else "away from"
    return f"; the base moves {abs(expert.share):g} of the way {way} it" if expert.share else ""


def _lexicon(recipe: Recipe) -> str:
    if not recipe.lexicon_drawings:
        return ""
    count = recipe.lexicon_drawings
    return f"""- **lexicon**: what {len(VALUES)} values of attributes look like, from {count} drawings each of {len(KINDS)} kinds
({", ".join(KINDS)}), which are told by a sentence; no patient's picture.
"""


def _drawn_tasks(recipe: Recipe) -> str:
    said = ", and what is typical (`typicality.json`) with it"
    if recipe.lexicon_drawings:
        said = "; each kind of drawings posed as many as a set. What is typical (`typicality.json`): fitted to those of sets"
    return said


def _shown(expert: Expert) -> str:
    weight = expert.optimization.contrast
    return f", each shown twice and told from the others (weight {weight:g})," if weight else ""


def _followed(expert: Expert) -> str:
    return "" if expert.is_followed else "; no task follows it"

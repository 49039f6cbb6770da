"""Say what a recipe will do, before anything is decoded or trained.

In: a recipe. Out: its sets with the pictures that may be learned from, its stages with their pictures, ready for JSON.
"""

from __future__ import annotations

import math
from pathlib import Path

from sgps.datasets.catalogue import image_set
from sgps.drawings.tasks import KINDS
from sgps.errors import InputError, listing
from sgps.pretraining.config import DRAWN, HUB, Optimization, Recipe
from sgps.pretraining.pool import train_archives, train_items
from sgps.pretraining.start import read_start
from sgps.target.architecture import build_architecture


def plan(recipe: Recipe, processes: int) -> dict[str, object]:
    """Check a recipe and count what it will do.

    Args:
        recipe: what is to be done.
        processes: number of processes that will share it.

    Raises:
        InputError: recipe, start, sets or processes do not go together. No picture is decoded, nothing is fetched from the hub,
            and no further teacher is opened; a run may still refuse these.
    """
    architecture = build_architecture(recipe.architecture)
    if not recipe.start.startswith(HUB):
        read_start(recipe.start, architecture)
    recipe.refuse_processes(processes)
    sets: dict[str, dict[str, object]] = {}
    pictures = 0
    for archive in archives_of(recipe):
        items = train_items(archive, recipe.max_images)
        pictures += len(items)
        sets[archive.stem] = {
            "family": image_set(archive.stem).family,
            "pictures": len(items),
            "classes": sorted({item.label for item in items}),
            "stage": "episodes" if archive.stem in recipe.held_out else "features and episodes",
        }
    stored = (pictures + recipe.drawn_images) * 3 * recipe.stored_size**2
    return {
        "engine": recipe.name,
        "recipe": recipe.digest,
        "architecture": architecture.name,
        "parameters": sum(math.prod(spec.shape) for spec in architecture.parameters),
        "start": recipe.start,
        "processes": processes,
        "sets": sets,
        "pictures": pictures,
        "drawn_pictures": recipe.drawn_images,
        "drawings_of_lexicon": len(KINDS) * recipe.lexicon_drawings,
        "gigabytes_of_pictures": round(stored / 1e9, 2),
        "stages": {
            "base": _stage(recipe.representation, processes),
            **{f"expert-{e.name}": _stage(e.optimization, processes) for e in recipe.experts},
            "episodic": {
                "steps": recipe.episodic.steps,
                "tasks": recipe.episodic.steps * recipe.episodic.tasks_per_step,
            },
        },
    }


def archives_of(recipe: Recipe) -> list[Path]:
    """Archives of a recipe's train sets, sorted by name.

    Raises:
        InputError: there is none, `held_out` names others, or a network has no set to learn from.
    """
    archives = train_archives(recipe.data, recipe.held_out)
    families: set[str] = {
        image_set(archive.stem).family
        for archive in archives
        if archive.stem not in recipe.held_out
    }
    is_baseless = not families
    if recipe.drawn_images:
        families.add(DRAWN)
    idle = [e.name for e in recipe.experts if not families & set(e.families)]
    if is_baseless or idle:
        raise InputError(
            f"no train set for {listing(idle) or 'the base'} in {recipe.data}: the families there are "
            f"{listing(sorted(families)) or 'none'}. Add sets or correct the recipe."
        )
    return archives


def _stage(config: Optimization, processes: int) -> dict[str, object]:
    return {
        "steps": config.steps,
        "pictures_a_step": config.batch_size,
        "pictures_a_step_and_process": -(-config.batch_size // processes),
        "pictures": config.steps * config.batch_size,
        "image_size": config.image_size,
    }

"""Read a pretraining recipe: a TOML file that holds every choice, so that a run can be repeated from it alone.

Every field of the dataclasses below may stand in the file under its own name; an unknown key is an error.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast, get_args

from sgps.datasets.catalogue import Family
from sgps.engine.config import EngineConfig
from sgps.errors import InputError, listing
from sgps.evaluation.peers import PEER_NAMES
from sgps.pretraining.limits import bad_values
from sgps.records import build

HUB = "hf-hub:"
"""How the name of a network on the hub begins, as in timm."""
DRAWN = "drawn"
"""Family of drawn pictures; no image set has it."""
_FAMILIES = (*get_args(Family), DRAWN)
_LEAST_DRAWINGS = 10
"""Fewest drawings of a kind from which anything can be learned."""
EPISODIC = "episodic"
"""Name of the last stage; those before it train one network each."""
_AFTER_NETWORKS = {
    "name",
    "image_size",
    "base_step",
    "expert_step",
    "lexicon_drawings",
    "episodic",
}
"""Fields that only matter once all networks are trained."""


@dataclass(frozen=True, kw_only=True)
class Optimization:
    """How long and how fast one network is trained."""

    steps: int
    """Number of optimiser steps."""
    batch_size: int = 48
    """Pictures a step."""
    learning_rate: float = 3e-4
    """Peak rate of AdamW, reached after `warmup_steps`, then cosine to zero."""
    warmup_steps: int = 50
    """Steps of linear warm-up."""
    weight_decay: float = 0.02
    """Decoupled weight decay of convolution filters."""
    ema_decay: float = 0.998
    """Decay of the exponential moving average of the weights; the average is what is kept."""
    distillation: float = 2.0
    """Weight of the cosine distance between the features of the network and of its teachers."""
    label_smoothing: float = 0.1
    """Share of the target spread over all classes."""
    contrast: float = 0.0
    """Weight of telling a picture's second view from all other pictures of its family; above 0 every picture is shown twice."""
    mining: float = 0.0
    """How much more a picture counts that was misclassified when last drawn: `1 + mining` times."""
    image_size: int = 128
    """Side of the training picture, in pixels."""
    color_jitter: float = 1.0
    """Factor on how far colors are changed; below 1 where color tells classes apart."""


@dataclass(frozen=True, kw_only=True)
class Expert:
    """One expert direction: a network that learns from some families of pictures only."""

    name: str
    """Name of the expert, as the engine stores it."""
    families: tuple[str, ...]
    """Families of image sets that it learns from; `drawn` for drawn pictures."""
    from_start: bool = False
    """Whether it goes on from the recipe's start, whose general features it then brings along, instead of the base."""
    share: float = 0.0
    """How far the base moves from the start towards the expert, too, beside its own step; away from it if negative."""
    is_followed: bool = True
    """Whether tasks may follow it; otherwise only the base moves towards it, and the engine keeps nothing else of it."""
    optimization: Optimization


@dataclass(frozen=True, kw_only=True)
class Episodic:
    """The stage in which generator and head learn on tasks."""

    steps: int
    """Number of optimiser steps."""
    head_steps: int = 300
    """Steps of the head alone, before generator and head learn together."""
    calibration_tasks: int = 200
    """Tasks that the temperature is fitted to at the end, of every learned set equally often, and as often of every kind of
    drawings if there is a lexicon."""
    tasks_per_step: int = 4
    """Tasks whose gradients are averaged in one step."""
    learning_rate: float = 1e-3
    """Peak rate of AdamW."""
    max_way: int = 5
    """Largest number of classes of a task; the smallest is 2."""
    max_shot: int = 8
    """Largest number of support pictures of a class; the smallest is 1."""
    queries: int = 4
    """Query pictures of a class."""
    image_size: int = 128
    """Side of the pictures, in pixels."""
    seen_share: float = 0.25
    """Share of tasks from sets that the experts have seen (with pictures that they have not)."""
    teacher: float = 0.5
    """Weight of the divergence from the teacher's answer: ridge on the joined features of base and experts."""
    generator_width: int = EngineConfig.width
    """Width of the tokens that task encoder and weight generator think in; a multiple of their four attention heads."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A whole pretraining run."""

    name: str
    """Name of the engine that comes out."""
    start: str
    """Network that training starts from: timm safetensors, relative to the recipe's folder, or `hf-hub:timm/NAME`."""
    data: Path
    """Folder of image-set archives, relative to the recipe's folder."""
    architecture: str = "tf_efficientnetv2_b0"
    """Target network; the start must be one."""
    image_size: int = 128
    """Side of the input of base and synthesized networks, in pixels."""
    held_out: tuple[str, ...] = ()
    """Train sets kept from the representation stage, so that episodes pose classes that no expert has seen."""
    teachers: tuple[str, ...] = ()
    """Further ImageNet networks to distil from, beside the start: `lite0`, `lite2`, or files, relative to the recipe's folder."""
    stored_size: int = 160
    """Side at which pictures are kept in memory, in pixels."""
    seed: int = 0
    """Seed of everything random."""
    checkpoint_minutes: float = 5.0
    """Time between checkpoints: a killed run loses at most this much of the steps of a network or of the episodes. Pictures,
    memory, lexicon and cached features are made anew whenever a run goes on; the head alone and calibration, unless done."""
    base_step: float = 1.0
    """How far the base moves from the start towards the trained network (1 = all the way)."""
    expert_step: float = 0.4
    """How far a task that is wholly familiar to an expert moves towards it, before the generator's choice per tensor."""
    max_images: int = 0
    """Keep at most this many pictures of a set (0 = all); for smoke runs."""
    drawn_images: int = 0
    """Drawn pictures, of all kinds; experts of the family `drawn` learn from them, the base does not."""
    lexicon_drawings: int = 0
    """Drawings of each kind that teach the engine what words look like (0 = it has no lexicon)."""
    on_disk: bool = False
    """Keep decoded pictures in a file of the run instead of memory; processes of one machine share it."""
    representation: Optimization
    experts: tuple[Expert, ...] = field(default=())
    episodic: Episodic

    def content(self) -> dict[str, object]:
        """All that decides the result, ready for JSON.

        Where files and pictures lie and how often a checkpoint is written do not count: a run may be moved and go on.
        """
        content = dataclasses.asdict(self)
        del content["data"], content["checkpoint_minutes"], content["on_disk"]
        content["start"] = Path(self.start).name
        content["teachers"] = [Path(teacher).name for teacher in self.teachers]
        return content

    def refuse_processes(self, count: int) -> None:
        """Stop if a step has less than one picture or task for each process.

        Raises:
            InputError: it has; the sizes that are too small are named.
        """
        sizes = {"representation.batch_size": self.representation.batch_size}
        sizes |= {f"{e.name}.batch_size": e.optimization.batch_size for e in self.experts}
        sizes["episodic.tasks_per_step"] = self.episodic.tasks_per_step
        small = [f"{name} = {size}" for name, size in sizes.items() if size < count]
        if small:
            raise InputError(
                f"{count} processes cannot share {', '.join(small)}. "
                "Use fewer processes, or raise it in the recipe."
            )

    @property
    def digest(self) -> str:
        """SHA-256 of the recipe's content."""
        return _digest(self.content())

    def stage_digest(self, stage: str) -> str:
        """SHA-256 of what decides a stage's result; what was made by another recipe is refused by it.

        The networks do not depend on how they are put together nor on the episodes, so that these may be chosen again
        without training the networks again.
        """
        return self.digest if stage == EPISODIC else _digest(network_content(self.content()))


def network_content(content: Mapping[str, object]) -> dict[str, object]:
    """Of a recipe's content, what decides the networks: the base as trained and the experts."""
    kept = {key: value for key, value in content.items() if key not in _AFTER_NETWORKS}
    experts = cast("Iterable[Mapping[str, object]]", content["experts"])
    later = {"share", "is_followed"}
    kept["experts"] = [{k: v for k, v in one.items() if k not in later} for one in experts]
    return kept


def _digest(content: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def load_recipe(path: Path) -> Recipe:
    """Read a recipe; paths in it are relative to its own folder.

    Raises:
        InputError: the file is missing, is not TOML, has unknown or missing keys, or values that make no sense; all are named.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise InputError(
            f"no readable recipe at {path}. The ones that come with sgps lie in recipes/."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not a readable TOML file: {error}.") from None
    where = path.name
    if "representation" in table:
        section = f"{where} [representation]"
        table["representation"] = build(Optimization, table["representation"], section)
    if "episodic" in table:
        table["episodic"] = build(Episodic, table["episodic"], f"{where} [episodic]")
    experts = table.get("experts", [])
    if not isinstance(experts, list) or not all(isinstance(expert, dict) for expert in experts):
        raise InputError(f"{where}: each expert must be a table [[experts]] of its own.")
    table["experts"] = tuple(
        _expert(expert, f"{where} [[experts]] {index + 1}") for index, expert in enumerate(experts)
    )
    names = [expert.name for expert in table["experts"]]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"{where}: several experts are named {listing(twice)}. Rename them.")
    folder = path.parent
    if "start" in table:
        table["start"] = _beside(folder, table["start"])
    if isinstance(table.get("teachers"), list):
        table["teachers"] = [_beside(folder, teacher) for teacher in table["teachers"]]
    if isinstance(table.get("data"), str):
        table["data"] = (folder / table["data"]).resolve()
    recipe = build(Recipe, table, where)
    if bad := _bad_values(recipe):
        raise InputError(f"{where}: {'; '.join(bad)}. Correct the recipe.")
    learners = [e.name for e in recipe.experts if DRAWN in e.families]
    if recipe.drawn_images and not learners:
        raise InputError(
            f"{where}: no expert learns from the {recipe.drawn_images} drawn_images. Add one of the family `{DRAWN}`."
        )
    if learners and not recipe.drawn_images:
        raise InputError(
            f"{where}: nothing is drawn for {listing(learners)}. Set drawn_images, or remove the family `{DRAWN}`."
        )
    return recipe


def _beside(folder: Path, name: object) -> object:
    """The path of a network's file, relative to the recipe's folder; what names no file stays as it is."""
    if not isinstance(name, str) or name.startswith(HUB) or name in PEER_NAMES:
        return name
    return str((folder / name).resolve())


def _expert(table: dict[str, object], section: str) -> Expert:
    """An expert's own keys stand beside those of its optimization."""
    names = {field.name for field in dataclasses.fields(Expert)} - {"optimization"}
    own = {k: v for k, v in table.items() if k in names}
    rest = {k: v for k, v in table.items() if k not in own}
    return build(Expert, {**own, "optimization": build(Optimization, rest, section)}, section)


def _bad_values(recipe: Recipe) -> list[str]:
    """Say of each value of the recipe that makes no sense what it is and what it should be."""
    bad = bad_values(recipe)
    if 0 < recipe.lexicon_drawings < _LEAST_DRAWINGS:
        bad.append(
            f"lexicon_drawings = {recipe.lexicon_drawings} (0, or at least {_LEAST_DRAWINGS})"
        )
    absent = [one for one in recipe.teachers if one not in PEER_NAMES and not Path(one).is_file()]
    if absent:
        bad.append(f"teachers {listing(absent)} (neither {' nor '.join(PEER_NAMES)} nor a file)")
    bad += bad_values(recipe.representation, "representation.")
    for expert in recipe.experts:
        bad += bad_values(expert, f"{expert.name}.")
        bad += bad_values(expert.optimization, f"{expert.name}.")
        strange = [family for family in expert.families if family not in _FAMILIES]
        if strange or not expert.families:
            said = listing(strange) or "none"
            bad.append(f"{expert.name}.families {said} (of {', '.join(_FAMILIES)})")
    bad += bad_values(recipe.episodic, "episodic.")
    if recipe.episodic.generator_width % EngineConfig.heads:
        bad.append(
            f"episodic.generator_width = {recipe.episodic.generator_width} "
            f"(a multiple of {EngineConfig.heads}, the number of attention heads)"
        )
    return bad

"""Run a recipe from start to engine: base, experts, episodes. Every stage can be left and entered again.

In: a `Recipe` and an output folder. Out: in that folder `recipe.json`, `learned_from.json`, one `<stage>.safetensors` for the
base and each expert, `log.csv`, checkpoints while a stage runs, and at the end `engine/`.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from sgps.drawings.tasks import KINDS
from sgps.engine.description_encoder import DescriptionEncoder
from sgps.engine.engine import Engine
from sgps.engine.model import SynthesisNetwork
from sgps.engine.text import TextEncoder, default_text_encoder
from sgps.errors import InputError
from sgps.evaluation.peers import load_peer
from sgps.files import refuse_unwritable
from sgps.pretraining.assembly import assemble
from sgps.pretraining.cache import build_cache, description_embeddings
from sgps.pretraining.calibration import calibrate
from sgps.pretraining.card import engine_card
from sgps.pretraining.checkpoints import load_checkpoint, save_checkpoint
from sgps.pretraining.config import DRAWN, EPISODIC, Optimization, Recipe
from sgps.pretraining.drawn_pool import with_drawn
from sgps.pretraining.drawn_tasks import drawn_tasks
from sgps.pretraining.episodic import EpisodicRun
from sgps.pretraining.notes import (
    learned_from,
    refuse_other_pictures,
    refuse_other_recipe,
    write_notes,
)
from sgps.pretraining.parallel import Processes
from sgps.pretraining.plan import archives_of
from sgps.pretraining.pool import LabelSource, Pool, Storage, load_pool
from sgps.pretraining.representation import RepresentationRun
from sgps.pretraining.stages import LOG_EVERY, OnProgress, StageRunner
from sgps.pretraining.start import read_start
from sgps.pretraining.task_stream import TaskStream
from sgps.pretraining.teachers import Teacher, make_teacher
from sgps.pretraining.validation import Validation
from sgps.target.architecture import Architecture, build_architecture
from sgps.target.network import Weights
from sgps.task import Preprocessing

_USERS_WAY = 6
"""Most classes of a task that the temperature is fitted to."""
_USERS_SHOT = 10
"""Most pictures of a class in it."""
_VALIDATIONS = 10
"""How often the features of a network are validated while it learns."""
_TEACHER_IMAGES = 512
"""Pictures from which a teacher's center is measured."""


class Pretraining:
    """One run of a recipe in one folder."""

    def __init__(
        self,
        recipe: Recipe,
        out: Path,
        resume: bool,
        on_progress: OnProgress,
        processes: Processes,
        text_encoder: TextEncoder | None = None,
    ) -> None:
        """Read the start and check the folder; nothing is written before the pictures are read.

        Args:
            recipe: what to do.
            out: folder of the run.
            resume: whether to go on with what an earlier run left there.
            on_progress: hears of every step.
            processes: those that share the run, this one among them.
            text_encoder: what embeds the descriptions; the default is the one that every engine is used with.

        Raises:
            InputError: the folder exists and `resume` is off, or another recipe made it, or it cannot be written; the start is
                not a network of the architecture; there are more processes than pictures in a step.
        """
        if out.exists() and not (resume and out.is_dir()):
            raise InputError(
                f"'{out}' exists already. Add --resume to go on, or name another --out."
            )
        if processes.is_first:
            refuse_unwritable(out, "Name another --out.")
        self.recipe = recipe
        self.out = out
        self.on_progress = on_progress
        self.processes = processes
        self.device = self.processes.device
        recipe.refuse_processes(self.processes.count)
        self.architecture = build_architecture(recipe.architecture)
        start, self._start_sha256 = read_start(recipe.start, self.architecture)
        self.start = self._placed(start)
        self._text_encoder = text_encoder or DescriptionEncoder(
            default_text_encoder().on(self.device)
        )
        self._stages = StageRunner(
            out,
            recipe.stage_digest,
            recipe.checkpoint_minutes,
            on_progress,
            self.processes.hardware,
            self.processes.is_first,
        )
        has_begun = self._stages.checkpoint_path(EPISODIC).exists() or (out / "engine").exists()
        refuse_other_recipe(out, recipe, has_begun)
        self._teachers: dict[bool, list[Teacher]] = {}
        self._validation: Validation | None = None
        # None makes the folder before all have looked whether it is there.
        processes.barrier()

    def _placed(self, weights: Weights) -> dict[str, Tensor]:
        return {name: tensor.to(self.device) for name, tensor in weights.items()}

    def run(self) -> Path:
        """Do what is left to do; return the folder of the engine."""
        engine = self.out / "engine"
        if engine.exists():
            return engine
        recipe = self.recipe
        archives = archives_of(recipe)
        given = learned_from(self._start_sha256, archives, recipe.max_images)
        refuse_other_pictures(self.out, given)
        pool = self._load_pool(archives)
        if self.processes.is_first:
            write_notes(self.out, recipe, given)
        self.processes.barrier()
        learned, reserved = pool.split()
        seen = tuple(s for s in learned if s.set_name not in recipe.held_out and len(s.indices))
        real = tuple(source for source in seen if source.family != DRAWN)
        trained = self._network("base", pool, real, self.start, recipe.representation)
        experts = [
            self._network(
                f"expert-{expert.name}",
                pool,
                tuple(source for source in seen if source.family in expert.families),
                self.start if expert.from_start else trained,
                expert.optimization,
                teachers=1,
            )
            for expert in recipe.experts
        ]
        network = assemble(
            recipe,
            self.start,
            trained,
            experts,
            pool=pool,
            learned=learned,
            text_encoder=self._text_encoder,
            on_class=lambda done, total: self.on_progress("memory", done, total, {}),
            on_drawing=lambda done, total: self.on_progress("lexicon", done, total, {}),
        )
        self._episodic(network, pool, reserved)
        if self.processes.is_first:
            card = engine_card(
                recipe,
                pool,
                self._stages.count_time(),
                len(network.config.known_classes),
            )
            Engine(network).save_pretrained(engine, card)
        self.processes.barrier()
        return engine

    def _load_pool(self, archives: Sequence[Path]) -> Pool:
        """Decode the train sets, and draw what is to be drawn."""
        recipe = self.recipe
        counts: list[int] = []

        def on_set(name: str, count: int) -> None:
            counts.append(count)
            self.on_progress("reading", len(counts), len(archives), {"pictures": sum(counts)})

        def load(fills: bool) -> Pool:
            path = self.out / "pictures.uint8" if recipe.on_disk else None
            storage = Storage(path=path, fills=fills, spare=self._drawings_to_learn())
            return load_pool(archives, recipe.stored_size, recipe.max_images, on_set, storage)

        if recipe.on_disk and not self.processes.is_first_of_machine:
            # The first process of the machine decodes for all of them.
            self.processes.barrier()
            pool = load(fills=False)
        else:
            pool = load(fills=True)
            if recipe.on_disk:
                self.processes.barrier()
        pool = with_drawn(pool, recipe.seed)
        # What is mapped from a file is too large to lie on a device as a whole.
        place = "cpu" if recipe.on_disk else self.device
        return dataclasses.replace(pool, images=pool.images.to(place))

    def _drawings_to_learn(self) -> int:
        """How many pictures to draw: none once the networks that learn from them are finished."""
        learners = [e.name for e in self.recipe.experts if DRAWN in e.families]
        is_done = all(self._finished(f"expert-{name}").exists() for name in learners)
        return 0 if is_done else self.recipe.drawn_images

    def _finished(self, stage: str) -> Path:
        """Where a stage's network lies once it is trained."""
        return self.out / f"{stage}.safetensors"

    def _network(
        self,
        stage: str,
        pool: Pool,
        sources: Sequence[LabelSource],
        start: Weights,
        config: Optimization,
        teachers: int | None = None,
    ) -> dict[str, Tensor]:
        """Train one network, or read it if an earlier run has finished it.

        `teachers` keeps the first so many: an expert's run is too short to fit a further teacher's projector, and has
        the start alone.
        """
        finished = self._finished(stage)
        if not finished.exists():
            run = RepresentationRun(
                architecture=self.architecture,
                start=start,
                pool=pool,
                sources=sources,
                teachers=self._frozen(pool, sources)[:teachers],
                config=config,
                seed=self.recipe.seed,
                processes=self.processes,
            )
            validation = self._held_out(pool)
            every = LOG_EVERY * max(1, config.steps // (_VALIDATIONS * LOG_EVERY))

            def advance() -> dict[str, float]:
                began = time.monotonic()
                cross_entropy, distance = run.advance()
                rate = config.batch_size / (time.monotonic() - began)
                numbers = {"loss": cross_entropy, "distance": distance, "images_per_second": rate}
                numbers["loaded_per_second"] = config.batch_size / run.loading_seconds
                is_due = run.step % every == 0 or run.step == config.steps
                if is_due and not all(bool(t.isfinite().all()) for t in run.average.values()):
                    raise InputError(
                        f"the weights of {stage} are no longer finite at step {run.step}. "
                        "Lower its learning_rate and name another --out."
                    )
                if is_due and self.processes.is_first:
                    numbers |= validation.accuracy(run.average)
                return numbers

            self._stages.run(stage, run, config.steps, advance)
            if self.processes.is_first:
                save_checkpoint(run.average, finished, self.recipe.stage_digest(stage))
            self.processes.barrier()
        if self.processes.is_first:
            self._stages.checkpoint_path(stage).unlink(missing_ok=True)
        return self._placed(load_checkpoint(finished, self.recipe.stage_digest(stage)))

    def _held_out(self, pool: Pool) -> Validation:
        """What tells how good features are for classes that they have not learned; the same for every stage."""
        if self._validation is None:
            held_out = [s for s in pool.sources if s.name in self.recipe.held_out]
            size = self.recipe.representation.image_size
            self._validation = Validation(self.architecture, pool, held_out, size, self.device)
        return self._validation

    def _frozen(self, pool: Pool, sources: Sequence[LabelSource]) -> list[Teacher]:
        """The start and the further teachers, centered on real pictures; for drawings, the start, centered on them."""
        is_drawn = all(source.family == DRAWN for source in sources)
        if is_drawn not in self._teachers:
            recipe = self.recipe
            size, seed = recipe.representation.image_size, recipe.seed
            networks: list[tuple[Architecture, Weights]] = [(self.architecture, self.start)]
            # Only experts learn from drawings alone, and an expert has no further teacher.
            peers = [] if is_drawn else [load_peer(name) for name in recipe.teachers]
            networks += [(peer.architecture, self._placed(peer.weights)) for peer in peers]
            shown = self._learned_pictures(pool, is_drawn)
            self._teachers[is_drawn] = [make_teacher(a, w, shown, size, seed) for a, w in networks]
        return self._teachers[is_drawn]

    def _learned_pictures(self, pool: Pool, is_drawn: bool) -> Tensor:
        """Pictures that the feature stage learns from; no statistic of it touches held-out sets or reserved groups."""
        learned, _ = pool.split()
        seen = [s for s in learned if s.set_name not in self.recipe.held_out]
        own = [s.indices for s in seen if (s.family == DRAWN) == is_drawn]
        return pool.images[self._sample(own, _TEACHER_IMAGES)]

    def _sample(self, indices: Sequence[Tensor], count: int) -> Tensor:
        """Up to `count` of the pictures, each once; which ones, the recipe's seed decides."""
        distinct = torch.unique(torch.cat(list(indices)), sorted=True)
        generator = torch.Generator().manual_seed(self.recipe.seed)
        chosen: Tensor = distinct[torch.randperm(len(distinct), generator=generator)[:count]]
        return chosen

    @property
    def _prepare(self) -> Preprocessing:
        """How the engine reads pictures."""
        mean, std = self.architecture.mean, self.architecture.std
        return Preprocessing(image_size=self.recipe.image_size, mean=mean, std=std)

    def _episodic(
        self, network: SynthesisNetwork, pool: Pool, reserved: Sequence[LabelSource]
    ) -> None:
        """Train generator and head on tasks from held-out sets and from reserved pictures of the others."""
        recipe = self.recipe
        whole = [s for s in pool.sources if not s.is_attribute]
        unseen = [s for s in whole if s.name in recipe.held_out]
        familiar = [s for s in reserved if not s.is_attribute and s.set_name not in recipe.held_out]
        stream = TaskStream(pool, unseen, familiar, recipe.episodic, recipe.seed)
        # The whole range of what users bring, whatever the generator was taught on. Held-out sets are left aside: they are few
        # and the hardest, and a temperature that is fitted to them, too, is too unsure of everything else.
        users = dataclasses.replace(
            recipe.episodic, max_way=_USERS_WAY, max_shot=_USERS_SHOT, queries=8
        )
        calibration = TaskStream(pool, [] if familiar else unseen, familiar, users, recipe.seed)

        def on_pictures(done: int, total: int) -> None:
            self.on_progress("features", min(done, total), total, {})

        run = EpisodicRun(
            network=network,
            pool=pool,
            stream=stream,
            texts=description_embeddings(stream.sources, self._text_encoder),
            cache=build_cache(network, pool, stream, self._prepare, on_pictures),
            prepare=self._prepare,
            config=recipe.episodic,
            seed=recipe.seed,
            processes=self.processes,
        )
        if not self._stages.checkpoint_path(EPISODIC).exists():
            steps = recipe.episodic.head_steps
            run.warm_up_head(
                steps, lambda done, loss: self.on_progress("head", done, steps, {"loss": loss})
            )
            # From here on a resumed run must not teach the head again.
            self._stages.save(EPISODIC, run)

        def advance() -> dict[str, float]:
            began = time.monotonic()
            numbers = run.advance()
            rate = recipe.episodic.tasks_per_step / (time.monotonic() - began)
            return {**numbers, "tasks_per_second": rate}

        self._stages.run(EPISODIC, run, recipe.episodic.steps, advance)
        tasks = recipe.episodic.calibration_tasks
        kinds = len(KINDS) if recipe.lexicon_drawings else 0
        drawn = tasks * kinds // (kinds + calibration.posed)
        calibrate(
            network,
            run.asked_tasks(calibration, tasks - drawn),
            drawn_tasks(drawn, users, recipe.seed, self._text_encoder, self._prepare, self.device),
            lambda done: self.on_progress("calibration", done, tasks, {}),
        )

"""Run a recipe from start to engine: base, experts, episodes. Every stage can be left and entered again.

In: a `Recipe` and an output folder. Out: in that folder `base.safetensors`, one `expert-<name>.safetensors` an expert, `log.csv`,
checkpoints while a stage runs, and at the end `engine/`.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from sgps.datasets.catalogue import descriptions_of
from sgps.engine.config import EngineConfig
from sgps.engine.engine import Engine
from sgps.engine.model import SynthesisNetwork
from sgps.engine.text import TextEncoder, default_text_encoder
from sgps.errors import InputError
from sgps.pretraining.card import engine_card
from sgps.pretraining.checkpoints import load_checkpoint, save_checkpoint
from sgps.pretraining.config import Optimization, Recipe
from sgps.pretraining.episodic import EpisodicRun, build_cache, resized
from sgps.pretraining.pool import LabelSource, Pool, load_pool, train_archives
from sgps.pretraining.representation import RepresentationRun, Teacher, make_teacher
from sgps.pretraining.task_stream import TaskStream
from sgps.target.architecture import Architecture, build_architecture
from sgps.target.network import Weights, fold_batch_norm
from sgps.evaluation.peers import load_peer
from sgps.task import Preprocessing

OnProgress = Callable[[str, int, int, Mapping[str, float]], None]
"""Called with a stage's name, steps done, steps in all, and what is logged."""

_LOG_EVERY = 10
_HEAD_STEPS = 300
"""Steps of the head alone, before generator and head learn together."""
_CENTER_IMAGES = 300
"""Pictures of each family from which its center in feature space is measured."""


class _Stage(Protocol):
    step: int

    def state_dict(self) -> dict[str, Tensor]: ...

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None: ...


class Pretraining:
    """One run of a recipe in one folder."""

    def __init__(self, recipe: Recipe, out: Path, resume: bool, on_progress: OnProgress) -> None:
        """Open or make the folder.

        Raises:
            InputError: the folder exists and `resume` is off, or the start is not a network of the architecture.
        """
        if out.exists() and not resume:
            raise InputError(
                f"'{out}' exists already. Add --resume to go on, or name another --out."
            )
        self.recipe = recipe
        self.out = out
        self.on_progress = on_progress
        self.architecture = build_architecture(recipe.architecture)
        self.start = self._read_start()
        out.mkdir(parents=True, exist_ok=True)
        self._saved = time.monotonic()
        self._teachers: list[Teacher] = []

    def _read_start(self) -> dict[str, Tensor]:
        try:
            state = load_file(self.recipe.start)
            return fold_batch_norm(state, self.architecture)
        except (OSError, SafetensorError, KeyError) as error:
            raise InputError(
                f"the start {self.recipe.start} is not a {self.architecture.name} in safetensors: {error}."
            ) from None

    def run(self) -> Path:
        """Do what is left to do; return the folder of the engine."""
        engine = self.out / "engine"
        if engine.exists():
            return engine
        recipe = self.recipe
        archives = train_archives(recipe.data)
        unknown = sorted(set(recipe.held_out) - {path.stem for path in archives})
        if unknown:
            raise InputError(
                f"`held_out` names no train set in {recipe.data}: {', '.join(unknown)}."
            )
        pool = load_pool(archives, recipe.stored_size, recipe.max_images, self._on_set)
        learned, reserved = pool.split()
        seen = tuple(source for source in learned if source.name not in recipe.held_out)
        base = self._network("base", pool, seen, self.start, recipe.representation)
        base = {
            name: tensor.lerp(base[name], recipe.base_step) for name, tensor in self.start.items()
        }
        experts = []
        for expert in recipe.experts:
            own = tuple(source for source in seen if source.family in expert.families)
            name = f"expert-{expert.name}"
            experts.append(self._network(name, pool, own, base, expert.optimization))
        network = self._assemble(base, experts, pool, seen)
        self._episodic(network, pool, reserved)
        card = engine_card(recipe, pool)
        Engine(network).save_pretrained(engine, card)
        return engine

    def _on_set(self, name: str, count: int) -> None:
        self.on_progress(f"reading {name}", count, count, {})

    def _network(
        self,
        stage: str,
        pool: Pool,
        sources: tuple[LabelSource, ...],
        start: Mapping[str, Tensor],
        config: Optimization,
    ) -> dict[str, Tensor]:
        """Train one network, or read it if an earlier run has finished it."""
        finished = self.out / f"{stage}.safetensors"
        if finished.exists():
            return load_checkpoint(finished, self.recipe.digest)
        if not sources:
            raise InputError(f"stage {stage}: no train set of its families in {self.recipe.data}.")
        run = RepresentationRun(
            architecture=self.architecture,
            start=start,
            pool=pool,
            sources=sources,
            teachers=self._frozen(pool, config.image_size),
            config=config,
            seed=self.recipe.seed,
        )

        def advance() -> dict[str, float]:
            began = time.monotonic()
            cross_entropy, distance = run.advance()
            rate = config.batch_size / (time.monotonic() - began)
            return {"loss": cross_entropy, "distance": distance, "images_per_second": rate}

        self._loop(stage, run, config.steps, advance)
        save_checkpoint(run.average, finished, self.recipe.digest)
        self._checkpoint_path(stage).unlink(missing_ok=True)
        return run.average

    def _frozen(self, pool: Pool, image_size: int) -> list[Teacher]:
        """The start and the further teachers, made once."""
        if not self._teachers:
            seed = self.recipe.seed
            networks: list[tuple[Architecture, Weights]] = [(self.architecture, self.start)]
            peers = [load_peer(name) for name in self.recipe.teachers]
            networks += [(peer.architecture, peer.weights) for peer in peers]
            self._teachers = [make_teacher(a, w, pool, image_size, seed) for a, w in networks]
        return self._teachers

    def _assemble(
        self,
        base: Mapping[str, Tensor],
        experts: list[dict[str, Tensor]],
        pool: Pool,
        seen: tuple[LabelSource, ...],
    ) -> SynthesisNetwork:
        """Put base and expert directions into an untrained synthesis network, and measure each family's center."""
        recipe = self.recipe
        torch.manual_seed(recipe.seed)
        network = SynthesisNetwork(
            EngineConfig(
                name=recipe.name,
                architecture=recipe.architecture,
                image_size=recipe.image_size,
                experts=tuple(expert.name for expert in recipe.experts),
            )
        )
        network.generator.set_base(base)
        for index, weights in enumerate(experts):
            network.generator.set_direction(index, weights)
        return network

    def _episodic(
        self, network: SynthesisNetwork, pool: Pool, reserved: tuple[LabelSource, ...]
    ) -> None:
        recipe = self.recipe
        prepare = Preprocessing(
            image_size=recipe.image_size, mean=self.architecture.mean, std=self.architecture.std
        )
        unseen = [s for s in pool.sources if s.name in recipe.held_out]
        seen = [s for s in reserved if s.name not in recipe.held_out and "/" not in s.name]
        stream = TaskStream(pool, unseen, seen, recipe.episodic, recipe.seed)
        cache = build_cache(
            network,
            pool,
            stream,
            prepare,
            lambda done, total: self.on_progress("features", min(done, total), total, {}),
        )
        run = EpisodicRun(
            network=network,
            pool=pool,
            stream=stream,
            texts=description_embeddings(stream.sources, default_text_encoder()),
            cache=cache,
            prepare=prepare,
            config=recipe.episodic,
            seed=recipe.seed,
        )
        self._measure_centers(network, pool, prepare)
        if not self._checkpoint_path("episodic").exists():
            loss = run.warm_up_head(_HEAD_STEPS)
            self.on_progress("head", _HEAD_STEPS, _HEAD_STEPS, {"loss": loss})
        self._loop("episodic", run, recipe.episodic.steps, run.advance)

    @torch.no_grad()
    def _measure_centers(
        self, network: SynthesisNetwork, pool: Pool, prepare: Preprocessing
    ) -> None:
        """Mean standardized feature of each expert's family, over pictures that its training saw."""
        learned, _ = pool.split()
        generator = torch.Generator().manual_seed(self.recipe.seed)
        for index, expert in enumerate(self.recipe.experts):
            own = torch.cat([s.indices for s in learned if s.family in expert.families]).unique()
            chosen = own[torch.randperm(len(own), generator=generator)[:_CENTER_IMAGES]]
            total = torch.zeros_like(network.encoder.stage_mean)
            for part in chosen.split(64):
                images = prepare.normalize(resized(pool.images[part], prepare.image_size))
                description = network.encoder.describe(network.generator.base_weights(), images)
                total += network.encoder.standardized(description).sum(0)
            network.family_centers[index] = total / len(chosen)

    def _checkpoint_path(self, stage: str) -> Path:
        return self.out / f"{stage}.checkpoint.safetensors"

    def _loop(
        self, stage: str, run: _Stage, steps: int, advance: Callable[[], dict[str, float]]
    ) -> None:
        """Advance to the end, logging, and saving a checkpoint every few minutes."""
        path = self._checkpoint_path(stage)
        if path.exists():
            run.load_state_dict(load_checkpoint(path, self.recipe.digest))
        while run.step < steps:
            row = advance()
            if run.step % _LOG_EVERY == 0 or run.step == steps:
                self._log(stage, run.step, row)
            self.on_progress(stage, run.step, steps, row)
            minutes = (time.monotonic() - self._saved) / 60
            if minutes >= self.recipe.checkpoint_minutes or run.step == steps:
                save_checkpoint(run.state_dict(), path, self.recipe.digest)
                self._saved = time.monotonic()

    def _log(self, stage: str, step: int, row: Mapping[str, float]) -> None:
        path = self.out / "log.csv"
        is_new = not path.exists()
        with path.open("a", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            if is_new:
                writer.writerow(["stage", "step", "name", "value"])
            writer.writerows([stage, step, name, f"{value:.6g}"] for name, value in row.items())


def description_embeddings(
    sources: list[LabelSource], encoder: TextEncoder
) -> dict[tuple[int, int], Tensor]:
    """Sentence embeddings (t, text_width) of every class of every source that the catalogue describes."""
    embeddings = {}
    for index, source in enumerate(sources):
        texts = descriptions_of(source.name)
        for place, name in enumerate(source.class_names):
            if texts.get(name):
                embeddings[index, place] = encoder.encode(texts[name])
    return embeddings

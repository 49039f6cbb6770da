"""Learn features: train a whole network on many labellings at once while its general features are kept alive.

In: a start (affine weights), a pool and its label sources. Out: the moving average of the trained weights. Loss:
cross-entropy of one linear head a labelling, on class-balanced batches, each picture asked for all that is known of it, plus the
cosine distance to the features of frozen ImageNet teachers on the same augmented pictures, plus, if the recipe says so, telling
the two views of a picture from other pictures. The step number and what was mistaken before decide what a step draws, so that a
resumed run repeats exactly. Every process draws the whole batch and computes its own rows of it; a single GPU records how it
does so.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional
from torch.optim.swa_utils import get_ema_multi_avg_fn

from sgps.pretraining.augment import augment, draw_plan
from sgps.pretraining.checkpoints import restore_training_state, training_state
from sgps.pretraining.config import DRAWN, Optimization
from sgps.pretraining.contrast import contrast, embedded, first_embedding
from sgps.pretraining.parallel import Processes, sent
from sgps.pretraining.pool import LabelSource, Pool
from sgps.pretraining.recorded import Recorded
from sgps.pretraining.sampling import ATTRIBUTE_WEIGHT, Batch, BatchSampler
from sgps.pretraining.teachers import Teacher, normalized
from sgps.target.architecture import Architecture
from sgps.target.network import Weights, pooled_features

logger = logging.getLogger(__name__)


def learning_rate(config: Optimization, step: int) -> float:
    """Linear warm-up, then cosine to zero."""
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    progress = (step - config.warmup_steps) / max(1, config.steps - config.warmup_steps)
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * progress))


class Shown(NamedTuple):
    """This process's R rows of a batch, in V views: what a step computes with. Shapes never change from step to step."""

    views: Tensor
    """Augmented pictures in [0, 1] (V * R, 3, s, s)."""
    classes: Tensor
    """int64 (V * R, labellings), the class in each labelling, -1 where it does not have the picture."""
    chosen: Tensor
    """int64 (V * R, 1), the labelling that a row was drawn for."""
    pictures: Tensor
    """int64 (V * B,), the pictures of the whole batch."""
    crowds: Tensor
    """int64 (V * B,), among whose pictures each of them is told apart."""


class StepLoss(NamedTuple):
    """What one step found on this process's rows of its batch."""

    cross_entropy: Tensor
    """This process's part of the mean over the whole batch, ()."""
    distance: Tensor
    """The same of the cosine distance to the teachers, ()."""
    contrast: Tensor
    """Loss of telling the views of a picture from other pictures, of the whole batch on every process, ()."""
    mistaken: Tensor
    """1 for a row that was misclassified (R,)."""


class RepresentationRun:
    """One training run of one network: its state and the step that advances it."""

    def __init__(
        self,
        *,
        architecture: Architecture,
        start: Weights,
        pool: Pool,
        sources: Sequence[LabelSource],
        teachers: Sequence[Teacher],
        config: Optimization,
        seed: int,
        processes: Processes,
    ) -> None:
        """Set the state before the first step: heads near zero, projectors at the identity."""
        self.architecture = architecture
        self.pool = pool
        self.sources = sources
        self.teachers = teachers
        self.config = config
        self.seed = seed
        self.processes = processes
        self.step = 0
        self.loading_seconds = 0.0
        """Time in which the latest step took its pictures from the pool to the device; on it already, that is next to nothing."""
        self.device = processes.device
        self.average = {name: tensor.clone().to(self.device) for name, tensor in start.items()}
        self.sampler = BatchSampler(sources, config.mining)
        features = architecture.num_features
        ways = torch.tensor([len(source.class_names) for source in sources])
        first_class = ways.cumsum(0) - ways
        # One matrix holds the heads of all labellings; a labelling's own classes are its columns, filled up to the widest.
        classes, places = int(ways.sum()), torch.arange(int(ways.max()))
        self._columns = (first_class[:, None] + places).clamp(max=classes - 1).to(self.device)
        self._ways = ways.to(self.device)
        self._is_filling = (places >= ways[:, None]).to(self.device)
        self._asked = _asked(sources, len(pool.groups)).to(self.device)
        weights = [ATTRIBUTE_WEIGHT if source.is_attribute else 1.0 for source in sources]
        self._weight = torch.tensor(weights, device=self.device)
        self._views = 2 if config.contrast else 1
        crowds = [_crowd(source) for source in sources]
        self._crowd = torch.tensor([crowds.index(crowd) for crowd in crowds])
        tensors = {name: tensor.clone() for name, tensor in start.items()}
        # Not zero: the first step would move the network by nothing but rounding errors, which AdamW makes full steps of.
        drawn = torch.Generator().manual_seed(seed)
        tensors["head.weight"] = 0.01 * torch.randn(classes, features, generator=drawn)
        tensors["head.bias"] = torch.zeros(classes)
        for index, teacher in enumerate(teachers):
            width = teacher.architecture.num_features
            tensors[f"projector.{index}"] = torch.eye(width, features)
        if config.contrast:
            tensors |= first_embedding(features, drawn)
        self.tensors = {k: v.to(self.device).requires_grad_() for k, v in tensors.items()}
        paces: dict[tuple[float, float], list[Tensor]] = {}
        for name, tensor in self.tensors.items():
            paces.setdefault(_pace(name, config.weight_decay), []).append(tensor)
        self.optimizer = torch.optim.AdamW(
            [
                {"params": own, "factor": factor, "weight_decay": decay}
                for (factor, decay), own in paces.items()
            ],
            lr=config.learning_rate,
            fused=self.device.type == "cuda",
        )
        # Processes exchange numbers in the midst of a step, which is not recorded.
        is_recorded = self.device.type == "cuda" and processes.count == 1
        self._run_passes = Recorded(self._passes) if is_recorded else self._passes

    def draw(self) -> tuple[Batch, Shown]:
        """The current step's batch, and this process's rows of it."""
        size, rows = self.config.batch_size, self.processes.rows
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.step)
        batch = self.sampler.draw(size, generator)
        began = time.perf_counter()
        raw = self.pool.images[sent(batch.pictures[rows], self.pool.images.device)]
        raw = sent(raw, self.device)
        self.loading_seconds = time.perf_counter() - began
        plans = [draw_plan(size, generator, self.config.color_jitter) for _ in range(self._views)]
        pictures = sent(batch.pictures, self.device)
        crowds = sent(self._crowd[batch.sources], self.device)
        chosen = sent(batch.sources[rows], self.device)
        return batch, Shown(
            views=torch.cat(
                [augment(raw, self.config.image_size, plan.rows(rows)) for plan in plans]
            ),
            classes=self._asked[pictures[rows]].long().repeat(self._views, 1),
            chosen=chosen.repeat(self._views)[:, None],
            pictures=pictures.repeat(self._views),
            crowds=crowds.repeat(self._views),
        )

    def losses(self, shown: Shown) -> StepLoss:
        """What the networks make of these rows."""
        with self.processes.autocast():
            inputs = normalized(self.architecture, shown.views)
            features = pooled_features(self.architecture, self.tensors, inputs)
            cross_entropies, wrong = self._classify(features, shown)
            teachers = range(len(self.teachers))
            distances = [self._distance(features, shown.views, index) for index in teachers]
        count = len(shown.pictures)
        return StepLoss(
            cross_entropy=cross_entropies.sum() / count,
            distance=sum(distances, features.new_zeros(())) / max(1, len(distances)) / count,
            contrast=self._contrast(features, shown),
            mistaken=wrong[: len(wrong) // self._views].float(),
        )

    def _contrast(self, features: Tensor, shown: Shown) -> Tensor:
        """Contrast of the whole batch; only this process's own rows have a gradient, which is its part of the whole one."""
        if not self.config.contrast:
            return features.new_zeros(())
        own = embedded(self.tensors, features.float())
        whole = own.new_zeros(self._views, self.config.batch_size, own.shape[1])
        whole[:, self.processes.rows] = own.detach().view(self._views, -1, own.shape[1])
        self.processes.add_up([whole])
        whole[:, self.processes.rows] = own.view(self._views, -1, own.shape[1])
        return contrast(whole.flatten(0, 1), shown.pictures, shown.crowds)

    def _distance(self, features: Tensor, views: Tensor, index: int) -> Tensor:
        """Sum over this process's rows of the cosine distance to a teacher, after the projection that is learned along."""
        teacher = self.teachers[index]
        mimic = functional.linear(features, self.tensors[f"projector.{index}"]) - teacher.center
        return (1 - functional.cosine_similarity(mimic, teacher.features(views))).sum()

    def _classify(self, features: Tensor, shown: Shown) -> tuple[Tensor, Tensor]:
        """Cross-entropy of each view of each of this process's rows, and whether the labelling it was chosen for is mistaken."""
        target = shown.classes
        weight = self._weight * (target >= 0)
        scores = functional.linear(features, self.tensors["head.weight"], self.tensors["head.bias"])
        scores = scores.float()[:, self._columns].masked_fill(self._is_filling, float("-inf"))
        log_likelihood = scores.log_softmax(2)
        right = log_likelihood.gather(2, target.clamp(min=0)[:, :, None])[:, :, 0]
        even = log_likelihood.masked_fill(self._is_filling, 0.0).sum(2) / self._ways
        smoothing = self.config.label_smoothing
        losses = -(1 - smoothing) * right - smoothing * even
        is_wrong = (scores.argmax(2) != target).gather(1, shown.chosen)[:, 0]
        return (losses * weight).sum(1) / weight.sum(1), is_wrong

    def _passes(self, *rows: Tensor) -> tuple[Tensor, Tensor]:
        """Give every tensor its gradient; return cross-entropy and distance (2,), and which rows were mistaken (R,)."""
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.losses(Shown(*rows))
        torch.autograd.backward(
            loss.cross_entropy
            + self.config.distillation * loss.distance
            + self.config.contrast * loss.contrast
        )
        numbers = torch.stack([loss.cross_entropy.detach(), loss.distance.detach()])
        return numbers, loss.mistaken

    def advance(self) -> tuple[float, float]:
        """Do one step; return its cross-entropy and distance to the teachers."""
        batch, shown = self.draw()
        numbers, own_mistaken = self._run_passes(*shown)
        mistaken = torch.zeros(self.config.batch_size, device=self.device)
        mistaken[self.processes.rows] = own_mistaken
        gradients = [tensor.grad for tensor in self.tensors.values() if tensor.grad is not None]
        self.processes.add_up([*gradients, mistaken, numbers])
        if torch.nn.utils.clip_grad_norm_(self.tensors.values(), 2.0).isfinite():
            rate = learning_rate(self.config, self.step)
            for group in self.optimizer.param_groups:
                group["lr"] = rate * group["factor"]
            self.optimizer.step()
        else:
            # One bad batch must not turn every weight into NaN; the same step does the same when repeated.
            logger.warning("step %d left out: its gradient is not finite", self.step)
        self.step += 1
        self.sampler.learn(batch, mistaken)
        decay = min(self.config.ema_decay, self.step / (10 + self.step))
        current = [self.tensors[name].detach() for name in self.average]
        average_in = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        average_in(list(self.average.values()), current, self.step)
        first, second = numbers.tolist()
        return first, second

    def state_dict(self) -> dict[str, Tensor]:
        """Everything needed to go on, as named tensors."""
        state = training_state(self.step, self.tensors, self.optimizer)
        state |= {f"sampler/{name}": value for name, value in self.sampler.state_dict().items()}
        return state | {f"average/{name}": tensor for name, tensor in self.average.items()}

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what `state_dict` returned."""
        self.step = restore_training_state(state, self.tensors, self.optimizer)
        for name, average in self.average.items():
            average.copy_(state[f"average/{name}"])
        prefix = "sampler/"
        own = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
        self.sampler.load_state_dict(own)


def _asked(sources: Sequence[LabelSource], pictures: int) -> Tensor:
    """The class of each picture in each labelling, int16 (n, labellings); -1 where a labelling does not have it."""
    asked = torch.full((pictures, len(sources)), -1, dtype=torch.int16)
    for place, source in enumerate(sources):
        asked[source.indices, place] = source.labels.to(torch.int16)
    return asked


def _crowd(source: LabelSource) -> str:
    """Among whose pictures a picture of this labelling is told apart; kinds of drawings are too unlike to be hard to tell."""
    return source.set_name if source.family == DRAWN else source.family


def _pace(name: str, weight_decay: float) -> tuple[float, float]:
    """Factor on the learning rate, and the weight decay, of one trained tensor."""
    if name.startswith(("head.", "embedding.")):
        return 3.0, 0.0
    if name.startswith("projector."):
        return 1.0, 0.0
    # Early filters are general; moving them as fast as late ones costs unseen modalities more than it gains.
    early = name.startswith(("conv_stem", "bn1", "blocks.0.", "blocks.1."))
    is_filter = name.endswith(".weight") and ".bn" not in name and not name.startswith("bn")
    return (0.3 if early else 1.0), (weight_decay if is_filter else 0.0)

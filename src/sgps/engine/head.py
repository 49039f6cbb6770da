"""Head: the last layer in closed form, from support features and class descriptions; no gradient step.

In: features of the support pictures under the synthesized backbone, and what is recalled of the classes. Out: classifier
weight (N, F) and bias (N,), temperature folded in. Each class is represented by its pictures and by one pseudo-picture that its
description recalls, which counts as many pictures as memory and lexicon say: it decides alone when there is no picture, and fades
as pictures come. A weighted ridge regression to centered one-hot targets follows, on centered features in a metric that counts
directions less in which pictures of one class differ anyway (measured in pretraining), L2-normalized. Since scores are compared
for one picture at a time, the normalization of queries is a common factor and can stay out of the exported network; the metric
is linear and is folded into it.

The metric is trusted the more the more shots there are: with one, directions of large spread are also where classes differ.

Where the center of the features lies decides much when pictures are few, and their mean is a poor guess: it is drawn towards the
nearest mixture of known sets' middles, the more the fewer pictures there are, as the mean of a posterior would be.

What is recalled must agree with the pictures: a description that names another known class than the pictures show would
otherwise outweigh them.

How sure the classifier may be depends on how hard the task is, which the support itself tells where a class has two pictures: it
is cross-validated.

Sources: ridge head in closed form after Bertinetto et al., arXiv 1805.08136; description as a prior whose weight shrinks with
the number of pictures after Silva-Rodriguez et al., "SS-Text"; learned temperature after Guo et al., arXiv 1706.04599.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from sgps.engine.class_memory import Recall
from sgps.engine.config import EngineConfig
from sgps.target.architecture import build_architecture

PLAIN_TEMPERATURE = [2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
"""Where the fit of the temperature starts: the same for every task."""
_WORTH_IN_METRIC = 3.0
"""Pictures that one recalled from known classes counts as for metric and temperature. Chosen on dev."""
_WORTH_AS_CENTER = 6.0
"""Pictures of a task that a mixture of known sets counts as where its center is sought. Chosen on dev."""
_DISAGREEMENT_SLOPE = 10.0
"""How steeply what is recalled loses its worth where pictures speak against it. Chosen on dev."""
_FOLDS = 5
"""Most folds that the support is cross-validated in."""


def _trust(counts: Tensor, recall: Recall) -> float:
    """Pictures a class, over those that have any, as metric and temperature count them: known classes recall the mean of many."""
    shots = float(counts.sum() / (counts > 0).sum().clamp(min=1))
    more = recall.count + (_WORTH_IN_METRIC - 1) * recall.known
    return shots + float(more.detach().mean())


def _class_means(features: Tensor, member: Tensor) -> Tensor:
    """Mean feature (N, F) of each class's pictures, from features (n, F) and one-hot labels (n, N); zero without any."""
    return member.T @ features / member.sum(0).clamp(min=1)[:, None]


def _center(class_means: Tensor, pictures: int, recall: Recall) -> Tensor:
    """Middle (F,) of a task, from the means (N, F) of its classes, drawn to the known sets the more the fewer pictures."""
    own = class_means.mean(0)
    likely = recall.between_middles(own)
    return likely + pictures / (pictures + _WORTH_AS_CENTER) * (own - likely)


class Head(nn.Module):
    """Closed-form classifier; its few numbers are learned in pretraining."""

    feature_mean: Tensor
    metric_vectors: Tensor
    metric_values: Tensor
    within: Tensor

    def __init__(self, config: EngineConfig) -> None:
        super().__init__()
        features = build_architecture(config.architecture).num_features
        self.config = config
        self.num_features = features
        rank = min(config.metric_rank, features)
        # Values of one in every direction: until a spread is measured, the metric is plain distance.
        self.register_buffer("metric_vectors", torch.zeros(features, rank))
        self.register_buffer("metric_values", torch.ones(rank))
        self.register_buffer("feature_mean", torch.zeros(features))
        self.register_buffer("within", torch.ones(()))
        self.log_ridge = nn.Parameter(torch.tensor(-1.5))
        self.temperature = nn.Parameter(torch.tensor(PLAIN_TEMPERATURE))

    @torch.no_grad()
    def set_metric(self, residuals: Tensor) -> None:
        """Measure the metric from features minus the mean of their class, (m, F)."""
        values, vectors = torch.linalg.eigh(residuals.T @ residuals / len(residuals))
        rank = len(self.metric_values)
        rest = values[:-rank].mean() if rank < len(values) else values[0]
        # Fewer pictures than features leave directions without any measured spread.
        rest = rest.clamp(min=1e-3 * float(values.mean()))
        self.metric_vectors.copy_(vectors[:, -rank:])
        self.metric_values.copy_(values[-rank:] / rest)
        self.within.copy_(self.in_metric(residuals, 1.0).norm(dim=1).mean())

    def in_metric(self, vectors: Tensor, shots: float) -> Tensor:
        """Shrink directions of large within-class spread in rows (m, F); symmetric, so it serves features and weights alike."""
        floor = self.config.metric_floor / max(1.0, shots) ** self.config.metric_decay
        factor = ((1 + floor) / (self.metric_values + floor)).sqrt() - 1
        change: Tensor = (vectors @ self.metric_vectors * factor) @ self.metric_vectors.T
        return vectors + change

    @torch.no_grad()
    def agreement(self, features: Tensor, labels: Tensor, recall: Recall) -> Tensor:
        """How far the support's pictures bear out what is recalled of their classes, () from 0 to 1.

        The measure is how much likelier the pictures of a class lie in its own recalled direction than in those of the others
        (cosines in the metric, mean over classes). It is 1 where that is not negative, and where nothing can be compared;
        below, it falls the faster the more pictures say so.

        Args:
            features: base features (n, F) of the support pictures.
            labels: (n,) in [0, N).
            recall: what is known of the N classes by their descriptions.
        """
        counts = torch.bincount(labels, minlength=len(recall.count))
        compared = (counts > 0) & (recall.count > 0)
        ways = int(compared.sum())
        if ways < 2:
            return features.new_ones(())
        seen = counts > 0
        means = _class_means(features, functional.one_hot(labels, len(counts)).to(features))
        center = _center(means[seen], len(labels), recall)
        shots = float(counts[seen].float().mean())
        pictures = functional.normalize(self.in_metric(means[compared] - center, shots), dim=1)
        recalled = functional.normalize(self.in_metric(recall.directions[compared], shots), dim=1)
        alike = pictures @ recalled.T
        own = alike.diagonal()
        margin = (own - (alike.sum(1) - own) / (ways - 1)).mean()
        return (2 * torch.sigmoid(_DISAGREEMENT_SLOPE * shots**0.5 * margin)).clamp(max=1)

    def forward(self, features: Tensor, labels: Tensor, recall: Recall) -> tuple[Tensor, Tensor]:
        """Return classifier weight (N, F) and bias (N,), temperature folded in; arguments as for `unscaled`."""
        weight, bias, terms = self.unscaled(features, labels, recall)
        scale = (self.temperature * terms).sum().exp()
        return weight * scale, bias * scale

    def unscaled(
        self, features: Tensor, labels: Tensor, recall: Recall
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return weight (N, F) and bias (N,) before the temperature, and the terms (7,) that its log is linear in.

        The terms are 1, log N, log(1 + pictures a class, recalled ones among them), the log-odds of the cross-validated support,
        how far the pictures lie apart (log of their reach in units of the usual spread within a class), how far an expert
        has learned the classes, since scores lie farther apart under its network, and 1 where nothing could be cross-validated,
        so that the odds, 0 there, are not taken for those of a hard task.

        Args:
            features: (n, V, F), V views of each support picture.
            labels: (n,) in [0, N).
            recall: what is known of the N classes by their descriptions.
        """
        weight, bias, reach = self._regression(features, labels, recall)
        with torch.no_grad():
            odds = self._left_out_odds(features, labels, recall)
            classes = len(recall.count)
            counts = torch.bincount(labels, minlength=classes)
            ways = odds.new_tensor(classes).log()
            shots = odds.new_tensor(_trust(counts, recall))
            apart = (reach / self.within).log()
            learned = recall.familiarity.sum().to(odds)
            untested = (counts.max() < 2).to(odds)
            one = torch.ones_like(odds)
            terms = torch.stack([one, ways, torch.log1p(shots), odds, apart, learned, untested])
        return weight, bias, terms

    def _regression(
        self, features: Tensor, labels: Tensor, recall: Recall
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Solve for weight (N, F) and bias (N,); also the reach (), the usual distance of a picture from the center."""
        member = functional.one_hot(labels, len(recall.count)).to(features.dtype)
        counts = member.sum(0)
        points, targets, weights, center, reach = self._points(features, member, recall)
        gram = points @ points.T
        root = weights.sqrt()
        size = len(points)
        system = root[:, None] * gram * root + self.log_ridge.exp() * torch.eye(size).to(gram)
        dual = root[:, None] * torch.linalg.solve(system, root[:, None] * targets)
        weight = self.in_metric(dual.T @ points, _trust(counts, recall)) / reach
        return weight, -(weight @ center), reach

    def _points(
        self, features: Tensor, member: Tensor, recall: Recall
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Everything the regression sees: points (m, F), targets (m, N), weights (m,), center (F,), reach ()."""
        num_classes = len(recall.count)
        count, views, width = features.shape
        counts = member.sum(0)
        seen, known = counts > 0, recall.count > 0
        shots = _trust(counts, recall)
        if int(seen.sum()) > 1:
            center = _center(_class_means(features.mean(1), member)[seen], count, recall)
        else:
            # The mean of a single class would put that class itself at the origin.
            remembers = len(recall.middles) > 0 and bool(known.any())
            center = recall.center if remembers else self.feature_mean.to(features)
        centered = self.in_metric((features - center).reshape(-1, width), shots)
        lengths = centered.norm(dim=-1, keepdim=True)
        total = counts + recall.count
        target = torch.eye(num_classes).to(features) - 1 / num_classes
        points = [centered / (lengths + 1e-6)]
        targets = [(member @ target).repeat_interleave(views, 0)]
        weights = [(member @ (1 / total.clamp(min=1e-6))).repeat_interleave(views) / views]
        if bool(known.any()):
            directions = recall.directions[known]
            turned = functional.normalize(self.in_metric(directions, shots), dim=-1)
            points.append(turned * directions.norm(dim=-1, keepdim=True))
            targets.append(target[known])
            weights.append((recall.count / total.clamp(min=1e-6))[known])
        reach = lengths.mean() if count else self.within.to(features)
        reach = reach.clamp(min=1e-3)
        return torch.cat(points), torch.cat(targets), torch.cat(weights), center, reach

    def _left_out_odds(self, features: Tensor, labels: Tensor, recall: Recall) -> Tensor:
        """Log-odds over chance's of naming a left-out picture right; 0 where no class has two pictures.

        Up to five folds, each with its share of every class. Pictures are dealt to folds in the order of their features'
        length, so that neither the order of pictures nor that of classes matters.
        """
        num_classes = len(recall.count)
        members = [torch.nonzero(labels == index)[:, 0] for index in range(num_classes)]
        folds = min(_FOLDS, max((len(own) for own in members), default=0))
        if folds < 2:
            return features.new_zeros(())
        mean = features.mean(1)
        fold = torch.full_like(labels, -1)
        for own in members:
            # The only picture of a class stays in.
            if len(own) > 1:
                order = own[mean[own].norm(dim=1).argsort()]
                fold[order] = torch.arange(len(own), device=labels.device) % folds
        right = torch.zeros((), device=features.device)
        for index in range(folds):
            out = fold == index
            weight, bias, _ = self._regression(features[~out], labels[~out], recall)
            right += ((mean[out] @ weight.T + bias).argmax(1) == labels[out]).sum()
        # Two pictures' worth of chance keep the odds finite.
        rate = (right + 2) / (int((fold >= 0).sum()) + 2 * num_classes)
        return (rate / (1 - rate) * (num_classes - 1)).log().to(features.dtype)

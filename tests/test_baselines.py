"""The peers: right on easy problems, equal to references, indifferent to what must not matter."""

from __future__ import annotations

import pytest
import torch
from sklearn.linear_model import LogisticRegression, Ridge

from sgps.evaluation import baselines
from sgps.evaluation.baselines import finetune, logistic, prototype, ridge
from sgps.target.architecture import build_architecture
from sgps.target.network import initial_weights
from sgps.task import Preprocessing

HEADS = (prototype, ridge, logistic)

every_head = pytest.mark.parametrize("head", HEADS, ids=lambda head: head.__name__)


def problem(num_classes=3, shots=4, queries=10, width=16, noise=0.5, seed=0):
    """Features scattered around one center a class: support, its labels, queries, theirs."""
    generator = torch.Generator().manual_seed(seed)
    centers = torch.randn(num_classes, width, generator=generator)
    labels = [torch.arange(num_classes).repeat(count) for count in (shots, queries)]
    features = [
        centers[part] + noise * torch.randn(len(part), width, generator=generator)
        for part in labels
    ]
    return features[0], labels[0], features[1], labels[1]


@every_head
@pytest.mark.parametrize("num_classes", [2, 3, 7])
def test_a_head_tells_scattered_classes_apart_and_gives_probabilities(head, num_classes):
    support, labels, query, truth = problem(num_classes)
    probabilities = head(support, labels, query, num_classes)
    assert probabilities.shape == (10 * num_classes, num_classes)
    assert probabilities.sum(1).tolist() == pytest.approx([1.0] * len(query))
    assert (probabilities.argmax(1) == truth).float().mean() > 0.9


@every_head
def test_a_head_works_with_one_picture_a_class(head):
    support, labels, query, truth = problem(shots=1, noise=0.3)
    assert (head(support, labels, query, 3).argmax(1) == truth).float().mean() > 0.9


@every_head
def test_permuting_the_classes_permutes_the_columns(head):
    support, labels, query, _ = problem()
    order = torch.tensor([2, 0, 1])
    expected = head(support, labels, query, 3)
    assert torch.allclose(head(support, order[labels], query, 3)[:, order], expected, atol=1e-3)


@every_head
def test_permuting_the_support_changes_nothing(head):
    support, labels, query, _ = problem()
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(3))
    shuffled = head(support[order], labels[order], query, 3)
    assert torch.allclose(shuffled, head(support, labels, query, 3), atol=1e-3)


@every_head
def test_each_query_is_classified_on_its_own(head):
    support, labels, query, _ = problem()
    assert torch.allclose(
        head(support, labels, query[:1], 3), head(support, labels, query, 3)[:1], atol=1e-9
    )


@every_head
def test_the_scale_of_the_features_does_not_matter(head):
    support, labels, query, _ = problem()
    scaled = head(100 * support, labels, 100 * query, 3)
    assert torch.allclose(scaled, head(support, labels, query, 3), atol=1e-4)


@pytest.mark.parametrize("head", [prototype, ridge, logistic])
def test_a_class_without_a_picture_is_our_bug(head):
    support, labels, query, _ = problem()
    with pytest.raises(ValueError, match=r"^a class has no support picture$"):
        head(support, labels, query, 4)


def test_prototype_of_a_table_computed_by_hand():
    # All of length 1 already, and their mean is 0: centering changes nothing.
    support = torch.tensor([[1.0, 0], [-1, 0], [0, 1], [0, -1]])
    labels = torch.tensor([0, 1, 0, 1])
    # Class means point to (1, 1) and (-1, -1); the query (1, 0) has cosines ±√½ with them.
    first, _ = prototype(support, labels, torch.tensor([[1.0, 0]]), 2)[0].tolist()
    expected = torch.sigmoid(torch.tensor(2 * baselines.PROTOTYPE_SCALE * 0.5**0.5))
    assert first == pytest.approx(float(expected))


def test_ridge_is_scikit_learns_ridge_with_an_intercept():
    support, labels, query, _ = problem(shots=3)
    centered, asked = baselines.center_and_normalize(support, query)
    targets = torch.eye(3)[labels].double()
    model = Ridge(alpha=baselines.RIDGE_PENALTY).fit(centered.numpy(), targets.numpy())
    scores = torch.from_numpy(model.predict(asked.numpy()))
    expected = (baselines.RIDGE_SCALE * scores).softmax(1)
    assert torch.allclose(ridge(support, labels, query, 3), expected, atol=1e-9)


def test_logistic_has_the_columns_of_scikit_learn():
    support, labels, query, _ = problem(num_classes=2)
    centered, asked = baselines.center_and_normalize(support, query)
    model = LogisticRegression(C=baselines.LOGISTIC_C, max_iter=1000)
    model.fit(centered.numpy(), labels.numpy())
    expected = torch.from_numpy(model.predict_proba(asked.numpy()))
    assert torch.equal(logistic(support, labels, query, 2), expected)


def test_centering_never_sees_a_query():
    support, _, query, _ = problem()
    assert torch.equal(
        baselines.center_and_normalize(support, query)[0],
        baselines.center_and_normalize(support, 5 + query)[0],
    )


def test_the_constants_are_reported_by_name():
    assert baselines.constants()["ridge_penalty"] == baselines.RIDGE_PENALTY
    assert len(baselines.constants()) == 9


def colored(labels, seed=0, side=32):
    """Noisy pictures: red for class 0, blue for class 1, green for class 2."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(60, 140, (len(labels), 3, side, side), generator=generator)
    for image, label in zip(images, labels, strict=True):
        image[(2 * label) % 3] += 60
    return images.to(torch.uint8)


def tune(name="test_efficientnet", **changes):
    architecture = build_architecture(name)
    weights = initial_weights(architecture, torch.Generator().manual_seed(0))
    preprocessing = Preprocessing(image_size=32, mean=architecture.mean, std=architecture.std)
    labels, truth = torch.arange(2).repeat(3), torch.arange(2).repeat(6)
    options = {"seed": 0, "steps": 3} | changes
    images = colored(labels), labels, colored(truth, seed=1), 2
    return finetune(architecture, weights, preprocessing, *images, **options), truth


def test_finetuning_learns_two_colors():
    probabilities, truth = tune(steps=5)
    assert (probabilities.argmax(1) == truth).float().mean() > 0.9
    assert probabilities.sum(1).tolist() == pytest.approx([1.0] * 12)


def test_finetuning_depends_on_its_seed_alone():
    torch.manual_seed(1)
    first = tune()[0]
    torch.manual_seed(2)
    assert torch.equal(first, tune()[0])
    assert not torch.equal(first, tune(seed=1)[0])


def test_finetuning_leaves_the_backbone_as_it_is():
    architecture = build_architecture("test_efficientnet")
    weights = initial_weights(architecture, torch.Generator().manual_seed(0))
    before = {name: tensor.clone() for name, tensor in weights.items()}
    preprocessing = Preprocessing(image_size=32, mean=architecture.mean, std=architecture.std)
    images = colored(torch.tensor([0, 1]))
    finetune(
        architecture,
        weights,
        preprocessing,
        images,
        torch.tensor([0, 1]),
        images,
        2,
        seed=0,
        steps=2,
    )
    assert weights.keys() == before.keys()
    assert all(torch.equal(weights[name], before[name]) for name in before)


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "tf_efficientnetv2_b0"])
def test_finetuning_runs_on_both_families_of_peers(name):
    probabilities, _ = tune(name, steps=1)
    assert probabilities.shape == (12, 2)


def test_finetuning_starts_from_the_decisions_of_prototypes():
    architecture = build_architecture("test_efficientnet")
    weights = initial_weights(architecture, torch.Generator().manual_seed(0))
    preprocessing = Preprocessing(image_size=32, mean=architecture.mean, std=architecture.std)
    labels, query = torch.arange(3).repeat(2), colored(torch.arange(3).repeat(4), seed=1)
    support = colored(labels)
    features = [
        baselines.backbone_features(architecture, weights, preprocessing, part)
        for part in (support, query)
    ]
    mean = features[0].mean(0)
    centers = torch.stack([features[0][labels == label].mean(0) - mean for label in range(3)])
    cosines = (
        torch.nn.functional.normalize(features[1] - mean) @ torch.nn.functional.normalize(centers).T
    )
    start = finetune(
        architecture, weights, preprocessing, support, labels, query, 3, seed=0, steps=0
    )
    assert torch.equal(start.argmax(1), cosines.argmax(1))

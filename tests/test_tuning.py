"""Methods that take gradient steps: they learn, they are repeatable, and they leave the given network alone."""

from __future__ import annotations

import pytest
import torch
from problems import accuracy, colored, drawn_peer
from torch.nn import functional

from sgps.evaluation import tuning
from sgps.evaluation.tuning import anil, finetune, finetune_head, protokd

TUNED = (finetune, finetune_head, anil, protokd)
every_method = pytest.mark.parametrize("method", TUNED, ids=lambda method: method.__name__)


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    monkeypatch.setattr(tuning, "FINETUNE_STEPS", 3)
    monkeypatch.setattr(tuning, "PROTOKD_STEPS", 3)


def tune(method, peer=None, seed=0, num_classes=2):
    """Probabilities of six queries a class, and their classes."""
    labels, truth = (torch.arange(num_classes).repeat(count) for count in (3, 6))
    fitted = method(peer or drawn_peer(), colored(labels), labels, num_classes, seed=seed)
    return fitted.predict(colored(truth, seed=1)), truth


@every_method
@pytest.mark.parametrize("num_classes", [2, 3])
def test_a_method_learns_colors(method, num_classes):
    probabilities, truth = tune(method, num_classes=num_classes)
    assert accuracy(probabilities, truth) > 0.9
    assert probabilities.sum(1).tolist() == pytest.approx([1.0] * len(truth))


@every_method
def test_a_method_works_with_one_picture_a_class(method):
    labels = torch.arange(2)
    probabilities = method(drawn_peer(), colored(labels), labels, 2, seed=0).predict(
        colored(labels, seed=1)
    )
    assert accuracy(probabilities, labels) == 1


@every_method
def test_a_method_depends_on_its_seed_alone(method):
    torch.manual_seed(1)
    first = tune(method)[0]
    torch.manual_seed(2)
    assert torch.equal(first, tune(method)[0])
    # The views of the head are fixed; the others draw flips or rotations.
    assert torch.equal(first, tune(method, seed=1)[0]) == (method is finetune_head)


@every_method
def test_a_method_leaves_the_backbone_as_it_is(method):
    peer = drawn_peer()
    before = {name: tensor.clone() for name, tensor in peer.weights.items()}
    tune(method, peer)
    assert peer.weights.keys() == before.keys()
    assert all(torch.equal(peer.weights[name], before[name]) for name in before)
    assert not any(tensor.requires_grad for tensor in peer.weights.values())


@every_method
def test_a_classifier_does_not_change_when_it_is_asked(method):
    labels = torch.arange(2).repeat(2)
    fitted = method(drawn_peer(), colored(labels), labels, 2, seed=0)
    queries = colored(labels, seed=1)
    assert torch.equal(fitted.predict(queries), fitted.predict(queries))


@every_method
def test_the_size_is_that_of_the_backbone_and_a_head(method):
    peer, labels = drawn_peer(), torch.arange(2)
    size = method(peer, colored(labels), labels, 2, seed=0).size_bytes
    numbers = 2 * peer.architecture.num_features
    # Prototypes carry the mean that they are centered on, all have an offset a class.
    kept = numbers + 2 + (peer.architecture.num_features if method is protokd else 0)
    assert size == peer.size_bytes + 4 * kept


@every_method
@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "tf_efficientnetv2_b0"])
def test_both_families_of_peers_can_be_tuned(method, name, monkeypatch):
    for steps in ("FINETUNE_STEPS", "FINETUNE_HEAD_STEPS", "ANIL_STEPS", "PROTOKD_STEPS"):
        monkeypatch.setattr(tuning, steps, 1)
    probabilities, _ = tune(method, drawn_peer(name))
    assert probabilities.isfinite().all()


@pytest.mark.parametrize("method", [finetune, finetune_head, anil], ids=lambda m: m.__name__)
def test_tuning_starts_from_the_decisions_of_prototypes(method, monkeypatch):
    for steps in ("FINETUNE_STEPS", "FINETUNE_HEAD_STEPS", "ANIL_STEPS"):
        monkeypatch.setattr(tuning, steps, 0)
    peer, labels = drawn_peer(), torch.arange(3).repeat(2)
    support, query = colored(labels), colored(torch.arange(3).repeat(4), seed=1)
    views = [support]
    if method is finetune_head:
        views = [support, support.flip(3), support.flip(2), support.flip(2, 3)]
    features = torch.cat([peer.features(view) for view in views])
    mean = features.mean(0)
    targets = labels.repeat(len(views))
    centers = torch.stack([features[targets == label].mean(0) - mean for label in range(3)])
    cosines = functional.normalize(peer.features(query) - mean) @ functional.normalize(centers).T
    start = method(peer, support, labels, 3, seed=0).predict(query)
    assert torch.equal(start.argmax(1), cosines.argmax(1))


def weights_after(method, monkeypatch):
    """The backbone that a method ends with."""
    kept = {}

    def remember(_peer, weights, _device):
        kept.update(weights)

    monkeypatch.setattr(tuning, "_network", remember)
    labels = torch.arange(2).repeat(2)
    method(drawn_peer(), colored(labels), labels, 2, seed=0)
    return kept


@pytest.mark.parametrize(
    ("method", "first"), [(finetune, 0), (finetune_head, 99), (anil, -2)], ids=str
)
def test_a_method_moves_the_stages_that_it_says(method, first, monkeypatch):
    peer, after = drawn_peer(), weights_after(method, monkeypatch)
    first = first if first >= 0 else peer.architecture.num_stages
    moved = {
        spec.stage
        for spec in peer.architecture.parameters
        if not torch.equal(after[spec.name], peer.weights[spec.name])
    }
    stages = {spec.stage for spec in peer.architecture.parameters}
    assert moved == {stage for stage in stages if stage >= first}


def test_few_steps_lower_the_loss_of_the_support():
    peer, labels = drawn_peer(), torch.arange(3).repeat(3)
    images = colored(labels)
    losses = []
    for steps in (0, tuning.ANIL_STEPS):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tuning, "ANIL_STEPS", steps)
            found = anil(peer, images, labels, 3, seed=0).predict(images)
        losses.append(float(functional.nll_loss(found.log(), labels)))
    assert losses[1] < losses[0]


def test_self_distillation_is_nothing_where_rotations_agree():
    features, labels = torch.randn(4, 8), torch.arange(2).repeat(2)
    twice = torch.cat([features, features])
    apart = torch.cat([features, torch.randn(4, 8)])
    with pytest.MonkeyPatch.context() as patch:
        losses = []
        for weight in (0.0, 1.0):
            patch.setattr(tuning, "PROTOKD_DISTILLATION", weight)
            losses.append([float(tuning._rotation_loss(f, labels, 2)) for f in (twice, apart)])
    assert losses[0][0] == pytest.approx(losses[1][0], abs=1e-9)
    assert losses[1][1] > losses[0][1]


def test_a_batch_of_rotations_has_every_class(monkeypatch):
    labels = torch.tensor([0] * 20 + [1] * 2 + [2])
    batch = tuning._balanced(labels, 5, torch.Generator().manual_seed(0))
    assert torch.bincount(labels[batch]).tolist() == [5, 2, 1]
    assert len(set(batch.tolist())) == len(batch)

"""Heads on given features: right on easy problems, equal to references, indifferent to what must not matter."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import accuracy, problem
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC

from sgps.evaluation import covariance_heads, heads
from sgps.evaluation.covariance_heads import lda, mahalanobis
from sgps.evaluation.heads import (
    center,
    centered,
    knn,
    logistic,
    prototype,
    ridge,
    select_protonet,
    svm,
)
from sgps.evaluation.text_heads import ss_text, tip_adapter
from sgps.evaluation.unlabelled import self_training


def self_trained(support, labels, num_classes):
    """Self-training with a pool made of the support, moved a little."""
    noise = torch.randn(support.shape, generator=torch.Generator().manual_seed(9))
    # Sorted by content, so that the pool does not depend on the order of the support.
    pool = support[support[:, 0].argsort()] + 0.2 * noise
    return self_training(support, labels, num_classes, pool)


HEADS = (prototype, select_protonet, ridge, logistic, svm, lda, mahalanobis, knn)
EVERY = (*HEADS, tip_adapter, ss_text, self_trained)

every_head = pytest.mark.parametrize("head", EVERY, ids=lambda head: head.__name__)


def as_numpy(support, query):
    mean = center(support)
    return centered(support, mean).numpy(), centered(query, mean).numpy()


@every_head
@pytest.mark.parametrize("num_classes", [2, 3, 7])
@pytest.mark.parametrize("width", [16, 400])
def test_a_head_tells_scattered_classes_apart_and_gives_probabilities(head, num_classes, width):
    support, labels, query, truth = problem(num_classes, width=width)
    probabilities = head(support, labels, num_classes).predict(query)
    assert probabilities.shape == (10 * num_classes, num_classes)
    assert probabilities.dtype == torch.float64
    assert probabilities.sum(1).tolist() == pytest.approx([1.0] * len(query))
    assert accuracy(probabilities, truth) > 0.9


@every_head
@pytest.mark.parametrize("num_classes", [2, 3])
def test_a_head_works_with_one_picture_a_class(head, num_classes):
    support, labels, query, truth = problem(num_classes, shots=1, noise=0.3)
    assert accuracy(head(support, labels, num_classes).predict(query), truth) > 0.9


# Not tip_adapter: its cache gives larger classes a larger say.
@pytest.mark.parametrize("head", [*HEADS, ss_text, self_trained], ids=lambda head: head.__name__)
def test_a_head_works_when_one_class_has_a_single_picture(head):
    support, labels, query, truth = problem(noise=0.3)
    kept = torch.cat([(labels != 1).nonzero()[:, 0], (labels == 1).nonzero()[:1, 0]])
    assert accuracy(head(support[kept], labels[kept], 3).predict(query), truth) > 0.9


@every_head
def test_a_head_works_with_fewer_features_than_pictures(head):
    support, labels, query, truth = problem(width=3, shots=8, noise=0.1, seed=2)
    assert accuracy(head(support, labels, 3).predict(query), truth) > 0.9


@every_head
def test_identical_pictures_of_all_classes_give_finite_probabilities(head):
    labels = torch.arange(3).repeat(2)
    assert head(torch.ones(6, 5), labels, 3).predict(torch.randn(4, 5)).isfinite().all()


@pytest.mark.parametrize("head", HEADS, ids=lambda head: head.__name__)
@settings(max_examples=8, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 1000),
    shots=st.integers(1, 4),
    width=st.sampled_from([4, 40]),
    order=st.permutations(range(4)),
)
def test_permuting_the_classes_permutes_the_columns(head, seed, shots, width, order):
    check_permutation(head, seed, shots, width, order)


@pytest.mark.parametrize("head", [tip_adapter, ss_text, self_trained], ids=lambda h: h.__name__)
@settings(max_examples=8, deadline=None, derandomize=True)
@given(seed=st.integers(0, 1000), shots=st.integers(1, 4), order=st.permutations(range(4)))
def test_permuting_the_classes_permutes_the_columns_of_heads_that_read_more(
    head, seed, shots, order
):
    check_permutation(head, seed, shots, 20, order)


def check_permutation(head, seed, shots, width, order):
    support, labels, query, _ = problem(4, shots=shots, width=width, seed=seed)
    new = torch.tensor(order)
    extra, moved = (), ()
    if head in (tip_adapter, ss_text):
        text = torch.randn(4, width, generator=torch.Generator().manual_seed(seed))
        extra, moved = (text,), (text[new.argsort()],)
    expected = head(support, labels, 4, *extra).predict(query)
    found = head(support, new[labels], 4, *moved).predict(query)
    assert torch.allclose(found[:, new], expected, atol=2e-3)


@every_head
def test_permuting_the_support_changes_nothing(head):
    support, labels, query, _ = problem()
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(3))
    shuffled = head(support[order], labels[order], 3).predict(query)
    assert torch.allclose(shuffled, head(support, labels, 3).predict(query), atol=1e-3)


@every_head
def test_each_query_is_classified_on_its_own(head):
    support, labels, query, _ = problem()
    fitted = head(support, labels, 3)
    assert torch.allclose(fitted.predict(query[:1]), fitted.predict(query)[:1], atol=1e-9)


@pytest.mark.parametrize("head", [*HEADS, tip_adapter, ss_text], ids=lambda head: head.__name__)
def test_the_scale_of_the_features_does_not_matter(head):
    support, labels, query, _ = problem()
    scaled = head(100 * support, labels, 3).predict(100 * query)
    assert torch.allclose(scaled, head(support, labels, 3).predict(query), atol=1e-4)


@every_head
def test_a_class_without_a_picture_is_our_bug(head):
    support, labels, _, _ = problem()
    with pytest.raises(ValueError, match=r"^a class has no support picture$"):
        head(support, labels, 4)


def test_prototype_of_a_table_computed_by_hand():
    # All of length 1 already, and their mean is 0: centering changes nothing.
    support = torch.tensor([[1.0, 0], [-1, 0], [0, 1], [0, -1]])
    labels = torch.tensor([0, 1, 0, 1])
    # Class means point to (1, 1) and (-1, -1); the query (1, 0) has cosines ±√½ with them.
    first, _ = prototype(support, labels, 2).predict(torch.tensor([[1.0, 0]]))[0].tolist()
    expected = torch.sigmoid(torch.tensor(2 * heads.PROTOTYPE_SCALE * 0.5**0.5))
    assert first == pytest.approx(float(expected))


def test_ridge_is_scikit_learns_ridge_with_an_intercept():
    support, labels, query, _ = problem(shots=3)
    points, asked = as_numpy(support, query)
    model = Ridge(alpha=heads.RIDGE_PENALTY).fit(points, np.eye(3)[labels])
    expected = (heads.RIDGE_SCALE * torch.from_numpy(model.predict(asked))).softmax(1)
    assert torch.allclose(ridge(support, labels, 3).predict(query), expected, atol=1e-9)


@pytest.mark.parametrize("num_classes", [2, 3])
def test_logistic_has_the_columns_of_scikit_learn(num_classes):
    support, labels, query, _ = problem(num_classes)
    points, asked = as_numpy(support, query)
    model = LogisticRegression(C=heads.LOGISTIC_C, max_iter=1000).fit(points, labels.numpy())
    expected = torch.from_numpy(model.predict_proba(asked))
    assert torch.equal(logistic(support, labels, num_classes).predict(query), expected)


def test_svm_is_scikit_learns_one_class_against_the_rest():
    support, labels, query, _ = problem(shots=3)
    points, asked = as_numpy(support, query)
    columns = []
    for label in range(3):
        model = LinearSVC(C=heads.SVM_C, tol=1e-8, max_iter=100_000, dual=True, random_state=1)
        columns.append(model.fit(points, labels.numpy() == label).decision_function(asked))
    expected = (heads.SVM_SCALE * torch.from_numpy(np.stack(columns, axis=1))).softmax(1)
    assert torch.allclose(svm(support, labels, 3).predict(query), expected, atol=1e-4)


@pytest.mark.parametrize("num_classes", [2, 3])
def test_lda_is_scikit_learns_on_the_components_of_the_support(num_classes):
    support, labels, query, _ = problem(num_classes, width=50)
    points, asked = as_numpy(support, query)
    components = PCA(len(points) - 1, svd_solver="full").fit(points)
    model = LinearDiscriminantAnalysis(solver="eigen", shrinkage=covariance_heads.LDA_SHRINKAGE)
    model.fit(components.transform(points), labels.numpy())
    values = torch.from_numpy(model.decision_function(components.transform(asked)))
    if num_classes == 2:
        values = torch.stack([torch.zeros_like(values), values], dim=1)
    expected = (covariance_heads.LDA_SCALE * values).softmax(1)
    found = lda(support, labels, num_classes).predict(query)
    assert torch.allclose(found, expected, atol=1e-6)


def test_lda_of_one_picture_a_class_decides_by_the_nearest_of_them():
    support, labels, query, _ = problem(5, shots=1, width=50)
    points, asked = (torch.from_numpy(part) for part in as_numpy(support, query))
    nearest = torch.cdist(asked, points).argmin(1)
    assert torch.equal(lda(support, labels, 5).predict(query).argmax(1), nearest)


@pytest.mark.parametrize(("shots", "width"), [(1, 8), (2, 8), (4, 8), (4, 60)])
def test_mahalanobis_is_the_papers_formula_with_dense_matrices(shots, width):
    support, labels, query, _ = problem(3, shots=shots, width=width)
    points, asked = (width**0.5 * part for part in as_numpy(support, query))
    task = np.cov(points.T)
    squared = []
    for label in range(3):
        own = points[labels.numpy() == label]
        spread = np.cov(own.T) if len(own) > 1 else np.zeros_like(task)
        share = len(own) / (len(own) + 1)
        metric = np.linalg.inv(share * spread + (1 - share) * task + np.eye(width))
        away = asked - own.mean(0)
        squared.append(np.einsum("qf,fg,qg->q", away, metric, away))
    scores = -covariance_heads.MAHALANOBIS_SCALE * torch.from_numpy(np.stack(squared, axis=1))
    found = mahalanobis(support, labels, 3).predict(query)
    assert torch.allclose(found, scores.softmax(1), atol=1e-8)


@pytest.mark.parametrize(("shots", "neighbors"), [(1, 1), (3, 3), (9, heads.KNN_NEIGHBORS)])
def test_knn_is_scikit_learns_with_a_vote_for_all_classes(shots, neighbors):
    support, labels, query, _ = problem(shots=shots, noise=2)
    points, asked = as_numpy(support, query)
    # On a sphere, half the squared distance is 1 minus the cosine.
    model = KNeighborsClassifier(neighbors, weights=lambda away: 2 / away**2)
    votes = torch.from_numpy(model.fit(points, labels.numpy()).predict_proba(asked))
    found = knn(support, labels, 3).predict(query)
    assert torch.allclose(found, (neighbors * votes + 1 / 3) / (neighbors + 1), atol=1e-6)
    assert torch.equal(found.argmax(1), votes.argmax(1))


def test_selection_closes_features_that_tell_nothing():
    support, labels, query, truth = problem(width=8, shots=5, queries=60, noise=0.3)
    noise = torch.Generator().manual_seed(1)
    loud = [
        torch.cat([f, 2 * torch.randn(len(f), 40, generator=noise)], 1) for f in (support, query)
    ]
    selected = accuracy(select_protonet(loud[0], labels, 3).predict(loud[1]), truth)
    assert selected > accuracy(prototype(loud[0], labels, 3).predict(loud[1]), truth) + 0.05


def test_a_mislabelled_picture_weighs_less_in_a_selected_prototype():
    support, labels, query, truth = problem(shots=3, queries=60, noise=0.6, seed=5)
    wrong = labels.clone()
    wrong[0] = 1
    selected = select_protonet(support, wrong, 3).predict(query)
    plain = prototype(support, wrong, 3).predict(query)
    rows = range(len(truth))
    assert selected[rows, truth].log().mean() > plain[rows, truth].log().mean()


def test_selection_of_one_picture_a_class_is_the_prototype_head():
    support, labels, query, _ = problem(shots=1)
    expected = prototype(support, labels, 3).predict(query)
    assert torch.allclose(select_protonet(support, labels, 3).predict(query), expected)


def test_centering_never_sees_a_query():
    support, labels, query, _ = problem()
    fitted = prototype(support, labels, 3)
    alone = fitted.predict(query[:1])
    fitted.predict(5 + query)
    assert torch.equal(fitted.predict(query[:1]), alone)


def test_the_size_counts_every_number_that_is_kept():
    support, labels, _, _ = problem()  # 12 pictures of 16 features in 3 classes; r = 11
    sizes = {head.__name__: head(support, labels, 3).size_bytes for head in EVERY}
    layer = 16 + 3 * 16 + 3
    assert {name: size // 4 for name, size in sizes.items()} == {
        **dict.fromkeys(("prototype", "ridge", "logistic", "svm", "lda"), layer),
        **dict.fromkeys(("ss_text", "self_trained"), layer),
        "select_protonet": 16 + 16 + 3 * 16,
        "mahalanobis": 16 + 16 * 11 + 3 * 11 + 3 * 11 * 11,
        "knn": 16 + 12 * 16 + 12,
        "tip_adapter": 16 + 12 * 16 + 12,
    }

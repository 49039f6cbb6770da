"""Material: what each method is given of an episode, what it answers, and what that costs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from colors import COLORS, SIDE, TEXTS, ColorEngine, brief_tuning  # noqa: F401
from problems import accuracy, colored, drawn_peer

from sgps.evaluation import covariance_heads, heads, methods, text_heads, tuning, unlabelled
from sgps.evaluation.controls import REWORDED, SYNTHESIS
from sgps.evaluation.episodes import Episode
from sgps.evaluation.methods import (
    METHODS,
    SEMI_SUPERVISED,
    Features,
    Material,
    constants,
    feature_source,
    needs_engine,
    needs_peer,
)

NAMES = tuple(COLORS)
SECONDS = 10.0
"""Of one picture's features; no method takes so long by itself."""


@pytest.fixture(scope="module")
def material():
    """Forty pictures of three colors, and one episode: two support pictures and four queries a class, two outside."""
    columns = torch.arange(40) % 3
    images = colored(columns, side=SIDE)
    engine, tiny = ColorEngine(), drawn_peer(side=SIDE)
    episode = Episode(
        support=tuple(range(6)), query=tuple(range(6, 18)), classes=NAMES, outside=(18, 19)
    )
    values = {"base": engine.base_features(images), "engine": engine.joined_features(images)}
    values |= {source: tiny.features(images) for source in ("peer", "lite0", "lite2")}
    return Material(
        set_name="colors",
        episodes=[episode, replace(episode, support=(0, 1, 2), outside=())],
        labels=[NAMES[column] for column in columns],
        groups=[str(row) for row in range(38)] + ["7", "7"],
        descriptions=TEXTS,
        foreign_texts=[(f"number {number}",) for number in range(9)],
        reworded=dict.fromkeys(REWORDED, TEXTS),
        engine=engine,
        engine_images=images,
        peer=tiny,
        peer_images=images,
        pip_peers={"lite0": tiny, "lite2": drawn_peer(side=SIDE)},
        features={
            source: Features(values=rows, seconds_per_picture=SECONDS)
            for source, rows in values.items()
        },
    )


@pytest.mark.parametrize("method", METHODS)
def test_a_method_classifies_queries_and_what_is_outside_at_a_cost(material, method):
    outcome = material.answer(method, 0)
    assert outcome.probabilities.shape == (14, 3)
    assert outcome.probabilities.sum(1).tolist() == pytest.approx([1.0] * 14)
    assert min(outcome.fit_seconds, outcome.predict_seconds) >= 0
    right = accuracy(outcome.probabilities[:12], torch.arange(6, 18) % 3)
    if method == "chance":
        assert outcome.size_bytes == 0
    else:
        assert outcome.size_bytes > 0
        assert right > 0.5


def test_every_head_runs_on_every_source_and_text_on_the_base():
    sources = ("", "@base", "@engine", "@lite0", "@lite2")
    names = ("prototype", "ridge", "logistic", "svm", "lda", "mahalanobis", "knn")
    names += ("select-protonet", "tip-adapter", "self-training")
    expected = {f"{name}{source}" for name in names for source in sources}
    expected |= set(SYNTHESIS) | {"chance"}
    expected |= {"ss-text@base", "finetune", "finetune@base", "finetune-head", "anil", "protokd"}
    assert set(METHODS) == expected
    assert len(METHODS) == len(expected)


@pytest.mark.parametrize(
    ("method", "source", "peer", "engine"),
    [
        ("svm", "peer", True, False),
        ("knn@lite2", "lite2", True, False),
        ("ss-text@base", "base", False, True),
        ("self-training@engine", "engine", False, True),
        ("protokd", None, True, False),
        ("finetune@base", None, False, True),
        ("sgps-no-text", None, False, True),
        ("sgps-nearest-task", "base", False, True),
        ("chance", None, False, False),
    ],
)
def test_a_name_tells_what_it_needs(method, source, peer, engine):
    assert feature_source(method) == source
    assert needs_peer(method) == peer
    assert needs_engine(method) == engine


def test_the_constants_are_all_numbers_of_the_modules_by_name():
    modules = (heads, covariance_heads, text_heads, unlabelled, tuning)
    expected = {
        name: getattr(module, name)
        for module in modules
        for name in module.__annotations__
        if name.isupper()
    }
    assert constants() == {name.lower(): value for name, value in expected.items()}
    assert constants()["ridge_penalty"] == heads.RIDGE_PENALTY
    assert all(isinstance(value, int | float) for value in constants().values())


def test_fine_tuning_the_base_begins_with_the_engines_own_and_its_pictures(material):
    alone = replace(material, peer=None, peer_images=None)
    # The base of this engine has the peer's weights.
    peer = replace(material.peer, preprocessing=material.engine.preprocessing)
    expected = replace(material, peer=peer).answer("finetune", 0)
    outcome = alone.answer("finetune@base", 0)
    assert torch.equal(outcome.probabilities, expected.probabilities)
    assert outcome.size_bytes == expected.size_bytes
    darker = replace(alone, engine_images=material.engine_images // 2)
    assert not torch.equal(darker.answer("finetune@base", 0).probabilities, expected.probabilities)


def test_features_are_charged_to_the_part_that_reads_them(material):
    outcome = material.answer("ridge@base", 0)
    assert outcome.fit_seconds == pytest.approx(6 * SECONDS, abs=SECONDS / 2)
    assert outcome.predict_seconds == pytest.approx(14 * SECONDS, abs=SECONDS / 2)
    unlabelled_too = material.answer("self-training@base", 0).fit_seconds
    assert unlabelled_too == pytest.approx((6 + len(material.pool(0))) * SECONDS, abs=SECONDS / 2)


def test_sizes_add_backbone_and_head(material):
    layer = 4 * (3 + 3 * 3 + 3)
    assert material.answer("ridge@base", 0).size_bytes == ColorEngine.BASE_BYTES + layer
    assert material.answer("ridge@engine", 0).size_bytes == 2 * ColorEngine.BASE_BYTES + 4 * (
        6 + 3 * 6 + 3
    )
    width = material.peer.architecture.num_features
    head = 4 * (width + 3 * width + 3)
    for method in ("ridge", "ridge@lite0"):
        assert material.answer(method, 0).size_bytes == material.peer.size_bytes + head
    cache = 4 * (width + 6 * width + 6)
    assert material.answer("knn", 0).size_bytes == material.peer.size_bytes + cache
    # Three mean colors are all that a network of this engine is.
    assert material.answer("sgps", 0).size_bytes == 4 * 9


def test_outside_pictures_change_no_other_probability(material):
    alone = replace(material, episodes=[replace(material.episodes[0], outside=())])
    # Not self-training: it may learn from what is not outside.
    for method in ("sgps", "knn@base", "tip-adapter", "finetune-head"):
        expected = material.answer(method, 0).probabilities[:12]
        assert torch.allclose(alone.answer(method, 0).probabilities, expected, atol=1e-6)


def test_self_training_reads_no_query_and_nothing_of_a_querys_group(material):
    method = "self-training@base"
    before = material.answer(method, 0).probabilities[0]
    values = material.features["base"].values.clone()
    # All queries but the first, what is outside, and two pictures of the group of query 7.
    values[[*range(7, 20), 38, 39]] = torch.nan
    blind = replace(material, features={"base": Features(values=values, seconds_per_picture=0.0)})
    assert torch.equal(blind.answer(method, 0).probabilities[0], before)
    values[20] = torch.nan
    with pytest.raises(ValueError, match="NaN"):
        blind.answer(method, 0)


def test_only_flagged_methods_read_pictures_beside_support_and_queries(material):
    shown = list(range(20))
    hidden = {
        name: replace(
            features,
            values=torch.where(
                torch.isin(torch.arange(40), torch.tensor(shown))[:, None],
                features.values,
                torch.nan,
            ),
        )
        for name, features in material.features.items()
    }
    blind = replace(material, features=hidden)
    for method in METHODS:
        if feature_source(method) and method not in SEMI_SUPERVISED:
            assert blind.answer(method, 0).probabilities.isfinite().all(), method
    assert all(feature_source(method) for method in SEMI_SUPERVISED)


def test_text_is_read_by_text_heads_on_the_base_alone(material):
    engine = ColorEngine()
    asked = replace(material, engine=engine)
    for method in METHODS:
        if not method.startswith("sgps"):
            asked.answer(method, 0)
    assert engine.placed == [tuple(TEXTS.values())] * 2


@pytest.mark.parametrize("method", ["tip-adapter@base", "ss-text@base"])
def test_text_heads_use_the_text_and_do_without(material, method):
    with_text = material.answer(method, 0)
    partly = replace(material, descriptions={"amber": TEXTS["amber"]})
    without = partly.answer(method, 0)
    silent = ColorEngine()
    silent.text_features = lambda _descriptions: None
    mute = replace(material, engine=silent).answer(method, 0)
    assert not torch.allclose(with_text.probabilities, without.probabilities)
    assert torch.equal(mute.probabilities, without.probabilities)


def test_tuning_is_seeded_by_seed_and_episode(material, monkeypatch):
    seeds = []

    def remember(*_arguments, seed, device):
        seeds.append((seed, device))
        return heads.Fitted(lambda queries: torch.zeros(len(queries), 3), 0)

    monkeypatch.setitem(methods._TUNED, "anil", remember)
    for seed, index in ((0, 0), (0, 0), (0, 1), (1, 0)):
        replace(material, seed=seed).answer("anil", index)
    numbers = [seed for seed, _ in seeds]
    assert numbers[0] == numbers[1]
    assert len(set(numbers)) == 3
    assert all(device == "cpu" for _, device in seeds)


def test_the_pool_depends_on_seed_and_episode(material, monkeypatch):
    monkeypatch.setattr(unlabelled, "SELF_TRAINING_POOL", 8)
    pools = [
        replace(material, seed=seed).pool(index) for seed, index in ((0, 0), (0, 0), (0, 1), (1, 0))
    ]
    assert pools[0] == pools[1]
    assert len(set(pools)) == 3
    assert all(np.array(pool).min() > 2 for pool in pools)

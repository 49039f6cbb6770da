"""Rows of the ablations are what their names say."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from engines import SIZE, colored_support, texts_of, tiny_engine

from sgps.engine.config import ENGINE_PARTS
from sgps.engine.engine import Engine
from sgps.evaluation.episodes import Episode
from sgps.labelled import LabelledImage
from tables.reading import ROOT

NAMES = ("blue", "green", "red")


@pytest.fixture
def scripts(monkeypatch):
    """The modules of the ablations, which lie beside the results."""
    monkeypatch.syspath_prepend(ROOT / "results")
    import ablation_rows
    import ablation_tasks
    import ablations as script

    return ablation_rows, ablation_tasks, script


@pytest.fixture
def bench(scripts):
    """A tiny engine, a pool of twelve pictures and one problem, drawn twice."""
    _, tasks, script = scripts
    engine: Engine = tiny_engine()
    colors = colored_support((4, 4, 4))
    pool = tasks.Pool(
        pictures=tuple(
            LabelledImage(f"{row}", NAMES[row // 4], f"{row}", lambda _side: colors.images[0])
            for row in range(12)
        ),
        descriptions={name: texts_of(name) for name in NAMES},
        sha256="0" * 64,
    )
    task = tasks.Task(title="colors 3-way", data="colors", way=3)
    images = {"colors": colors.images}
    views = engine.config.views
    with torch.no_grad():
        base = script.features_of(engine, script.mixed_weights(engine, (0, 0)), images, views)
        problem = tasks.problem_of(
            Episode(support=(0, 1, 4, 5, 8, 9), query=(2, 3, 6, 7, 10, 11), classes=NAMES),
            pool,
            engine,
            base["colors"][:, 0],
        )
        drawn = tasks.Drawn(task=task, problems={1: [problem], 5: [problem] * 2}, digests={})
    return script.Bench(engine=engine, images=images, drawn=[drawn]), base, problem


def test_a_fixed_mixture_is_the_base_moved_towards_experts(scripts) -> None:
    _, _, script = scripts
    engine = tiny_engine()
    generator = engine.network.generator
    with torch.no_grad():
        unmoved = script.mixed_weights(engine, (0.0, 0.0))
        whole = script.mixed_weights(engine, (0.0, 1.0))
    assert all(torch.equal(unmoved[name], own) for name, own in generator.base_weights().items())
    for name, own in generator.expert_weights(1).items():
        torch.testing.assert_close(whole[name], own)


@torch.no_grad()
def test_the_base_on_cached_features_answers_as_an_engine_without_its_parts(scripts, bench) -> None:
    rows, _, _ = scripts
    one, base, problem = bench
    head = one.engine.network.head
    cached = rows.by_head(base["colors"], problem, head=head, without="words")
    written = rows.by_synthesis(
        one.images["colors"], problem, engine=one.engine, without=ENGINE_PARTS
    )
    assert cached.argmax(1).tolist() == written.argmax(1).tolist()
    network = one.engine.synthesize(
        problem.support_set(one.images["colors"]), without=("experts", "channel-scales")
    )
    logits = network.logits(one.images["colors"][problem.query])
    recalled = rows.by_head(base["colors"], problem, head=head)
    ratio = (logits[:, 0] - logits[:, 1]) / (recalled[:, 0] - recalled[:, 1])
    # All but the temperature, one factor.
    torch.testing.assert_close(ratio, ratio[:1].expand(len(ratio)), rtol=1e-2, atol=0)


@torch.no_grad()
def test_within_its_row_every_tensor_goes_equally_far_towards_an_expert(scripts, bench) -> None:
    rows, _, _ = scripts
    one, _, problem = bench
    network = one.engine.network
    task = one.engine.task_tensors(problem.support_set(one.images["colors"]))
    # The experts of this engine are strangers to the task.
    known = replace(network.read(task)[1], familiarity=torch.ones(len(one.engine.config.experts)))
    network.generator.expert_head.weight.normal_(generator=torch.Generator().manual_seed(0))

    def steps() -> torch.Tensor:
        description = network.encoder.describe(network.generator.base_weights(), task.images)
        return network.codes(description, task, known).experts

    chosen = steps()
    with rows.alike_in_all_tensors(one.engine):
        alike = steps()
    assert chosen.std(0).min() > 0
    torch.testing.assert_close(alike, chosen.mean(0, keepdim=True).expand_as(chosen))
    assert torch.equal(steps(), chosen)


@torch.no_grad()
def test_a_head_without_metric_leaves_vectors_as_they_are_and_the_engine_too(scripts) -> None:
    rows, _, _ = scripts
    head = tiny_engine().network.head
    residuals = torch.randn(300, head.num_features, generator=torch.Generator().manual_seed(0))
    head.set_metric(residuals * torch.linspace(0.1, 3, head.num_features))
    plain = rows.without_metric(head)
    torch.testing.assert_close(plain.in_metric(residuals, 5.0), residuals)
    assert not torch.allclose(head.in_metric(residuals, 5.0), residuals)


@torch.no_grad()
def test_scores_are_by_task_and_shots(scripts, bench) -> None:
    rows, _, _ = scripts
    one, base, _ = bench
    scores = one.own(base)
    assert {shot: len(own) for shot, own in scores["colors 3-way"].items()} == {"1": 1, "5": 2}
    assert rows.first(scores, 1)["colors 3-way"] == {
        shot: own[:1] for shot, own in scores["colors 3-way"].items()
    }
    sure = rows.score(one.drawn, base, lambda _, p: torch.eye(3)[p.query_labels])
    assert sure["colors 3-way"] == {"1": [100.0], "5": [100.0] * 2}


def test_means_weigh_tasks_and_shots_alike(scripts) -> None:
    rows, _, _ = scripts
    scores = {"a": {"1": [10.0, 30.0], "5": [50.0]}, "b": {"1": [40.0], "5": [80.0]}}
    assert rows.mean_of(scores, 1) == 30.0
    assert rows.mean_of(scores, 1, 5) == 47.5


def test_the_best_fixed_mixture_may_be_the_base(scripts, capsys) -> None:
    rows, _, script = scripts
    kept = rows.Rows()
    for name, group, value in (("reference", "reference", 50.0), ("a 0.2", "experts", 49.0)):
        kept.add(name, group, {"t": {"1": [value], "5": [value]}})
    kept.add("better, but no mixture", "head", {"t": {"1": [90.0], "5": [90.0]}})
    assert script.best_fixed(kept) == "reference"
    kept.add("b 0.2", "experts", {"t": {"1": [49.0], "5": [52.0]}})
    assert script.best_fixed(kept) == "b 0.2"
    assert "b 0.2 49.0 / 52.0" in capsys.readouterr().err


def test_other_engines_are_compared_with_the_first_of_them(scripts, bench, capsys) -> None:
    rows, _, script = scripts
    one, _, _ = bench
    kept = rows.Rows()
    engines = {"as shipped": one.engine, "untrained": tiny_engine(trained=False)}
    with torch.no_grad():
        script.learned_otherwise(one, kept, engines, 1)
    assert kept.names("learning") == list(engines)
    assert [row["against"] for row in kept.found] == [None, "as shipped"]
    assert {shot: len(own) for shot, own in kept.scores("untrained")["colors 3-way"].items()} == {
        "1": 1,
        "5": 1,
    }
    assert "learning: untrained" in capsys.readouterr().err


def test_an_engine_is_named_where_its_folder_is_given(scripts) -> None:
    _, _, script = scripts
    assert script._named("no teacher=runs/a=b") == ("no teacher", Path("runs/a=b"))
    for wrong in ("runs/a", "=runs/a", "name="):
        with pytest.raises(argparse.ArgumentTypeError, match=r"is not NAME=FOLDER$"):
            script._named(wrong)


@pytest.mark.parametrize(
    ("steps", "name"),
    [
        ((0.4, 0.0, 0.2), "x 0.4 + z 0.2"),
        ((0.0, 1.0, 0.0), "y 1"),
        ((0.2, 0.2, 0.2), "all experts 0.2"),
    ],
)
def test_a_mixture_is_named_by_its_steps(steps, name, scripts) -> None:
    assert scripts[0].mixture_name(("x", "y", "z"), steps) == name


def test_a_pool_has_few_pictures_of_each_class_and_the_same_ones_again(scripts) -> None:
    _, tasks, _ = scripts
    pictures = [
        LabelledImage(f"{label}{number}", label, "", lambda _side: torch.zeros(3, SIZE, SIZE))
        for label, count in (("a", 5), ("b", 50))
        for number in range(count)
    ]
    names = [picture.name for picture in tasks.limited(pictures, 20, 3)]
    assert names == [picture.name for picture in tasks.limited(pictures, 20, 3)]
    assert names != [picture.name for picture in tasks.limited(pictures, 20, 4)]
    assert [sum(name[0] == label for name in names) for label in "ab"] == [5, 20]

"""Age, sex and site as a condition: what is counted, and networks that read a support whatever its order."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from metadata_condition import (
    ALIKE,
    ALIKE_RECORDED,
    MIXERS,
    Correction,
    Match,
    likelihoods,
    read_values,
)
from probe_metadata import chosen, figures, shuffled

from sgps.datasets.catalogue import role_of
from sgps.engine.config import EngineConfig
from sgps.engine.head import Head
from sgps.labelled import LabelledImage

EVEN = [torch.full((len(one),), 1 / len(one)) for one in ALIKE]


def _row(age, sex, site):
    return {"age": age, "sex": sex, "localization": site}


def test_values_are_places_and_unknown_ones_are_minus_one() -> None:
    rows = [_row("85.0", "male", "scalp"), _row("0.0", "female", "foot"), _row("", "unknown", "")]
    assert read_values(rows).tolist() == [[17, 1, 0], [0, 0, 3], [-1, -1, -1]]
    fine = read_values([_row("40.0", "male", "back"), _row("40.0", "male", "trunk")], areas=False)
    assert fine[0, 2] != fine[1, 2]
    assert int(fine.max(0).values[2]) < len(ALIKE_RECORDED[2])


def test_a_query_is_likelier_in_the_class_whose_support_has_its_site() -> None:
    support, labels = torch.tensor([[-1, -1, 0], [-1, -1, 3]]), torch.tensor([0, 1])
    said = likelihoods(
        support, labels, torch.tensor([[5, 1, 0], [5, 1, -1]]), EVEN, smoothing=1, alike=ALIKE
    )
    # (1 + 1/4) / 2 against (1/4) / 2; age and sex, which the support does not tell, say nothing.
    assert float(said[0, 0] - said[0, 1]) == pytest.approx(np.log(5))
    assert said[1].tolist() == pytest.approx([0, 0], abs=1e-5)


def test_ages_that_lie_near_are_counted() -> None:
    support, labels = torch.tensor([[14, -1, -1], [4, -1, -1]]), torch.tensor([0, 1])
    query = torch.tensor([[12, -1, -1]])
    said = likelihoods(support, labels, query, EVEN, smoothing=1, alike=ALIKE)
    assert float(said[0, 0]) > float(said[0, 1])


def _values(count):
    draw = torch.Generator().manual_seed(0)
    return torch.stack(
        [torch.randint(-1, len(one), (count,), generator=draw) for one in ALIKE], dim=1
    )


@pytest.mark.parametrize("mixer", MIXERS)
def test_the_order_of_pictures_means_nothing_and_classes_keep_theirs(mixer) -> None:
    torch.manual_seed(0)
    match, values = Match(mixer), _values(3 * 4)
    vectors = match.vectors(values, 3)
    by_class = values.view(3, 4, 3)
    turned = by_class[:, [2, 0, 3, 1]].flatten(0, 1)
    torch.testing.assert_close(match.vectors(turned, 3), vectors)
    moved = by_class[[1, 2, 0]].flatten(0, 1)
    torch.testing.assert_close(match.vectors(moved, 3), vectors[[1, 2, 0]])


@pytest.mark.parametrize("mixer", MIXERS)
def test_what_has_not_learned_says_nothing_but_can_learn(mixer) -> None:
    head = Head(EngineConfig(name="tiny", architecture="test_efficientnet", image_size=32))
    correction, match, values = Correction(mixer, head), Match(mixer), _values(6)
    assert not correction(values, 2).any()
    said = match(values, 2, values)
    assert said.shape == (6, 2)
    assert not said.any()
    said[:, 0].sum().backward()
    assert match.asked[2].bias.grad.any()


def test_the_two_mixers_are_of_about_the_same_size() -> None:
    sizes = [sum(p.numel() for p in build(32).parameters()) for build in MIXERS.values()]
    assert max(sizes) < 1.05 * min(sizes)


def _items():
    labels = ["mel"] * 60 + ["nv"] * 400 + ["akiec"] * 30
    return [
        LabelledImage(
            name=f"{label}/{place}",
            label=label,
            group=f"lesion{place // 2}",
            read=lambda size: size,
        )
        for place, label in enumerate(labels)
    ]


def test_nothing_is_learned_from_dev_classes_or_from_lesions_that_are_asked() -> None:
    items, learns = chosen(_items())
    for item, own in zip(items, learns, strict=True):
        assert not (own and role_of("ham10000", item.label) == "dev")
    sides = [
        {i.group for i, own in zip(items, learns, strict=True) if own is side} for side in (0, 1)
    ]
    assert not sides[0] & sides[1]
    counts = {name: sum(i.label == name for i in items) for name in ("mel", "nv", "akiec")}
    assert counts == {"mel": 60, "nv": 250, "akiec": 30}
    assert {name for name, own in zip((i.label for i in items), learns, strict=True) if own} == {
        "mel",
        "nv",
    }


def test_metadata_dealt_at_random_stays_on_its_side() -> None:
    values, learns = torch.arange(60).view(20, 3), [True] * 12 + [False] * 8
    dealt = shuffled(values, learns)
    assert not torch.equal(dealt, values)
    for side in (slice(0, 12), slice(12, 20)):
        assert sorted(dealt[side].tolist()) == sorted(values[side].tolist())


def test_figures_are_paired_and_count_the_mean_over_seeds() -> None:
    reference = np.array([[50.0, 1.0], [70.0, 0.5]])
    told = figures([reference + 1, reference + 3], reference)
    assert told["accuracy"][0] == 62
    assert told["minus_reference"] == [2, 0]
    assert told["seeds"] == [61, 63]

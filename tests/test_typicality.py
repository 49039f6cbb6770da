"""What is typical: strangeness is what it says, what is expected of it is learned, and the folder keeps it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch
from engines import colored_support, tiny_engine
from torch import Tensor

from sgps.drawings.tasks import draw_task
from sgps.engine.engine import Engine
from sgps.engine.typicality import TypicalityReader
from sgps.errors import InputError
from sgps.target.typicality import (
    ATYPICAL,
    PERCENTILES,
    TYPICALITY_FILE,
    Typicality,
    atypical_in_words,
    relative,
    strangeness,
)
from sgps.task import SupportSet

WIDTH = 6
MIDDLE = torch.full((WIDTH,), 0.3)


def _features(count: int, seed: int = 0) -> Tensor:
    return torch.randn(count, WIDTH, generator=torch.Generator().manual_seed(seed))


def _reader() -> TypicalityReader:
    """Pictures are expected to be as strange as the support's, give or take one."""
    reader = TypicalityReader()
    reader.line.copy_(torch.tensor([0.0, 1.0]))
    reader.percentiles.copy_(torch.linspace(-1, 1, PERCENTILES))
    return reader


def _typicality(low: float = -1.0, high: float = 1.0) -> Typicality:
    return Typicality(
        class_means=_features(2),
        middle=MIDDLE,
        percentiles=torch.linspace(low, high, PERCENTILES),
    )


def test_near_a_class_is_less_strange_and_far_from_everything_is_half_forgiven() -> None:
    means = _features(3)
    near = strangeness(means + 0.01, means, MIDDLE)
    far = strangeness(means + 3, means, MIDDLE)
    assert (near < far).all()
    one, ten = (relative(torch.tensor([x]), torch.tensor([x])) for x in (1.0, 10.0))
    torch.testing.assert_close(ten - one, torch.tensor([10.0]).log() / 2)
    # A picture that is a class mean has a finite number, too.
    assert strangeness(means, means, MIDDLE).isfinite().all()


@pytest.mark.parametrize("labels", [(0, 1), (0, 0, 1), (0, 1, 2, 0, 2, 2, 1), (0, 0, 0)])
def test_each_support_picture_is_compared_with_the_means_of_all_others(labels) -> None:
    features, given = _features(len(labels)), torch.tensor(labels)
    expected = []
    for row in range(len(labels)):
        rest = torch.arange(len(labels)) != row
        means = torch.stack([features[rest & (given == c)].mean(0) for c in given[rest].unique()])
        expected.append(strangeness(features[row : row + 1], means, MIDDLE))
    found = TypicalityReader.left_out(features, given, MIDDLE)
    torch.testing.assert_close(found, torch.cat(expected).mean())


def test_neither_the_order_of_pictures_nor_that_of_classes_matters() -> None:
    features, labels = _features(6), torch.tensor([0, 0, 1, 1, 2, 2])
    reader, order = _reader(), torch.tensor([5, 0, 3, 1, 4, 2])
    one = reader(features, labels, 3, MIDDLE)
    two = reader(features[order], 2 - labels[order], 3, MIDDLE)
    assert one is not None
    assert two is not None
    torch.testing.assert_close(one.percentiles, two.percentiles)
    torch.testing.assert_close(one.class_means, two.class_means.flip(0))


def test_nothing_is_said_where_a_class_has_no_picture() -> None:
    assert _reader()(_features(3), torch.tensor([0, 1, 2]), 3, MIDDLE) is not None
    assert _reader()(_features(3), torch.tensor([0, 0, 2]), 3, MIDDLE) is None
    assert _reader()(_features(0), torch.zeros(0, dtype=torch.int64), 2, MIDDLE) is None


def test_nothing_is_said_by_an_engine_that_was_not_fitted() -> None:
    assert not TypicalityReader().is_fitted
    assert TypicalityReader()(_features(3), torch.tensor([0, 1, 2]), 3, MIDDLE) is None


def test_the_share_falls_from_one_to_zero_through_the_percentiles() -> None:
    typicality = _typicality()
    features = typicality.class_means[:1] + torch.linspace(0, 40, 200)[:, None]
    strange = strangeness(features, typicality.class_means, MIDDLE)
    shares = typicality.of(features)
    assert shares[strange <= -1].eq(1).all()
    assert shares[strange >= 1].eq(0).all()
    inside = strange.abs() < 1
    assert inside.sum() > 10
    torch.testing.assert_close(shares[inside], (1 - strange[inside]) / 2, atol=1e-4, rtol=0)


def test_percentiles_that_fall_together_leave_shares_finite() -> None:
    shares = _typicality(0.0, 0.0).of(_features(20, 1))
    assert ((shares >= 0) & (shares <= 1)).all()


def test_line_and_percentiles_are_those_that_tasks_were_drawn_with() -> None:
    generator = torch.Generator().manual_seed(0)
    tasks = []
    for _ in range(300):
        support = torch.randn((), generator=generator)
        noise = 0.2 * torch.randn(40, generator=generator)
        tasks.append((support, -0.4 + 0.7 * support + noise))
    reader = TypicalityReader()
    reader.fit(tasks)
    torch.testing.assert_close(reader.line, torch.tensor([-0.4, 0.7]), atol=0.02, rtol=0)
    assert reader.percentiles[50].abs() < 0.01
    # 1.645 standard deviations leave 5 % above.
    assert reader.percentiles[95] == pytest.approx(0.329, abs=0.02)
    assert (reader.percentiles.diff() >= 0).all()


def test_a_folder_keeps_it(tmp_path: Path) -> None:
    typicality = _typicality()
    assert Typicality.load(tmp_path, WIDTH) is None
    typicality.save(tmp_path)
    loaded = Typicality.load(tmp_path, WIDTH)
    assert loaded is not None
    queries = _features(9, 3)
    assert torch.equal(loaded.of(queries), typicality.of(queries))


def test_an_engine_keeps_its_numbers_in_a_file_of_their_own(tmp_path: Path) -> None:
    engine = tiny_engine()
    engine.save_pretrained(tmp_path / "told")
    engine.network.typicality = TypicalityReader()
    engine.save_pretrained(tmp_path / "untold")
    told, untold = (Engine.from_pretrained(tmp_path / name) for name in ("told", "untold"))
    assert told.digest == untold.digest
    assert told.network.typicality.percentiles[-1] == 0.5
    assert not untold.network.typicality.is_fitted
    assert not (tmp_path / "untold" / "typicality.json").exists()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"line": [0, 1]}',
        '{"line": [0], "percentiles": [0]}',
        '{"line": [0, 1], "percentiles": 3}',
        '{"line": [0, 1], "percentiles": ["a"]}',
        json.dumps({"line": [0, math.nan], "percentiles": [0] * PERCENTILES}),
        json.dumps({"line": [0, 1], "percentiles": [1, *[0] * (PERCENTILES - 1)]}),
    ],
)
def test_damaged_numbers_of_an_engine_are_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "typicality.json").write_text(text, encoding="utf-8")
    reader = TypicalityReader()
    with pytest.raises(InputError, match=r"typicality\.json' is damaged.* Copy the engine again\."):
        reader.read_json(tmp_path / "typicality.json")
    assert not reader.is_fitted


def _with(**changed: Tensor | None) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        content = safetensors.torch.load(path.read_bytes()) | changed
        kept = {name: tensor for name, tensor in content.items() if tensor is not None}
        path.write_bytes(safetensors.torch.save(kept))

    return write


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:40]), "is damaged"),
        (_with(middle=None), r"middle missing or unknown"),
        (_with(more=torch.zeros(1)), r"more missing or unknown"),
        (_with(class_means=torch.zeros(2, WIDTH + 1)), "do not fit"),
        (_with(class_means=torch.zeros(0, WIDTH)), "do not fit"),
        (_with(middle=torch.full((WIDTH,), torch.nan)), "do not fit"),
        (_with(middle=torch.zeros(WIDTH, dtype=torch.float64)), "do not fit"),
        (_with(percentiles=torch.linspace(1, 0, PERCENTILES)), "do not fit"),
    ],
)
def test_a_damaged_file_is_refused(
    damage: Callable[[Path], object], said: str, tmp_path: Path
) -> None:
    _typicality().save(tmp_path)
    damage(tmp_path / TYPICALITY_FILE)
    with pytest.raises(InputError, match=said):
        Typicality.load(tmp_path, WIDTH)


def test_what_is_told_is_one_sentence() -> None:
    assert atypical_in_words(["a.png"]) == (
        "1 picture looks unlike the support pictures, so that its prediction means little: a.png."
    )
    assert atypical_in_words(["a", "b"]).startswith("2 pictures look unlike")


def test_an_engine_gives_it_and_one_pass_gives_what_two_do() -> None:
    support = colored_support((3, 2, 4))
    network = tiny_engine().synthesize(support)
    typicality = network.typicality
    assert typicality is not None
    assert typicality.class_means.shape == (3, network.architecture.num_features)
    probabilities, shares = network.classify(support.images)
    assert shares is not None
    assert torch.equal(shares, typicality.of(network.features(support.images)))
    torch.testing.assert_close(probabilities, network.probabilities(support.images))


def test_an_engine_says_nothing_of_a_class_that_is_only_described() -> None:
    network = tiny_engine().synthesize(colored_support((3, 0, 4)))
    assert network.typicality is None
    assert network.classify(colored_support((1, 1, 1)).images)[1] is None


def test_the_shipped_engine_tells_drawn_cells_from_drawn_lesions() -> None:
    engine = Engine.from_pretrained("default", "cpu")
    side = engine.config.image_size
    lesions, cells = (draw_task(0, index, 5, 10, side) for index in (0, 1))
    network = engine.synthesize(
        SupportSet(
            images=lesions.support_images,
            labels=lesions.support_labels,
            class_names=lesions.class_names,
            descriptions=lesions.descriptions,
        )
    )
    own, other = (network.classify(task.query_images)[1] for task in (lesions, cells))
    assert own is not None
    assert other is not None
    assert (own < ATYPICAL).double().mean() < 0.2
    assert (other < ATYPICAL).double().mean() > 0.9

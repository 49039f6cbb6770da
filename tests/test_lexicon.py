"""The lexicon knows from drawings what words look like, and says it of classes that nobody has seen."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from engines import TEXT_WIDTH, HashedText, colored_support, texts_of, tiny_engine, tiny_network
from torch import Tensor
from torch.nn.functional import cosine_similarity, normalize

from sgps.drawings.tasks import KINDS, VALUES, draw_any, tell
from sgps.engine.config import EngineConfig
from sgps.engine.description_encoder import DescriptionEncoder
from sgps.engine.engine import Engine
from sgps.engine.lexicon import Lexicon
from sgps.pretraining.illustrate import illustrate
from sgps.target.network import pooled_features
from sgps.task import Preprocessing

COLORS, SHAPES = ("red", "green", "black"), ("round", "long")


def _lexicon(*kinds: str) -> Lexicon:
    values = [f"color/{color}" for color in COLORS] + [f"shape/{shape}" for shape in SHAPES]
    config = EngineConfig(
        name="tiny",
        architecture="test_efficientnet",
        text_width=40,
        lexicon=tuple(f"{kind}/{value}" for kind in kinds for value in values),
    )
    return Lexicon(config)


class _World:
    """A kind of drawings whose sentences and features are sums of what each value adds."""

    def __init__(self, kind: str, lexicon: Lexicon, seed: int) -> None:
        self.kind, self._generator = kind, torch.Generator().manual_seed(seed)
        self.said = {value: self._random(40) for value in (*COLORS, *SHAPES)}
        self.seen = {value: self._random(lexicon.looks.shape[1]) for value in (*COLORS, *SHAPES)}
        self._subject, self._ground = self._random(40), self._random(lexicon.looks.shape[1])

    def _random(self, width: int) -> Tensor:
        return torch.randn(width, generator=self._generator)

    def text(self, *values: str) -> Tensor:
        return normalize(2 * self._subject + sum(self.said[value] for value in values), dim=0)

    def feature(self, *values: str) -> Tensor:
        return self._ground + sum(self.seen[value] for value in values)

    def teach(self, lexicon: Lexicon, count: int = 200) -> None:
        looks = []
        for number in range(count):
            color = int(torch.randint(3, (), generator=self._generator))
            looks.append((COLORS[color], SHAPES[number % 2]))
        features = torch.stack([self.feature(*look) for look in looks])
        noise = torch.randn(features.shape, generator=self._generator)
        shown = [[f"{self.kind}/color/{c}", f"{self.kind}/shape/{s}"] for c, s in looks]
        texts = torch.stack([self.text(*look) for look in looks])
        lexicon.learn(self.kind, shown, texts, features + noise)


def _likeness(lexicon: Lexicon, world: _World, *looks: tuple[str, ...]) -> Tensor:
    """Cosine between where the lexicon puts classes of these looks, and where they lie."""
    text = torch.stack([world.text(*look) for look in looks])
    lie = torch.stack([world.feature(*look) for look in looks])
    found, _ = lexicon(text, torch.ones(len(looks), dtype=torch.bool))
    return cosine_similarity(found, lie - lie.mean(0))


@pytest.fixture
def taught() -> tuple[Lexicon, _World]:
    lexicon = _lexicon("spot")
    world = _World("spot", lexicon, 0)
    world.teach(lexicon)
    return lexicon, world


def test_classes_lie_where_their_words_say(taught):
    lexicon, world = taught
    looks = ("red", "round"), ("green", "long"), ("black", "long")
    assert float(_likeness(lexicon, world, *looks).min()) > 0.9
    # What all share tells nothing, and a word may be missing.
    assert float(_likeness(lexicon, world, ("red", "long"), ("black", "long")).min()) > 0.9
    assert float(_likeness(lexicon, world, ("red",), ("green",)).min()) > 0.9


def test_directions_have_a_mean_length_of_one_at_most(taught):
    lexicon, world = taught
    text = torch.stack([world.text("red"), world.text("green", "round"), world.text("black")])
    lengths = lexicon(text, torch.ones(3, dtype=torch.bool))[0].norm(dim=1)
    assert float(lengths.max()) <= 1 + 1e-5
    assert 0.6 < float(lengths.mean()) <= 1


def test_what_is_heard_faintly_counts_by_its_square(taught):
    lexicon, world = taught
    text = torch.stack([world.text("red"), world.text("green"), world.text("black")])
    middle, described = text.mean(0), torch.ones(3, dtype=torch.bool)
    (one, faint), (other, fainter) = (
        lexicon(middle + share * (text - middle), described) for share in (0.2, 0.1)
    )
    assert 0 < fainter < faint < 1
    torch.testing.assert_close(faint, 4 * fainter)
    torch.testing.assert_close(one, other)


def test_a_class_without_description_gets_no_direction_and_changes_none(taught):
    lexicon, world = taught
    looks = ("red",), ("green", "long"), ("black", "round")
    text = torch.stack([*(world.text(*look) for look in looks), torch.zeros(40)])
    described = torch.tensor([True, True, True, False])
    (found, clarity), heard = lexicon(text, described), lexicon.heard(text, described)
    assert not found[3].any()
    assert not heard[3].any()
    alone = lexicon(text[:3], described[:3])
    torch.testing.assert_close(found[:3], alone[0])
    torch.testing.assert_close(clarity, alone[1])
    torch.testing.assert_close(heard[:3], lexicon.heard(text[:3], described[:3]))


def test_with_nothing_to_compare_it_says_nothing(taught):
    lexicon, world = taught
    for count, described in ((2, [True, False]), (2, [True] * 2), (3, [True] * 3), (7, [True] * 7)):
        text = world.text("red")[None].repeat(count, 1)
        found, clarity = lexicon(text, torch.tensor(described))
        assert clarity == 0
        for answer in (found, lexicon.heard(text, torch.tensor(described))):
            assert len(answer) == count
            assert not answer.any()
    without = _lexicon()
    assert without(text, torch.tensor(described))[0].shape == (7, lexicon.looks.shape[1])
    assert without.heard(text, torch.tensor(described)).shape == (7, 0)


def test_words_are_heard_whichever_kind_of_drawing_taught_them():
    lexicon = _lexicon("spot", "cell")
    spots, cells = _World("spot", lexicon, 0), _World("cell", lexicon, 1)
    for world in (spots, cells):
        world.teach(lexicon)
    assert lexicon.phrases == (
        "color red",
        "color green",
        "color black",
        "shape round",
        "shape long",
    )
    text = torch.stack([spots.text("red", "round"), spots.text("green", "round")])
    heard = lexicon.heard(text, torch.tensor([True, True]))
    assert heard.argmax(1).tolist() == [0, 1]
    assert 0.2 < float(heard[0, 0]) < 1
    # What is said of both tells nothing.
    assert float(heard[:, 3:].abs().max()) < 0.1


def test_the_kind_whose_sentences_are_most_like_the_texts_answers():
    lexicon = _lexicon("spot", "cell")
    spots, cells = _World("spot", lexicon, 0), _World("cell", lexicon, 1)
    for world in (spots, cells):
        world.teach(lexicon)
    for world in (spots, cells):
        assert float(_likeness(lexicon, world, ("red", "round"), ("green", "long")).min()) > 0.9


def test_a_drawing_is_told_in_its_own_words_and_always_the_same():
    told = []
    for index in range(200):
        kind, look, _ = draw_any(3, index, 16)
        sentence = tell(3, index, kind, look)
        assert sentence == tell(3, index, kind, look)
        assert sentence[0].isupper()
        assert sentence.endswith(".")
        told.append(sentence)
        assert {f"{kind}/{name}/{value}" for name, value in look.items()} <= set(VALUES)
    assert len(set(told)) > 190


def test_drawings_teach_what_colors_look_like():
    # On features of a network with random weights this would be a matter of luck.
    network = Engine.from_pretrained("default").to(torch.device("cpu")).network
    config = dataclasses.replace(network.config, lexicon=VALUES)
    lexicon = network.lexicon = Lexicon(config)
    mean, std = network.architecture.mean, network.architecture.std
    prepare = Preprocessing(image_size=64, mean=mean, std=std)
    heard: list[tuple[int, int]] = []
    illustrate(network, DescriptionEncoder(), prepare, 40, 5, lambda *done: heard.append(done))
    assert heard[-1] == (40 * len(KINDS), 40 * len(KINDS))
    texts = DescriptionEncoder().encode(["A bright red skin lesion.", "A jet-black skin lesion."])
    with torch.no_grad():
        (red, black), clarity = lexicon(texts, torch.ones(2, dtype=torch.bool))
        seen: dict[str, list[Tensor]] = {"red": [], "black": []}
        for number in range(150):
            _, look, image = draw_any(77, len(KINDS) * number, 64)
            if look["color"] in seen:
                seen[look["color"]].append(prepare.normalize(image[None]))
        means = [
            pooled_features(
                network.architecture, network.generator.base_weights(), torch.cat(own)
            ).mean(0)
            for own in seen.values()
        ]
    assert float(cosine_similarity(red - black, means[0] - means[1], dim=0)) > 0.4
    assert clarity > 0.9


def test_an_engine_without_pictures_tells_classes_apart_that_only_its_lexicon_knows():
    engine = tiny_engine()
    names = ("blue", "green", "red")
    words = colored_support((0, 0, 0))
    queries = colored_support((6, 6, 6), seed=4)
    blind = engine.synthesize(words, without=("memory", "lexicon"))
    told = engine.synthesize(words, without=("memory",))
    assert torch.equal(
        blind.weights["classifier.weight"], torch.zeros_like(blind.weights["classifier.weight"])
    )
    right = told.probabilities(queries.images).argmax(1) == queries.labels
    assert told.class_names == names
    assert float(right.float().mean()) > 0.8


def test_the_memory_is_weighed_against_the_lexicon():
    network = tiny_network()
    text = torch.stack([HashedText().encode(texts_of(name)).mean(0) for name in ("blue", "red")])
    assert text.shape[1] == TEXT_WIDTH
    described = torch.ones(2, dtype=torch.bool)
    with torch.no_grad():
        memory, both = (network.words(text, described, without=off) for off in (("lexicon",), ()))
        drawn, clarity = network.lexicon(text, described)
    assert 0.1 < clarity <= 1
    torch.testing.assert_close(both.count, memory.count + 0.5 * clarity)
    torch.testing.assert_close(both.agreeing(torch.tensor(0.5)).known, memory.known / 2)
    torch.testing.assert_close(both.agreeing(torch.tensor(0.5)).count, both.count / 2)
    torch.testing.assert_close(both.known, memory.known)
    weighed = memory.count[:, None] * memory.directions + 0.5 * clarity * drawn
    torch.testing.assert_close(both.directions, weighed / both.count[:, None])
    # Blue is known to the memory, red is not.
    moved = 1 - cosine_similarity(both.directions, memory.directions)
    assert moved[1] > 10 * moved[0]


def test_a_zero_direction_is_worth_no_picture():
    network = tiny_network()
    recall = network.memory.nothing(2)
    drawn = torch.zeros(2, recall.directions.shape[1])
    drawn[0, 0] = 1
    joined = recall.joined(drawn, torch.tensor(0.4))
    torch.testing.assert_close(joined.count, torch.tensor([0.4, 0.0]))
    assert torch.equal(joined.directions, drawn)
    assert not joined.known.any()


def test_a_task_of_words_alone_has_its_center_where_pictures_lie_even_without_memory():
    engine = tiny_engine()
    middle = engine.network.head.feature_mean
    middle.copy_(torch.linspace(-1, 1, len(middle)))
    with torch.no_grad():
        written = engine.synthesize(colored_support((0, 0, 0)), without=("memory",)).weights
    at_middle = written["classifier.weight"] @ middle + written["classifier.bias"]
    assert float(written["classifier.weight"].norm()) > 0
    torch.testing.assert_close(at_middle, torch.zeros(3), atol=1e-3, rtol=0)

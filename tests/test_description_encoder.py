"""Descriptions become a sentence embedding and the attributes that they state, side by side."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from sgps.clinical.conditions import conditions, vocabulary
from sgps.engine.description_encoder import DescriptionEncoder, attribute_vectors
from sgps.engine.text import default_text_encoder

TEXTS = (
    "Asymmetric, irregular border, several colors.",
    "A firm brown papule with a white, scar-like center.",
    "The train to the coast leaves at half past nine.",
)
VALUES = [(name, value) for name, own in vocabulary().items() for value in own.values]


class Constant:
    """A sentence encoder that hears nothing, of a length that is not one."""

    def encode(self, texts: Sequence[str]) -> Tensor:
        return torch.full((len(texts), 4), 3.0)


def test_embeddings_are_of_length_one_and_of_the_width_that_is_told() -> None:
    embeddings = DescriptionEncoder().encode(TEXTS)
    assert embeddings.shape == (len(TEXTS), 384 + 111)
    assert embeddings.dtype == torch.float32
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(len(TEXTS)))


def test_the_cosine_of_two_texts_is_the_mean_of_both_parts() -> None:
    first, second = DescriptionEncoder().encode(TEXTS[:2])
    sentences, attributes = default_text_encoder().encode(TEXTS[:2]), attribute_vectors(TEXTS[:2])
    both = (sentences[0] @ sentences[1] + attributes[0] @ attributes[1]) / 2
    torch.testing.assert_close(first @ second, both)


def test_a_text_without_attributes_keeps_its_sentence_embedding() -> None:
    (embedding,) = DescriptionEncoder().encode(TEXTS[2:])
    torch.testing.assert_close(embedding[:384], default_text_encoder().encode(TEXTS[2:])[0])
    assert not embedding[384:].any()


def test_columns_are_the_values_of_the_vocabulary_in_its_order() -> None:
    vectors = attribute_vectors(["red and blue, with a sharp border", "no red dots"])
    assert vectors.shape == (2, len(VALUES))
    stated = [VALUES[place] for place in vectors[0].nonzero().flatten().tolist()]
    assert stated == [("color", "red"), ("color", "blue"), ("border", "sharp")]
    assert not vectors[1].any()


def test_a_rare_value_weighs_more_than_a_common_one() -> None:
    (vector,) = attribute_vectors(["green and pink"])
    green, pink = (vector[VALUES.index(("color", name))] for name in ("green", "pink"))
    assert green > 1.5 * pink > 0


def test_the_order_of_words_and_texts_does_not_change_the_attributes() -> None:
    texts = ["brown, round, scaly", "scaly, round and brown"]
    vectors = attribute_vectors(texts)
    assert torch.equal(vectors[0], vectors[1])
    assert torch.equal(attribute_vectors(texts[::-1]), vectors)


def test_another_sentence_encoder_has_the_same_say() -> None:
    embeddings = DescriptionEncoder(Constant()).encode(TEXTS[:2])
    assert embeddings.shape == (2, 4 + len(VALUES))
    torch.testing.assert_close(embeddings[:, :4].norm(dim=1), torch.full((2,), 0.5**0.5))


@pytest.mark.parametrize("key", ["dermatofibroma", "melanoma"])
def test_the_texts_of_an_entry_are_closer_than_those_of_another(key: str) -> None:
    encoder = DescriptionEncoder()
    own = encoder.encode(list(conditions()[key].descriptions.values()))
    other = encoder.encode(list(conditions()["psoriasis"].descriptions.values()))
    assert (own @ own.T).min() > (own @ other.T).max()

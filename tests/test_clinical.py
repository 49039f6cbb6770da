"""The clinical catalogue is whole, consistent, and covers every class of every set."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from sgps.clinical.conditions import ATTRIBUTES, STYLES, conditions, vocabulary
from sgps.datasets.catalogue import image_set, set_names

ENTRIES = list(conditions().values())


def test_every_class_of_every_set_has_one_entry():
    told = Counter(name for entry in ENTRIES for name in entry.classes)
    known = {f"{s}/{label}" for s in set_names() for label in image_set(s).classes}
    assert set(told) == known
    assert set(told.values()) == {1}


def test_there_are_many_conditions_beyond_the_sets():
    assert len([entry for entry in ENTRIES if not entry.classes]) >= 150


def test_a_name_stands_once_in_a_modality():
    names = Counter((entry.name.lower(), entry.modality) for entry in ENTRIES)
    assert [name for name, count in names.items() if count > 1] == []


def test_no_text_stands_twice():
    texts = Counter(text.lower() for entry in ENTRIES for text in entry.descriptions.values())
    assert [text for text, count in texts.items() if count > 1] == []


def test_every_entry_says_enough():
    thin = []
    for entry in ENTRIES:
        differences = entry.mimics.values()
        thin += [entry.key] * (len(entry.attributes) < 2 or not differences)
        thin += [entry.key for text in differences if len(text.split()) < 4]
        thin += [
            entry.key for own in entry.attributes.values() if len(own) > len(set(own)) or not own
        ]
    assert thin == []


@pytest.mark.parametrize(
    ("style", "least", "most"), [("expert", 14, 60), ("plain", 10, 50), ("terse", 4, 20)]
)
def test_texts_are_sentences_of_the_length_of_their_style(style, least, most):
    assert style in STYLES
    texts = {entry.key: entry.descriptions[style] for entry in ENTRIES}
    assert [k for k, text in texts.items() if not least <= len(text.split()) <= most] == []
    assert [k for k, text in texts.items() if not text.endswith(".")] == []


def test_plain_and_terse_texts_do_not_give_the_name_away():
    assert [
        (entry.key, style)
        for entry in ENTRIES
        for style in ("plain", "terse")
        if re.search(rf"\b{re.escape(entry.name.lower())}\b", entry.descriptions[style].lower())
    ] == []


def test_a_form_stands_for_one_value_of_an_attribute():
    for attribute in vocabulary().values():
        known = (*attribute.values.values(), *attribute.heard.values())
        forms = Counter(form for values in known for form in {f.replace("-", " ") for f in values})
        assert [form for form, count in forms.items() if count > 1] == [], attribute.name
    assert tuple(vocabulary()) == ATTRIBUTES

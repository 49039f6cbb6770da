"""Attributes become sentences and are read back; descriptions are checked; names are found."""

from __future__ import annotations

import numpy as np
import pytest

from sgps.clinical.conditions import ATTRIBUTES, conditions, vocabulary
from sgps.clinical.grammar import write
from sgps.clinical.lookup import entries_for, find, nearest
from sgps.clinical.reading import check_class, check_pairs, read
from sgps.datasets.catalogue import image_set, set_names
from sgps.errors import InputError


def test_what_the_grammar_writes_is_read_back_exactly():
    rng = np.random.default_rng(0)
    for entry in conditions().values():
        text = write(entry.attributes, rng)
        found = {name: set(values) for name, values in read(text).items()}
        assert found == {name: set(values) for name, values in entry.attributes.items()}, text


def test_the_same_attributes_are_told_in_many_ways():
    rng = np.random.default_rng(0)
    attributes = conditions()["dermatofibroma"].attributes
    assert len({write(attributes, rng) for _ in range(50)}) == 50


def test_every_value_can_be_told():
    rng = np.random.default_rng(0)
    for name, attribute in vocabulary().items():
        for value in attribute.values:
            assert read(write({name: [value]}, rng)) == {name: (value,)}


def test_the_texts_of_the_catalogue_state_what_their_entries_list():
    stated = listed = 0
    for entry in conditions().values():
        found = check_class(entry.name, list(entry.descriptions.values())).stated
        for name, values in entry.attributes.items():
            listed += len(values)
            stated += len(set(values) & set(found.get(name, ())))
    assert stated / listed > 0.95


@pytest.mark.parametrize(
    ("text", "attribute", "values"),
    [
        ("a blue-white veil", "color", ("blue",)),
        ("bright red lagoons", "color", ("red",)),
        ("a red-brown patch", "color", ("brown", "red")),
        ("grayish-blue to pink-white", "color", ("white", "gray", "pink", "blue")),
        ("a see-through dome", "color", ("translucent",)),
        ("well defined", "border", ("sharp",)),
        ("a blister with a smooth wall", "border", ("smooth",)),
        ("smooth, round nuclei", "border", ("smooth",)),
        ("well\ndefined", "border", ("sharp",)),
        ("No red dots; brown globules.", "color", ("brown",)),
        ("without a pigment network, brown", "color", ("brown",)),
        ("unlike melanoma, black", "color", ("black",)),
        ("borders are smooth", "border", ("smooth",)),
        ("smooth, shiny surface", "border", ()),
        ("smooth, shiny surface", "texture", ("smooth", "shiny")),
        ("an irregular, notched border", "border", ("irregular",)),
        ("an irregular, notched border", "shape", ()),
        ("the redness", "color", ()),
        ("", "color", ()),
    ],
)
def test_free_text_is_read(text, attribute, values):
    assert read(text).get(attribute, ()) == values


def test_a_check_names_what_is_missing_and_what_contradicts():
    own = check_class("VASC", ["Sharply demarcated red lagoons.", "A blurred edge."])
    assert own.stated["color"] == ("red",)
    assert set(own.missing) == set(ATTRIBUTES) - set(own.stated)
    assert "shape" in own.missing
    assert own.contradictions == (("border", "sharp", "blurred"),)


def test_pairs_are_told_apart_by_attributes_without_a_value_in_common():
    red = check_class("a", ["red, round, scaly"])
    brown = check_class("b", ["brown and round"])
    (pair,) = check_pairs([red, brown])
    assert pair.differs == ("color",)
    assert pair.unclear == ("texture",)
    (same,) = check_pairs([red, check_class("c", ["red and pink, round, scaly"])])
    assert same.differs == same.unclear == ()


@pytest.mark.parametrize(
    "name", ["dermatofibroma", "Dermatofibroma", "DF", "benign fibrous histiocytoma"]
)
def test_an_entry_is_found_by_name_synonym_and_label(name):
    assert "dermatofibroma" in [entry.key for entry in find(name)]


def test_the_modality_chooses_among_entries_of_one_name():
    assert {entry.modality for entry in find("melanoma")} > {"dermatoscopy"}
    assert [entry.modality for entry in find("melanoma", "dermatoscopy")] == ["dermatoscopy"]
    with pytest.raises(
        InputError, match=r"knows no modality 'x-ray vision'\. Use one of dermatoscopy"
    ):
        find("melanoma", "x-ray vision")


def test_a_mistyped_name_gets_the_nearest_entries():
    assert find("dermatofibrom") == []
    assert nearest("dermatofibrom")[0].key == "dermatofibroma"
    assert "melanoma" in [entry.key for entry in nearest("melanoma in situ", "dermatoscopy")]
    assert nearest("qqqq zzzz") == []


def test_the_classes_of_a_set_find_their_own_entries_or_none():
    wrong = [
        (name, label, entry.key)
        for name in set_names()
        for label, entry in entries_for(list(image_set(name).classes)).items()
        if f"{name}/{label}" not in entry.classes
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("names", "modality", "keys"),
    [
        (
            ["AKIEC", "DF", "unheard of"],
            None,
            ["actinic-keratosis-or-bowen-disease", "dermatofibroma"],
        ),
        (["normal", "abnormal"], None, []),
        (["grade_1", "grade_2"], None, []),
        # Both are in dermatoscopy, photographs and histology: the names do not tell which.
        (["melanoma", "seborrheic keratosis"], None, []),
        (
            ["melanoma", "seborrheic keratosis"],
            "dermatoscopy",
            ["melanoma", "seborrheic-keratosis"],
        ),
        (["earwax_plug", "normal"], None, ["earwax-plug", "normal-tympanic-membrane"]),
        ([], None, []),
    ],
)
def test_the_names_of_a_task_choose_entries_of_one_modality(names, modality, keys):
    assert [entry.key for entry in entries_for(names, modality).values()] == keys

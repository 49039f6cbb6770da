from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sgps.errors import InputError, listing
from sgps.task import Preprocessing, SupportSet, class_descriptions_in_order


def support(
    labels: list[int], class_names: tuple[str, ...], descriptions: tuple[tuple[str, ...], ...] = ()
) -> SupportSet:
    return SupportSet(
        images=torch.zeros((len(labels), 3, 4, 4), dtype=torch.uint8),
        labels=torch.tensor(labels, dtype=torch.int64),
        class_names=class_names,
        descriptions=descriptions,
    )


def test_shots_count_the_pictures_of_each_class() -> None:
    found = support([0, 2, 2], ("BCC", "DF", "MEL"), ((), ("a firm nodule",), ()))
    assert found.num_classes == 3
    assert found.shots == (1, 0, 2)
    assert found.texts(1) == ("a firm nodule",)
    assert found.texts(0) == ()


def test_a_support_set_without_descriptions_has_no_texts() -> None:
    assert support([0, 1], ("MEL", "NV")).texts(1) == ()


def test_a_support_set_may_consist_of_descriptions_alone() -> None:
    assert support([], ("MEL", "NV"), (("dark",), ("even",))).shots == (0, 0)


@pytest.mark.parametrize(("names", "shown"), [((), "none"), (("MEL",), "MEL")])
def test_fewer_than_two_classes_are_refused(names: tuple[str, ...], shown: str) -> None:
    with pytest.raises(InputError, match=rf"^a classifier needs at least 2 classes, got {shown}\."):
        support([], names)


def test_repeated_class_names_are_refused() -> None:
    with pytest.raises(InputError, match=r"^class names repeat: MEL, NV, MEL\.$"):
        support([0, 1, 2], ("MEL", "NV", "MEL"))


def test_a_wrong_number_of_descriptions_is_refused() -> None:
    with pytest.raises(InputError, match=r"^1 descriptions for 2 classes\.$"):
        support([0, 1], ("MEL", "NV"), (("dark",),))


def test_all_classes_without_picture_and_description_are_listed() -> None:
    with pytest.raises(InputError, match=r"^neither a picture nor a description for DF, NV\."):
        support([1], ("DF", "MEL", "NV"), ((), ("dark",), ()))


def test_preprocessing_subtracts_the_mean_and_divides_by_the_deviation() -> None:
    preprocessing = Preprocessing(image_size=2, mean=(0.0, 0.5, 1.0), std=(1.0, 0.5, 0.25))
    images = torch.full((2, 3, 2, 2), 255, dtype=torch.uint8)
    found = preprocessing.normalize(images)
    assert found.shape == images.shape
    assert found.dtype == torch.float32
    assert torch.equal(found[0, :, 0, 0], torch.tensor([1.0, 1.0, 0.0]))
    assert torch.equal(
        preprocessing.normalize(images * 0)[1, :, 1, 1], torch.tensor([0.0, -1.0, -4.0])
    )


@given(st.permutations(["DF", "MEL", "NV"]))
def test_descriptions_follow_the_order_of_the_classes(order: list[str]) -> None:
    given_texts = {"MEL": "dark", "DF": ["firm", "pink"]}
    expected = {"MEL": ("dark",), "DF": ("firm", "pink"), "NV": ()}
    found = class_descriptions_in_order(dict(given_texts), order)
    assert found == tuple(expected[name] for name in order)


@pytest.mark.parametrize("nothing", [None, {}])
def test_no_descriptions_stay_none(nothing: dict[str, str] | None) -> None:
    assert class_descriptions_in_order(nothing, ["MEL", "NV"]) == ()


def test_all_descriptions_of_unknown_classes_are_listed() -> None:
    message = r"^descriptions name unknown classes: DF, VASC; the classes are MEL, NV\.$"
    with pytest.raises(InputError, match=message):
        class_descriptions_in_order({"VASC": "red", "MEL": "dark", "DF": "firm"}, ["MEL", "NV"])


@pytest.mark.parametrize("text", ["", "  ", ["dark", ""], [3]])
def test_a_blank_or_wrong_description_is_refused(text: str | list[str]) -> None:
    with pytest.raises(InputError, match=r"^the description of 'MEL' is blank or not text\."):
        class_descriptions_in_order({"MEL": text}, ["MEL", "NV"])


def test_a_listing_names_all_up_to_its_limit_and_counts_the_rest() -> None:
    assert listing(["a", "b"], 2) == "a, b"
    assert listing(["a", "b", "c", "d"], 2) == "a, b and 2 more"
    assert listing([]) == ""

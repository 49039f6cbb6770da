"""MedMNIST files are read as they are published, picture by picture, and what is none of them is refused in one line."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from drawing import noise

from sgps.datasets.medmnist import CLASS_NAMES
from sgps.errors import InputError
from sgps.images import ImageError
from sgps.manifests import read_labelled

SIDE = 28


def arrays(**changes: np.ndarray) -> dict[str, np.ndarray]:
    """Three pictures to train on, one to validate, two to test; six classes at most."""
    content = {}
    for number, (split, labels) in enumerate(
        {"train": [5, 0, 1], "val": [1], "test": [0, 5]}.items()
    ):
        shape = (len(labels), SIDE, SIDE, 3)
        content[f"{split}_images"] = np.random.default_rng(number).integers(0, 256, shape, np.uint8)
        content[f"{split}_labels"] = np.array(labels, dtype=np.uint8)[:, None]
    return content | changes


def saved(path: Path, content: dict[str, np.ndarray], compressed: bool = True) -> Path:
    (np.savez_compressed if compressed else np.savez)(path, **content)
    return path


@pytest.mark.parametrize("compressed", [True, False])
def test_all_splits_are_pooled_with_the_published_class_names(
    tmp_path: Path, compressed: bool
) -> None:
    content = arrays()
    images = read_labelled(saved(tmp_path / "dermamnist_64.npz", content, compressed))
    assert [(image.name, image.label, image.split) for image in images] == [
        ("test/0", "actinic keratoses and intraepithelial carcinoma", "test"),
        ("train/1", "actinic keratoses and intraepithelial carcinoma", "train"),
        ("train/2", "basal cell carcinoma", "train"),
        ("val/0", "basal cell carcinoma", "val"),
        ("test/1", "melanocytic nevi", "test"),
        ("train/0", "melanocytic nevi", "train"),
    ]
    for image in [*images, *images]:  # forward and back
        split, index = image.name.split("/")
        expected = content[f"{split}_images"][int(index)]
        assert np.array_equal(image.read(SIDE).permute(1, 2, 0).numpy(), expected)
        assert image.group == image.name


def test_gray_pictures_and_sets_that_are_not_known_are_read(tmp_path: Path) -> None:
    content = {
        "train_images": noise(SIDE, SIDE, 0)[None].repeat(2, 0),
        "train_labels": np.array([0, 10]),
    }
    images = read_labelled(saved(tmp_path / "own.npz", content))
    assert [image.label for image in images] == ["class 00", "class 10"]
    assert images[0].read(SIDE).shape == (3, SIDE, SIDE)


def test_a_picture_can_be_sent_to_another_process(tmp_path: Path) -> None:
    image = read_labelled(saved(tmp_path / "a.npz", arrays()))[0]
    before = image.read(SIDE)
    assert pickle.loads(pickle.dumps(image)).read(SIDE).equal(before)


def test_class_names_hold_no_comma_which_separates_them_on_the_command_line() -> None:
    names = [name for class_names in CLASS_NAMES.values() for name in class_names]
    assert not any("," in name for name in names)
    assert all(len(set(class_names)) == len(class_names) for class_names in CLASS_NAMES.values())


# What is refused


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"test_labels": np.zeros((2, 14), np.uint8)},
            r"^'.*' has 14 labels a picture, and a .* C",
        ),
        (
            {"val_images": np.zeros((1, 28, 28, 28), np.uint8)},
            r"^val_images of '.*' are volumes \(1",
        ),
        (
            {"val_images": np.zeros((1, 28, 28))},
            r"^val_images of '.*' are float64 1 x 28 x 28, not u",
        ),
        ({"val_labels": np.zeros((2, 1), np.uint8)}, r"^'.*' has 1 val_images but 2 val_labels\. "),
        ({"val_labels": np.zeros((1, 1))}, r"^val_labels of '.*' are not one whole number a pict"),
        ({"val_labels": np.array([-1])}, r"^val_labels of '.*' are not one whole number a picture"),
        (
            {"val_labels": np.array([7])},
            r"^'.*' has a label 7, but dermamnist has 7 classes\. Rena",
        ),
        (
            {"val_labels": np.array([{}])},
            r"^'.*' cannot be read \(Object arrays .*\)\. Download it ",
        ),
    ],
    ids=["labels", "volumes", "float", "count", "fractions", "negative", "class", "pickle"],
)
def test_what_is_no_set_of_plane_pictures_with_one_label_is_refused(
    tmp_path: Path, changes: dict[str, np.ndarray], message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read_labelled(saved(tmp_path / "dermamnist.npz", arrays(**changes)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"x": np.zeros(3)}, r"lacks train_images, val_images or test_images \(found x\)\. Give a"),
        ({"val_images": noise(4, 4)[None]}, r"lacks val_labels \(found val_images\)\. Give a Med"),
        (
            {"val_images": np.zeros((0, 4, 4), np.uint8), "val_labels": np.zeros(0, np.uint8)},
            r"holds no picture\. ",
        ),
    ],
)
def test_a_file_that_lacks_arrays_is_refused(
    tmp_path: Path, content: dict[str, np.ndarray], message: str
) -> None:
    with pytest.raises(InputError, match=rf"^'.*a\.npz' {message}"):
        read_labelled(saved(tmp_path / "a.npz", content))


def test_a_damaged_file_is_refused_and_a_damaged_picture_is_named(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.npz", arrays(), compressed=False)
    image = next(image for image in read_labelled(path) if image.name == "test/1")
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(InputError, match=r"^'.*a\.npz' is not a readable \.npz \(.*\)\. Download"):
        read_labelled(path)
    with pytest.raises(ImageError, match=r"^cannot use picture test/1: it cannot be unpacked \("):
        image.read(SIDE)

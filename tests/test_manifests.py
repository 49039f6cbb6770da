from __future__ import annotations

import os
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from drawing import SIZE, TWO_CLASSES, Files, Store, either, folder, noise, png

from sgps.errors import InputError
from sgps.manifests import load_support, read_descriptions, read_labelled, read_support


def found(path: Path) -> list[tuple[str, str, str]]:
    return [(image.name, image.label, image.group) for image in read_labelled(path)]


# Folders of class folders, plain or zipped


@either
def test_class_folders_are_listed_by_label_and_name(tmp_path: Path, store: Store) -> None:
    assert found(store(tmp_path / "set", TWO_CLASSES)) == [
        ("MEL/a.PNG", "MEL", "MEL/a.PNG"),
        ("MEL/c.png", "MEL", "MEL/c.png"),
        ("NV/b.png", "NV", "NV/b.png"),
    ]


@either
def test_pictures_are_read_in_the_size_asked_for(tmp_path: Path, store: Store) -> None:
    picture = read_labelled(store(tmp_path / "set", TWO_CLASSES))[2]
    assert np.array_equal(picture.read(SIZE).permute(1, 2, 0).numpy(), noise(SIZE, SIZE, seed=1))
    assert picture.read(5).shape == (3, 5, 5)


@either
def test_side_files_and_hidden_files_are_passed_over(tmp_path: Path, store: Store) -> None:
    side = dict.fromkeys(
        ["MEL/notes.txt", "MEL/.hidden.png", ".cache/x.png", "__MACOSX/MEL/a.png", "a.csv", "b.md"],
        b"x",
    )
    assert len(found(store(tmp_path / "set", TWO_CLASSES | side))) == 3


@either
def test_pictures_lie_at_any_depth_of_their_class_folder(tmp_path: Path, store: Store) -> None:
    files = {"MEL/patient 1/left/a.png": png(), "NV/a.png": png()}
    assert [entry[:2] for entry in found(store(tmp_path / "set", files))] == [
        ("MEL/patient 1/left/a.png", "MEL"),
        ("NV/a.png", "NV"),
    ]


@either
def test_all_class_folders_without_a_picture_are_listed_with_what_they_hold(
    tmp_path: Path, store: Store
) -> None:
    files = {"DF/notes.txt": b"x", "VASC/": b"", "BCC/deep/": b"", **TWO_CLASSES}
    message = (
        r"^class folders of '.*' hold no picture: "
        r"BCC \(found deep/\), DF \(found notes\.txt\), VASC \(found nothing\)\. Add pictures"
    )
    with pytest.raises(InputError, match=message):
        read_labelled(store(tmp_path / "set", files))


@either
def test_all_pictures_outside_class_folders_are_listed(tmp_path: Path, store: Store) -> None:
    files = {"y.png": png(), "x.jpg": png(), **TWO_CLASSES}
    message = r"^pictures of '.*' lie outside any class folder: x\.jpg, y\.png\. Move each"
    with pytest.raises(InputError, match=message):
        read_labelled(store(tmp_path / "set", files))


@either
def test_a_place_without_class_folders_is_refused(tmp_path: Path, store: Store) -> None:
    with pytest.raises(InputError, match=r"^'.*' has no class folder \(found a\.txt\)\. Put the"):
        read_labelled(store(tmp_path / "set", {"a.txt": b"x"}))
    with pytest.raises(InputError, match=r"^'.*' has no class folder \(found nothing\)\. Put the"):
        read_labelled(store(tmp_path / "none", {}))


@either
def test_folders_called_as_splits_hold_the_class_folders(tmp_path: Path, store: Store) -> None:
    parts = ("Train", "validation", "test")
    files = {f"{part}/{name}": data for part in parts for name, data in TWO_CLASSES.items()}
    images = read_labelled(store(tmp_path / "set", {"README.txt": b"x", **files}))
    assert [
        (image.name, image.label, image.split) for image in images if "b.png" in image.name
    ] == [
        ("Train/NV/b.png", "NV", "train"),
        ("test/NV/b.png", "NV", "test"),
        ("validation/NV/b.png", "NV", "val"),
    ]
    assert [image.label for image in images] == ["MEL"] * 6 + ["NV"] * 3
    assert len({image.group for image in images}) == 9


@either
def test_folders_called_as_splits_without_class_folders_are_refused(
    tmp_path: Path, store: Store
) -> None:
    files = {"train/a.png": png(1), "test/b.png": png(2)}
    message = (
        r"^pictures of '.*/test' lie outside any class folder: b\.png\. Move each into a folder"
    )
    with pytest.raises(InputError, match=message):
        read_labelled(store(tmp_path / "set", files))
    # One folder of another name, and all are classes.
    path = store(tmp_path / "classes", files | {"other/c.png": png(3)})
    assert [image.label for image in read_labelled(path)] == ["other", "test", "train"]


@either
def test_labels_are_composed_as_descriptions_are(tmp_path: Path, store: Store) -> None:
    composed, apart = (unicodedata.normalize(form, "Lésion") for form in ("NFC", "NFD"))
    assert composed != apart
    path = store(tmp_path / "set", {f"{apart}/a.png": png(1), "NV/b.png": png(2)})
    for name, form in (("composed.yaml", composed), ("apart.yaml", apart)):
        (tmp_path / name).write_text(f"{form}: pearly\n", encoding="utf-8")
        support = load_support(path, SIZE, read_descriptions(tmp_path / name))
        assert support.class_names == (composed, "NV")
        assert support.descriptions == (("pearly",), ())
    listed = manifest_of(tmp_path, f"path,label\nNV/b.png,{apart}\n")
    assert read_labelled(listed)[0].label == composed


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names themselves")
def test_all_names_that_are_not_utf_8_are_listed(tmp_path: Path) -> None:
    path = folder(tmp_path / "set", TWO_CLASSES)
    for name in (b"NV/L\xe9sion.png", b"MEL/\xfc.png"):
        Path(os.fsdecode(os.fsencode(path) + b"/" + name)).write_bytes(png())
    message = r"^names of pictures are not UTF-8 text: MEL/\\udcfc\.png, NV/L\\udce9sion\.png\. Rename them\.$"
    with pytest.raises(InputError, match=message) as caught:
        read_labelled(path)
    str(caught.value).encode()


# CSV manifests


def manifest_of(tmp_path: Path, text: str | bytes, files: Files = TWO_CLASSES) -> Path:
    path = folder(tmp_path / "set", files) / "list.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_manifest_names_pictures_relative_to_itself(
    tmp_path: Path, mark: str, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = ["path,label,group", "NV/b.png,Benign,p1", "", " MEL\\a.PNG , Mélanome ,", ",,"]
    path = manifest_of(tmp_path, mark + end.join(rows))
    monkeypatch.chdir(tmp_path.parent)
    assert found(path) == [("NV/b.png", "Benign", "p1"), ("MEL/a.PNG", "Mélanome", "MEL/a.PNG")]
    assert all(image.read(SIZE).shape == (3, SIZE, SIZE) for image in read_labelled(path))


def test_a_manifest_may_name_pictures_absolutely(tmp_path: Path) -> None:
    picture = folder(tmp_path / "far", {"a.png": png()}) / "a.png"
    path = manifest_of(tmp_path, f"path,label\n{picture},MEL\n")
    assert read_labelled(path)[0].read(SIZE).shape == (3, SIZE, SIZE)


@pytest.mark.parametrize("column", ["group", "lesion_id", "Patient_ID"])
def test_other_names_of_the_columns_are_understood(tmp_path: Path, column: str) -> None:
    text = f"Image,Label,{column}\nNV/b.png,NV,l1\n"
    assert found(manifest_of(tmp_path, text)) == [("NV/b.png", "NV", "l1")]


def groups_of(tmp_path: Path, header: str, *rows: str) -> list[str]:
    """The groups of as many pictures, in the order of the rows."""
    files = {f"{number}.png": png(number) for number in range(len(rows))}
    lines = [f"{number}.png,NV,{row}" for number, row in enumerate(rows)]
    path = manifest_of(tmp_path, "\n".join([f"path,label,{header}", *lines]), files)
    return [image.group for image in read_labelled(path)]


def test_groups_are_joined_over_all_columns_that_state_them(tmp_path: Path) -> None:
    rows = (",l1", "p1,l1", "p1,l2", ",l2", "p2,l3", ",", "l1,")
    groups = groups_of(tmp_path, "patient_id,lesion_id", *rows)
    assert len(set(groups[:4])) == 1
    # A patient called as a lesion is another group; a picture of which nothing is stated is one of its own.
    assert groups[5] == "5.png"
    assert len(set(groups)) == 4


def test_a_wider_group_that_every_row_states_counts_alone(tmp_path: Path) -> None:
    # Lesions may be counted anew for each patient.
    rows = ["p1,l1", "p1,l2", "p2,l1"]
    assert groups_of(tmp_path, "patient_id,lesion_id", *rows) == ["p1", "p1", "p2"]


def test_groups_do_not_depend_on_the_order_of_rows(tmp_path: Path) -> None:
    rows = [",l1", "p1,l1", "p1,l2", "p2,l2", "p3,l3"]
    groups = groups_of(tmp_path, "patient_id,lesion_id", *rows)
    turned = groups_of(tmp_path, "patient_id,lesion_id", *reversed(rows))
    assert groups == turned[::-1]
    assert len(set(groups)) == 2


@either
@pytest.mark.parametrize("prefix", ["", "my set/"])
def test_a_manifest_at_the_top_decides_alone(tmp_path: Path, store: Store, prefix: str) -> None:
    text = b"path,label,group\n./NV/b.png,benign,g\n"
    files = {prefix + name: data for name, data in {**TWO_CLASSES, "manifest.csv": text}.items()}
    path = store(tmp_path / "set", files)
    path = path / prefix if path.is_dir() else path
    assert found(path) == [("./NV/b.png", "benign", "g")]
    assert read_labelled(path)[0].read(SIZE).shape == (3, SIZE, SIZE)


@pytest.mark.parametrize(
    ("text", "columns"),
    [("path,class\nx,y\n", "path, class"), ("path;label\n", "path;label"), ("", "none")],
)
def test_missing_columns_are_told_with_those_found(tmp_path: Path, text: str, columns: str) -> None:
    message = rf"^'.*list\.csv' needs the columns path \(or image\) and label, found: {columns}\. N"
    with pytest.raises(InputError, match=message):
        read_labelled(manifest_of(tmp_path, text))


def test_a_manifest_without_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^'.*list\.csv' lists no picture\. Add a row"):
        read_labelled(manifest_of(tmp_path, "path,label\n\n"))


def test_all_faulty_rows_are_listed_by_kind(tmp_path: Path) -> None:
    rows = ["path,label", "x.png,NV", "NV/b.png,", "", ",NV", "NV/b.png,NV", "y.png,NV"]
    rows += ["MEL/c.png,  ", "MEL/a.PNG,MEL,thick", "NV/b.png,MEL"]
    message = (
        r"^'.*list\.csv' has faults: no such file x\.png, y\.png; no label in row 3, 8; "
        r"no path in row 5; listed twice NV/b\.png, NV/b\.png; "
        r"more cells than columns in row 9\. Mend the rows"
    )
    with pytest.raises(InputError, match=message):
        read_labelled(manifest_of(tmp_path, "\n".join(rows)))


def test_a_picture_listed_under_two_spellings_of_its_path_is_listed_twice(tmp_path: Path) -> None:
    rows = ["path,label", "NV/b.png,NV", "./NV/b.png,NV", "MEL\\..\\NV\\b.png,NV"]
    message = r"^'.*list\.csv' has faults: listed twice \./NV/b\.png, MEL/\.\./NV/b\.png\. Mend"
    with pytest.raises(InputError, match=message):
        read_labelled(manifest_of(tmp_path, "\n".join(rows)))


def test_a_picture_without_a_group_is_a_group_whatever_the_spelling(tmp_path: Path) -> None:
    path = manifest_of(tmp_path, "path,label\n./NV/b.png,NV\n")
    assert found(path) == [("./NV/b.png", "NV", "NV/b.png")]


def test_a_manifest_that_is_not_utf_8_or_not_csv_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^'.*list\.csv' is not UTF-8 text\. Save it in UTF-8\.$"):
        read_labelled(manifest_of(tmp_path, "path,label\nx,Mélanome\n".encode("latin-1")))
    with pytest.raises(InputError, match=r"^'.*list\.csv' is not readable as CSV \(.*\)\. Save it"):
        read_labelled(manifest_of(tmp_path, 'path,label\n"x,y'))


# What is none of these


def test_a_path_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^'.*none' does not exist\. Give a folder of class"):
        read_labelled(tmp_path / "none")
    (tmp_path / "a.png").write_bytes(png())
    with pytest.raises(
        InputError, match=r"^'.*a\.png' is neither a folder nor a \.csv nor a \.zip"
    ):
        read_labelled(tmp_path / "a.png")


def test_a_folder_that_may_not_be_listed_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(InputError, match=r"^cannot read '.*' \(Permission denied\)\. Check its pe"):
        read_labelled(tmp_path)


# Support sets


def split_set(tmp_path: Path, *splits: str) -> Path:
    """A picture of each split, of two classes in turn."""
    files = {f"{number}.png": png(number) for number in range(len(splits))}
    rows = [f"{number}.png,{'ab'[number % 2]},{split}" for number, split in enumerate(splits)]
    return manifest_of(tmp_path, "\n".join(["path,label,split", *rows]), files)


@pytest.mark.parametrize(
    ("splits", "taken"),
    [
        (("train", "Training", "test", "val"), ["0.png", "1.png"]),
        (("train", "TRAIN", "", "fold 2"), ["0.png", "1.png"]),
        (("test", "test"), ["0.png", "1.png"]),
        (("", ""), ["0.png", "1.png"]),
    ],
    ids=["several", "not all stated", "one", "none"],
)
def test_of_several_splits_the_support_is_train(
    tmp_path: Path, splits: tuple[str, ...], taken: list[str]
) -> None:
    path = split_set(tmp_path, *splits)
    support, left_out = read_support(path)
    assert [image.name for image in support] == taken
    assert sorted(image.name for image in left_out) == [
        f"{number}.png" for number in range(2, len(splits))
    ]
    assert load_support(path, SIZE).shots == (1, 1)


@pytest.mark.parametrize(
    ("splits", "words"),
    [(("test", "val", "test"), "test 2, val 1"), (("test", "", ""), "none stated 2, test 1")],
)
def test_several_splits_without_train_are_refused(
    tmp_path: Path, splits: tuple[str, ...], words: str
) -> None:
    message = rf"^the pictures in '.*' are of several splits, and none is train: {words}\. Give the"
    with pytest.raises(InputError, match=message):
        load_support(split_set(tmp_path, *splits), SIZE)


@either
def test_a_support_set_has_sorted_classes_and_every_picture(tmp_path: Path, store: Store) -> None:
    done: list[None] = []
    path = store(tmp_path / "set", TWO_CLASSES)
    support = load_support(path, SIZE, {"BCC": "pearly", "NV": ["even"]}, lambda: done.append(None))
    assert support.class_names == ("BCC", "MEL", "NV")
    assert support.shots == (0, 2, 1)
    assert support.descriptions == (("pearly",), (), ("even",))
    assert np.array_equal(support.images[2].permute(1, 2, 0).numpy(), noise(SIZE, SIZE, seed=1))
    assert len(done) == 3


@either
def test_all_unreadable_pictures_and_the_classes_left_bare_are_listed(
    tmp_path: Path, store: Store
) -> None:
    files = TWO_CLASSES | {"DF/a.png": b"", "DF/b.dcm": bytes(128) + b"DICM", "NV/c.png": b"x"}
    message = (
        r"^3 of 6 pictures in '.*' cannot be used: DF/a\.png is empty, DF/b\.dcm is a DICOM file "
        r"of an unknown transfer syntax \(.*\), NV/c\.png is not a picture \(.*\)\. No readable picture is left of class DF\. Rep"
    )
    with pytest.raises(InputError, match=message) as caught:
        load_support(store(tmp_path / "set", files), SIZE)
    assert "\n" not in str(caught.value)


def test_one_class_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^a classifier needs at least 2 classes, got MEL\."):
        load_support(folder(tmp_path / "set", {"MEL/a.png": png()}), SIZE)

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from drawing import SIZE, TWO_CLASSES, Store, either, folder, packed, png

from sgps import archives
from sgps.errors import InputError
from sgps.images import ImageError
from sgps.labelled import LabelledImage
from sgps.manifests import read_labelled


@either
def test_pictures_can_be_sent_to_another_process(tmp_path: Path, store: Store) -> None:
    picture = read_labelled(store(tmp_path / "set", TWO_CLASSES))[0]
    before = picture.read(SIZE)  # opens the zip, whose handle must stay behind
    sent: LabelledImage = pickle.loads(pickle.dumps(picture))
    assert torch.equal(sent.read(SIZE), before)


def test_a_forked_process_opens_the_zip_for_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = packed(tmp_path / "set", TWO_CLASSES)
    files = archives.ZipFiles(path)
    opened: list[object] = []

    class Counting(zipfile.ZipFile):
        def __init__(self, file: Path) -> None:
            opened.append(file)
            super().__init__(file)

    monkeypatch.setattr(archives.zipfile, "ZipFile", Counting)
    files.data("NV/b.png")
    files.data("MEL/c.png")
    assert len(opened) == 1
    monkeypatch.setattr(os, "getpid", lambda: -1)
    files.data("NV/b.png")
    assert len(opened) == 2


def test_links_to_folders_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    root = folder(tmp_path / "set", {"NV/b.png": png()})
    elsewhere = folder(tmp_path / "elsewhere", {"a.png": png()})
    (root / "MEL").symlink_to(elsewhere, target_is_directory=True)
    (elsewhere / "loop").symlink_to(elsewhere, target_is_directory=True)
    assert [image.name for image in read_labelled(root)] == ["MEL/a.png", "NV/b.png"]


@pytest.mark.parametrize("prefix", ["", "my set/"])
def test_a_zip_may_hold_everything_in_one_folder(tmp_path: Path, prefix: str) -> None:
    files = {"README.txt": b"x", "__MACOSX/._x": b"x"}
    files |= {prefix + name: data for name, data in TWO_CLASSES.items()}
    names = [image.name for image in read_labelled(packed(tmp_path / "set", files))]
    assert names == ["MEL/a.PNG", "MEL/c.png", "NV/b.png"]


def test_backslashes_in_a_zip_separate_folders(tmp_path: Path) -> None:
    files = {name.replace("/", "\\"): data for name, data in TWO_CLASSES.items()}
    picture = read_labelled(packed(tmp_path / "set", files))[0]
    assert picture.name == "MEL/a.PNG"
    assert picture.read(SIZE).shape == (3, SIZE, SIZE)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 and no more", b"text"])
def test_a_corrupt_zip_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "set.zip"
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"^'.*set\.zip' is not a readable zip \(.*\)\. Pack it"):
        read_labelled(path)


def damaged(path: Path, what: bytes) -> Path:
    """Turn over the last bytes of `what`, which the zip stores as it is."""
    data = path.read_bytes()
    assert data.count(what) == 1
    path.write_bytes(data.replace(what, what[:-4] + bytes(255 - byte for byte in what[-4:])))
    return path


def test_a_damaged_picture_in_a_zip_is_named(tmp_path: Path) -> None:
    path = damaged(packed(tmp_path / "set", TWO_CLASSES), TWO_CLASSES["NV/b.png"])
    with pytest.raises(
        ImageError, match=r"^cannot use picture NV/b\.png: it cannot be unpacked \(Bad"
    ):
        read_labelled(path)[2].read(SIZE)


def test_a_member_too_large_to_unpack_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "MAX_MEMBER_BYTES", 10)
    with pytest.raises(
        ImageError, match=r"^cannot use picture MEL/a\.PNG: it is larger than 0 MiB"
    ):
        read_labelled(packed(tmp_path / "set", TWO_CLASSES))[0].read(SIZE)


def test_a_damaged_manifest_in_a_zip_is_named(tmp_path: Path) -> None:
    manifest = b"path,label\nNV/b.png,NV\n"
    path = damaged(packed(tmp_path / "set", {"manifest.csv": manifest, **TWO_CLASSES}), manifest)
    with pytest.raises(InputError, match=r"^manifest\.csv in '.*set\.zip' cannot be unpacked \("):
        read_labelled(path)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts open files as Linux does")
def test_reading_leaves_one_file_open_for_a_zip_and_none_for_a_folder(tmp_path: Path) -> None:
    def count() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    for store, left_open in ((folder, 0), (packed, 1)):
        before = count()
        images = read_labelled(store(tmp_path / "set", TWO_CLASSES))
        assert count() == before
        for image in images:
            image.read(SIZE)
        assert count() == before + left_open
        del images, image
        assert count() == before

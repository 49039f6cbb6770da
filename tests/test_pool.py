"""Dev classes never enter the pool, and groups never cross its split."""

from __future__ import annotations

import zipfile

import joblib
import pytest
import torch
from pools import SIZE, drawn_pool, write_ham_metadata, write_set

from sgps.datasets.catalogue import set_names
from sgps.errors import InputError
from sgps.images import read_each
from sgps.pretraining import pool as pool_module
from sgps.pretraining.pool import Storage, load_pool, train_archives

HAM = ("akiec", "bcc", "df", "mel", "nv")


def test_dev_classes_of_a_set_never_enter(tmp_path):
    pool = load_pool([write_set(tmp_path, "ham10000", HAM, groups=3)], SIZE)
    (source,) = pool.sources
    assert source.class_names == ("bcc", "mel", "nv")
    assert len(pool.images) == len(pool.groups) == 3 * 6
    assert not [group for group in pool.groups if "akiec" in group or "df" in group]


def test_several_processes_decode_what_one_does(tmp_path, monkeypatch):
    archives = [
        write_set(tmp_path, "bccd_wbc4", ["monocyte", "neutrophil"], groups=2),
        write_set(tmp_path, "cervix_lbc4", ["HSIL", "LSIL"], groups=3),
    ]
    alone = load_pool(archives, SIZE)
    monkeypatch.setattr(pool_module, "_PICTURES_OF_JOB", 10)
    monkeypatch.setattr(pool_module, "_PICTURES_OF_PART", 7)
    monkeypatch.setattr(joblib, "cpu_count", lambda: 2)
    shared = load_pool(archives, SIZE)
    assert torch.equal(alone.images, shared.images)
    assert alone.groups == shared.groups


def test_what_is_decoded_is_put_into_its_place_part_by_part(tmp_path, monkeypatch):
    archive = write_set(tmp_path, "bccd_wbc4", ["monocyte", "neutrophil"], groups=8)
    whole, rooms, in_place = Storage.allocate, [], []

    def allocate(self, count, size):
        rooms.append(whole(self, count, size))
        return rooms[0]

    def read(reads):
        in_place.append(int(rooms[0].flatten(1).any(1).sum()))
        return read_each(reads)

    monkeypatch.setattr(Storage, "allocate", allocate)
    monkeypatch.setattr(pool_module, "read_each", read)
    monkeypatch.setattr(pool_module, "_PICTURES_OF_PART", 7)
    load_pool([archive], SIZE)
    assert in_place == [0, 7, 14, 21, 28]


def test_a_set_of_dev_classes_only_is_never_read(tmp_path):
    write_set(tmp_path, "bccd_wbc4", ["monocyte", "neutrophil"], groups=2)
    (tmp_path / "pbc_8.zip").write_bytes(b"reading this would fail")
    assert [path.stem for path in train_archives(tmp_path)] == ["bccd_wbc4"]


def test_every_archive_given_is_asked_for_roles_again_even_if_the_list_of_roles_is_tampered_with(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(pool_module, "role_of", lambda name, label: "train")
    archive = write_set(tmp_path, "ham10000", HAM, groups=2)
    message = r"^akiec, df of ham10000 are dev classes and may never be pretrained on"
    with pytest.raises(InputError, match=message):
        load_pool([archive], SIZE)


def test_a_set_of_dev_classes_that_is_slipped_in_brings_no_picture(tmp_path):
    archive = write_set(tmp_path, "pbc_8", ["basophil", "monocyte"], groups=2)
    with pytest.raises(InputError, match=r"^no picture of a train class in .*pbc_8\.zip"):
        load_pool([archive], SIZE)


def test_a_class_that_the_catalogue_does_not_know_is_refused(tmp_path):
    archive = write_set(tmp_path, "bccd_wbc4", ["monocyte", "blast"], groups=2)
    with pytest.raises(InputError, match=r"^bccd_wbc4 has no class blast\. Its classes are"):
        load_pool([archive], SIZE)


def test_no_dev_class_of_any_known_set_passes(tmp_path):
    for name in set_names():
        entry = pool_module.image_set(name)
        if not entry.dev_labels:
            continue
        archive = write_set(
            tmp_path, name, [*entry.dev_labels[:2], *entry.train_labels[:1]], groups=1
        )
        if entry.train_labels:
            assert load_pool([archive], SIZE).sources[0].class_names == entry.train_labels[:1]
        else:
            with pytest.raises(InputError, match=r"^no picture of a train class"):
                load_pool([archive], SIZE)


def test_pictures_keep_their_class_and_group(tmp_path):
    archives = [
        write_set(tmp_path, "bccd_wbc4", ["monocyte", "neutrophil"], groups=2),
        write_set(tmp_path, "cervix_lbc4", ["HSIL", "LSIL"], groups=2),
    ]
    pool = load_pool(archives, SIZE)
    assert [source.name for source in pool.sources] == ["bccd_wbc4", "cervix_lbc4"]
    assert [source.family for source in pool.sources] == ["microscopy", "microscopy"]
    for source in pool.sources:
        for index, label in zip(source.indices.tolist(), source.labels.tolist(), strict=True):
            name = source.class_names[label]
            assert pool.groups[index].startswith(f"{source.name}/{name}")
            # Classes were drawn in red and green.
            assert int(pool.images[index].float().mean((1, 2)).argmax()) == label


def test_metadata_label_the_same_pictures_again(tmp_path):
    archive = write_set(tmp_path, "ham10000", HAM, groups=30)
    write_ham_metadata(tmp_path, HAM, 60)
    pool = load_pool([archive], SIZE)
    assert [source.name for source in pool.sources] == [
        "ham10000",
        "ham10000/age",
        "ham10000/localization",
    ]
    skin, age, site = pool.sources
    assert (skin.is_attribute, age.is_attribute, site.set_name) == (False, True, "ham10000")
    assert age.class_names == ("20", "60")
    assert site.class_names == ("back", "face")
    assert set(site.indices.tolist()) < set(skin.indices.tolist())
    assert len(age.indices) == len(pool.images)


def test_an_age_that_is_no_number_counts_as_missing(tmp_path):
    archive = write_set(tmp_path, "ham10000", HAM, groups=30)
    write_ham_metadata(tmp_path, HAM, 60)
    table = tmp_path / "ham10000_metadata.csv"
    text = table.read_text(encoding="utf-8")
    for picture, age in (("bcc0", "n/a"), ("bcc2", "inf"), ("bcc4", "nan"), ("bcc6", "")):
        text = text.replace(f",{picture},30,", f",{picture},{age},")
    table.write_text(text.replace(",bcc8,30,male,unknown", ",bcc8"), encoding="utf-8")
    pool = load_pool([archive], SIZE)
    _, age, _ = pool.sources
    assert age.class_names == ("20", "60")
    assert len(age.indices) == len(pool.images) - 5


def test_at_most_as_many_pictures_as_asked_are_kept_of_each_class(tmp_path):
    archive = write_set(tmp_path, "bccd_wbc4", ["monocyte", "neutrophil"], groups=10)
    pool = load_pool([archive], SIZE, max_images=8)
    assert torch.bincount(pool.sources[0].labels).tolist() == [4, 4]


def spoil(archive, members):
    """Write an archive anew, with other content for some members."""
    with zipfile.ZipFile(archive) as content:
        kept = {name: content.read(name) for name in content.namelist()}
    assert members.keys() < kept.keys()
    with zipfile.ZipFile(archive, "w") as content:
        for name, data in {**kept, **members}.items():
            content.writestr(name, data)


def test_unreadable_pictures_of_all_archives_are_named(tmp_path, monkeypatch, recwarn):
    monkeypatch.setattr(pool_module, "_PICTURES_OF_JOB", 2)
    monkeypatch.setattr(pool_module, "_PICTURES_OF_PART", 1)
    monkeypatch.setattr(joblib, "cpu_count", lambda: 2)
    archives = [
        write_set(tmp_path, "bccd_wbc4", ["monocyte", "neutrophil"], groups=1),
        write_set(tmp_path, "cervix_lbc4", ["HSIL", "LSIL"], groups=5),
    ]
    spoil(archives[0], {"monocyte/monocyte0.png": b"?", "neutrophil/neutrophil1.png": b""})
    spoil(archives[1], {"HSIL/HSIL2.png": b"not a picture"})
    message = (
        r"^2 of 4 pictures in '.*bccd_wbc4\.zip' cannot be used: .*monocyte0\.png .*neutrophil1\.png .*\n"
        r"1 of 20 pictures in '.*cervix_lbc4\.zip' cannot be used: .*HSIL2\.png "
    )
    with pytest.raises(InputError, match=message):
        load_pool(archives, SIZE)
    # Nothing that was decoded is left lying about, of which joblib would warn.
    assert [str(one.message) for one in recwarn] == []


def test_a_folder_without_train_sets_is_refused(tmp_path):
    (tmp_path / "pbc_8.zip").write_bytes(b"")
    with pytest.raises(InputError, match=r"^no image set to train on in .*\. Put the archives"):
        train_archives(tmp_path)


def test_held_out_sets_that_are_not_there_or_not_for_training_are_all_named(tmp_path):
    write_set(tmp_path, "bccd_wbc4", ["monocyte", "neutrophil"], groups=2)
    (tmp_path / "pbc_8.zip").write_bytes(b"")
    message = r"^`held_out` names sets that are no train sets in .*: isic2017, pbc_8\. Correct"
    with pytest.raises(InputError, match=message):
        train_archives(tmp_path, ["pbc_8", "isic2017", "bccd_wbc4"])


def test_groups_never_cross_the_split_and_no_picture_is_lost():
    pool = drawn_pool({"first": 4, "second": 2}, count=60, group_size=3)
    learned, reserved = pool.split()
    assert [source.name for source in reserved] == [source.name for source in pool.sources]
    for whole, ours, theirs in zip(pool.sources, learned, reserved, strict=True):
        groups = [{pool.groups[i] for i in part.indices.tolist()} for part in (ours, theirs)]
        assert groups[0]
        assert groups[1]
        assert groups[0].isdisjoint(groups[1])
        assert sorted([*ours.indices.tolist(), *theirs.indices.tolist()]) == whole.indices.tolist()


def test_what_one_set_reserves_no_other_set_of_the_same_pictures_learns(tmp_path):
    names = ("mhsma_sperm_head", "mhsma_sperm_tail")
    archives = [write_set(tmp_path, name, ["abnormal", "normal"], groups=40) for name in names]
    pool = load_pool(archives, SIZE)
    learned, reserved = (
        [{pool.groups[i] for i in source.indices.tolist()} for source in part]
        for part in pool.split()
    )
    assert reserved[0] == reserved[1] != set()
    assert reserved[0].isdisjoint(learned[1])


def test_the_same_group_is_reserved_whatever_else_is_in_the_pool():
    alone = drawn_pool({"second": 2}, count=60)
    beside = drawn_pool({"first": 4, "second": 2}, count=60)
    reserved = [
        {pool.groups[i] for i in pool.split()[1][-1].indices.tolist()} for pool in (alone, beside)
    ]
    assert reserved[0] == reserved[1]

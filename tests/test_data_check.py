"""`sgps data check`: problems are status 1, warnings are not, and JSON keeps its names."""

# ruff: noqa: F811 - pytest finds imported fixtures by the names of parameters.

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from commands import Sgps, mistake, sgps_command  # noqa: F401
from drawing import Files, Store, either, encoded, folder
from test_alike import lesion
from test_isic import ISIC_2018
from test_medmnist import saved

from sgps.evaluation.set_check import Finding, Report, check_set


def drawn(seed: int, kind: str = "PNG", **options: object) -> bytes:
    return encoded(lesion(seed), kind, **options)


CLEAN: Files = {
    f"{label}/{n}.png": drawn(10 * at + n) for at, label in enumerate("ab") for n in range(3)
}
LONE = {"groups_not_stated": [((), "no two pictures share a group")]}


def listed(path: Path, rows: str, files: Files) -> Path:
    return folder(path, {**files, "manifest.csv": rows.encode()})


def kinds(findings: tuple[Finding, ...]) -> dict[str, list[tuple[tuple[str, ...], str]]]:
    return {one.kind: [(item.files, item.detail) for item in one.items] for one in findings}


def problems(report: Report) -> dict[str, list[tuple[tuple[str, ...], str]]]:
    return kinds(report.problems)


@either
def test_a_set_without_faults_has_none(tmp_path: Path, store: Store) -> None:
    steps: list[tuple[str, int, int]] = []
    path = store(tmp_path / "set", CLEAN)
    report = check_set(path, [2], lambda *step: steps.append(step))
    assert report.problems == ()
    assert kinds(report.warnings) == LONE
    assert (report.pictures, report.readable, report.groups, report.splits) == (6, 6, 6, {})
    assert [(one.label, one.pictures, one.enough_for) for one in report.classes] == [
        ("a", 3, (2,)),
        ("b", 3, (2,)),
    ]
    assert steps[-1] == ("reading", 6, 6)


@either
def test_unreadable_pictures_are_listed_with_the_reason_and_do_not_count(
    tmp_path: Path, store: Store
) -> None:
    files = CLEAN | {"a/0.png": b"", "b/x.dcm": bytes(128) + b"DICM"}
    report = check_set(store(tmp_path / "set", files), [2])
    (empty, dicom) = problems(report)["unreadable"]
    assert empty == (("a/0.png",), "is empty")
    assert dicom[1].startswith("is a DICOM file")
    assert [one.readable for one in report.classes] == [2, 3]
    assert kinds(report.warnings) == LONE | {
        "classes_too_small": [((), "a (2 groups, too few for shots 2)")]
    }


def test_copies_with_another_label_or_group_are_a_problem(tmp_path: Path) -> None:
    files = CLEAN | {"b/copy.png": CLEAN["a/0.png"], "a/again.jpg": drawn(1, "JPEG", quality=80)}
    report = check_set(folder(tmp_path / "set", files), [1])
    assert problems(report) == {
        "duplicates_apart": [
            (("a/0.png", "b/copy.png"), "same pixels, labels a and b, different groups"),
            (("a/1.png", "a/again.jpg"), "nearly the same, different groups"),
        ]
    }


def test_copies_within_a_group_are_a_warning(tmp_path: Path) -> None:
    rows = "path,label,group\na/0.png,a,1\na/copy.png,a,1\na/1.png,a,2\nb/0.png,b,3\nb/1.png,b,4\n"
    files = CLEAN | {"a/copy.png": CLEAN["a/0.png"]}
    report = check_set(listed(tmp_path / "set", rows, files), [1])
    assert report.problems == ()
    found = kinds(report.warnings)
    assert found["duplicates_within_group"] == [(("a/0.png", "a/copy.png"), "same pixels")]
    assert found["not_listed"] == [(("a/2.png",), ""), (("b/2.png",), "")]


def test_a_group_in_two_parts_of_the_split_is_a_problem(tmp_path: Path) -> None:
    rows = (
        "path,label,patient_id,split\na/0.png,a,Miller,train\na/1.png,a,Miller,test\nb/0.png,b,1,\n"
    )
    path = listed(tmp_path / "set", rows, CLEAN)
    report = check_set(path)
    assert problems(report) == {
        "groups_across_splits": [(("a/0.png", "a/1.png"), "test and train")]
    }
    assert report.splits == {"test": 1, "train": 1}
    assert "Miller" not in json.dumps(asdict(report))


def test_a_group_with_several_labels_is_a_warning(tmp_path: Path) -> None:
    report = check_set(folder(tmp_path / "isic", ISIC_2018))
    assert report.groups_stated
    (case,) = kinds(report.warnings)["groups_with_several_labels"]
    assert case[1] == "akiec and nv"


def test_small_and_long_pictures_are_remarked_upon(tmp_path: Path) -> None:
    long = encoded(lesion(7).resize((300, 100)), "PNG")
    small = encoded(lesion(8).resize((64, 63)), "PNG")
    found = kinds(
        check_set(folder(tmp_path / "set", CLEAN | {"a/l.png": long, "b/s.png": small})).warnings
    )
    assert found["far_from_square"] == [(("a/l.png",), "300 x 100")]
    assert found["small"] == [(("b/s.png",), "64 x 63")]


@either
def test_files_that_may_be_pictures_under_another_name_are_a_warning(
    tmp_path: Path, store: Store
) -> None:
    files = CLEAN | {"a/IM0001": b"x", "a/notes.txt": b"x", "b/scan.xyz": b"x"}
    found = kinds(check_set(store(tmp_path / "set", files), [1]).warnings)
    assert found == LONE | {"not_pictures": [(("a/IM0001",), ""), (("b/scan.xyz",), "")]}


def test_groups_are_counted_and_not_pictures(tmp_path: Path) -> None:
    rows = "path,label,group\na/0.png,a,1\na/1.png,a,1\na/2.png,a,1\nb/0.png,b,2\nb/1.png,b,3\n"
    report = check_set(listed(tmp_path / "set", rows, CLEAN), [1, 2])
    assert "groups_not_stated" not in kinds(report.warnings)
    assert [(one.pictures, one.groups, one.enough_for) for one in report.classes] == [
        (3, 1, ()),
        (2, 2, (1,)),
    ]


def test_copies_across_the_splits_of_a_medmnist_file_are_found(tmp_path: Path) -> None:
    shared = np.array(lesion(0).resize((64, 64)))
    content = {}
    for seed, split in enumerate(("train", "val", "test"), start=1):
        other = np.array(lesion(seed).resize((64, 64)))
        content[f"{split}_images"] = np.stack([other, shared if split != "val" else other // 2])
        content[f"{split}_labels"] = np.array([[0], [1]])
    report = check_set(saved(tmp_path / "pneumoniamnist_64.npz", content), [1])
    assert report.splits == {"test": 2, "train": 2, "val": 2}
    assert (("test/1", "train/1"), "same pixels, different groups, splits test and train") in (
        problems(report)["duplicates_apart"]
    )


# The command


def test_problems_are_status_1_and_warnings_status_0(sgps_command: Sgps, tmp_path: Path) -> None:
    path = folder(tmp_path / "set", CLEAN)
    done = sgps_command("data", "check", path)
    assert done.status == 0
    assert done.out.endswith("problems: 0, warnings: 2\n")
    assert "reading" in done.err
    folder(path, {"a/none.png": b""})
    done = sgps_command("data", "check", path, "--quiet")
    assert (done.status, done.err) == (1, "")
    assert "\nPROBLEM unreadable (1): pictures cannot be read. " in done.out
    assert "\n  a/none.png: is empty\n" in done.out
    assert str(tmp_path) not in done.out


def test_json_keeps_its_names(sgps_command: Sgps, tmp_path: Path) -> None:
    path = folder(tmp_path / "set", CLEAN | {"a/none.png": b""})
    given = ("data", "check", path, "--shots", 2, "--shots", 9, "--format", "json")
    report = json.loads(sgps_command(*given).out)
    assert list(report) == [
        *("pictures", "readable", "groups", "groups_stated", "splits", "classes"),
        *("problems", "warnings"),
    ]
    assert report["classes"][0] == {
        "label": "a",
        "pictures": 4,
        "readable": 3,
        "groups": 3,
        "enough_for": [2],
    }
    (problem,) = report["problems"]
    assert list(problem) == ["kind", "message", "items"]
    assert problem["items"] == [{"files": ["a/none.png"], "detail": "is empty"}]


def test_a_long_list_is_cut_in_the_table_only(sgps_command: Sgps, tmp_path: Path) -> None:
    path = folder(tmp_path / "set", CLEAN | {f"a/none{n}.png": b"" for n in range(11)})
    done = sgps_command("data", "check", path)
    assert "and 3 more; --format json lists all" in done.out
    report = json.loads(sgps_command("data", "check", path, "--format", "json").out)
    assert len(report["problems"][0]["items"]) == 11


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names themselves")
def test_names_of_side_files_that_are_not_utf_8_are_escaped(
    sgps_command: Sgps, tmp_path: Path
) -> None:
    path = folder(tmp_path / "set", CLEAN)
    Path(os.fsdecode(os.fsencode(path) + b"/a/r\xe9sum\xe9.doc")).touch()
    done = sgps_command("data", "check", path)
    assert "a/r\\udce9sum\\udce9.doc" in done.out


def test_what_cannot_be_listed_is_one_line(mistake, tmp_path: Path) -> None:
    assert "does not exist. Give" in mistake("data", "check", tmp_path / "none")


@pytest.mark.parametrize(
    "arguments", [["data", "paint"], ["data", "check"], ["data", "check", "x", "--shots", "0"]]
)
def test_a_wrong_call_is_status_2(sgps_command: Sgps, arguments: list[str]) -> None:
    done = sgps_command(*arguments)
    assert (done.status, done.out) == (2, "")
    assert "Error" in done.err


def test_the_command_explains_itself(sgps_command: Sgps) -> None:
    assert "data" in sgps_command("--help").out
    assert "check" in sgps_command("data", "--help").out
    assert "--shots" in sgps_command("data", "check", "--help").out

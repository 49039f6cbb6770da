"""`sgps synthesize`: what it writes, and that nothing is written when it is given something wrong."""

# ruff: noqa: F811 - pytest finds imported fixtures by the names of parameters.

from __future__ import annotations

import json
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from commands import TEXTS, Done, Sgps, engine, files_below, mistake, sgps_command, support, texts  # noqa: F401

from sgps.clinical.conditions import conditions
from sgps.target.checkpoint import TargetNetwork


@pytest.fixture
def damaged_engine(engine: Path, tmp_path: Path) -> Path:
    """Its own folder: a loaded engine is remembered by its path."""
    folder = shutil.copytree(engine, tmp_path / "damaged")
    data = (folder / "engine.safetensors").read_bytes()
    (folder / "engine.safetensors").write_bytes(data[:1000])
    return folder


def test_synthesize_writes_a_classifier_and_says_where_on_stdout(
    sgps_command: Sgps, engine: Path, support: Path, texts: Path, tmp_path: Path
) -> None:
    out = tmp_path / "new" / "model"
    done = sgps_command(
        "synthesize", support, "--descriptions", texts, "--engine", engine, "--out", out
    )
    assert (done.status, done.out) == (0, f"{out}\n")
    assert "classes (pictures): blue 3, green 3, red 3; 3 described" in done.err
    assert re.search(r"^synthesized test_efficientnet in \d+\.\d\d s$", done.err, re.MULTILINE)
    assert re.search(r"^heard in the description of blue: color blue$", done.err, re.MULTILINE)
    assert sorted(files_below(out.parent)) == [
        "model",
        "model/README.md",
        "model/config.json",
        "model/model.safetensors",
        "model/typicality.safetensors",
    ]
    network = TargetNetwork.load(out)
    assert list(network.class_names) == ["blue", "green", "red"]
    assert network.descriptions[0] == ("a blue field", "blue all over")
    assert network.provenance["n_shot"] == {"blue": 3, "green": 3, "red": 3}


@pytest.mark.parametrize("swapped", [False, True])
def test_descriptions_that_stand_with_another_class_are_doubted(
    sgps_command: Sgps, engine: Path, support: Path, tmp_path: Path, swapped: bool
) -> None:
    told = {"blue": TEXTS["blue"], "green": TEXTS["green"]}
    if swapped:
        told = dict(zip(told, reversed(told.values()), strict=True))
    texts = tmp_path / "told.json"
    texts.write_text(json.dumps(told), encoding="utf-8")
    arguments = (
        "--descriptions",
        texts,
        "--engine",
        engine,
        "--out",
        tmp_path / "model",
        "--quiet",
    )
    done = sgps_command("synthesize", support, *arguments)
    assert done.status == 0
    told = r"warning: the pictures do not look like .* Check that each description stands with its own class\.\n"
    assert bool(re.fullmatch(told, done.err)) is swapped
    assert swapped or done.err == ""


def test_pictures_of_other_splits_than_train_are_left_out_and_told(
    sgps_command: Sgps, engine: Path, support: Path, tmp_path: Path
) -> None:
    rows = ["path,label,split"]
    for path in sorted(support.rglob("*.png")):
        split = "val" if path.parent.name == "green" else "train"
        rows.append(f"{path.relative_to(support)},{path.parent.name},{split}")
    (support / "manifest.csv").write_text(
        "\n".join([*rows[:-1], f"{rows[-1]}-2"]), encoding="utf-8"
    )
    out = tmp_path / "model"
    done = sgps_command("synthesize", support, "--engine", engine, "--out", out, "--quiet")
    assert done == Done(
        0,
        f"{out}\n",
        "warning: of 9 pictures only the 5 of the split train are the support; left out: train-2 1, val 3. "
        "They are all there is of green.\n",
    )
    assert TargetNetwork.load(out).provenance["n_shot"] == {"blue": 3, "red": 2}


def renamed(support: Path, folder: Path, *names: str) -> Path:
    """The same pictures under other class names."""
    for own, name in zip(sorted(path.name for path in support.iterdir()), names, strict=True):
        shutil.copytree(support / own, folder / name)
    return folder


def test_without_descriptions_the_catalogue_is_taken_by_name_and_said_so(
    sgps_command: Sgps, engine: Path, support: Path, tmp_path: Path
) -> None:
    own = renamed(support, tmp_path / "skin", "AKIEC", "DF", "mystery")
    out = tmp_path / "model"
    done = sgps_command("synthesize", own, "--engine", engine, "--out", out)
    assert "description of DF: the catalogue's dermatofibroma (dermatoscopy)" in done.err
    assert "mystery 3; 2 described" in done.err
    network = TargetNetwork.load(out)
    entry = conditions()["dermatofibroma"]
    assert network.descriptions[1] == tuple(entry.descriptions.values())
    assert network.descriptions[2] == ()


def test_names_of_several_modalities_need_the_modality(
    sgps_command: Sgps,
    engine: Path,
    support: Path,
    tmp_path: Path,
    mistake: Callable[..., str],
) -> None:
    own = renamed(support, tmp_path / "skin", "melanoma", "nobody", "seborrheic keratosis")
    done = sgps_command("synthesize", own, "--engine", engine, "--out", tmp_path / "first")
    assert "--modality must tell" in done.err
    assert "; 0 described" in done.err
    chosen = ("--modality", "dermatoscopy", "--engine", engine, "--out", tmp_path / "second")
    assert "; 2 described" in sgps_command("synthesize", own, *chosen).err
    chosen = ("--modality", "smell", "--engine", engine, "--out", tmp_path / "third")
    assert "knows no modality 'smell'" in mistake("synthesize", own, *chosen)
    assert not (tmp_path / "third").exists()


def test_a_folder_a_manifest_and_a_zip_of_the_same_pictures_give_the_same_bytes(
    sgps_command: Sgps, engine: Path, support: Path, tmp_path: Path
) -> None:
    pictures = sorted(support.rglob("*.png"))
    manifest = tmp_path / "manifest.csv"
    rows = [f"{path.relative_to(tmp_path)},{path.parent.name}" for path in reversed(pictures)]
    manifest.write_text("\n".join(["path,label", *rows]), encoding="utf-8")
    packed = tmp_path / "support.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for path in pictures:
            archive.write(path, path.relative_to(support))
    results = []
    for number, source in enumerate((support, manifest, packed)):
        out = tmp_path / f"model{number}"
        done = sgps_command("synthesize", source, "--engine", engine, "--out", out)
        assert done.status == 0
        results.append(files_below(out))
    assert results[0] == results[1] == results[2]


def test_the_same_command_writes_the_same_bytes(
    sgps_command: Sgps, engine: Path, support: Path, texts: Path, tmp_path: Path
) -> None:
    given = ("synthesize", support, "--descriptions", texts, "--engine", engine, "--out")
    for name in ("one", "two"):
        assert sgps_command(*given, tmp_path / name).status == 0
    assert files_below(tmp_path / "one") == files_below(tmp_path / "two")


def test_descriptions_change_what_is_synthesized(
    sgps_command: Sgps, engine: Path, support: Path, texts: Path, tmp_path: Path
) -> None:
    given = ("synthesize", support, "--engine", engine, "--out")
    sgps_command(*given, tmp_path / "without")
    sgps_command(*given, tmp_path / "with", "--descriptions", texts)
    without, with_texts = (files_below(tmp_path / name) for name in ("without", "with"))
    assert without["model.safetensors"] != with_texts["model.safetensors"]


def test_onnx_adds_a_file_to_the_folder(
    sgps_command: Sgps, engine: Path, support: Path, tmp_path: Path
) -> None:
    pytest.importorskip("onnxruntime")
    out = tmp_path / "model"
    given = ("synthesize", support, "--engine", engine, "--out", out, "--onnx", "--quiet")
    assert sgps_command(*given) == Done(0, f"{out}\n", "")
    assert (out / "model.onnx").stat().st_size > 100_000


def test_a_class_may_be_only_described_if_that_is_said(
    sgps_command: Sgps, mistake: Callable[..., str], engine: Path, support: Path, tmp_path: Path
) -> None:
    texts = tmp_path / "texts.json"
    texts.write_text(json.dumps({"rde": "red", "grene": "green"}), encoding="utf-8")
    given = ("synthesize", support, "--descriptions", texts, "--engine", engine, "--out")
    assert mistake(*given, tmp_path / "model") == (
        "descriptions name classes without a picture: grene, rde; the classes with pictures are "
        "blue, green, red. Correct the names, or add --allow-text-only."
    )
    done = sgps_command(*given, tmp_path / "model", "--allow-text-only")
    assert done.status == 0
    assert "blue 3, green 3, grene 0, rde 0, red 3; 2 described" in done.err


def test_an_existing_folder_is_refused_before_anything_is_read(
    mistake: Callable[..., str], tmp_path: Path
) -> None:
    out = tmp_path / "mine"
    out.mkdir()
    said = mistake("synthesize", tmp_path / "nowhere", "--out", out)
    assert said == f"'{out}' exists already. Choose another name or remove it."


def _one_class(support: Path) -> None:
    shutil.rmtree(support / "blue")
    shutil.rmtree(support / "green")


def _unreadable(support: Path) -> None:
    (support / "red" / "text.png").write_text("no picture", encoding="utf-8")
    (support / "blue" / "empty.jpg").touch()


def _class_without_a_readable_picture(support: Path) -> None:
    for path in (support / "red").iterdir():
        path.write_bytes(path.read_bytes()[:60])


def _wrong_columns(support: Path) -> None:
    (support / "manifest.csv").write_text("file,class\na.png,red\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (shutil.rmtree, r"'.*support' does not exist\. Give a folder of class folders, a CSV"),
        (_one_class, r"a classifier needs at least 2 classes, got red\. Add a class\.$"),
        (
            _unreadable,
            r"2 of 11 pictures in '.*' cannot be used: blue/empty\.jpg is empty, red/text\.png is "
            r"not a picture \(.*\)\. Repair, convert or remove them\.$",
        ),
        (
            _class_without_a_readable_picture,
            r"3 of 9 pictures in '.*' cannot be used: red/6\.png .*, red/8\.png .*\. No readable "
            r"picture is left of class red\. Repair, convert or remove them\.$",
        ),
        (_wrong_columns, r"'.*manifest\.csv' needs the columns path \(or image\) and label, found"),
    ],
    ids=["missing", "one class", "unreadable", "no readable picture of a class", "columns"],
)
def test_a_support_set_that_cannot_be_used_is_one_line(
    mistake: Callable[..., str],
    engine: Path,
    support: Path,
    tmp_path: Path,
    change: Callable[[Path], None],
    message: str,
) -> None:
    change(support)
    said = mistake("synthesize", support, "--engine", engine, "--out", tmp_path / "model")
    assert re.match(message, said), said


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.json", None, r"cannot read '.*none\.json' \(No such file"),
        ("texts.txt", "red: red", r"'.*texts\.txt' is none of \.yaml, \.yml, \.json, \.toml\."),
        ("texts.yaml", "red: [a\n- b: :", r"'.*texts\.yaml' cannot be parsed \("),
        ("texts.yaml", "red:\nblue: 3", r"'.*' has faults: red has nothing, blue has a number\."),
    ],
    ids=["missing", "kind", "syntax", "values"],
)
def test_descriptions_that_cannot_be_used_are_one_line(
    mistake: Callable[..., str],
    engine: Path,
    support: Path,
    tmp_path: Path,
    name: str,
    content: str | None,
    message: str,
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_text(content, encoding="utf-8")
    given = ("synthesize", support, "--descriptions", path, "--engine", engine)
    said = mistake(*given, "--out", tmp_path / "model")
    assert re.match(message, said), said


def test_a_missing_engine_and_a_damaged_one_are_one_line(
    mistake: Callable[..., str], damaged_engine: Path, support: Path, tmp_path: Path
) -> None:
    given = ("synthesize", support, "--out", tmp_path / "model", "--engine")
    assert mistake(*given, "nowhere").startswith("no engine 'nowhere': it is neither a folder nor")
    assert re.match(r".*engine\.safetensors is damaged: ", mistake(*given, damaged_engine))
    assert re.match(r"'.*support' holds no engine \(it needs ", mistake(*given, support))


def test_a_place_that_cannot_be_written_is_one_line(
    mistake: Callable[..., str], engine: Path, support: Path, texts: Path
) -> None:
    given = ("synthesize", support, "--engine", engine, "--quiet")
    said = mistake(*given, "--out", texts / "model")
    assert re.match(r"cannot write '.*texts\.json/model': Not a directory\.$", said)


def test_too_many_pictures_are_refused_before_any_is_decoded(
    mistake: Callable[..., str],
    engine: Path,
    support: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sgps.engine.engine._MOST_PICTURES", 8)
    (support / "red" / "6.png").write_bytes(b"no picture")
    said = mistake("synthesize", support, "--engine", engine, "--out", tmp_path / "model")
    assert said.startswith("the support has 9 pictures, and an engine reads 8 at most. ")


def test_a_line_break_in_a_name_does_not_break_the_line(
    mistake: Callable[..., str], engine: Path, tmp_path: Path
) -> None:
    given = ("synthesize", tmp_path / "two\nlines", "--engine", engine)
    said = mistake(*given, "--out", tmp_path / "model")
    assert "two lines' does not exist. Give" in said


def test_an_interrupted_command_leaves_nothing(
    sgps_command: Sgps,
    engine: Path,
    support: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sgps.target.checkpoint._card", interrupt)
    before = files_below(tmp_path)
    done = sgps_command(
        "synthesize", support, "--engine", engine, "--out", tmp_path / "m", "--quiet"
    )
    assert done == Done(130, "", "")
    assert files_below(tmp_path) == before

"""The command line: stdout is data, stderr is talk, a user's mistake is one line, exit status 2 and nothing written.

`synthesize` and `predict` have files of their own, and so has what `benchmark` computes.
"""

# ruff: noqa: F811 - pytest finds imported fixtures by the names of parameters.

from __future__ import annotations

import errno
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
from commands import Sgps, engine, files_below, mistake, model, sgps_command, support, texts  # noqa: F401

import sgps
from sgps.target.checkpoint import TargetNetwork

# predict


@pytest.mark.parametrize("kind", ["table", "json", "csv"])
def test_progress_goes_to_stderr_and_quiet_silences_it(
    sgps_command: Sgps, model: Path, support: Path, kind: str
) -> None:
    given = ("predict", model, support / "red" / "6.png", "--format", kind)
    talking, quiet = sgps_command(*given), sgps_command(*given, "--quiet")
    assert talking.out == quiet.out != ""
    assert "reading" in talking.err
    assert quiet.err == ""


def test_all_unreadable_pictures_are_listed(
    mistake: Callable[..., str], model: Path, support: Path, texts: Path
) -> None:
    said = mistake(
        "predict", model, support / "none.png", support / "red" / "6.png", texts, support
    )
    assert re.match(
        r"3 of 4 pictures cannot be used: .*none\.png does not exist, .*texts\.json is not a picture "
        r"\(.*\), .*support is not a file\. Repair, convert or remove them\.$",
        said,
    )


def _cut_weights(model: Path) -> None:
    data = (model / "model.safetensors").read_bytes()
    (model / "model.safetensors").write_bytes(data[: len(data) // 2])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (shutil.rmtree, r"'.*' is not a folder\. Give the folder of a saved classifier\.$"),
        (_cut_weights, r"'.*model\.safetensors' is damaged: "),
        (lambda model: (model / "config.json").unlink(), r"cannot read '.*config\.json': No such"),
        (lambda model: (model / "config.json").write_text("{}"), r"'.*' has no 'sgps' block: "),
    ],
    ids=["missing", "weights", "no configuration", "foreign"],
)
@pytest.mark.parametrize("command", ["predict", "export"])
def test_a_damaged_or_foreign_classifier_is_one_line(
    mistake: Callable[..., str],
    model: Path,
    support: Path,
    tmp_path: Path,
    command: str,
    damage: Callable[[Path], None],
    message: str,
) -> None:
    copy = shutil.copytree(model, tmp_path / "copy")
    damage(copy)
    pictures = [support / "red" / "6.png"] if command == "predict" else []
    assert re.match(message, mistake(command, copy, *pictures))


# export


def test_export_writes_the_file_and_says_how_close_it_is(
    sgps_command: Sgps, mistake: Callable[..., str], model: Path, tmp_path: Path
) -> None:
    pytest.importorskip("onnxruntime")
    copy = shutil.copytree(model, tmp_path / "copy")
    done = sgps_command("export", copy)
    path = copy / "model.onnx"
    assert (done.status, done.out) == (0, f"{path}\n")
    found = re.fullmatch(r"largest difference from onnxruntime's logits: (\S+)\n", done.err)
    assert found
    assert float(found[1]) <= 1e-4
    # The folder still loads, and the file is not overwritten.
    assert TargetNetwork.load(copy).class_names == ("BCC", "MEL", "NV")
    assert mistake("export", copy).startswith(f"'{path}' exists already.")


def test_export_names_a_package_that_is_missing(
    mistake: Callable[..., str], model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    said = mistake("export", model, "--out", tmp_path / "new" / "model.onnx")
    assert re.match(
        r'ONNX export needs the package onnxscript\. Install it by: pip install "', said
    )


# pretrain


RECIPE = """
name = "tiny"
start = "none.safetensors"
data = "sets"
[representation]
steps = 1
[episodic]
steps = 1
"""


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            None,
            r"no readable recipe at .*recipe\.toml\. The ones that come with sgps lie in recipes/\.$",
        ),
        ("name = ", r".*recipe\.toml is not a readable TOML file: "),
        ("colour = 1" + RECIPE, r"recipe\.toml: unknown colour\. Known keys: name, start, data"),
        (RECIPE + "step = 1", r"recipe\.toml \[episodic\]: unknown step\. Known keys: steps, "),
        ('name = "tiny"', r"recipe\.toml: missing data, episodic, representation, start\. Known"),
        (RECIPE, r"the start .*none\.safetensors is not a readable safetensors file: "),
    ],
    ids=["missing", "syntax", "unknown key", "unknown key of a stage", "missing keys", "start"],
)
def test_a_recipe_that_cannot_be_run_is_one_line(
    mistake: Callable[..., str], tmp_path: Path, content: str | None, message: str
) -> None:
    path = tmp_path / "recipe.toml"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    said = mistake("pretrain", path, "--out", tmp_path / "run", "--quiet")
    assert re.match(message, said), said


def test_a_run_is_not_started_over_another(mistake: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    (tmp_path / "run").mkdir()
    said = mistake("pretrain", tmp_path / "recipe.toml", "--out", tmp_path / "run", "--quiet")
    assert (
        said
        == f"'{tmp_path / 'run'}' exists already. Add --resume to go on, or name another --out."
    )


# benchmark


def test_what_benchmark_cannot_use_is_one_line(
    mistake: Callable[..., str], support: Path, tmp_path: Path
) -> None:
    given = ("benchmark", "--device", "cpu", "--data")
    assert "does not exist. Give" in mistake(*given, tmp_path / "none.zip")
    assert "unknown methods: magic" in mistake(*given, support, "--methods", "chance,magic")
    refused = mistake(*given, support, "--methods", "chance", "--out", support)
    assert refused == f"'{support}' exists already. Name another file or remove it."


# demo


@pytest.fixture
def brief_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    demo = import_module("sgps.cli.demo")
    monkeypatch.setattr(demo, "N_QUERY", 3)
    monkeypatch.setattr(demo, "N_SHOWN", 1)
    monkeypatch.setattr(demo, "DRAWN_PX", 48)


@pytest.mark.usefixtures("brief_demo")
def test_the_same_seed_gives_the_same_demo(
    sgps_command: Sgps, engine: Path, tmp_path: Path
) -> None:
    runs = []
    for name in ("one", "two"):
        out = tmp_path / name
        done = sgps_command("demo", "--engine", engine, "--seed", 3, "--out", out, "--quiet")
        assert (done.status, done.err) == (0, "")
        assert done.out.startswith(f"report\t{out / 'report.html'}\nlesions\t")
        runs.append(files_below(out))
    # The report tells how long it took.
    reports = [str(run.pop("report.html")) for run in runs]
    assert runs[0] == runs[1]
    assert all("This is not a medical device" in report for report in reports)
    assert list(runs[0]).count("lesions/classifier/model.safetensors") == 1


@pytest.mark.usefixtures("brief_demo")
def test_demo_refuses_an_existing_folder_and_an_unknown_engine_in_one_line(
    mistake: Callable[..., str], tmp_path: Path
) -> None:
    said = mistake("demo", "--engine", "nowhere", "--out", tmp_path / "demo")
    assert said.startswith("no engine 'nowhere': ")
    (tmp_path / "demo").mkdir()
    assert mistake("demo", "--out", tmp_path / "demo").endswith("Choose another name or remove it.")


# all commands


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            PermissionError(13, "Permission denied", "/secret/out"),
            "cannot read or write '/secret/out': Permission denied. Check permissions and the room on the disk.",
        ),
        (
            OSError(errno.ENOSPC, "No space left on device"),
            "cannot read or write: No space left on device. Check permissions and the room on the disk.",
        ),
    ],
    ids=["permission", "room"],
)
def test_what_the_system_refuses_is_one_line(
    mistake: Callable[..., str],
    model: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: OSError,
    message: str,
) -> None:
    def refuse(_: object) -> None:
        raise error

    monkeypatch.setattr(TargetNetwork, "load", refuse)
    assert mistake("export", model, "--quiet") == message


def test_any_other_error_of_the_system_is_a_bug(
    sgps_command: Sgps, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> None:
        raise ConnectionError(errno.ECONNREFUSED, "Connection refused")

    monkeypatch.setattr(TargetNetwork, "load", refuse)
    with pytest.raises(ConnectionError):
        sgps_command("export", model)


@pytest.mark.parametrize(
    "arguments",
    [
        ["paint"],
        ["--colour"],
        ["synthesize"],
        ["synthesize", "support"],
        ["synthesize", "support", "--out", "model", "--device", "tpu"],
        ["predict", "model"],
        ["predict", "model", "a.png", "--format", "xml"],
        ["export"],
        ["pretrain"],
        ["benchmark"],
        ["benchmark", "--data", "x", "--shot", "five"],
        ["demo", "--seed", "-1"],
    ],
    ids=" ".join,
)
def test_a_wrong_call_is_status_2_with_a_clean_stdout(
    sgps_command: Sgps, arguments: list[str]
) -> None:
    done = sgps_command(*arguments)
    assert (done.status, done.out) == (2, "")
    assert "Error" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    "command", ["synthesize", "predict", "explain", "benchmark", "export", "pretrain", "demo"]
)
def test_every_command_explains_itself(sgps_command: Sgps, command: str) -> None:
    assert command in sgps_command("--help").out
    done = sgps_command(command, "--help")
    assert (done.status, done.err) == (0, "")
    assert "--quiet" in done.out


def test_the_commands_load_torch_only_when_they_run() -> None:
    # The package is replaced by an empty one, so that only what the commands themselves import counts.
    code = """
import sys, types
package = types.ModuleType("sgps")
package.__path__ = [sys.argv[1]]
sys.modules["sgps"] = package
import sgps.cli
print(*{"sklearn", "tokenizers", "torch"} & set(sys.modules))
"""
    source = str(Path(sgps.__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", code, source], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("\n", "")

"""What the tests of the command line share: running a command in this process, and what commands are given."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import build_network
from engines import as_pictures, colored_support, save_tiny_engine

from sgps.cli import main

TEXTS = {"red": "a red field", "blue": ["a blue field", "blue all over"], "green": "a green field"}


@dataclass(frozen=True)
class Done:
    """What a command left: exit status, stdout and stderr."""

    status: int
    out: str
    err: str


Sgps = Callable[..., Done]


@pytest.fixture
def sgps_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Sgps:
    """Run `sgps` with arguments, inside this process."""

    def run(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["sgps", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as stopped:
            main()
        return Done(int(stopped.value.code or 0), *capsys.readouterr())

    return run


def files_below(folder: Path) -> dict[str, bytes | None]:
    """Everything below a folder, hidden or not; a folder has no bytes."""
    found = sorted(folder.rglob("*"))
    return {
        str(path.relative_to(folder)): None if path.is_dir() else path.read_bytes()
        for path in found
    }


@pytest.fixture
def mistake(sgps_command: Sgps, tmp_path: Path) -> Callable[..., str]:
    """Run a command that must be refused; give its one line without `sgps: `."""

    def run(*arguments: object) -> str:
        before = files_below(tmp_path)
        done = sgps_command(*arguments)
        assert (done.status, done.out) == (2, ""), done
        assert done.err.count("\n") == 1, done.err
        assert done.err.startswith("sgps: ")
        assert files_below(tmp_path) == before
        return done.err.removeprefix("sgps: ").rstrip("\n")

    return run


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_engine(tmp_path_factory.mktemp("engines") / "tiny")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved classifier of pictures with 64 pixels a side."""
    folder = tmp_path_factory.mktemp("models") / "model"
    build_network().save(folder)
    return folder


@pytest.fixture
def support(tmp_path: Path) -> Path:
    """A folder of class folders, three pictures each."""
    root = tmp_path / "support"
    for number, (picture, name) in enumerate(zip(*as_pictures(colored_support()), strict=True)):
        (root / name).mkdir(parents=True, exist_ok=True)
        picture.save(root / name / f"{number}.png")
    return root


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    path = tmp_path / "texts.json"
    path.write_text(json.dumps(TEXTS), encoding="utf-8")
    return path

"""A run that was stopped goes on where it stood, and a folder belongs to one run."""

# ruff: noqa: F811 - pytest finds imported fixtures by the names of parameters.

from __future__ import annotations

from dataclasses import replace

import pytest
from colors import (  # noqa: F401
    PLAN,
    ColorEngine,
    brief_tuning,
    colors,
    folder,
    peer,
    without_seconds,
)

from sgps.errors import InputError
from sgps.evaluation.benchmark import Running, run_benchmark, run_parts
from sgps.evaluation.work import WorkFolder

LONG = replace(PLAN, way=2, episodes=50, limits={"chance": 30})
METHODS = ["sgps", "chance"]


class Stopped(Exception):
    """Stands for whatever kills a run."""


class FailingEngine(ColorEngine):
    """Gives up after some episodes."""

    def synthesize(self, support, **given):
        if len(self.asked) == 30:
            raise Stopped
        return super().synthesize(support, **given)


def files_of(folder):
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def run(colors, folder, engine=None, methods=METHODS, plan=LONG, **options):
    return run_benchmark(
        [colors],
        methods,
        plan,
        engine=engine or ColorEngine(),
        running=Running(work=WorkFolder(folder)),
        per_episode=True,
        **options,
    )


def test_a_stopped_run_goes_on_and_gives_what_an_unbroken_one_does(colors, tmp_path):
    with pytest.raises(Stopped):
        run(colors, tmp_path / "work", FailingEngine())
    assert list(files_of(tmp_path / "work")) == [
        "colors/0-episodes/000000-000019.safetensors",
        "run.json",
    ]
    second = ColorEngine()
    resumed = run(colors, tmp_path / "work", second)
    assert len(second.asked) == 30
    unbroken = run(colors, tmp_path / "other")
    assert without_seconds(resumed) == without_seconds(unbroken)
    assert len(resumed["per_episode"]["chance"]) == 30


def test_a_finished_run_reads_no_picture_and_gives_the_same_bytes(colors, tmp_path):
    first = run(colors, tmp_path / "work")

    def unread(_size):
        raise AssertionError

    blind = replace(colors, pictures=tuple(replace(p, read=unread) for p in colors.pictures))
    heard = {}
    again = run(
        blind,
        tmp_path / "work",
        on_progress=lambda step, done, of: heard.update({step: (done, of)}),
    )
    assert again == first
    assert heard == {"colors: episodes": (50, 50)}


def test_parts_of_one_name_but_for_their_signs_are_kept_apart(colors, tmp_path):
    plans = {"a b": LONG, "a-b": replace(LONG, seed=1)}
    work = Running(work=WorkFolder(tmp_path / "work"))
    first, again = (
        run_parts([colors], ["sgps"], plans, engine=ColorEngine(), per_episode=True, running=work)
        for _ in range(2)
    )
    assert first == again
    assert first["a b"]["methods"] != first["a-b"]["methods"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"plan": replace(LONG, seed=1)},
            r"data\.colors\.episodes_digest \(.*seed \(0 there, 1 here\)",
        ),
        ({"methods": ["sgps"]}, r"limits\.chance \(30 there, nothing here\), methods \("),
        (
            {"plan": replace(LONG, limits={})},
            r"limits\.chance \(30 there, nothing here\)\. Give another",
        ),
    ],
)
def test_a_folder_of_another_run_is_refused_with_what_differs(colors, tmp_path, change, message):
    run(colors, tmp_path / "work")
    before = files_of(tmp_path / "work")
    with pytest.raises(
        InputError, match=rf"^'.*work' holds another run: it differs in .*{message}"
    ):
        run(colors, tmp_path / "work", **change)
    assert files_of(tmp_path / "work") == before


def test_another_engine_and_other_constants_are_another_run(colors, tmp_path, monkeypatch):
    run(colors, tmp_path / "work")
    other = ColorEngine()
    other.digest = "shapes"
    monkeypatch.setattr("sgps.evaluation.heads.RIDGE_PENALTY", 7.0)
    with pytest.raises(
        InputError,
        match=r"it differs in constants\.ridge_penalty \(0\.5 there, 7\.0 here\), "
        r"engine_digest \(colors there, shapes here\)\. Give another folder or remove it\.$",
    ):
        run(colors, tmp_path / "work", other)


def test_a_folder_of_something_else_is_refused(colors, tmp_path):
    (tmp_path / "letter.txt").write_text("dear", encoding="utf-8")
    with pytest.raises(
        InputError,
        match=r"is no work folder of sgps benchmark\. Give a new or an empty one\.$",
    ):
        run(colors, tmp_path)


def test_a_place_that_cannot_be_a_folder_is_refused(colors, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(
        InputError, match=r"^cannot use '.*work' as a work folder: Not a directory\.$"
    ):
        run(colors, tmp_path / "file" / "work")


def test_a_block_that_cannot_be_written_stops_the_run(colors, tmp_path):
    class Spiteful(ColorEngine):
        def synthesize(self, support, **given):
            (tmp_path / "work" / "colors").touch()
            return super().synthesize(support, **given)

    with pytest.raises(
        InputError, match=r"^cannot write '.*\.safetensors': (Not a dir|File exists)"
    ):
        run(colors, tmp_path / "work", Spiteful())


def test_damaged_files_are_refused(colors, tmp_path):
    run(colors, tmp_path / "work")
    block = tmp_path / "work" / "colors" / "0-episodes" / "000020-000039.safetensors"
    block.write_bytes(block.read_bytes()[:100])
    with pytest.raises(
        InputError,
        match=r"000020-000039\.safetensors' is damaged\. Remove it, and its episodes are answered anew\.$",
    ):
        run(colors, tmp_path / "work")
    (tmp_path / "work" / "run.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match=r"run\.json' is damaged\. Remove '.*work'\.$"):
        run(colors, tmp_path / "work")

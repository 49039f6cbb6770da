"""`sgps demo` and its page, with a stand-in for the engine."""

from __future__ import annotations

import io
import re
import sys
import types
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
import yaml
from conftest import SIDE, build_network
from typer.testing import CliRunner

from sgps.cli.demo import demo
from sgps.cli.demo_page import Answer, Strangers, TaskReport, build_page
from sgps.errors import InputError
from sgps.images import read_images
from sgps.manifests import read_descriptions, read_labelled
from sgps.target.checkpoint import TargetNetwork
from sgps.target.typicality import PERCENTILES, Typicality

# Not `from sgps.cli import demo`: that name may be the command itself.
demo_module = sys.modules["sgps.cli.demo"]


def _colors(images: Sequence[Path]) -> np.ndarray:
    """Mean and spread of each channel in the middle of each picture: enough for drawings."""
    middle = read_images(images, SIDE)[:, :, SIDE // 4 : -SIDE // 4, SIDE // 4 : -SIDE // 4].float()
    return torch.cat([middle.mean((2, 3)), middle.std((2, 3))], dim=1).numpy()


class StandIn:
    """What the demo uses of the estimator: nearest mean color, and any network for the maps and the folder.

    `classes_` are in an order of their own, so that mixed-up columns would show in the accuracy.
    """

    def __init__(self, class_descriptions: dict[str, list[str]], engine: str = "default") -> None:
        self.class_descriptions = class_descriptions
        self.engine = engine

    def fit(self, images: Sequence[Path], labels: Sequence[str]) -> StandIn:
        assert set(labels) == set(self.class_descriptions)
        assert self.engine == "default"
        self.classes_ = np.array(sorted(set(labels), reverse=True))
        features = _colors(images)
        self.scale = features.std(0)
        own = np.array(labels)
        self.means = np.stack([features[own == name].mean(0) for name in self.classes_])
        names = tuple(str(name) for name in self.classes_)
        network = build_network(names)
        width = network.architecture.num_features
        self.network_ = replace(
            network,
            descriptions=(),
            provenance={},
            typicality=Typicality(
                class_means=torch.zeros(1, width),
                middle=torch.zeros(width),
                percentiles=torch.linspace(0, 1, PERCENTILES),
            ),
        )
        self.task = images[0].parents[2]
        return self

    def score_samples(self, images: Sequence[Path]) -> np.ndarray:
        return np.array([float(path.parents[2] == self.task) for path in images])

    def predict_proba(self, images: Sequence[Path]) -> np.ndarray:
        gaps = (_colors(images)[:, None] - self.means) / self.scale
        closeness = np.exp(-(gaps**2).sum(2))
        return closeness / closeness.sum(1, keepdims=True)

    def save_pretrained(self, folder: Path) -> None:
        self.network_.save(folder)


@pytest.fixture(autouse=True, scope="module")
def _stand_in() -> Iterator[None]:
    module = types.ModuleType("sgps.estimator")
    module.SynthesizedClassifier = StandIn  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "sgps.estimator", module)
        patch.setattr(demo_module, "N_QUERY", 6)
        patch.setattr(demo_module, "N_SHOWN", 2)
        patch.setattr(demo_module, "DRAWN_PX", SIDE)
        yield


class _Page(HTMLParser):
    """Checks that tags are closed in order and collects what the tests ask about."""

    VOID = frozenset({"meta", "img", "br", "wbr"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.said: list[str] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style"} & set(self.open):
            self.said.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.said).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def report() -> TaskReport:
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (6, 3, 32, 32), dtype=np.uint8)
    evidence = rng.standard_normal((2, 2)).astype(np.float32)
    return TaskReport(
        title="Spots <b>drawn</b>",
        folder="spots",
        class_names=("dark", "light & 'odd'"),
        descriptions=(("A <script>dark</script> spot.",), ("A light spot.", "A pale spot.")),
        support=(tuple(pictures[:2]), tuple(pictures[2:4])),
        answers=(
            Answer(picture=pictures[4], evidence=evidence, truth="dark", probabilities=(0.9, 0.1)),
            Answer(picture=pictures[5], evidence=evidence, truth="dark", probabilities=(0.2, 0.8)),
        ),
        right=7,
        total=8,
        synthesis_s=1.25,
        prediction_s=0.5,
    )


@pytest.fixture(scope="module")
def page(report: TaskReport) -> _Page:
    return _Page(build_page([report], engine="an <engine>", seed=3))


def test_the_page_says_that_the_pictures_are_drawn_and_that_it_is_no_device(page: _Page) -> None:
    assert "Every picture on this page was drawn by the program." in page.text
    assert "None is medical data" in page.text
    assert "This is not a medical device" in page.text
    assert page.text.index("Drawn, not real.") < page.text.index("Classifiers from drawings")


def test_the_page_needs_nothing_from_outside(report: TaskReport) -> None:
    raw = build_page([report], engine="x", seed=0)
    page = _Page(raw)
    assert all(str(image["src"]).startswith("data:image/jpeg;base64,") for image in page.all("img"))
    assert not {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object"}
    assert not re.search(r"https?://|url\(|@import", raw)
    policy = [m["content"] for m in page.all("meta") if "http-equiv" in m]
    assert policy == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]


def test_every_text_is_escaped(page: _Page) -> None:
    for text in (
        "Spots <b>drawn</b>",
        "A <script>dark</script> spot.",
        "an <engine>",
        "light & 'odd'",
    ):
        assert text in page.text


def test_the_page_can_be_read_without_seeing_it(page: _Page) -> None:
    assert page.all("html") == [{"lang": "en"}]
    assert any(m.get("name") == "viewport" for m in page.all("meta"))
    assert all(image["alt"] and image["width"] for image in page.all("img"))
    assert len(page.all("caption")) == len(page.all("table")) == 2
    assert all(row == {"scope": "row"} for row in page.all("th"))
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))


def test_right_and_wrong_are_said_in_words(page: _Page) -> None:
    assert "✓ right: dark" in page.text
    assert "✗ wrong: light & 'odd', drawn as dark" in page.text


def test_the_page_gives_the_accuracy_with_its_counts_and_the_seconds(page: _Page) -> None:
    assert (
        "7 of 8 held-out drawings classified rightly (88%; guessing gives about 50%)" in page.text
    )
    assert "Synthesized in 1.2 s; 8 pictures classified in 0.5 s." in page.text
    assert "Shown are 2 of the 8, picked before they were classified." in page.text


def test_the_page_tells_how_many_strangers_were_recognized(report: TaskReport) -> None:
    assert "something else" not in _Page(build_page([report], engine="x", seed=0)).text
    told = replace(report, strangers=Strangers(own=1, others=30, of_others=32))
    text = _Page(build_page([told], engine="x", seed=0)).text
    assert "Of 32 drawings of another kind 30 are called unlike the drawings above" in text
    assert "and of its own 8 held-out ones 1." in text


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """A finished run: its folder, stdout and stderr."""
    out = tmp_path_factory.mktemp("demo") / "new" / "demo"
    with redirect_stdout(io.StringIO()) as stdout, redirect_stderr(io.StringIO()) as stderr:
        demo(out=out, seed=48)  # color alone tells the classes of its tasks apart
    return out, stdout.getvalue(), stderr.getvalue()


def test_the_demo_writes_a_report_pictures_descriptions_and_classifiers(
    finished: tuple[Path, str, str],
) -> None:
    out, _, _ = finished
    assert sorted(path.name for path in out.parent.iterdir()) == ["demo"]
    assert sorted(path.name for path in out.iterdir()) == ["cells", "lesions", "report.html"]
    page = _Page((out / "report.html").read_text(encoding="utf-8"))
    assert "Skin lesions, drawn" in page.text
    assert "Blood cells, drawn" in page.text
    drawn = {
        name: len(list((out / name / "held-out").rglob("*.png"))) for name in ("lesions", "cells")
    }
    for own, other in (("lesions", "cells"), ("cells", "lesions")):
        assert (
            f"Of {drawn[other]} drawings of another kind {drawn[other]} are called unlike the drawings above, "
            f"and of its own {drawn[own]} held-out ones 0." in page.text
        )
    for task in ("lesions", "cells"):
        described = read_descriptions(out / task / "descriptions.yaml")
        assert described == yaml.safe_load((out / task / "descriptions.yaml").read_text())
        support = read_labelled(out / task / "pictures")
        assert {image.label for image in support} == set(described)
        assert len(support) == 5 * len(described)
        assert len(read_labelled(out / task / "held-out")) == 6 * len(described)
        network = TargetNetwork.load(out / task / "classifier")
        assert set(network.class_names) == set(described)
        assert all(text in page.text for texts in described.values() for text in texts)
        shown = [
            i
            for i in page.all("img")
            if i["alt"] in {f"Held-out drawing of class {n}" for n in described}
        ]
        assert len(shown) == 2 * len(described)


def test_stdout_is_the_report_and_the_accuracy_and_stderr_the_progress(
    finished: tuple[Path, str, str],
) -> None:
    out, stdout, stderr = finished
    lines = stdout.splitlines()
    assert lines[0] == f"report\t{out / 'report.html'}"
    assert [line.split("\t")[0] for line in lines[1:]] == ["lesions", "cells"]
    for line in lines[1:]:
        found = re.search(r"\t([\d.]+)% right \((\d+) of (\d+) held-out drawings\)$", line)
        assert found
        assert float(found[1]) == pytest.approx(100 * int(found[2]) / int(found[3]), abs=0.05)
    assert re.search(r"lesions.*4/4.*cells.*4/4", stderr, re.DOTALL)


def test_columns_of_the_classifier_find_their_classes(finished: tuple[Path, str, str]) -> None:
    found = re.findall(r"\((\d+) of (\d+) ", finished[1])
    right, total = (sum(int(pair[i]) for pair in found) for i in (0, 1))
    assert right / total > 0.5


def test_the_same_seed_draws_the_same_pictures_and_quiet_means_no_progress(
    finished: tuple[Path, str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    demo(out=tmp_path / "again", seed=48, quiet=True)
    assert capsys.readouterr().err == ""
    first = finished[0]
    pictures = sorted(path.relative_to(first) for path in first.rglob("*.png"))
    assert pictures
    for path in pictures:
        assert (first / path).read_bytes() == (tmp_path / "again" / path).read_bytes()


def test_an_existing_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(
        InputError,
        match=r"^'.*mine' exists already\. Choose another name or remove it\.$",
    ):
        demo(out=tmp_path / "mine")
    assert list((tmp_path / "mine").iterdir()) == []


def test_a_place_that_cannot_be_written_is_a_mistake_of_the_user(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"^cannot write '.*demo': Not a directory"):
        demo(out=tmp_path / "file" / "demo")


def test_nothing_is_left_behind_when_the_engine_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: StandIn, images: object, labels: object) -> None:
        raise InputError("no such engine")

    monkeypatch.setattr(StandIn, "fit", fail)
    with pytest.raises(InputError, match=r"^no such engine$"):
        demo(out=tmp_path / "demo", quiet=True)
    assert list(tmp_path.iterdir()) == []


def test_typer_takes_the_command_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    app = typer.Typer()
    app.command()(demo)
    result = CliRunner().invoke(
        app, ["--out", str(tmp_path / "demo"), "--seed", "2", "--quiet", "--open"]
    )
    assert result.exit_code == 0, result.output
    assert opened == [(tmp_path / "demo" / "report.html").as_uri()]

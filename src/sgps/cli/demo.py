"""`sgps demo`: everything once, on drawings that the program makes itself.

Draws a task of skin lesions and one of blood cells, synthesizes a classifier for each from five drawings a class and
the descriptions, classifies drawings that were held out, and writes a report to look at. No data is needed.
"""

from __future__ import annotations

import time
import webbrowser
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
import yaml

from sgps.cli.console import progress_bars, ticker
from sgps.cli.demo_page import Answer, Strangers, TaskReport, build_page
from sgps.files import new_folder
from sgps.target.overlay import as_image

# Whatever needs torch is imported where it is used: it takes seconds to load, a mistyped folder is reported at once.
if TYPE_CHECKING:
    from torch import Tensor

    from sgps.drawings.tasks import DrawnTask
    from sgps.estimator import SynthesizedClassifier

N_SHOT = 5
N_QUERY = 20
"""Held-out drawings of each class that are classified."""
N_SHOWN = 4
"""Of these, the first so many of each class are shown in the report."""
DRAWN_PX = 160

_TASKS = (("lesions", "Skin lesions, drawn"), ("cells", "Blood cells, drawn"))


def demo(
    out: Annotated[Path, typer.Option(help="Folder to write; it must not exist.")] = Path(
        "sgps-demo"
    ),
    seed: Annotated[int, typer.Option(min=0, help="Decides the drawings.")] = 0,
    engine: Annotated[str, typer.Option(help="Engine: its name or folder.")] = "default",
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress on stderr.")] = False,
    open_browser: Annotated[
        bool, typer.Option("--open", help="Open the report when done.")
    ] = False,
) -> None:
    """Synthesize two classifiers from drawings and descriptions, and write a report to look at."""
    with new_folder(out) as folder:
        from sgps.drawings.tasks import draw_task

        with progress_bars(quiet) as on_progress:
            runs = []
            for start, (name, title) in enumerate(_TASKS):
                step = ticker(on_progress, name, total=4)
                task = draw_task(seed, _plain_task(seed, start), N_SHOT, N_QUERY, DRAWN_PX)
                step()
                runs.append(_run(task, folder, name, title, engine, step))
            step = ticker(on_progress, "strangers", total=len(runs))
            reports = [_with_strangers(run, runs, step) for run in runs]
        page = build_page(reports, engine=engine, seed=seed)
        (folder / "report.html").write_text(page, encoding="utf-8")
    print(f"report\t{out / 'report.html'}")
    for report in reports:
        share = report.right / report.total
        print(
            f"{report.folder}\t{share:.1%} right ({report.right} of {report.total} held-out drawings)"
        )
    if open_browser:
        webbrowser.open((out / "report.html").resolve().as_uri())


def _plain_task(seed: int, start: int) -> int:
    """Find the first task of a kind that a reader takes in at a glance; `start` is 0 for lesions, 1 for cells.

    It has four classes or more, and one attribute alone tells them all apart. The report says so.
    """
    from sgps.drawings.tasks import KINDS, draw_task

    for index in count(start, step=len(KINDS)):
        looks = draw_task(seed, index, n_shot=1, n_query=0, image_size=16).looks
        distinct = [len({look[name] for look in looks}) for name in looks[0]]
        if len(looks) >= 4 and max(distinct) == len(looks):
            return index
    raise AssertionError("the series is endless")


@dataclass(frozen=True, kw_only=True)
class _Run:
    """What was done with one task."""

    report: TaskReport
    classifier: SynthesizedClassifier
    held_out: list[Path]


def _with_strangers(run: _Run, runs: Sequence[_Run], step: Callable[[], None]) -> TaskReport:
    """Complete a task's report by how many drawings its classifier calls unlike its own: its own ones, and other tasks'."""
    from sgps.target.typicality import ATYPICAL

    counts = None
    if run.classifier.network_.typicality:
        others = [path for other in runs if other is not run for path in other.held_out]
        named = [
            int((run.classifier.score_samples(paths) < ATYPICAL).sum())
            for paths in (run.held_out, others)
        ]
        counts = Strangers(own=named[0], others=named[1], of_others=len(others))
    step()
    return replace(run.report, strangers=counts)


def _run(
    task: DrawnTask, root: Path, folder: str, title: str, engine: str, step: Callable[[], None]
) -> _Run:
    """Write one task's files, synthesize its classifier, and classify what was held out."""
    from sgps.estimator import SynthesizedClassifier
    from sgps.images import read_images
    from sgps.target.explain import relative_evidence

    names = task.class_names
    described = {name: list(texts) for name, texts in zip(names, task.descriptions, strict=True)}
    support = _write_pictures(
        root / folder / "pictures", task.support_images, task.support_labels, names
    )
    held_out = _write_pictures(
        root / folder / "held-out", task.query_images, task.query_labels, names
    )
    text = yaml.safe_dump(described, sort_keys=True, allow_unicode=True, width=100)
    (root / folder / "descriptions.yaml").write_text(text, encoding="utf-8")

    start = time.perf_counter()
    classifier = SynthesizedClassifier(class_descriptions=described, engine=engine)
    classifier.fit(support, [names[label] for label in task.support_labels.tolist()])
    synthesis_s = time.perf_counter() - start
    step()

    start = time.perf_counter()
    given = np.asarray(classifier.predict_proba(held_out))
    prediction_s = time.perf_counter() - start
    step()

    order = [list(classifier.classes_).index(name) for name in names]
    probabilities = given[:, order]
    guesses = probabilities.argmax(axis=1)

    truths = task.query_labels.numpy()
    shown = [row for row in range(len(truths)) if row % N_QUERY < N_SHOWN]
    network = classifier.network_
    pictures = read_images([held_out[row] for row in shown], network.preprocessing.image_size)
    maps = relative_evidence(network, pictures)[:, order]
    classifier.save_pretrained(root / folder / "classifier")
    step()
    report = TaskReport(
        title=title,
        folder=folder,
        class_names=names,
        descriptions=task.descriptions,
        support=tuple(
            tuple(task.support_images[task.support_labels == label].numpy())
            for label in range(len(names))
        ),
        answers=tuple(
            Answer(
                picture=task.query_images[row].numpy(),
                evidence=maps[place, guesses[row]].numpy(),
                truth=names[truths[row]],
                probabilities=tuple(float(p) for p in probabilities[row]),
            )
            for place, row in enumerate(shown)
        ),
        right=int((guesses == truths).sum()),
        total=len(truths),
        synthesis_s=synthesis_s,
        prediction_s=prediction_s,
    )
    return _Run(report=report, classifier=classifier, held_out=held_out)


def _write_pictures(
    folder: Path, images: Tensor, labels: Tensor, names: tuple[str, ...]
) -> list[Path]:
    """Write PNG files into class folders; the paths keep the pictures' order."""
    paths = []
    for row, (image, label) in enumerate(zip(images.numpy(), labels.tolist(), strict=True)):
        number = row - int((labels < label).sum())
        path = folder / names[label] / f"{number + 1:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        as_image(image).save(path)
        paths.append(path)
    return paths

"""The report of `sgps demo`: one HTML page that needs nothing but itself.

In: plain data (`TaskReport`). Out: the page as text. Pictures are data URIs, there is no script and no outside
resource, and the page forbids itself both by a content security policy. Every text is escaped.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sgps.target.overlay import Picture, as_image, overlay

_SHOWN_PX = 144


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One held-out picture and what the classifier says of it."""

    picture: Picture
    evidence: NDArray[np.float32]
    """(h, w): how much each place spoke for the predicted class, relative to the other classes."""
    truth: str
    probabilities: tuple[float, ...]
    """One for each class, in the order of the report's `class_names`."""


@dataclass(frozen=True, kw_only=True)
class Strangers:
    """How many drawings a classifier calls unlike those that it was synthesized from."""

    own: int
    """Of the task's held-out drawings."""
    others: int
    """Of the other tasks' held-out drawings."""
    of_others: int
    """How many the others have."""


@dataclass(frozen=True, kw_only=True)
class TaskReport:
    """All that the page says of one task."""

    title: str
    folder: str
    """Where the task's files lie, relative to the page."""
    class_names: tuple[str, ...]
    descriptions: tuple[tuple[str, ...], ...]
    support: tuple[tuple[Picture, ...], ...]
    """For each class the pictures that the classifier was synthesized from."""
    answers: tuple[Answer, ...]
    """The held-out pictures that are shown."""
    right: int
    total: int
    """Held-out pictures that were classified, shown or not, and how many of them rightly."""
    synthesis_s: float
    """Seconds from pictures and descriptions to the finished classifier."""
    prediction_s: float
    """Seconds to classify all held-out pictures."""
    strangers: Strangers | None = None
    """None where an engine does not tell what is typical."""


def build_page(reports: Sequence[TaskReport], *, engine: str, seed: int) -> str:
    """Write the page.

    Args:
        reports: one for each task.
        engine: name of the engine that synthesized the classifiers.
        seed: seed of the drawings.
    """
    right, total = sum(r.right for r in reports), sum(r.total for r in reports)
    seconds = sum(r.synthesis_s for r in reports)
    style = "".join(
        files(package).joinpath(name).read_text(encoding="utf-8")
        for package, name in (("sgps.service", "page/look.css"), ("sgps.cli", "demo_page.css"))
    )
    summary = "".join(
        f"<div><dt>{_text(name)}</dt><dd>{value}</dd></div>"
        for name, value in (
            ("Held-out drawings classified rightly", f"{right} of {total} ({right / total:.0%})"),
            ("Classifiers synthesized", str(len(reports))),
            ("Seconds to synthesize them", f"{seconds:.1f}"),
            ("Training steps on the tasks", "0"),
        )
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>sgps demo: classifiers from drawings and words</title>
<style>
{style}</style>
</head>
<body>
<div class="banner" role="note"><strong>Drawn, not real.</strong> Every picture on this page was drawn by the program.
None is medical data, and nothing here says how well real pictures are classified.
<strong>This is not a medical device</strong>; do not use it for diagnosis.</div>
<header>
<h1>Classifiers from drawings and words</h1>
<p>Each classifier below was synthesized from five drawings and a few sentences a class: every weight of a small
convolutional network, with no training step on the task. The tasks are easy on purpose: one of the attributes in the
descriptions is enough to tell the classes apart, and the engine has learned what such words look like from other drawings
of these kinds.</p>
<dl class="summary">{summary}</dl>
</header>
<main>
{"".join(_section(report) for report in reports)}
</main>
<footer>
<p>Engine <code>{_text(engine)}</code>, seed {seed}. The same seed gives the same drawings.</p>
</footer>
</body>
</html>
"""


def _section(report: TaskReport) -> str:
    classes = "".join(
        _class_card(name, texts, pictures)
        for name, texts, pictures in zip(
            report.class_names, report.descriptions, report.support, strict=True
        )
    )
    answers = "".join(_answer_card(report, answer) for answer in report.answers)
    shown = len(report.answers)
    folder = _text(report.folder)
    return f"""<section>
<h2>{_text(report.title)}</h2>
<p><strong>{report.right} of {report.total}</strong> held-out drawings classified rightly
({report.right / report.total:.0%}; guessing gives about {1 / len(report.class_names):.0%}).
Synthesized in {report.synthesis_s:.1f} s; {report.total} pictures classified in {report.prediction_s:.1f} s.</p>
<h3>What it was made from</h3>
<div class="classes">{classes}</div>
<h3>What it says of drawings it has not seen</h3>
<p>Shown are {shown} of the {report.total}, picked before they were classified. Left the drawing, right the places that
spoke for the answer more than for the other classes, from violet (little)
<span class="ramp" aria-hidden="true"></span> to yellow (much).
The map is coarse: its cells are a 32nd of the network's input.</p>
<div class="answers">{answers}</div>
{_strangers(report)}<h3>Go on from here</h3>
<p>The files lie beside this page; in its folder, run:</p>
<pre><code>sgps predict {folder}/classifier {folder}/held-out/*/*.png
sgps synthesize {folder}/pictures --descriptions {folder}/descriptions.yaml --out {folder}-again</code></pre>
</section>
"""


def _strangers(report: TaskReport) -> str:
    found = report.strangers
    if found is None:
        return ""
    return f"""<h3>What it says of something else</h3>
<p>A classifier gives every picture one of its classes, whatever it shows; how typical the picture is tells whether that
means anything. Of {found.of_others} drawings of another kind <strong>{found.others}</strong> are called unlike the
drawings above, and of its own {report.total} held-out ones {found.own}.</p>
"""


def _class_card(name: str, texts: Iterable[str], pictures: Iterable[Picture]) -> str:
    images = "".join(
        _image(picture, f"Drawing {number} of class {name}")
        for number, picture in enumerate(pictures, start=1)
    )
    said = "".join(f"<li>{_text(text)}</li>" for text in texts)
    return f'<article><h4>{_name(name)}</h4><ul>{said}</ul><div class="strip">{images}</div></article>\n'


def _answer_card(report: TaskReport, answer: Answer) -> str:
    best = int(np.argmax(answer.probabilities))
    guess = report.class_names[best]
    right = guess == answer.truth
    rows = "".join(
        f'<tr{" class=best" if index == best else ""}><th scope="row">{_name(name)}'
        f'<span class="bar" style="width:{100 * p:.1f}%"></span></th><td>{p:.0%}</td></tr>'
        for index, (name, p) in enumerate(
            zip(report.class_names, answer.probabilities, strict=True)
        )
    )
    verdict = (
        f"<b>✓ right:</b> {_name(guess)}"
        if right
        else f"<b>✗ wrong:</b> {_name(guess)}, drawn as {_name(answer.truth)}"
    )
    pictures = _image(answer.picture, f"Held-out drawing of class {answer.truth}") + _image(
        overlay(answer.picture, answer.evidence),
        f"The same drawing with the places highlighted that spoke for {guess}",
    )
    return (
        f'<article class="{"right" if right else "wrong"}"><div class="pair">{pictures}</div>'
        f'<p class="verdict">{verdict}</p><table><caption>Probability of each class</caption>'
        f"<tbody>{rows}</tbody></table></article>\n"
    )


def _image(picture: Picture, alt: str) -> str:
    image = as_image(picture)
    if image.width > _SHOWN_PX:
        image = image.resize((_SHOWN_PX, _SHOWN_PX), Image.Resampling.LANCZOS)
    data = io.BytesIO()
    image.save(data, "JPEG", quality=88)
    code = base64.b64encode(data.getvalue()).decode("ascii")
    size = f'width="{image.width}" height="{image.height}"'
    return f'<img {size} alt="{_text(alt)}" src="data:image/jpeg;base64,{code}">'


def _name(name: str) -> str:
    """Class name that may be broken at its joints."""
    return f'<span class="name">{_text(name).replace("_", "_<wbr>")}</span>'


def _text(text: str) -> str:
    return html.escape(text, quote=True)

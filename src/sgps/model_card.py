"""Write the README.md of a synthesized classifier: what it is, what it is for, and how to load it.

In: facts about the network. Out: Markdown with the YAML head that model hubs read. Nothing in it depends on the day or
the machine, so the same network gets the same card.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from sgps.task import Preprocessing

JSON: TypeAlias = "Mapping[str, JSON] | Sequence[JSON] | str | int | float | bool | None"
"""Anything that JSON can hold."""

_DOUBTED = 0.2
"""Agreement of pictures and descriptions below which a reader is told. Of dev tasks with right descriptions that are 5 % of those
on chest X-rays and no others; of known classes that have each other's, 37 to 46 % at five pictures a class (`docs/log.md`)."""
# The head of the card. The license is that of the engine, of whose data some demand that it be passed on.
_HEAD = """\
---
license: cc-by-nc-sa-4.0
library_name: timm
pipeline_tag: image-classification
tags:
- sgps
- timm
- medical-imaging
- few-shot-learning
- weight-synthesis
---
"""

_BODY = """
# {num_classes}-class image classifier, synthesized by sgps

An ordinary `{architecture}` with {num_parameters:,} parameters. All of them were synthesized in one pass
from {sources} by the engine below; none was trained on this task.

**This is not a medical device.** It has not been cleared by any authority and must not decide about a patient.

## Classes

| output | class | support images | description |
|---|---|---|---|
{classes}

## Intended use

Research and teaching: a first classifier where only a few labelled images exist, a baseline to beat, or a start for
labelling more. Measure it on images of your own, from other patients than the support images, before you rely on a
number.

## Out of scope

- Diagnosis, triage, screening, or any other decision about a patient.
- Images unlike the support images: another modality, device, staining or population. Every image gets one of the
  {num_classes} classes, also one that belongs to none of them; a high probability is no proof that an image fits.
- Commercial use. The engine was pretrained on public data sets of which some forbid it and ask for the same license
  (CC BY-NC-SA 4.0), and what it synthesizes inherits that. The engine's own card lists every set.

## Where it comes from

| | |
|---|---|
{origin}

The same support images, descriptions and engine give the same bytes on the same kind of machine.

## Preprocessing

RGB in [0, 1]; the short side resized to {size} px (bicubic), then the {size} x {size} px center; minus mean ({mean}),
divided by standard deviation ({std}). `config.json` says the same to timm.

## How to load it

With sgps, which reads and prepares the pictures itself:

```python
from sgps import SynthesizedClassifier

classifier = SynthesizedClassifier.from_pretrained("path/to/this/folder")
probabilities = classifier.predict_proba(["picture.png"])  # columns follow classifier.classes_
```

With timm, without sgps:

```python
import timm
from PIL import Image

model = timm.create_model("local-dir:path/to/this/folder", pretrained=True).eval()
prepare = timm.data.create_transform(**timm.data.resolve_model_data_config(model))
picture = prepare(Image.open("picture.png").convert("RGB"))
probabilities = model(picture[None]).softmax(dim=1)
```

With ONNX Runtime, after `classifier.to_onnx("model.onnx")`, which needs `pip install "sgps[onnx]"`:

```python
import onnxruntime

session = onnxruntime.InferenceSession("model.onnx")
logits = session.run(["logits"], {{"images": picture[None].numpy()}})[0]  # softmax gives the probabilities
```

## Good to know

- The temperature that calibrates the probabilities is folded into the classifier layer: plain softmax is right.
- Batch norm buffers carry no statistics. Each batch norm was synthesized as an affine map and is stored with
  `running_mean` = 0 and `running_var` = 1 - eps. Keep the network in eval mode; to train it further, freeze the batch
  norms.
{typical}- The patients' pictures are not stored in this folder, only weights and means of features computed from them. How much
  these tell about a single picture has not been studied.
"""


_TYPICAL = """\
- `typicality.safetensors` tells pictures like the support images from others: `sgps predict` and `classifier.score_samples` give
  the share of such pictures that are at least as strange, and below 0.05 a prediction means little. It notices another modality
  far more often than another disease, and is not part of what timm and ONNX Runtime load.
"""


def model_card(
    *,
    architecture: str,
    num_parameters: int,
    class_names: Sequence[str],
    descriptions: Sequence[Sequence[str]],
    preprocessing: Preprocessing,
    provenance: Mapping[str, JSON],
    typical: bool = False,
) -> str:
    """Compose the card.

    Args:
        architecture: timm's name.
        num_parameters: number of synthesized weights.
        class_names: N names, in the order of the logits.
        descriptions: for each class its descriptions, or nothing at all.
        preprocessing: how a picture becomes the input.
        provenance: `engine`, `engine_digest`, `sgps_version`, `n_shot`, `recalled`, `heard`, `agreement` are shown if present.
        typical: whether the folder tells pictures like the support's from others.
    """
    shots = provenance.get("n_shot")
    counts = shots if isinstance(shots, Mapping) else {}
    texts = dict(zip(class_names, descriptions, strict=False))
    classes = [
        _row(index, name, counts.get(name, "unknown"), " / ".join(texts.get(name, ())) or "–")
        for index, name in enumerate(class_names)
    ]
    origin = [
        _row(title, provenance.get(key, "unknown"))
        for title, key in (
            ("Engine", "engine"),
            ("Engine digest", "engine_digest"),
            ("sgps version", "sgps_version"),
        )
    ]
    if recalled := recalled_in_words(provenance.get("recalled")):
        origin.append(_row("Known by their descriptions", "; ".join(recalled)))
    if heard := heard_in_words(provenance.get("heard")):
        origin.append(_row("Heard in their descriptions", "; ".join(heard)))
    if doubt := doubt_in_words(provenance.get("agreement")):
        origin.append(_row("Doubt", doubt))
    return _HEAD + _BODY.format(
        num_classes=len(class_names),
        architecture=architecture,
        num_parameters=num_parameters,
        sources=_sources(counts, descriptions),
        classes="\n".join(classes),
        origin="\n".join(origin),
        typical=_TYPICAL if typical else "",
        size=preprocessing.image_size,
        mean=", ".join(f"{value:g}" for value in preprocessing.mean),
        std=", ".join(f"{value:g}" for value in preprocessing.std),
    )


def _sources(counts: Mapping[str, JSON], descriptions: Sequence[Sequence[str]]) -> str:
    """Say what the engine was given: `15 labelled images and the descriptions of 3 classes`."""
    images = sum(count for count in counts.values() if isinstance(count, int))
    described = sum(1 for texts in descriptions if texts)
    parts = []
    if images:
        parts.append(f"{images} labelled image{'' if images == 1 else 's'}")
    if described:
        parts.append(f"the descriptions of {described} class{'' if described == 1 else 'es'}")
    return " and ".join(parts) or "a support set"


def recalled_in_words(recalled: JSON) -> list[str]:
    """`MEL from ham10000/mel, as 0.9 pictures`, for each class of which anything was known."""
    lines = []
    for name, own in recalled.items() if isinstance(recalled, Mapping) else ():
        classes = own.get("classes") if isinstance(own, Mapping) else None
        if isinstance(own, Mapping) and isinstance(classes, Sequence):
            known = ", ".join(map(str, classes)) or "several known classes"
            lines.append(f"{name} from {known}, as {own.get('pictures')} pictures")
    return lines


def heard_in_words(heard: JSON) -> list[str]:
    """`DF: center white-scar, color light-brown`, for each class whose texts say something that the lexicon knows."""
    lines = []
    for name, own in heard.items() if isinstance(heard, Mapping) else ():
        if isinstance(own, Sequence) and not isinstance(own, str):
            lines.append(f"{name}: {', '.join(map(str, own))}")
    return lines


def doubt_in_words(agreement: JSON) -> str:
    """What to tell where pictures do not bear out what their descriptions called to mind; empty where they do."""
    if not isinstance(agreement, int | float) or agreement >= _DOUBTED:
        return ""
    return (
        "the pictures do not look like what their descriptions call to mind, which was given "
        f"{100 * agreement:.0f} % of its weight. Check that each description stands with its own class"
    )


def _row(*cells: JSON) -> str:
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _cell(value: JSON) -> str:
    """Make a text safe inside a Markdown table: one line, and no character that starts markup or ends the cell."""
    line = " ".join(str(value).split())
    for mark in "\\|`<*_[":
        line = line.replace(mark, f"\\{mark}")
    return line

"""Image sets for pretraining, small and drawn, under names and classes that the catalogue knows."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from engines import HashedText
from PIL import Image
from safetensors.torch import save_file

from sgps.pretraining.config import Episodic, Expert, Optimization, Recipe
from sgps.pretraining.parallel import Processes
from sgps.pretraining.pool import LabelSource, Pool
from sgps.pretraining.run import Pretraining
from sgps.pretraining.stages import OnProgress
from sgps.target.architecture import build_architecture
from sgps.target.network import initial_weights, unfold_batch_norm

SIZE = 32
COLORS = ((220, 60, 60), (60, 200, 60), (60, 60, 220), (210, 190, 50), (190, 60, 190))


def picture(color: Sequence[int], rng: np.random.Generator) -> Image.Image:
    """A noisy picture of one color."""
    noise = rng.integers(-50, 51, (SIZE, SIZE, 3))
    return Image.fromarray((np.array(color) + noise).clip(0, 255).astype(np.uint8))


def write_set(
    folder: Path, name: str, classes: Sequence[str], groups: int = 12, group_size: int = 2
) -> Path:
    """An archive in the shared format: `<label>/<id>.png` and `manifest.csv`; each class has a color of its own."""
    rng = np.random.default_rng(sum(name.encode()))
    path = folder / f"{name}.zip"
    rows = [("path", "label", "group")]
    with zipfile.ZipFile(path, "w") as archive:
        for color, label in zip(COLORS, classes, strict=False):
            for number in range(groups * group_size):
                stream = io.BytesIO()
                picture(color, rng).save(stream, "png")
                rows.append(
                    (f"{label}/{label}{number}.png", label, f"{label}{number // group_size}")
                )
                archive.writestr(rows[-1][0], stream.getvalue())
        text = io.StringIO()
        csv.writer(text).writerows(rows)
        archive.writestr("manifest.csv", text.getvalue())
    return path


def write_ham_metadata(folder: Path, labels: Sequence[str], count: int) -> None:
    """Ages and sites for the pictures that `write_set` wrote for ham10000."""
    with (folder / "ham10000_metadata.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["lesion_id", "image_id", "age", "sex", "localization"])
        for label in labels:
            for number in range(count):
                site = ("back", "face", "unknown")[number % 3]
                writer.writerow(
                    [f"{label}{number}", f"{label}{number}", 30 + 40 * (number % 2), "male", site]
                )


def write_start(path: Path, architecture: str = "test_efficientnet", seed: int = 0) -> Path:
    """A start in timm's format with drawn weights."""
    network = build_architecture(architecture)
    weights = initial_weights(network, torch.Generator().manual_seed(seed))
    state = unfold_batch_norm(weights, network)
    state["classifier.weight"] = torch.zeros(10, network.num_features)
    state["classifier.bias"] = torch.zeros(10)
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
    return path


def start_weights(seed: int = 0) -> dict[str, torch.Tensor]:
    """What `write_start` writes, as affine weights."""
    architecture = build_architecture("test_efficientnet")
    return initial_weights(architecture, torch.Generator().manual_seed(seed))


def drawn_pool(classes: Mapping[str, int], count: int = 24, group_size: int = 2) -> Pool:
    """A pool without files: `{set name: number of classes}`, `count` pictures a class, all in microscopy."""
    rng = np.random.default_rng(0)
    images, groups, sources = [], [], []
    for name, number in classes.items():
        first = len(groups)
        for label in range(number):
            for index in range(count):
                images.append(
                    torch.from_numpy(np.array(picture(COLORS[label], rng))).permute(2, 0, 1)
                )
                groups.append(f"{name}/{label}-{index // group_size}")
        sources.append(
            LabelSource(
                name=name,
                family="microscopy",
                indices=torch.arange(first, len(groups)),
                labels=torch.arange(number).repeat_interleave(count),
                class_names=tuple(f"class {label}" for label in range(number)),
            )
        )
    return Pool(images=torch.stack(images), groups=tuple(groups), sources=tuple(sources))


def quick(steps: int = 4, **changes: float) -> Optimization:
    """A few small steps."""
    values = {"batch_size": 8, "warmup_steps": 2, "image_size": SIZE, **changes}
    return Optimization(steps=steps, **values)


def tiny_recipe(folder: Path, **changes: object) -> Recipe:
    """A recipe over the sets and the start that lie in `folder`; every stage has a few steps."""
    values: dict[str, object] = {
        "name": "tiny",
        "start": str(folder / "start.safetensors"),
        "data": folder,
        "architecture": "test_efficientnet",
        "image_size": SIZE,
        "stored_size": SIZE,
        "held_out": ("cervix_lbc4",),
        "base_step": 0.5,
        "lexicon_drawings": 10,
        "representation": quick(4),
        "experts": (
            Expert(name="cells", families=("microscopy",), optimization=quick(4)),
            Expert(name="skin", families=("dermatoscopy",), optimization=quick(3, contrast=0.5)),
        ),
        "episodic": Episodic(
            steps=4,
            head_steps=2,
            calibration_tasks=3,
            tasks_per_step=2,
            max_way=3,
            max_shot=3,
            queries=2,
            image_size=SIZE,
        ),
    }
    return Recipe(**(values | changes))


def write_sets(folder: Path) -> None:
    """Four sets for `tiny_recipe`: one of them held out, one with dev classes only; and a start."""
    write_start(folder / "start.safetensors")
    write_set(folder, "bccd_wbc4", ["eosinophil", "lymphocyte", "monocyte"], groups=20)
    write_set(folder, "cervix_lbc4", ["HSIL", "LSIL", "SCC"], groups=6)
    write_set(folder, "ham10000", ["bcc", "mel", "nv", "akiec"], groups=30)
    write_ham_metadata(folder, ["bcc", "mel", "nv", "akiec"], 60)
    (folder / "pbc_8.zip").write_bytes(b"reading this would fail")


class Killed(Exception):
    """Stands for a run that ends at some moment."""


def ignore(stage: str, done: int, total: int, numbers: Mapping[str, float]) -> None:
    """Progress that nobody watches."""


def kill_at(stage: str, step: int) -> OnProgress:
    """Progress that ends the run at a step."""

    def on_progress(name: str, done: int, total: int, numbers: Mapping[str, float]) -> None:
        if (name, done) == (stage, step):
            raise Killed

    return on_progress


def pretraining(
    recipe: Recipe, out: Path, resume: bool = False, on_progress: OnProgress = ignore
) -> Pretraining:
    """A run on the CPU whose texts need no language model."""
    return Pretraining(recipe, out, resume, on_progress, Processes("cpu"), HashedText())

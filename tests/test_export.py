from __future__ import annotations

import json
import logging
import sys
import warnings

import numpy as np
import onnxruntime
import pytest
import torch
from oracles import timm

from sgps.errors import InputError
from sgps.target import export
from sgps.target.checkpoint import TargetNetwork
from sgps.target.export import export_onnx


def test_onnx_runtime_timm_and_our_loader_agree(tiny_network, pictures, tmp_path):
    tiny_network.save(tmp_path / "model")
    difference = export_onnx(tiny_network, tmp_path / "model.onnx")
    assert 0 <= difference <= 1e-4
    normalized = tiny_network.preprocessing.normalize(pictures)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    by_onnx = session.run(["logits"], {"images": normalized.numpy()})[0]
    model = timm.create_model(f"local-dir:{tmp_path / 'model'}", pretrained=True).eval()
    with torch.inference_mode():
        by_timm = model(normalized).numpy()
    by_loader = TargetNetwork.load(tmp_path / "model").logits(pictures).numpy()
    np.testing.assert_allclose(by_onnx, by_loader, rtol=0, atol=1e-4)
    np.testing.assert_allclose(by_timm, by_loader, rtol=0, atol=1e-4)


def test_the_batch_is_free_and_the_side_is_fixed(tiny_network, tmp_path):
    export_onnx(tiny_network, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    (picture,) = session.get_inputs()
    (scores,) = session.get_outputs()
    assert (picture.name, picture.shape) == ("images", ["batch", 3, 64, 64])
    assert (scores.name, scores.shape) == ("logits", ["batch", 3])
    for batch in (1, 7):
        images = np.zeros((batch, 3, 64, 64), dtype=np.float32)
        assert session.run(None, {"images": images})[0].shape == (batch, 3)


def test_the_file_carries_the_classes_and_the_preprocessing(tiny_network, tmp_path):
    export_onnx(tiny_network, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    facts = session.get_modelmeta().custom_metadata_map
    assert json.loads(facts["labels"]) == ["BCC", "MEL", "NV"]
    assert json.loads(facts["mean"]) == list(tiny_network.preprocessing.mean)
    assert json.loads(facts["std"]) == list(tiny_network.preprocessing.std)
    assert facts["image_size"] == "64"


def test_the_same_network_gives_the_same_file_without_a_trace_of_this_machine(
    tiny_network, tmp_path
):
    export_onnx(tiny_network, tmp_path / "first.onnx")
    export_onnx(tiny_network, tmp_path / "second.onnx")
    content = (tmp_path / "first.onnx").read_bytes()
    assert content == (tmp_path / "second.onnx").read_bytes()
    assert b"site-packages" not in content
    assert b".py" not in content


def test_exporting_says_nothing_and_leaves_logging_and_warnings_as_they_were(
    tiny_network, tmp_path, capfd
):
    before = (logging.getLogger("torch.onnx").level, list(warnings.filters))
    export_onnx(tiny_network, tmp_path / "model.onnx")
    assert capfd.readouterr() == ("", "")
    assert (logging.getLogger("torch.onnx").level, list(warnings.filters)) == before


def test_an_existing_file_is_refused(tiny_network, tmp_path):
    (tmp_path / "model.onnx").write_text("mine")
    with pytest.raises(
        InputError, match=r"^'.*model\.onnx' exists already\. Choose another file or remove it\.$"
    ):
        export_onnx(tiny_network, tmp_path / "model.onnx")
    assert (tmp_path / "model.onnx").read_text() == "mine"


def test_a_file_that_cannot_be_written_is_the_users_to_mend(tiny_network, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"^cannot write '.*model\.onnx': .*\.$"):
        export_onnx(tiny_network, tmp_path / "file" / "model.onnx")


@pytest.mark.parametrize("package", ["onnx", "onnxscript", "onnxruntime"])
def test_a_missing_package_is_named_with_the_remedy(tiny_network, tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        InputError,
        match=rf'^ONNX export needs the package {package}\. Install it by: pip install "sgps\[onnx\]"$',
    ):
        export_onnx(tiny_network, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_graph_that_computes_something_else_is_not_written(tiny_network, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "TOLERANCE", -1.0)
    with pytest.raises(
        RuntimeError, match=r"^ONNX Runtime and torch differ by .* Nothing was written"
    ):
        export_onnx(tiny_network, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []

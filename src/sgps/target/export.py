"""Write a synthesized classifier as ONNX, and prove that ONNX Runtime computes the same.

The graph takes normalized pictures `images` (B, 3, S, S) and gives `logits` (B, N): B is free, S is fixed, because the
padding of the `tf_` family depends on it. The calibrating temperature is inside, softmax is outside. Class names and
preprocessing travel in the file's metadata.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import logging
import secrets
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from sgps.errors import InputError
from sgps.target.checkpoint import TargetNetwork
from sgps.target.network import logits

if TYPE_CHECKING:
    import onnx

TOLERANCE = 1e-4
"""Largest difference between torch and ONNX Runtime, relative to the largest logit where that exceeds 1."""


_ANY = 2**31


class _Forward(nn.Module):
    """The functional forward as the module that the exporter asks for; weights are registered to be stored once."""

    def __init__(self, network: TargetNetwork) -> None:
        super().__init__()
        self.architecture = network.architecture
        self.names = {name: name.replace(".", "__") for name in network.weights}
        for name, key in self.names.items():
            self.register_buffer(key, network.weights[name].detach().cpu())

    def forward(self, images: Tensor) -> Tensor:
        weights = {name: self.get_buffer(key) for name, key in self.names.items()}
        return logits(self.architecture, weights, images)


def export_onnx(network: TargetNetwork, path: str | Path) -> float:
    """Write `path`, whole or not at all, after comparing it with torch.

    Args:
        network: a synthesized classifier.
        path: the file to write, by custom `model.onnx`.

    Returns:
        The largest absolute difference between the logits of torch and of ONNX Runtime.

    Raises:
        InputError: `path` exists or cannot be written, or the extra `onnx` is not installed.
        RuntimeError: ONNX Runtime computes something else than torch; nothing is written.
    """
    path = Path(path)
    if path.exists():
        raise InputError(f"'{path}' exists already. Choose another file or remove it.")
    content = _to_onnx(network)
    difference = _compare(network, content)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            partial.write_bytes(content)
            partial.rename(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"cannot write '{path}': {error.strerror or error}.") from error
    return difference


def _require_onnx() -> None:
    """Fail early, and with the remedy, where the extra is not installed."""
    try:
        for package in ("onnx", "onnxscript", "onnxruntime"):
            importlib.import_module(package)
    except ImportError as error:
        raise InputError(
            f'ONNX export needs the package {error.name}. Install it by: pip install "sgps[onnx]"'
        ) from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's progress, hints and warnings off the caller's streams; errors still raise."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            # They concern the exporter's own use of torch; what matters here is checked by `_compare`.
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _to_onnx(network: TargetNetwork) -> bytes:
    side = network.preprocessing.image_size
    with _quiet(), torch.inference_mode():
        _require_onnx()
        program = torch.onnx.export(
            _Forward(network).eval(),
            (torch.zeros(2, 3, side, side),),
            dynamo=True,
            verbose=False,
            input_names=["images"],
            output_names=["logits"],
            dynamic_shapes={"images": {0: torch.export.Dim("batch")}},
        )
        assert program is not None
        from onnxscript import optimizer

        # Without limits the scales of the batch norms are multiplied into the filters once, here, not at each start.
        optimizer.optimize_ir(program.model, input_size_limit=_ANY, output_size_limit=_ANY)
        model = program.model_proto
        _forget_origin(model.graph)
        facts = {
            "labels": json.dumps(list(network.class_names), ensure_ascii=False),
            "mean": json.dumps(list(network.preprocessing.mean)),
            "std": json.dumps(list(network.preprocessing.std)),
            "image_size": str(side),
        }
        for key, value in facts.items():
            model.metadata_props.add(key=key, value=value)
        content: bytes = model.SerializeToString(deterministic=True)
    return content


def _forget_origin(graph: onnx.GraphProto) -> None:
    """Drop the exporter's notes on each node: they quote source files by their path on this machine."""
    for part in (*graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    graph.ClearField("metadata_props")
    graph.ClearField("doc_string")


def _compare(network: TargetNetwork, content: bytes) -> float:
    """Run both on drawn pictures, at another batch size than exported, and return the largest difference."""
    import onnxruntime

    side = network.preprocessing.image_size
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randint(0, 256, (3, 3, side, side), generator=generator, dtype=torch.uint8)
    ours = network.logits(drawn)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    feed = {"images": network.preprocessing.normalize(drawn).numpy()}
    theirs = torch.from_numpy(session.run(["logits"], feed)[0])
    difference = float((ours - theirs).abs().max())
    # Written so that a difference that is not a number fails too.
    if not difference <= TOLERANCE * max(1.0, float(ours.abs().max())):
        raise RuntimeError(
            f"ONNX Runtime and torch differ by {difference:.1e} in the logits. Nothing was written; please report it."
        )
    return difference

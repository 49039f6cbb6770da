"""`sgps export`: turn a saved classifier into ONNX, checked against onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sgps.cli.console import say
from sgps.files import refuse_existing


def export(
    model: Annotated[Path, typer.Argument(help="Folder of a synthesized classifier.")],
    out: Annotated[
        Path | None, typer.Option(help="File to write.", show_default="MODEL/model.onnx")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing on stderr.")] = False,
) -> None:
    """Export to ONNX with a dynamic batch, and compare its logits with ours."""
    from sgps.target.checkpoint import TargetNetwork
    from sgps.target.export import export_onnx

    path = out or model / "model.onnx"
    refuse_existing(path)
    difference = export_onnx(TargetNetwork.load(model), path)
    say(f"largest difference from onnxruntime's logits: {difference:.1e}", quiet)
    print(path)

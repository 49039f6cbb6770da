"""The networks that ours are compared with; only tests import them.

The torchvision that goes with torch is a CUDA build, and importing it beside a CPU build of torch stops at two
operators that were never registered. Declaring them is enough: no test runs them.
"""

from __future__ import annotations

import torch

if torch.version.cuda is None:
    # Kept at module level: the declarations end with the object.
    _library = torch.library.Library("torchvision", "DEF")
    for _operator in ("nms", "qnms"):
        _library.define(f"{_operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

import timm

__all__ = ["timm"]

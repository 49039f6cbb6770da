"""Record what a GPU does for a function once, and have it done again: one order in place of thousands.

In: a function of tensors whose shapes never change. Out: the same function. A step of a small network is thousands of short
operators, and a GPU is done with each before one processor has sent the next.

Source: CUDA graphs, NVIDIA; recorded as torch's notes on whole networks describe.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

_REHEARSALS = 3
"""Calls before the recording, in which the libraries choose their ways and take their memory."""


class Recorded:
    """A function that is recorded when it is called for the first time.

    It may leave results elsewhere, such as gradients, always in the same tensors; and it may neither wait for the GPU nor take
    anything from main memory. What it returns lasts until it is called again.
    """

    def __init__(self, function: Callable[..., Sequence[Tensor]]) -> None:
        """Remember the function; nothing is done yet.

        Args:
            function: of tensors on one GPU. It is called a few times before anything is recorded.
        """
        self._function = function
        self._graph: torch.cuda.CUDAGraph | None = None
        self._given: list[Tensor] = []
        self._results: Sequence[Tensor] = ()

    def __call__(self, *given: Tensor) -> Sequence[Tensor]:
        """Results of the function for these tensors, of the shapes and types that it was recorded with."""
        if self._graph is None:
            self._graph = self._record(given)
        for place, tensor in zip(self._given, given, strict=True):
            place.copy_(tensor)
        self._graph.replay()
        return self._results

    def _record(self, given: Sequence[Tensor]) -> torch.cuda.CUDAGraph:
        self._given = [tensor.clone() for tensor in given]
        aside = torch.cuda.Stream(given[0].device)  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream(given[0].device))
        with torch.cuda.stream(aside):
            for _ in range(_REHEARSALS):
                self._function(*self._given)
        torch.cuda.current_stream(given[0].device).wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._results = self._function(*self._given)
        return graph

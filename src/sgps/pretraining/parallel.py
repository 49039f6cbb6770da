"""Share one run among processes, on one machine or many.

In: the environment that `torchrun` or `fabric run` sets up; without one, this process is alone. Out: `Processes`, which
knows this process's part and adds up over all. Weights are ordinary tensors here, not a module to wrap, so that all that
is needed of a parallel strategy is one sum a step.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import cache
from typing import TYPE_CHECKING, TypeVar

import joblib
import torch
from torch import Tensor

from sgps.engine.engine import resolve_device
from sgps.errors import InputError

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Result = TypeVar("Result")


def own_cpu_count() -> int:
    """This process's share of the machine's cores, at least one: the others of the run that are on it decode and draw, too."""
    return max(1, int(joblib.cpu_count()) // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


def spread(
    function: Callable[..., Result], calls: Sequence[tuple[object, ...]], workers: int
) -> Iterator[Result]:
    """Results of `function(*call)` for each call, in their order, computed by up to so many worker processes."""
    jobs = max(1, min(workers, len(calls)))
    tasks = (joblib.delayed(function)(*call) for call in calls)
    results: Iterator[Result] = joblib.Parallel(n_jobs=jobs, return_as="generator")(tasks)
    return results


def sent(tensor: Tensor, device: torch.device) -> Tensor:
    """The tensor on a device; a GPU is not waited for, which an ordinary copy would make do all that was asked of it before."""
    if device.type != "cuda" or tensor.device.type != "cpu":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


@cache
def constant(values: tuple[float, ...], device: torch.device) -> Tensor:
    """The same few numbers (n,) on a device; sent there once."""
    return torch.tensor(values, device=device)


class Processes:
    """The processes of a run; every one of them does the same steps on its own rows of each batch."""

    def __init__(self, device: str = "auto") -> None:
        """Join the other processes, if there are any.

        Args:
            device: `auto`, `cpu` or `cuda`.

        Raises:
            InputError: Lightning Fabric is not installed, or there is no such device.
        """
        try:
            from lightning_fabric import Fabric
        except ImportError:
            raise InputError(
                "pretraining needs Lightning Fabric. Install it with: pip install 'sgps[pretrain]'"
            ) from None
        kind = resolve_device(device).type
        world = int(os.environ.get("WORLD_SIZE", "1"))
        local = int(os.environ.get("LOCAL_WORLD_SIZE", str(world)))
        self._fabric: Fabric = Fabric(
            accelerator=kind,
            devices=local,
            num_nodes=world // local,
            strategy="ddp" if world > 1 else "auto",
            precision="bf16-mixed" if kind == "cuda" else "32-true",
        )
        if os.environ.get("LT_CLI_USED") != "1":
            # `fabric run` has launched already, and Fabric refuses to do it twice.
            self._fabric.launch()

    @property
    def device(self) -> torch.device:
        """Where this process computes."""
        device: torch.device = self._fabric.device
        return device

    @property
    def hardware(self) -> str:
        """What the run is done on, as this process sees it."""
        each = f"{torch.get_num_threads()} CPU threads"
        if self.device.type == "cuda":
            each = torch.cuda.get_device_name(self.device)
        return each if self.count == 1 else f"{self.count} processes of {each}"

    @property
    def count(self) -> int:
        """Number of processes."""
        return self._fabric.world_size

    @property
    def rank(self) -> int:
        """Number of this process, from 0."""
        return self._fabric.global_rank

    @property
    def is_first(self) -> bool:
        """Whether this process writes the files."""
        return self._fabric.is_global_zero

    @property
    def is_first_of_machine(self) -> bool:
        """Whether this process does what is done once on each machine."""
        return self._fabric.local_rank == 0

    @property
    def rows(self) -> slice:
        """This process's rows of a batch."""
        return slice(self.rank, None, self.count)

    def autocast(self) -> AbstractContextManager[object]:
        """Within, networks compute in bfloat16 where the device is fast at it."""
        return self._fabric.autocast()

    def barrier(self) -> None:
        """Wait for all."""
        self._fabric.barrier()

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over all processes, in one exchange."""
        if self.count == 1:
            return
        flat = torch.cat([tensor.reshape(-1).float() for tensor in tensors])
        total = self._fabric.all_reduce(flat, reduce_op="sum")
        assert isinstance(total, Tensor)
        parts = torch.split(total, [tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))

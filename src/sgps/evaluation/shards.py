"""Answer the episodes of one set, block by block: in this process, or shared among several by joblib.

In: `Material` that holds the episodes of all parts, one part after another; the blocks that are wanted. Out: what every
method gave in each block. An answer depends on its episode only, so it does not matter who gives it. Large arrays reach
the processes of a machine as maps of one file, and networks with each share of the blocks, of which a process gets a few.

Shapes: R queries and outside pictures, N classes.
"""

from __future__ import annotations

import copy
import dataclasses
import importlib.util
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from sgps.errors import InputError
from sgps.evaluation.methods import Material
from sgps.evaluation.metrics import Floats

BLOCK: Final = 20
"""Episodes that are answered, and kept, together."""
_MOST_JOBS: Final = 8
"""Processes at most if nobody says how many: each holds an engine."""
_EPISODES_OF_JOB: Final = 100
"""Fewer than these do not pay for the start of a process."""
BACKENDS: Final = {"loky": "joblib", "ray": "ray", "dask": "distributed"}
"""Ways to share the work, and the module that each needs; `loky` is joblib's own, for one machine."""
_SHARES: Final = 4
"""Shares of the work per process: with more, none waits long for the last one; with fewer, networks travel less."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A run of the episodes of one set under one plan."""

    name: str
    title: str
    """The set and the part, for messages."""
    first: int
    """Place of its first episode in the material."""
    last: int
    """Place behind its last one."""
    seed: int
    counts: Mapping[str, int]
    """By method, how many episodes it answers."""


@dataclass(frozen=True)
class Block:
    """Some episodes of a part, counted from the part's first."""

    part: int
    """The part's place among all."""
    first: int
    last: int


@dataclass(frozen=True, eq=False)
class Given:
    """What a method gave in one episode, as arrays."""

    rows: Floats
    """(R, N)."""
    fit_seconds: float
    predict_seconds: float
    size_bytes: int


Answers = dict[str, list[Given]]
"""By method, what it gave in the episodes of a block that it answers."""

Keep = Callable[[Part, Block, Answers], None]
"""Puts a finished block aside; must be picklable if there are several processes."""


def blocks_of(parts: Sequence[Part]) -> list[Block]:
    """Cut the episodes of all parts into blocks."""
    return [
        Block(place, first, min(first + BLOCK, part.last - part.first))
        for place, part in enumerate(parts)
        for first in range(0, part.last - part.first, BLOCK)
    ]


def usual_jobs(episodes: int) -> int:
    """How many processes share so many episodes on a CPU if nobody says: one a core, as far as starting them pays."""
    import joblib

    cores: int = joblib.cpu_count()
    return max(1, min(cores, _MOST_JOBS, episodes // _EPISODES_OF_JOB))


def check_backend(backend: str, jobs: int) -> None:
    """Refuse a backend that is not installed, and numbers of processes that it cannot share the work among.

    Raises:
        InputError: it is one of these.
    """
    if jobs < 1:
        raise InputError(f"--jobs must be at least 1, got {jobs}.")
    if importlib.util.find_spec(BACKENDS[backend]) is None:
        raise InputError(
            f"--backend {backend} needs {BACKENDS[backend]}. Install it with: pip install 'sgps[cluster]'"
        )
    if backend != "loky" and jobs < 2:
        raise InputError(f"--backend {backend} shares the work among --jobs. Ask for at least 2.")


def answer_blocks(
    material: Material,
    parts: Sequence[Part],
    blocks: Sequence[Block],
    methods: Sequence[str],
    *,
    jobs: int,
    backend: str,
    keep: Keep | None,
    on_done: Callable[[int, int], None],
) -> dict[Block, Answers]:
    """Answer these blocks.

    Args:
        material: pictures, networks and the episodes of all parts.
        parts: what the material's episodes are.
        blocks: those that are wanted.
        methods: by name.
        jobs: number of processes; 1 stays in this one.
        backend: one of `BACKENDS`.
        keep: called with every finished block, in the process that has finished it.
        on_done: hears the place of a part and how many more of its episodes are answered.

    Raises:
        InputError: a method gave probabilities that are no numbers.
    """
    if jobs == 1:
        found = {}
        for block in blocks:
            found[block] = _answer(material, parts[block.part], block, methods, on_done)
            if keep is not None:
                keep(parts[block.part], block, found[block])
        return found
    return _shared(material, parts, blocks, methods, jobs, backend, keep, on_done)


def _answer(
    material: Material,
    part: Part,
    block: Block,
    methods: Sequence[str],
    on_done: Callable[[int, int], None] | None = None,
) -> Answers:
    """Answer a block episode after episode, so that a slow moment hits all methods alike."""
    own = replace(material, episodes=material.episodes[part.first : part.last], seed=part.seed)
    answers: Answers = {method: [] for method in methods}
    for index in range(block.first, block.last):
        for method in methods:
            if index >= part.counts[method]:
                continue
            outcome = own.answer(method, index)
            if not bool(outcome.probabilities.isfinite().all()):
                raise InputError(
                    f"{method} gave probabilities that are no numbers in episode {index} of {part.title}. "
                    "The weights of the engine or the peer backbone are damaged: get them anew."
                )
            answers[method].append(
                Given(
                    outcome.probabilities.double().cpu().numpy(),
                    outcome.fit_seconds,
                    outcome.predict_seconds,
                    outcome.size_bytes,
                )
            )
        if on_done is not None:
            on_done(block.part, 1)
    return answers


def _shared(
    material: Material,
    parts: Sequence[Part],
    blocks: Sequence[Block],
    methods: Sequence[str],
    jobs: int,
    backend: str,
    keep: Keep | None,
    on_done: Callable[[int, int], None],
) -> dict[Block, Answers]:
    from joblib import Parallel, delayed

    parcel = _packed(material)
    # A share takes blocks from everywhere: all have about as many slow ones.
    count = min(len(blocks), _SHARES * jobs)
    shares = [blocks[start::count] for start in range(count)]
    found = {}
    with _joblib_backend(backend):
        # "c" is copy on write: torch does not take an array that cannot be written to.
        # Ray cannot hand over one share after another.
        order = "list" if backend == "ray" else "generator_unordered"
        parallel = Parallel(n_jobs=jobs, batch_size=1, mmap_mode="c", return_as=order)
        tasks = (delayed(_answer_share)(parcel, parts, share, methods, keep) for share in shares)
        for done in parallel(tasks):
            for block, answers in done:
                found[block] = answers
                on_done(block.part, block.last - block.first)
    return found


def _answer_share(
    parcel: Material,
    parts: Sequence[Part],
    blocks: Sequence[Block],
    methods: Sequence[str],
    keep: Keep | None,
) -> list[tuple[Block, Answers]]:
    """Runs in a process of its own, with one thread, since there are as many processes as cores are wanted."""
    torch.set_num_threads(1)
    material = _unpacked(parcel)
    done = []
    for block in blocks:
        answers = _answer(material, parts[block.part], block, methods)
        if keep is not None:
            keep(parts[block.part], block, answers)
        done.append((block, answers))
    return done


@contextmanager
def _joblib_backend(name: str) -> Iterator[None]:
    """Let joblib use a backend; a cluster is found by its own environment (`RAY_ADDRESS`, `DASK_SCHEDULER_ADDRESS`)."""
    from joblib import parallel_config

    if name == "loky":
        with parallel_config(backend="loky", inner_max_num_threads=1):
            yield
    elif name == "ray":
        from ray.util.joblib import register_ray

        register_ray()
        with parallel_config(backend="ray"):
            yield
    else:
        from distributed import Client

        with Client(), parallel_config(backend="dask"):
            yield


@dataclass(frozen=True, eq=False)
class _Array:
    """A tensor on its way: joblib maps arrays into memory, and copies tensors."""

    array: np.ndarray[Any, Any]


def _packed(value: Any) -> Any:  # noqa: ANN401 - walks through whatever a material holds
    if isinstance(value, Tensor):
        return _Array(value.detach().numpy())
    return _walked(value, _packed)


def _unpacked(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, _Array):
        # Ray hands out its own memory, which nobody may write to; torch does not take that.
        array = value.array if value.array.flags.writeable else value.array.copy()
        return torch.from_numpy(array)
    return _walked(value, _unpacked)


def _walked(value: Any, change: Callable[[Any], Any]) -> Any:  # noqa: ANN401
    """The value with `change` made in the fields of records and in tables, however deep."""
    if isinstance(value, Mapping):
        return {key: change(own) for key, own in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type | _Array):
        twin = copy.copy(value)
        for field in dataclasses.fields(value):
            # As `replace`, which does not know fields that the constructor does not take.
            object.__setattr__(twin, field.name, change(getattr(value, field.name)))
        return twin
    return value

"""A GPU that is only pretended: real code and real numbers, computed on the CPU, under CUDA's rules of place and type.

In: code that is told to compute on `cuda`. Out: what it computes, or the error that it would have met on a real GPU. A
`PretendedTensor` says that it lies on `cuda:0` and holds an ordinary tensor, on which its operators run. Each of them is
looked at first: whether what it is given lies in one place, with the exceptions that CUDA makes, and whether its generator
does.

It finds tensors, generators and states of optimizers in the wrong place, numpy asked of a tensor on the GPU, and types that
do not fit together under autocast to bfloat16, which is pretended too (and can be left out, to compare numbers closely).
What is recorded as a CUDA graph is done again, operator by operator, on the tensors that it was recorded with; what a
recording may not hold is refused.

What it cannot tell: speed, memory, streams and what waits for what; whether CUDA has an operator, and how it rounds
(bfloat16 is rounded as on the CPU, TF32 not at all) or repeats itself; a CUDA generator's own numbers, as a CPU's are drawn
in their place; torch.compile, NCCL and a second GPU. Coarser than CUDA: every pointwise operator may have one
scalar from the CPU; autocast knows the functions that are named below; inference mode is `no_grad`; `device="meta"` is the
GPU. Slower than the CPU by about a quarter in this project's tests.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, NoReturn

import numpy as np
import pytest
import torch
from torch.optim import optimizer
from torch.overrides import TorchFunctionMode
from torch.utils import _foreach_utils
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

GPU = torch.device("cuda", 0)
GPU_NAME = "pretended GPU"

_STAND_IN = torch.device("meta")
"""Where torch's own code is told that these tensors lie: a build without CUDA has no guard for `cuda`, and no thread for
its backward pass. An operator that is told it means the GPU."""
_COPIES = {"_to_copy", "copy_", "copy", "_foreach_copy_"}
"""Operators that take numbers from one place to another."""
_PINNING = "_pin_memory"
_WAITING = {"_local_scalar_dense", "is_nonzero", "equal", "nonzero", "masked_select", "_unique2"}
"""Operators that wait for numbers of the GPU."""
_INDEXING = {"index", "index_put", "index_put_", "_index_put_impl_", "_unsafe_index"}
"""Operators whose second argument, places in the first, may lie on the CPU."""
_SCALARS = {
    **dict.fromkeys(("fill", "fill_"), (1,)),
    **dict.fromkeys(("masked_fill", "masked_fill_"), (2,)),
    **dict.fromkeys(("index_put", "index_put_", "_index_put_impl_"), (2,)),
    **dict.fromkeys(("index_fill", "index_fill_"), (3,)),
    "where": (1, 2),
}
"""Arguments that may be scalars from the CPU, besides one of any pointwise operator."""
_IN_BFLOAT16 = {"conv2d", "linear", "matmul", "__matmul__", "mm", "mv", "bmm", "addmm", "einsum"}
"""Functions that CUDA's autocast computes in bfloat16, after torch's `autocast_mode.h`."""
_IN_FLOAT32 = {
    *("exp", "log", "log1p", "rsqrt", "reciprocal", "pow", "__pow__", "softmax", "log_softmax"),
    *("logsumexp", "cumsum", "prod", "sum", "layer_norm", "cosine_similarity", "kl_div"),
    *("nll_loss", "cross_entropy", "mse_loss", "norm", "linalg_vector_norm"),
}
"""Functions that it computes in float32."""


class PretendedTensor(torch.Tensor):
    """Says that it lies on the GPU; `inner` has its numbers."""

    inner: torch.Tensor

    @staticmethod
    def __new__(cls, inner: torch.Tensor) -> PretendedTensor:
        made = torch.Tensor._make_wrapper_subclass(
            cls,
            inner.shape,
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            device=_STAND_IN,
        )
        made.inner = inner
        return made

    # Functions above the operators shall not notice the class, as some leave their fast paths for it.
    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return _run(func, args, kwargs or {})

    device = property(lambda self: GPU)
    is_cuda = property(lambda self: True)
    is_meta = property(lambda self: False)

    def get_device(self) -> int:
        return GPU.index

    # What follows reaches the numbers, or makes tensors, past the operators.

    def tolist(self) -> Any:
        return self.inner.tolist()

    def numpy(self, **_: object) -> NoReturn:
        raise TypeError(
            f"can't convert {GPU} device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory first."
        )

    def __array__(self, dtype: object = None, copy: object = None) -> NoReturn:
        self.numpy()

    def __getitem__(self, places: Any) -> torch.Tensor:
        return super().__getitem__(_as_tensors(places))

    def __setitem__(self, places: Any, value: Any) -> None:
        super().__setitem__(_as_tensors(places), value)

    def new_tensor(self, data: Any, *, dtype: Any = None, device: Any = None) -> torch.Tensor:
        return torch.tensor(data, dtype=dtype or self.dtype, device=device or GPU)

    def __repr__(self) -> str:
        return f"PretendedTensor({self.inner!r})"


def _as_tensors(places: Any) -> Any:
    """Indices with their lists as tensors."""
    if isinstance(places, tuple):
        return tuple(map(_as_tensors, places))
    if isinstance(places, list | np.ndarray):
        return torch.tensor(places, dtype=None if len(places) else torch.int64)
    return places


class _Operators(TorchDispatchMode):
    """Sees those operators, too, that are given no `PretendedTensor` and may be asked for one."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return _run(func, args, kwargs or {})


def _run(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Check where the arguments of an operator lie, compute on the CPU, and put the result where it belongs."""
    name = func._schema.name.partition("::")[2]
    given = [value for value in tree_leaves((args, kwargs)) if isinstance(value, torch.Tensor)]
    lost = [value for value in given if _is_plain(value) and value.is_meta]
    assert not lost, f"{func} is given a tensor that was made past the operators"
    is_on_gpu = any(isinstance(value, PretendedTensor) for value in given)
    if name == _PINNING:
        # Memory can be pinned for a real GPU only; the numbers stay where they are.
        assert _is_plain(args[0]), "only tensors of the CPU can be pinned"
        return args[0].clone()
    if name in _COPIES:
        is_on_gpu = isinstance(args[0], PretendedTensor)
    elif is_on_gpu:
        _check_places(func, name, args, kwargs)
    _check_recording(func, name, given, kwargs)
    if kwargs.get("device") is not None:
        place = torch.device(kwargs["device"])
        is_on_gpu = place.type in (GPU.type, _STAND_IN.type)
        kwargs = {**kwargs, "device": torch.device("cpu") if is_on_gpu else place}
    if kwargs.get("generator") is not None:
        _check_generator(kwargs["generator"], is_on_gpu)
    result = func(*tree_map(_inner, args), **tree_map(_inner, kwargs))
    if PretendedGraph.recording is not None:
        PretendedGraph.recording.orders.append((func, args, kwargs, result))
    if func._schema.returns and all(map(_is_written, func._schema.returns)):
        return _given_back(func, args, kwargs)
    if not is_on_gpu:
        return result
    return tree_map(lambda one: PretendedTensor(one) if _is_plain(one) else one, result)


class PretendedGraph:
    """Does again what was recorded, into the same tensors."""

    recording: PretendedGraph | None = None

    def __init__(self) -> None:
        self.orders: list[tuple[Any, tuple[Any, ...], dict[str, Any], Any]] = []

    def replay(self) -> None:
        for func, args, kwargs, results in self.orders:
            again = func(*tree_map(_inner, args), **tree_map(_inner, kwargs))
            for result, new in zip(tree_leaves(results), tree_leaves(again), strict=True):
                if isinstance(result, torch.Tensor) and result.data_ptr() != new.data_ptr():
                    result.copy_(new)


@contextmanager
def _recording(graph: PretendedGraph) -> Iterator[None]:
    PretendedGraph.recording = graph
    try:
        yield
    finally:
        PretendedGraph.recording = None


def _check_recording(
    func: Any, name: str, given: Sequence[torch.Tensor], kwargs: dict[str, Any]
) -> None:
    """Raise what CUDA would if a recording waited for the GPU, drew numbers, or took some from main memory."""
    if PretendedGraph.recording is None:
        return
    places = {isinstance(one, PretendedTensor) for one in given}
    if kwargs.get("device") is not None:
        places.add(torch.device(kwargs["device"]).type in (GPU.type, _STAND_IN.type))
    is_moved = name in _COPIES and len(places) > 1
    is_chosen = name in _INDEXING and any(one.dtype == torch.bool for one in given)
    if name in _WAITING or is_moved or is_chosen or kwargs.get("generator") is not None:
        raise RuntimeError(f"operation not permitted when stream is capturing ({func})")


class _Stream:
    """One of those that are told apart by nothing here."""

    def __init__(self, *_: object) -> None:
        pass

    def wait_stream(self, other: object) -> None:
        pass


def _given_back(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What an operator in place returns: the tensors themselves that it has written."""
    written = [value for one, value in _arguments(func, args, kwargs) if _is_written(one)]
    if torch.Tag.inplace_view in func.tags and isinstance(written[0], PretendedTensor):
        with torch._C._DisableTorchDispatch():  # The shape that torch itself sees changes, too.
            func(*args, **kwargs)
    assert all(value.shape == _inner(value).shape for value in written), func
    return tuple(written) if len(written) > 1 else written[0]


def _check_places(func: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Raise what CUDA would if tensors do not lie in one place."""
    if name.startswith("_foreach_"):
        lists = [one for one in (*args, *kwargs.values()) if isinstance(one, list | tuple)]
        lists = [one for one in lists if one and isinstance(one[0], torch.Tensor)]
        for together in zip(*lists, strict=True):
            _refuse_two_places(func, together)
        return
    given = list(args)
    if name in _INDEXING:
        is_inside = isinstance(args[0], PretendedTensor)
        if not is_inside and any(isinstance(place, PretendedTensor) for place in args[1]):
            raise RuntimeError(
                "indices should be either on cpu or on the same device as the indexed tensor (cpu)"
            )
        given[1] = None
    for place in _SCALARS.get(name, ()):
        given[place] = None if _is_cpu_scalar(given[place]) else given[place]
    tensors = [v for v in tree_leaves((given, kwargs)) if isinstance(v, torch.Tensor)]
    if torch.Tag.pointwise in func.tags:
        read = [value for one, value in _arguments(func, args, kwargs) if not _is_written(one)]
        scalar = next(filter(_is_cpu_scalar, read), None)
        tensors = [tensor for tensor in tensors if tensor is not scalar]
    _refuse_two_places(func, tensors)


def _refuse_two_places(func: Any, tensors: Sequence[torch.Tensor]) -> None:
    if len({isinstance(tensor, PretendedTensor) for tensor in tensors}) > 1:
        raise RuntimeError(
            "Expected all tensors to be on the same device, but found at least two devices, "
            f"{GPU} and cpu! (when checking the arguments of {func})"
        )


def _check_generator(generator: torch.Generator, is_on_gpu: bool) -> None:
    wanted = GPU.type if is_on_gpu else "cpu"
    found = GPU.type if any(generator is one for one in PretendedGenerator.seen) else "cpu"
    if wanted != found:
        raise RuntimeError(f"Expected a '{wanted}' device type for generator but found '{found}'")


def _arguments(
    func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Iterator[tuple[Any, Any]]:
    """Each argument as the operator declares it, and what is given for it."""
    for place, declared in enumerate(func._schema.arguments):
        yield declared, args[place] if place < len(args) else kwargs.get(declared.name)


def _is_written(declared: Any) -> bool:
    return declared.alias_info is not None and declared.alias_info.is_write


def _inner(value: Any) -> Any:
    return value.inner if isinstance(value, PretendedTensor) else value


def _is_plain(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and not isinstance(value, PretendedTensor)


def _is_cpu_scalar(value: Any) -> bool:
    return _is_plain(value) and value.ndim == 0


_generator, _plain_to, _plain_tensor = torch.Generator, torch.Tensor.to, torch.tensor
_plain_autocast = torch.autocast


def _to(self: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
    named = {name: _stand_in(value) for name, value in kwargs.items()}
    return _plain_to(self, *map(_stand_in, args), **named)


def _stand_in(value: Any) -> Any:
    is_gpu = isinstance(value, torch.device | str) and torch.device(value).type == GPU.type
    return _STAND_IN if is_gpu else value


def _tensor(data: Any, *, device: Any = None, **kwargs: Any) -> torch.Tensor:
    made = _plain_tensor(data, **kwargs)
    return made if device is None else made.to(device)


class PretendedGenerator(torch.Generator):
    """A generator that says that it lies on the GPU, if that was asked for; else an ordinary one."""

    seen: list[torch.Generator]

    def __new__(cls, device: torch.device | str = "cpu") -> torch.Generator:
        if torch.device(device).type != GPU.type:
            return _generator(device)
        made = super().__new__(cls, "cpu")
        # Operators are given another object for the same generator, the same one as long as it is kept.
        with _Catch() as caught:
            torch.empty(0).uniform_(generator=made)
        cls.seen.append(caught.generator)
        return made

    device = property(lambda self: GPU)


class _Catch(TorchDispatchMode):
    """Keeps the generator that an operator is given, in place of running it."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if kwargs and "generator" in kwargs:
            self.generator = kwargs["generator"]
            return args[0]
        return func(*args, **(kwargs or {}))


class _Autocast(TorchFunctionMode):
    """Casts the arguments of functions as CUDA's autocast to bfloat16 does."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        name = getattr(func, "__name__", "")
        if name in _IN_BFLOAT16 | _IN_FLOAT32:
            dtype = torch.bfloat16 if name in _IN_BFLOAT16 else torch.float32

            def cast(value: Any) -> Any:
                is_cast = isinstance(value, PretendedTensor) and value.dtype in (
                    torch.float32,
                    torch.bfloat16,
                )
                return value.to(dtype) if is_cast else value

            args, kwargs = tree_map(cast, args), tree_map(cast, kwargs or {})
        return func(*args, **(kwargs or {}))


def _autocast(device_type: str, dtype: torch.dtype | None = None, **kwargs: Any) -> Any:
    if device_type != GPU.type:
        return _plain_autocast(device_type, dtype, **kwargs)
    assert dtype == torch.bfloat16, "no other autocast is pretended"
    return _Autocast()


@contextmanager
def pretended_gpu(bfloat16: bool = True) -> Iterator[torch.device]:
    """Within, torch finds one GPU, and what is put there is a `PretendedTensor`.

    Args:
        bfloat16: whether autocast does anything there.
    """
    answers = {
        "is_available": True,
        "device_count": 1,
        "current_device": GPU.index,
        "get_device_name": GPU_NAME,
        "get_device_capability": (8, 0),
        "is_bf16_supported": True,
        **dict.fromkeys(("set_device", "get_rng_state", "set_rng_state", "_lazy_init")),
        "current_stream": _Stream(),
    }
    recording = {"CUDAGraph": PretendedGraph, "graph": _recording, "Stream": _Stream}
    swaps = torch.__future__.get_swap_module_params_on_conversion()
    with pytest.MonkeyPatch.context() as patch:
        for name, answer in answers.items():
            patch.setattr(torch.cuda, name, lambda *_, answer=answer, **__: answer)
        for name, stand_in in {**recording, "stream": nullcontext}.items():
            patch.setattr(torch.cuda, name, stand_in)
        patch.setattr(torch, "Generator", PretendedGenerator)
        patch.setattr(PretendedGenerator, "seen", [], raising=False)
        patch.setattr(torch, "tensor", _tensor)
        patch.setattr(torch.Tensor, "to", _to)
        patch.setattr(torch.Tensor, "cuda", lambda self, *_, **__: _to(self, GPU))
        patch.setattr(torch, "autocast", _autocast if bfloat16 else _plain_autocast)
        # Wrappers cannot be made in inference mode.
        patch.setattr(torch, "inference_mode", torch.no_grad)
        # On a GPU an optimizer works on many tensors at once, if it knows their type.
        for module in (optimizer, _foreach_utils):
            known = [*module._foreach_supported_types, PretendedTensor]
            patch.setattr(module, "_foreach_supported_types", known)
        # Parameters stay the same objects when a module moves, as they do on the way to a real GPU.
        torch.__future__.set_swap_module_params_on_conversion(True)
        try:
            with _Operators():
                yield GPU
        finally:
            torch.__future__.set_swap_module_params_on_conversion(swaps)

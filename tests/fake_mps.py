"""An Apple GPU for machines that have none: tensors that say ``mps``, are computed on the CPU, and refuse float64.

A tensor that goes to ``mps`` becomes an ``OnMps``, which wraps one on the CPU. What PyTorch computes of it is one
again, through autograd, ``vmap`` and modules. As on the real device there is no float64: not by a conversion, not by a
computation, not by a copy to the CPU that changes the dtype on the way. Tensors of two devices do not mix, and numpy
sees none of the device's.
"""

from types import TracebackType
from typing import Any, ClassVar, NoReturn

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_flatten, tree_map

MPS = torch.device("mps", 0)
_WIDE = (torch.float64, torch.complex128)
_INDEXING = ("index", "index_put_", "_index_put_impl_", "index_fill_")  # may be told places by a tensor on the CPU
_REFUSAL = "Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support float64."


class OnMps(Tensor):
    """A tensor on the fake device; ``inner`` has its numbers.

    Attributes:
        copied: shapes of the tensors that left the device since `FakeMps` was entered. Whoever asks for one waits for
            all that the device has still to compute.
    """

    inner: Tensor
    copied: ClassVar[list[tuple[int, ...]]] = []
    __torch_function__ = torch._C._disabled_torch_function_impl
    device = property(lambda self: MPS)

    @staticmethod
    def __new__(cls, inner: Tensor) -> "OnMps":
        return Tensor._make_wrapper_subclass(cls, inner.shape, strides=inner.stride(), dtype=inner.dtype)

    def __init__(self, inner: Tensor) -> None:
        if inner.dtype in _WIDE:
            raise TypeError(_REFUSAL)
        self.inner = inner

    # With these two, a module that moves swaps its parameters for those moved, instead of filling the old ones.
    def __tensor_flatten__(self) -> tuple[list[str], None]:
        return ["inner"], None

    @staticmethod
    def __tensor_unflatten__(parts: dict[str, Tensor], *_: object) -> "OnMps":
        return OnMps(parts["inner"])

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: object, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        tensors = [value for value in tree_flatten((args, kwargs))[0] if isinstance(value, Tensor)]
        strangers = [tensor for tensor in tensors if not isinstance(tensor, OnMps) and tensor.ndim]
        # In a backward pass autograd's own C++ makes tensors where it believes these are: on the CPU.
        in_backward = torch._C._current_graph_task_id() != -1
        if any(tensor.dtype in _WIDE for tensor in strangers) or (
            strangers and not in_backward and func.overloadpacket.__name__ not in _INDEXING
        ):
            raise RuntimeError(f"Expected all tensors to be on the same device, but found mps:0 and cpu ({func}).")
        if func is torch.ops.aten._local_scalar_dense.default:  # float(x), bool(x), an if
            cls.copied.append(())
        result = func(*tree_map(_inner, args), **tree_map(_inner, kwargs))
        known = {
            id(tensor.inner): tensor for tensor in tensors if isinstance(tensor, OnMps)
        }  # worked in place: the tensor itself

        def back(value: object) -> object:
            if not isinstance(value, Tensor):
                return value
            return known[id(value)] if id(value) in known else OnMps(value)

        return tree_map(back, result)

    def __repr__(self, **kwargs: object) -> str:
        return f"OnMps({self.inner!r})"

    def to(self, *args: Any, **kwargs: Any) -> Tensor:
        return _moved(self, *args, **kwargs)

    def cpu(self) -> Tensor:
        return _moved(self, "cpu")

    def tolist(self) -> Any:
        self.copied.append(tuple(self.shape))
        return self.inner.tolist()

    def numpy(self, *args: object, **kwargs: object) -> NoReturn:
        raise TypeError("can't convert mps:0 device type tensor to numpy. Use Tensor.cpu() first.")

    __array__ = numpy


class FakeMps(TorchFunctionMode):
    """Within it, PyTorch has the device ``mps``."""

    def __enter__(self) -> "FakeMps":
        OnMps.copied.clear()
        self._is_available = torch.backends.mps.is_available
        torch.backends.mps.is_available = lambda: True
        return super().__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        torch.backends.mps.is_available = self._is_available

    def __torch_function__(self, func: Any, types: object, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is Tensor.to:
            return _moved(*args, **kwargs)
        if func == Tensor.data.__set__ and isinstance(args[0], OnMps):
            func(*args)
            args[0].inner = args[1].inner
            return None
        if kwargs.get("device") is not None and torch.device(kwargs["device"]).type == "mps":
            return OnMps(func(*args, **{**kwargs, "device": "cpu"}))
        return func(*args, **kwargs)


def _inner(value: object) -> object:
    return value.inner if isinstance(value, OnMps) else value


def _moved(tensor: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """``Tensor.to`` in all its forms."""
    there, dtype = tensor.device, tensor.dtype
    for asked in (*args, *(kwargs.get(name) for name in ("device", "dtype", "other"))):
        if isinstance(asked, Tensor):
            there, dtype = asked.device, asked.dtype
        elif isinstance(asked, str | torch.device):
            there = torch.device(asked)
        elif isinstance(asked, torch.dtype):
            dtype = asked
    rest = {name: kwargs[name] for name in ("memory_format", "copy") if name in kwargs}
    plain = torch._C.TensorBase.to
    if isinstance(tensor, OnMps) and there.type == "mps":
        return plain(tensor, dtype=dtype, **rest)
    if isinstance(tensor, OnMps):
        if dtype in _WIDE:  # the dtype changes on the device, before the copy
            raise TypeError(_REFUSAL)
        tensor.copied.append(tuple(tensor.shape))
        return plain(tensor.inner, dtype=dtype, **rest).clone()
    if there.type == "mps":
        return OnMps(plain(tensor.detach(), dtype=dtype, **rest).clone())
    return plain(tensor, there, dtype, **rest)

"""Gradients that are the same bits in every run, on a CUDA card too."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.functional import pad, scaled_dot_product_attention
from torch.overrides import TorchFunctionMode

Size = int | tuple[int, ...]


def repeatable_gradients(device: torch.device) -> AbstractContextManager[object]:
    """A forward pass inside has gradients that are the same bits in every run; for this thread alone.

    On a CUDA card the gradients of max pooling and of fused attention are added up in the order in which threads come
    by. Here both are written out in operations of a fixed order. The CPU needs nothing of it.
    """
    return _FixedOrder() if device.type == "cuda" else nullcontext()


class _FixedOrder(TorchFunctionMode):
    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        written_out = _WRITTEN_OUT.get(func, func)
        return written_out(*args, **(kwargs or {}))


def max_pool2d(
    x: Tensor,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Size = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:  # noqa: ANN401
    """`torch.nn.functional.max_pool2d` by shifted slices: the gradient of a slice needs no sum over threads."""
    if return_indices:
        return functional.max_pool2d(x, kernel_size, stride, padding, dilation, ceil_mode, return_indices)
    kernels, dilations, paddings = _pair(kernel_size), _pair(dilation), _pair(padding)
    strides = kernels if not stride else _pair(stride)
    reach = [span * (kernel - 1) for span, kernel in zip(dilations, kernels, strict=True)]
    sizes = [_length(*axis, ceil_mode) for axis in zip(x.shape[-2:], reach, strides, paddings, strict=True)]
    # Behind, as far as the last window reaches: further than the padding where the length is rounded up.
    behind = [
        max(0, step * (count - 1) + far + 1 - length - before)
        for step, count, far, length, before in zip(strides, sizes, reach, x.shape[-2:], paddings, strict=True)
    ]
    padded = pad(x, (paddings[1], behind[1], paddings[0], behind[0]), value=-torch.inf)
    shifted = [
        padded[
            ...,
            i : i + strides[0] * (sizes[0] - 1) + 1 : strides[0],
            j : j + strides[1] * (sizes[1] - 1) + 1 : strides[1],
        ]
        for i in range(0, reach[0] + 1, dilations[0])
        for j in range(0, reach[1] + 1, dilations[1])
    ]
    return torch.stack(shifted).max(dim=0).values


def _length(length: int, reach: int, stride: int, padding: int, is_rounded_up: bool) -> int:
    """Windows along an axis, as `torch.max_pool2d` counts them: none begins behind the image and its padding."""
    room = length + 2 * padding - reach - 1
    count = -(-room // stride) + 1 if is_rounded_up else room // stride + 1
    return count - 1 if is_rounded_up and (count - 1) * stride >= length + padding else count


def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    **other: Any,  # noqa: ANN401
) -> Tensor:
    """`scaled_dot_product_attention` as its formula: ``softmax(q kᵀ · scale + mask) v``."""
    if dropout_p or is_causal or any(other.values()) or (attn_mask is not None and attn_mask.dtype == torch.bool):
        return scaled_dot_product_attention(
            query, key, value, attn_mask=attn_mask, dropout_p=dropout_p, is_causal=is_causal, scale=scale, **other
        )
    weights = (query * (query.shape[-1] ** -0.5 if scale is None else scale)) @ key.transpose(-2, -1)
    return (weights if attn_mask is None else weights + attn_mask).softmax(dim=-1) @ value


def _pair(value: Size) -> tuple[int, int]:
    first, *others = (value,) if isinstance(value, int) else value
    return (first, others[0]) if others else (first, first)


_WRITTEN_OUT: Mapping[Callable[..., Any], Callable[..., Any]] = {
    functional.max_pool2d: max_pool2d,
    scaled_dot_product_attention: attention,
}

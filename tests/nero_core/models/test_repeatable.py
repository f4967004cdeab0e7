"""What is written out for a CUDA card gives the values and gradients of PyTorch's own operations."""

import pytest
import torch
from torch import Tensor
from torch.nn.functional import max_pool2d, scaled_dot_product_attention

from nero_core.models.repeatable import repeatable_gradients

CARD = torch.device("cuda")


def with_gradient(work, *inputs: Tensor) -> list[Tensor]:
    leaves = [x.clone().requires_grad_() for x in inputs]
    out = work(*leaves)
    weights = torch.rand(out.shape, generator=torch.Generator().manual_seed(1)).to(out)
    return [out, *torch.autograd.grad((out * weights).sum(), leaves)]


@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": 3, "stride": 2, "padding": 1},
        {"kernel_size": 2},
        {"kernel_size": (3, 2), "stride": (1, 2), "padding": (1, 0)},
        {"kernel_size": 3, "stride": 2, "padding": 1, "dilation": 2},
        {"kernel_size": 3, "stride": 2, "ceil_mode": True},
        {"kernel_size": 2, "stride": 3, "padding": 1, "ceil_mode": True},
    ],
    ids=str,
)
def test_max_pooling_is_pytorchs(options: dict[str, object]) -> None:
    x = torch.randn(2, 3, 11, 14, dtype=torch.float64).relu()  # many ties, at 0
    x[x == 0] += torch.rand(int((x == 0).sum()), dtype=torch.float64) * 1e-3  # whose gradients go to one of them
    wanted = with_gradient(lambda image: max_pool2d(image, **options), x)
    with repeatable_gradients(CARD):
        written_out = with_gradient(lambda image: max_pool2d(image, **options), x)
    torch.testing.assert_close(written_out, wanted)


@pytest.mark.parametrize("mask", [False, True])
def test_attention_is_pytorchs(mask: bool) -> None:
    query, key, value = torch.randn(3, 2, 4, 7, 8, dtype=torch.float64)
    bias = torch.randn(7, 7, dtype=torch.float64) if mask else None

    def work(*parts: Tensor) -> Tensor:
        return scaled_dot_product_attention(*parts, attn_mask=bias)

    wanted = with_gradient(work, query, key, value)
    with repeatable_gradients(CARD):
        written_out = with_gradient(work, query, key, value)
    torch.testing.assert_close(written_out, wanted)


def test_what_is_not_written_out_stays_pytorchs() -> None:
    query = torch.randn(1, 2, 5, 4)
    wanted = scaled_dot_product_attention(query, query, query, is_causal=True)
    with repeatable_gradients(CARD):
        assert torch.equal(scaled_dot_product_attention(query, query, query, is_causal=True), wanted)


def test_on_the_cpu_nothing_is_replaced() -> None:
    x = torch.randn(1, 1, 6, 6)
    with repeatable_gradients(torch.device("cpu")):
        assert max_pool2d(x.requires_grad_(), 2).grad_fn.name().startswith("MaxPool2D")
    with repeatable_gradients(CARD):
        assert not max_pool2d(x, 2).grad_fn.name().startswith("MaxPool2D")

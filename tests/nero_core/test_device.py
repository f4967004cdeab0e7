"""Choosing a device."""

from contextlib import nullcontext

import pytest
import torch

from nero_core.device import describe_device, has_bfloat16, pick_device, statistics_device
from nero_core.errors import NeroError


def test_auto_prefers_cuda_then_mps_then_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert pick_device("auto").type == "cuda"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert pick_device("auto").type == "mps"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert pick_device("auto").type == "cpu"


def test_a_name_that_is_no_device_is_refused() -> None:
    with pytest.raises(NeroError, match="'toaster'"):
        pick_device("toaster")


def test_a_device_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(NeroError, match="does not have"):
        pick_device("cuda")


@pytest.mark.parametrize(("device", "there"), [("cpu", "cpu"), ("cuda:1", "cuda:1"), ("mps", "cpu")])
def test_statistics_stay_on_the_device_unless_it_has_no_float64(device: str, there: str) -> None:
    assert statistics_device(torch.device(device)) == torch.device(there)


@pytest.mark.parametrize("native", [True, False])
def test_a_card_that_only_emulates_bfloat16_does_not_have_it(native: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device", nullcontext)  # a machine without CUDA cannot enter it
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: native or including_emulation)
    assert has_bfloat16(torch.device("cuda")) == native
    assert not has_bfloat16(torch.device("cpu")) and not has_bfloat16(torch.device("mps"))


def test_the_cpu_is_called_cpu() -> None:
    assert describe_device(torch.device("cpu")) == "CPU"

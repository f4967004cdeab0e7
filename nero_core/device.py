"""Which device computes, and where float64 is."""

import torch
from torch import Tensor

from nero_core.errors import NeroError


def pick_device(name: str = "auto") -> torch.device:
    """The device called ``name``; ``auto`` is CUDA where there is one, then MPS, then the CPU.

    Raises:
        NeroError: the name is not a device, or the device is not on this machine.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise NeroError(f"Expected auto, cpu, cuda, cuda:0 or mps. Found {name!r}. Choose one of these.") from error
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there.get(device.type, False):
        raise NeroError(f"Expected a device of this machine. Found {name!r}, which it does not have. Use auto or cpu.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise NeroError(
            f"Expected a CUDA device below {torch.cuda.device_count()}. Found {name!r}. Use cuda:0 or auto."
        )
    return device


def statistics_device(device: torch.device) -> torch.device:
    """Where means, covariances and centroids are computed in float64: here, or on the CPU for MPS, which has none."""
    return torch.device("cpu") if device.type == "mps" else device


def float64(tensor: Tensor) -> Tensor:
    """The numbers in float64: on the tensor's own device, or on the CPU for MPS.

    Device and dtype change one after the other: a copy from MPS that changes both at once is an error in some releases
    of torch, and zeros in others.
    """
    return tensor.to(statistics_device(tensor.device)).double()


def to_like(tensor: Tensor, other: Tensor) -> Tensor:
    """The numbers on the device and in the dtype of ``other``, as `Tensor.to` has it, from MPS to float64 too."""
    return float64(tensor).to(other) if other.dtype == torch.float64 else tensor.to(other)


def has_bfloat16(device: torch.device) -> bool:
    """Whether the device computes in bfloat16 itself; an older CUDA card emulates it, which is slower than float32."""
    if device.type != "cuda":
        return False
    with torch.cuda.device(device):
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))


def describe_device(device: torch.device) -> str:
    """The device in words for the screen: the name of the GPU, "Apple GPU" or "CPU"."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return "Apple GPU" if device.type == "mps" else "CPU"

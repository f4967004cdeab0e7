"""Blurred noise images: pictures of nothing, from which GROOD makes its OOD prototype."""

import torch
from jaxtyping import Float
from torch import Tensor
from torchvision.transforms.v2.functional import gaussian_blur

_SIGMAS = (1.0, 2.5)  # pixels at a side of 224, scaled with the side


def noise_images(
    count: int, size: tuple[int, int], seed: int = 0, sigmas: tuple[float, float] = _SIGMAS
) -> Float[Tensor, "count 3 height width"]:
    """Uniform noise in [0, 1], each image blurred by a Gaussian of its own width.

    A seed gives the same noise everywhere with one version of PyTorch; the last bits of the blur may differ between
    kinds of processors. The first images do not depend on how many are made.

    Args:
        count: how many images.
        size: height and width, in pixels.
        seed: of the noise.
        sigmas: least and largest deviation of the blur, in pixels at a side of 224.

    Returns:
        RGB in [0, 1], as ``ImageBatch.pixels`` are.

    Reference:
        ElAraby et al., GROOD: gradient-aware out-of-distribution detection, TMLR 2025.
    """
    generator = torch.Generator().manual_seed(seed)
    images = torch.empty(count, 3, *size)
    for image in images:
        spread = torch.rand(1, generator=generator, dtype=torch.float64).item()
        sigma = (sigmas[0] + (sigmas[1] - sigmas[0]) * spread) * min(size) / 224
        noise = torch.rand(3, *size, generator=generator)
        half = min(round(3 * sigma), (min(size) - 1) // 2)  # beyond three deviations a Gaussian is nothing
        image.copy_(gaussian_blur(noise, [2 * half + 1, 2 * half + 1], [sigma, sigma]) if half else noise)
    return images.clamp_(0, 1)

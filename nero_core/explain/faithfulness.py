"""Faithfulness of a heatmap: what the classifier says as patches go, the most relevant first (pixel flipping)."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torchvision.transforms.functional import gaussian_blur

from nero_core.device import float64
from nero_core.errors import RelevanceError
from nero_core.types import Faithfulness, FlippingCurves

Value = Callable[[Float[Tensor, "batch 3 height width"]], Float[Tensor, " batch"]]
Order = Int[Tensor, " patches"]

GRID = 14  # patches a side: 16 pixels at 224, the patch of a ViT/16 and half the grid of a ResNet's last stage
PERMUTATIONS = 5  # random orders, each of them forwards and backwards
SPREADS = 2.0  # one-sided 5 % point of Student's t with five degrees of freedom
MINIMUM_GAIN = 0.02  # of a probability: below this no eye tells two curves apart, whatever their spread


def measure_faithfulness(
    value: Value,
    pixels: Float[Tensor, "1 3 height width"],
    heatmaps: Mapping[str, Float[Tensor, "height width"]],
    gradient: Float[Tensor, "height width"],
    explained_class: int,
    *,
    grid: int = GRID,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
    baseline: Float[Tensor, "1 3 height width"] | None = None,
    chunk: int = 14,
    on_progress: Callable[[int, int], None] | None = None,
) -> dict[str, Faithfulness]:
    """Deletion and insertion curves of each heatmap, of the plain gradient and of random orders.

    With patches ranked by their summed relevance, D(k) is the value of the image whose first k patches were replaced by
    the baseline, and I(k) that of the baseline into which the first k were put back. A faithful order makes D fall
    early and I rise early::

        gain = area(I) − area(D)          area = mean of the curve over the share of patches, by trapezoids

    in units of the value, for a probability in (−1, 1). Random orders gain 0: an order and its reverse pass the same
    images, and what one gains the other loses. ``permutations`` orders are run forwards and backwards, so that their
    mean is 0 exactly; their standard deviation says how far a gain strays by chance.

    Args:
        value: what the heatmaps explain, for a batch of pixels: the softmax probability of the explained class, to
            which their pixels add up, so that gains of different images have one unit. It saturates: an image at 0.99
            may stay there while most of its patches go, and then no order gains (``Faithfulness.contrast`` tells).
        pixels: one image, RGB in [0, 1].
        heatmaps: signed relevance of the pixels, by composite.
        gradient: the map that the heatmaps must beat to be worth their while, see ``logit_gradient``.
        explained_class: kept with the figures.
        grid: patches a side; a step changes as many patches as one row has.
        permutations: random orders.
        seed: of the random orders.
        baseline: what a patch is replaced by; None = the image blurred by a Gaussian as wide as a patch. Colour and
            light stay and the detail goes. Grey or black patches would make an image that no camera takes, and the
            classifier would answer to their edges.
        chunk: images a forward pass.
        on_progress: called with the number of images passed and the number in all, before the first and after each
            forward pass. What it raises ends the measurement and comes through.

    Raises:
        RelevanceError: a map is zero everywhere or not finite, or the value is not finite.

    Reference:
        Bach et al., PLOS ONE 2015, and Samek et al., IEEE TNNLS 2017 (pixel flipping on regions); Petsiuk et al., RISE,
        BMVC 2018 (insertion and deletion).

    Differs:
        RISE deletes to grey and inserts into a blurred image; here both walk between the same two images. Steps of one
        row of patches and not of one pixel row. Quantus offers pixel flipping and region perturbation without
        insertion and without the antithetic random orders, and would bring OpenCV, pandas and scikit-image along.
    """
    height, width = pixels.shape[2:]
    patches = _patch_of_pixel(height, width, grid)
    orders = {name: _ranked(heatmap, patches, grid) for name, heatmap in heatmaps.items()}
    by_gradient = _ranked(gradient, patches, grid)
    generator = torch.Generator().manual_seed(seed)
    shuffled = [torch.randperm(grid * grid, generator=generator) for _ in range(permutations)]
    sharp = pixels.cpu()
    blurred = blurred_baseline(sharp, grid) if baseline is None else baseline.cpu()
    curves = _curves(value, sharp, blurred, patches, [*orders.values(), by_gradient, *shuffled], chunk, on_progress)
    by_chance, spread = _random_curves(curves[len(orders) + 1 :])
    return {
        name: Faithfulness(
            explained_class=explained_class,
            composite=name,
            share=torch.linspace(0, 1, grid + 1, dtype=torch.float64),
            heatmap=curves[place],
            gradient=curves[len(orders)],
            random=by_chance,
            spread=spread,
            margin=max(SPREADS * spread, MINIMUM_GAIN),
            permutations=permutations,
            seed=seed,
        )
        for place, name in enumerate(orders)
    }


def blurred_baseline(pixels: Float[Tensor, "1 3 height width"], grid: int = GRID) -> Float[Tensor, "1 3 height width"]:
    """The image blurred by a Gaussian whose standard deviation is one patch, mirrored at the border."""
    sigmas = [side / grid for side in pixels.shape[:1:-1]]  # width first, as torchvision wants it
    reach = [min(math.ceil(3 * sigma), side - 1) for sigma, side in zip(sigmas, pixels.shape[:1:-1], strict=True)]
    blurred: Tensor = gaussian_blur(pixels, [2 * radius + 1 for radius in reach], sigmas)
    return blurred


def patch_sums(
    heatmap: Float[Tensor, "height width"], patches: Int[Tensor, "height width"], grid: int
) -> Float[Tensor, " patches"]:
    """Relevance of each patch: the sum over its pixels."""
    sums = torch.zeros(grid * grid, dtype=torch.float64)
    return sums.index_add_(0, patches.flatten(), float64(heatmap.detach()).cpu().flatten())


def _ranked(heatmap: Float[Tensor, "height width"], patches: Int[Tensor, "height width"], grid: int) -> Order:
    """Patches, the most relevant first; ties in the order of the page."""
    if not bool(heatmap.isfinite().all()):
        raise RelevanceError("Expected a finite heatmap. Found NaN or infinity. Choose another composite.")
    if not bool(heatmap.any()):
        raise RelevanceError(
            "Expected relevance somewhere in the image. Found a heatmap of zeros, which ranks nothing. Choose another "
            "composite or another image."
        )
    return patch_sums(heatmap, patches, grid).argsort(descending=True, stable=True)


def _patch_of_pixel(height: int, width: int, grid: int) -> Int[Tensor, "height width"]:
    """The patch that each pixel lies in, row by row; sides differ by at most one pixel."""
    if not 2 <= grid <= min(height, width):
        raise RelevanceError(
            f"Expected between 2 and {min(height, width)} patches a side. Found {grid}. The image is {width}×{height}."
        )
    rows, columns = (torch.arange(side) * grid // side for side in (height, width))
    return rows[:, None] * grid + columns


def _curves(
    value: Value,
    sharp: Tensor,
    blurred: Tensor,
    patches: Tensor,
    orders: list[Order],
    chunk: int,
    on_progress: Callable[[int, int], None] | None,
) -> list[FlippingCurves]:
    """Both curves of each order. Their ends are the same two images for all."""
    grid = math.isqrt(len(orders[0]))
    total = 2 + 2 * (grid - 1) * len(orders)
    values: list[Tensor] = []
    masks = _sharp_parts(orders, patches, grid)
    done = 0
    if on_progress is not None:
        on_progress(done, total)
    while part := list(islice(masks, chunk)):
        batch = torch.where(torch.stack(part)[:, None], sharp, blurred)
        values.append(float64(value(batch).detach()).cpu())
        done += len(part)
        if on_progress is not None:
            on_progress(done, total)
    outputs = torch.cat(values)
    if not bool(outputs.isfinite().all()):
        raise RelevanceError(
            "Expected a finite output for every changed image. Found NaN or infinity. Check the classifier's weights."
        )
    ends, inner = outputs[:2], outputs[2:].reshape(len(orders), 2, grid - 1)
    first, last = ends[:1], ends[1:]
    return [
        FlippingCurves(torch.cat([first, deleted, last]), torch.cat([last, inserted, first]))
        for deleted, inserted in inner
    ]


def _sharp_parts(orders: Iterable[Order], patches: Tensor, grid: int) -> Iterator[Bool[Tensor, "height width"]]:
    """Which pixels are the image's own: in the image, in the baseline, and at each step between of each order."""
    yield torch.ones_like(patches, dtype=torch.bool)
    yield torch.zeros_like(patches, dtype=torch.bool)
    for order in orders:
        place = order.argsort()[patches]  # of each pixel's patch in the order
        for is_insertion in (False, True):
            for step in range(1, grid):
                yield (place < step * grid) == is_insertion


def _random_curves(curves: list[FlippingCurves]) -> tuple[FlippingCurves, float]:
    """Mean of the orders and their reverses, and the standard deviation of their gains about 0.

    Deleting in the reverse order passes the images of inserting in the order, the other way round.
    """
    deletion = torch.stack([half for pair in curves for half in (pair.deletion, pair.insertion.flip(0))]).mean(dim=0)
    gains = torch.tensor([pair.gain for pair in curves], dtype=torch.float64)
    return FlippingCurves(deletion, deletion.flip(0)), float(gains.square().mean().sqrt())

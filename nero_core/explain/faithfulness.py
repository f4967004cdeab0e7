"""Faithfulness of a heatmap: what the classifier says as patches go, the most relevant first (pixel flipping)."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from nero_core.device import float64
from nero_core.errors import RelevanceError
from nero_core.explain.imputation import IMPUTATIONS, Impute, by_baseline
from nero_core.relevance.smoothing import GRID
from nero_core.types import Faithfulness, FlippingCurves, Imputation, Output

Values = Callable[[Float[Tensor, "batch 3 height width"]], Mapping[Output, Float[Tensor, " batch"]]]
Order = Int[Tensor, " patches"]

PERMUTATIONS = 5  # random orders, each of them forwards and backwards
SPREADS = 2.0  # one-sided 5 % point of Student's t with five degrees of freedom
MINIMUM_GAIN = 0.02  # of a probability: below this no eye tells two curves apart, whatever their spread


def measure_faithfulness(
    values: Values,
    pixels: Float[Tensor, "1 3 height width"],
    heatmaps: Mapping[str, Float[Tensor, "height width"]],
    gradient: Float[Tensor, "height width"],
    explained_class: int,
    *,
    grid: int = GRID,
    steps: int | None = None,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
    imputations: Sequence[Imputation] = ("blur", "linear"),
    baseline: Float[Tensor, "1 3 height width"] | None = None,
    chunk: int = 14,
    on_progress: Callable[[int, int], None] | None = None,
) -> dict[str, Faithfulness]:
    """Deletion and insertion curves of each heatmap, of the plain gradient and of random orders.

    With patches ranked by their summed relevance, D(k) is the value of the image whose first k patches were taken away,
    and I(k) that of the image of which only the first k are left. A faithful order makes D fall early and I rise
    early::

        gain = area(I) − area(D)          area = mean of the curve over the share of patches, by trapezoids

    in units of the value, for a probability in (−1, 1). Random orders gain 0: an order and its reverse pass the same
    images, and what one gains the other loses. ``permutations`` orders are run forwards and backwards, so that their
    mean is 0 exactly; their standard deviation says how far a gain strays by chance.

    Args:
        values: what the heatmaps explain, for a batch of pixels, by name: of the explained class the softmax
            probability, which has one unit in all images but saturates (``Faithfulness.contrast`` tells), and the
            logit, which does not saturate but counts what speaks for other classes as much.
        pixels: one image, RGB in [0, 1].
        heatmaps: signed relevance of the pixels, by composite.
        gradient: the map that the heatmaps must beat to be worth their while, see ``logit_gradient``.
        explained_class: kept with the figures.
        grid: patches a side.
        steps: of a curve; None = as many as there are rows of patches. Fewer take less time and see less.
        permutations: random orders.
        seed: of the random orders, and of noise.
        imputations: names in ``IMPUTATIONS``: what stands in the place of a patch that is taken away. Integrated
            gradients walk to the same blurred image as the first, which favours them; the second is nobody's.
        baseline: of the imputation "blur"; None = the image blurred by a Gaussian as wide as a patch.
        chunk: images a forward pass.
        on_progress: called with the number of images passed and the number in all, before the first and after each
            forward pass. What it raises ends the measurement and comes through.

    Returns:
        For each composite the figures of the first output and the first imputation, and beside them the others.

    Raises:
        RelevanceError: a map is zero everywhere or not finite, or the value is not finite.

    Reference:
        Bach et al., PLOS ONE 2015, and Samek et al., IEEE TNNLS 2017 (pixel flipping on regions); Petsiuk et al., RISE,
        BMVC 2018 (insertion and deletion).

    Differs:
        RISE deletes to grey and inserts into a blurred image; here both pass between the same two images. Steps of one
        row of patches and not of one pixel row. Quantus offers pixel flipping and region perturbation without
        insertion and without the antithetic random orders, and would bring OpenCV, pandas and scikit-image along.
    """
    height, width = pixels.shape[2:]
    patches = _patch_of_pixel(height, width, grid)
    ends = _ends(grid, steps)
    orders = {name: _ranked(heatmap, patches, grid) for name, heatmap in heatmaps.items()}
    by_gradient = _ranked(gradient, patches, grid)
    generator = torch.Generator().manual_seed(seed)
    shuffled = [torch.randperm(grid * grid, generator=generator) for _ in range(permutations)]
    sharp = pixels.cpu()
    maps = [*orders.values(), by_gradient]
    count = 2 + 2 * len(ends) * (len(maps) + permutations)
    figures: dict[str, list[Faithfulness]] = {name: [] for name in orders}
    for turn, imputation in enumerate(imputations):
        if imputation == "blur" and baseline is not None:
            impute = by_baseline(sharp, baseline.cpu())
        else:
            impute = IMPUTATIONS[imputation](sharp, grid, seed)
        told = None if on_progress is None else _part(on_progress, turn * count, len(imputations) * count)
        by_output = _curves(values, impute, patches, [*maps, *shuffled], ends, chunk, told)
        for output, curves in by_output.items():
            by_chance, spread = _random_curves(curves[len(maps) :])
            for place, name in enumerate(orders):
                figures[name].append(
                    Faithfulness(
                        explained_class=explained_class,
                        composite=name,
                        share=torch.linspace(0, 1, len(ends) + 2, dtype=torch.float64),
                        heatmap=curves[place],
                        gradient=curves[len(orders)],
                        random=by_chance,
                        spread=spread,
                        margin=max(SPREADS * spread, MINIMUM_GAIN if output == "probability" else 0.0),
                        permutations=permutations,
                        seed=seed,
                        output=output,
                        imputation=imputation,
                    )
                )
    return {name: replace(first, others=tuple(others)) for name, (first, *others) in figures.items()}


def _ends(grid: int, steps: int | None) -> list[int]:
    """How many patches are exchanged at each step but the last, at which all are."""
    steps = grid if steps is None else steps
    if steps < 2 or grid * grid % steps:
        raise RelevanceError(
            f"Expected a number of steps from 2 up that divides {grid * grid} patches. Found {steps}. {grid} are usual."
        )
    return list(range(grid * grid // steps, grid * grid, grid * grid // steps))


def _part(on_progress: Callable[[int, int], None], before: int, total: int) -> Callable[[int, int], None]:
    """Progress of a part of the work."""
    return lambda done, _: on_progress(before + done, total)


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
    values: Values,
    impute: Impute,
    patches: Tensor,
    orders: list[Order],
    ends: Sequence[int],
    chunk: int,
    on_progress: Callable[[int, int], None] | None,
) -> dict[Output, list[FlippingCurves]]:
    """Both curves of each order, by output. Their ends are the same two images for all."""
    total = 2 + 2 * len(ends) * len(orders)
    passed: dict[Output, list[Tensor]] = {}
    masks = _sharp_parts(orders, patches, ends)
    done = 0
    if on_progress is not None:
        on_progress(done, total)
    while part := list(islice(masks, chunk)):
        for output, value in values(impute(torch.stack(part))).items():
            passed.setdefault(output, []).append(float64(value.detach()).cpu())
        done += len(part)
        if on_progress is not None:
            on_progress(done, total)
    curves: dict[Output, list[FlippingCurves]] = {}
    for output, parts in passed.items():
        outputs = torch.cat(parts)
        if not bool(outputs.isfinite().all()):
            raise RelevanceError(
                "Expected a finite output for every changed image. Found NaN or infinity. Check the classifier's "
                "weights."
            )
        first, last, inner = outputs[:1], outputs[1:2], outputs[2:].reshape(len(orders), 2, len(ends))
        curves[output] = [
            FlippingCurves(torch.cat([first, deleted, last]), torch.cat([last, inserted, first]))
            for deleted, inserted in inner
        ]
    return curves


def _sharp_parts(
    orders: Iterable[Order], patches: Tensor, ends: Sequence[int]
) -> Iterator[Bool[Tensor, "height width"]]:
    """Which pixels are the image's own: all, none, and at each step between of each order."""
    yield torch.ones_like(patches, dtype=torch.bool)
    yield torch.zeros_like(patches, dtype=torch.bool)
    for order in orders:
        place = order.argsort()[patches]  # of each pixel's patch in the order
        for is_insertion in (False, True):
            for end in ends:
                yield (place < end) == is_insertion


def _random_curves(curves: list[FlippingCurves]) -> tuple[FlippingCurves, float]:
    """Mean of the orders and their reverses, and the standard deviation of their gains about 0.

    Deleting in the reverse order passes the images of inserting in the order, the other way round.
    """
    deletion = torch.stack([half for pair in curves for half in (pair.deletion, pair.insertion.flip(0))]).mean(dim=0)
    gains = torch.tensor([pair.gain for pair in curves], dtype=torch.float64)
    return FlippingCurves(deletion, deletion.flip(0)), float(gains.square().mean().sqrt())

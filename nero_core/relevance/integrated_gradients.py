"""Integrated gradients: what the detail of an image adds to an output, shared out over its pixels."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from nero_core.device import float64
from nero_core.errors import RelevanceError
from nero_core.models.classifier import Classifier
from nero_core.relevance.smoothing import blurred_baseline
from nero_core.types import LogitPath

NODES = 8
ROUNDING = 1e-6  # of an output, in float32


@dataclass(frozen=True, slots=True)
class PathHeatmaps:
    """One map for each output; on the CPU.

    Attributes:
        maps: signed, summed over colour, in the unit of the output.
        outputs: ``f(x)`` of each, in the image; float64.
        baseline_outputs: ``f(x')`` of each, in the baseline; float64.
    """

    maps: Float[Tensor, "maps height width"]
    outputs: Float[Tensor, " maps"]
    baseline_outputs: Float[Tensor, " maps"]

    @property
    def change(self) -> Float[Tensor, " maps"]:
        """``f(x) − f(x')``: what each map sums to but for the error of the quadrature."""
        return self.outputs - self.baseline_outputs

    @property
    def error(self) -> Float[Tensor, " maps"]:
        """Sum of each map less what it should be, in the unit of the output."""
        return float64(self.maps).sum(dim=(1, 2)) - self.change

    @property
    def conservation(self) -> Float[Tensor, " maps"]:
        """Sum of each map over what it should be; nan where that is 0 but for rounding."""
        return float64(self.maps).sum(dim=(1, 2)) / self._whole()

    @property
    def cancellation(self) -> Float[Tensor, " maps"]:
        """Σ|R| of each map over |what it sums to|; nan where that is 0 but for rounding."""
        return float64(self.maps).abs().sum(dim=(1, 2)) / self._whole().abs()

    def _whole(self) -> Float[Tensor, " maps"]:
        rounding = ROUNDING * torch.maximum(self.outputs.abs(), self.baseline_outputs.abs())
        return torch.where(self.change.abs() <= rounding, torch.nan, self.change)


def integrated_gradients(
    classifier: Classifier,
    pixels: Float[Tensor, "1 3 height width"],
    weights: Float[Tensor, "maps neurons"],
    baseline: Float[Tensor, "1 3 height width"] | None = None,
    nodes: int = NODES,
    chunk: int = 8,
) -> PathHeatmaps:
    """Integrated gradients of ``f = Σ_j u_j a_j``, linear outputs of the pooled features, for each row u.

    ``R_i = (x_i − x'_i) ∫₀¹ ∂f/∂x_i (x' + t(x − x')) dt``, so that ``Σ_i R_i = f(x) − f(x')`` (completeness). The
    integral is a Gauss–Legendre sum; how far it is off, ``PathHeatmaps.error`` says.

    A row of the head's weights gives a class's logit; the same row with all channels but one masked gives that
    channel's conditional map (`conditions`). R is linear in u, so the conditional maps of all channels sum to the
    class's map. The plain model gets no hook and keeps no gradient, so that threads may share it.

    Args:
        classifier: the plain classifier; any architecture.
        pixels: one image, RGB in [0, 1].
        weights: u of each output.
        baseline: x'; None = the image blurred by a Gaussian of a patch's width. Colour and light stay, so that the map
            speaks of the detail and says nothing of what the blurred image gets without it.
        nodes: of the quadrature; each is a forward pass, and a backward pass for each row.
        chunk: nodes that go together; bounds memory.

    Raises:
        RelevanceError: a shape does not fit, or a value is not finite.

    Reference: Sundararajan et al., "Axiomatic attribution for deep networks", ICML 2017; blurred baselines: Fong &
        Vedaldi, ICCV 2017, and Sturmfels et al., "Visualizing the impact of feature attribution baselines", Distill
        2020.
    Differs: Gauss–Legendre nodes instead of a Riemann sum.
    """
    _check(classifier, weights, nodes)
    with torch.inference_mode(False), torch.enable_grad():
        device = classifier.device
        sharp = pixels.detach().clone().to(device)
        start = blurred_baseline(sharp) if baseline is None else baseline.detach().clone().to(device)
        rows = weights.detach().clone().to(device)
        places, shares = (part.to(sharp) for part in _quadrature(nodes))
        mean_gradient = torch.zeros((len(rows), *sharp.shape[1:]), device=device, dtype=sharp.dtype)
        for place, share in zip(places.split(chunk), shares.split(chunk), strict=True):
            path = (start + place.view(-1, 1, 1, 1) * (sharp - start)).detach().requires_grad_()
            features = classifier.features_with_gradient(path)
            outputs = features @ rows.to(features).T
            for row in range(len(rows)):
                is_last = row == len(rows) - 1
                gradient = torch.autograd.grad(outputs[:, row].sum(), path, retain_graph=not is_last)[0]
                mean_gradient[row] += (share.view(-1, 1, 1, 1) * gradient).sum(dim=0)
    maps = ((sharp - start) * mean_gradient).sum(dim=1).cpu()
    with torch.no_grad():
        ends = float64(rows).cpu() @ float64(classifier.features_with_gradient(torch.cat([sharp, start]))).cpu().T
    if not bool(maps.isfinite().all()) or not bool(ends.isfinite().all()):
        raise RelevanceError(
            "Expected finite gradients between the blurred image and the image, found nan or infinity: this image has "
            "no such heatmap; the detection is not affected."
        )
    return PathHeatmaps(maps.float(), ends[:, 0], ends[:, 1])


def logit_path(heatmaps: PathHeatmaps, bias: Float[Tensor, ""]) -> LogitPath:
    """The logit at both ends of the way of the first map, whose weights are a class's, with the class's bias."""
    ends = (float(end[0]) + float(bias) for end in (heatmaps.baseline_outputs, heatmaps.outputs))
    return LogitPath(*ends)


@lru_cache(maxsize=8)
def _quadrature(nodes: int) -> tuple[Float[Tensor, " nodes"], Float[Tensor, " nodes"]]:
    """Places in (0, 1) and their shares, which sum to 1."""
    places, shares = np.polynomial.legendre.leggauss(nodes)
    return torch.from_numpy((places + 1) / 2), torch.from_numpy(shares / 2)


def _check(classifier: Classifier, weights: Tensor, nodes: int) -> None:
    neurons = classifier.head.neurons
    if weights.ndim != 2 or weights.shape[1] != neurons or len(weights) == 0:
        raise RelevanceError(
            f"Expected weights of shape (n ≥ 1, {neurons}), found {tuple(weights.shape)}; give one row of weights of "
            "the pooled features for each heatmap."
        )
    if nodes < 1:
        raise RelevanceError(f"Expected at least 1 node, found {nodes}; {NODES} are usual.")

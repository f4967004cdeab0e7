"""Charts of scores as inline SVG: colours come from the page's style, so that both themes show them."""

from html import escape

import torch
from jaxtyping import Float
from torch import Tensor

from nero_core.benchmark.records import MethodResult
from nero_core.device import float64
from nero_core.metrics import SHARE, kth_smallest

STEPS = 360  # along a ROC curve, two points each at most: the drawn line is less than a unit of the viewBox off
BINS = 36
SIDE = 360  # of the ROC chart's plane, in units of its viewBox
_LEFT, _TOP, _BELOW = 46, 10, 42
_WIDE, _HIGH = 260, 96  # of a histogram's plane
_LARGEST = torch.finfo(torch.float64).max / 8  # a range within ± this has a finite width
TAIL = 0.03  # of all scores at each end go into the outer bins: far outliers must not squeeze the rest


def roc_chart(methods: tuple[MethodResult, ...]) -> str:
    """Share of OOD images found over share of ID images rejected; one hidden or shown curve a method."""
    parts = [
        f'<svg class="roc" viewBox="0 0 {_LEFT + SIDE + 10} {_TOP + SIDE + _BELOW}" role="img"',
        ' aria-label="ROC curves of the chosen methods">',
        f'<g transform="translate({_LEFT} {_TOP})">',
    ]
    for tick in range(0, 101, 20):
        x, y = SIDE * tick / 100, SIDE * (1 - tick / 100)
        parts.append(f'<path class="grid" d="M{x:g} 0V{SIDE}M0 {y:g}H{SIDE}"/>')
        parts.append(f'<text class="tick" x="{x:g}" y="{SIDE + 16}" text-anchor="middle">{tick}</text>')
        parts.append(f'<text class="tick" x="-7" y="{y + 4:g}" text-anchor="end">{tick}</text>')
    mark = 0.05 * SIDE
    parts.append(f'<path class="guess" d="M0 {SIDE}L{SIDE} 0"/>')
    parts.append(f'<path class="mark" d="M{mark:g} 0V{SIDE}M0 {mark:g}H{SIDE}"/>')
    for index, method in enumerate(methods):
        points = roc_points(method.id_scores, method.ood_scores)
        path = "L".join(f"{SIDE * x:.1f} {SIDE * (1 - y):.1f}" for x, y in points)
        title = escape(f"{method.method}: AUROC {100 * method.pooled.auroc.value:.1f}")
        parts.append(f'<path class="curve c{index % 8} d{index // 8}" data-m="{index}" d="M{path}">')
        parts.append(f"<title>{title}</title></path>")
    middle = SIDE / 2
    parts.append(f'<text class="axis" x="{middle:g}" y="{SIDE + 36}" text-anchor="middle">ID rejected, %</text>')
    parts.append(
        f'<text class="axis" transform="translate(-34 {middle:g}) rotate(-90)" text-anchor="middle">OOD found, %</text>'
    )
    return "".join([*parts, "</g></svg>"])


def roc_points(
    id_scores: Float[Tensor, " id"], ood_scores: Float[Tensor, " ood"], steps: int = STEPS
) -> list[tuple[float, float]]:
    """(share of ID, share of OOD) above each score, from (0, 0) to (1, 1), thinned by distance along the curve.

    The curve rises in both shares, so that x + y is its length. Of each of ``steps`` equal lengths the first and the
    last point stay: whatever is left out lies within 1 / (√2 · steps) of the line drawn in its place, everywhere on the
    curve, and a jump keeps both its ends.
    """
    values, group = torch.cat([id_scores, ood_scores]).unique(sorted=True, return_inverse=True)
    curves = []
    for part in (group[: len(id_scores)], group[len(id_scores) :]):
        counts = float64(torch.bincount(part, minlength=len(values)).flip(0).cumsum(0))
        curves.append(torch.cat([torch.zeros(1, dtype=torch.float64), counts / counts[-1]]))
    step = ((curves[0] + curves[1]) / 2 * steps).floor()
    changes = step[1:] != step[:-1]
    end = torch.ones(1, dtype=torch.bool)
    chosen = torch.cat([end, changes]) | torch.cat([changes, end])
    return list(zip(curves[0][chosen].tolist(), curves[1][chosen].tolist(), strict=True))


def histogram_chart(method: MethodResult) -> str:
    """Scores of ID and OOD images as shares of each set, over one another."""
    low, high = _range(torch.cat([method.id_scores, method.ood_scores]))
    counts = [_shares(scores, low, high) for scores in (method.id_scores, method.ood_scores)]
    top = max(max(part) for part in counts)
    threshold = _position(float(kth_smallest(method.id_scores, SHARE)), low, high)
    label = escape(f"{method.method}: scores of ID and OOD images", quote=True)
    parts = [f'<svg viewBox="0 0 {_WIDE} {_HIGH + 18}" role="img" aria-label="{label}">']
    for kind, part in zip(("id", "ood"), counts, strict=True):
        parts.append(f'<path class="bars {kind}" d="{_outline(part, top)}"/>')
    parts.append(f'<path class="mark" d="M{threshold:.1f} 0V{_HIGH}"/>')
    parts.append(f'<path class="base" d="M0 {_HIGH}H{_WIDE}"/>')
    for x, anchor, sign, value in ((0, "start", "≤", low), (_WIDE, "end", "≥", high)):
        parts.append(f'<text class="tick" x="{x}" y="{_HIGH + 14}" text-anchor="{anchor}">{sign} {value:.3g}</text>')
    return "".join([*parts, "</svg>"])


def _range(scores: Float[Tensor, " scores"]) -> tuple[float, float]:
    ordered = scores.clamp(-_LARGEST, _LARGEST).sort().values
    cut = int(TAIL * len(ordered))
    low, high = float(ordered[cut]), float(ordered[len(ordered) - 1 - cut])
    if high > low:
        return low, high
    around = max(abs(low), 1) / 2  # relative: half a unit is nothing beside a score of 1e17
    return low - around, low + around


def _position(score: float, low: float, high: float) -> float:
    return _WIDE * min(max((score - low) / (high - low), 0.0), 1.0)


def _shares(scores: Float[Tensor, " scores"], low: float, high: float) -> list[float]:
    """Share of the scores in each bin; those outside go into the outer bins."""
    place = ((scores - low) / (high - low) * BINS).floor().clamp(0, BINS - 1).long()
    shares: list[float] = (float64(torch.bincount(place, minlength=BINS)) / len(scores)).tolist()
    return shares


def _outline(shares: list[float], top: float) -> str:
    """The bars' common outline."""
    step = _WIDE / BINS
    path = [f"M0 {_HIGH}"]
    for index, share in enumerate(shares):
        path.append(f"V{_HIGH * (1 - share / top):.1f}H{(index + 1) * step:.1f}")
    return "".join([*path, f"V{_HIGH}Z"])

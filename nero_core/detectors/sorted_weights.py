"""Products of all weights of a head with one size a neuron, compared and ranked without making them."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from nero_core.detectors.order import percentile

_AT_ONCE = 4096  # products that may lie between two bounds before they are made and ranked
_ROUNDS = 6  # of narrowing; two or three are enough for weights that are spread smoothly
_ROUNDING = 4 * torch.finfo(torch.float64).eps  # of a quotient and of a product, relative
_SPREADS = 5.0  # standard deviations of a sampled rank that the first bounds leave room for


class SortedWeights:
    """A head's weights, sorted neuron by neuron: for sizes ``s ≥ 0``, how many ``s_j·W_ij`` are at most a bound.

    Within a neuron the products are sorted as its weights are, so a search among C weights tells. For R rows of sizes
    that is R·D·log C steps, where the products themselves are R·C·D. No tensor has more than C·D or R·D entries.

    Args:
        weight: ``W``.
    """

    def __init__(self, weight: Float[Tensor, "classes neurons"]) -> None:
        self.weight = weight
        self.values, self.order = weight.T.contiguous().sort(dim=1)  # neurons × classes, ascending

    def at_most(
        self, sizes: Float[Tensor, "rows neurons"], bounds: Float[Tensor, " rows"]
    ) -> Int[Tensor, "rows neurons"]:
        """For each row and neuron, how many classes i have ``s_j·W_ij ≤ bound``, by the rounded product itself."""
        size, bound = sizes.T.contiguous(), bounds[None, :]
        quotient = _quotient(bound, size)
        last = len(self.weight) - 1
        while (
            True
        ):  # a quotient is rounded as the product is: where the neighbour's product says otherwise, the next one
            count = torch.searchsorted(self.values, quotient, right=True)
            more = (count <= last) & (self.values.gather(1, count.clamp_max(last)) * size <= bound)
            less = (count > 0) & (self.values.gather(1, (count - 1).clamp_min(0)) * size > bound)
            if not bool((more | less).any()):
                return count.T
            towards = quotient.where(~more, torch.inf).where(~less, -torch.inf)
            quotient = quotient.nextafter(towards)

    def percentiles(self, sizes: Float[Tensor, "rows neurons"], percent: float) -> Float[Tensor, " rows"]:
        """For each row, the percentile of all ``s_j·W_ij``, as `nero_core.detectors.order.percentile` has it.

        Two bounds are narrowed around the rank, by the counts, until few products lie between them; those are made.
        """
        total = self.weight.numel()
        rank = int(percent / 100 * (total - 1))  # the percentile lies from this to the next
        low, high, below, up_to = self._bounds(sizes, rank)
        for _ in range(_ROUNDS):
            wide = up_to - below > _AT_ONCE
            if not bool(wide.any()):
                break
            low, high, below, up_to = self._narrowed(sizes, rank, low, high, below, up_to)
        starts, ends = self._search(sizes, low).T, self._search(sizes, high).T
        results = sizes.new_empty(len(sizes))
        for row, size in enumerate(sizes):
            first, place = int(starts[row].sum()), percent / 100 * (total - 1)
            between = self._products(size, starts[row], ends[row])
            if first <= rank and rank + 1 < first + len(between):
                pair = between.sort().values[rank - first : rank - first + 2]
                # What the searches left out is beyond the bounds, but for rounding.
                if (
                    pair[0] > low[row] + _ROUNDING * low[row].abs()
                    and pair[1] < high[row] - _ROUNDING * high[row].abs()
                ):
                    results[row] = _between(pair[0], pair[1], place - rank)
                    continue
            results[row] = percentile((size * self.weight).flatten(), percent)  # the last of all, or many equal ones
        return results

    def part_of_product(
        self, x: Float[Tensor, "batch neurons"], starts: Int[Tensor, " neurons"], ends: Int[Tensor, " neurons"]
    ) -> Float[Tensor, "batch classes"]:
        """``W x`` of some weights only: in the order of each neuron, those from ``starts`` to ``ends``."""
        places = _ragged(starts, ends, len(self.weight))
        terms = x.T.repeat_interleave(ends - starts, dim=0) * self.values.flatten()[places, None]
        product, rows = x.new_zeros(len(self.weight), len(x)), self.order.flatten()[places]
        if x.device.type == "cuda":  # where it adds in a fixed order, and ``index_add_`` as its threads come by
            return product.index_put_((rows,), terms, accumulate=True).T
        return product.index_add_(0, rows, terms).T

    def _products(self, size: Tensor, starts: Tensor, ends: Tensor) -> Tensor:
        places = _ragged(starts, ends, len(self.weight))
        return self.values.flatten()[places] * size.repeat_interleave(ends - starts)

    def _bounds(self, sizes: Tensor, rank: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """First bounds from a sample of D products a row, with the counts up to them."""
        classes, neurons = self.weight.shape
        # One weight a neuron, each from another place of its order: a sample that is spread evenly and never changes.
        places = (torch.arange(neurons, device=sizes.device) * _GOLDEN % 1 * classes).long()
        sample = (sizes * self.values.gather(1, places[:, None]).T).sort(dim=1).values
        share = rank / (classes * neurons)
        room = _SPREADS * (share * (1 - share) * neurons) ** 0.5 + 2
        first, last = int(share * neurons - room), int(share * neurons + room) + 1
        low = sample[:, first] if first >= 0 else self._extreme(sizes, 0)
        high = sample[:, last] if last < neurons else self._extreme(sizes, -1)
        below, up_to = self._total(sizes, low), self._total(sizes, high)
        is_low, is_high = below <= rank, up_to > rank + 1
        return (
            low.where(is_low, self._extreme(sizes, 0)),
            high.where(is_high, self._extreme(sizes, -1)),
            below.where(is_low, 0),
            up_to.where(is_high, classes * neurons),
        )

    def _narrowed(
        self, sizes: Tensor, rank: int, low: Tensor, high: Tensor, below: Tensor, up_to: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Bounds on either side of where the rank would be if the products between the bounds were spread evenly."""
        span = (up_to - below).to(sizes.dtype).clamp_min(1)
        place = (rank + 0.5 - below) / span
        margin = (_AT_ONCE / 4 / span).clamp(0.02, 0.5)
        for share, is_left in ((place - margin, True), (place + margin, False)):
            bound = low + (high - low) * share.clamp(0, 1)
            count = self._total(sizes, bound)
            if is_left:
                fits = count <= rank
                new_low, new_below = bound.where(fits, low), count.where(fits, below)
            else:
                fits = count > rank + 1
                new_high, new_up_to = bound.where(fits, high), count.where(fits, up_to)
        return new_low, new_high, new_below, new_up_to

    def _total(self, sizes: Tensor, bounds: Tensor) -> Tensor:
        return self._search(sizes, bounds).sum(dim=0)

    def _search(self, sizes: Tensor, bounds: Tensor) -> Tensor:
        """As ``at_most``, neuron by neuron, but for rounding."""
        return torch.searchsorted(self.values, _quotient(bounds[None, :], sizes.T.contiguous()), right=True)

    def _extreme(self, sizes: Tensor, place: int) -> Tensor:
        products = sizes * self.values[:, place]
        if place:
            return products.amax(dim=1)
        return torch.nextafter(products.amin(dim=1), products.new_tensor(-torch.inf))  # nothing is at most this


_GOLDEN = (5**0.5 - 1) / 2  # multiples of it, modulo 1, are spread evenly


def _between(low: Tensor, high: Tensor, share: float) -> Tensor:
    """Linear interpolation, rounded as numpy does it."""
    return low + (high - low) * share if share < 0.5 else high - (high - low) * (1 - share)


def _quotient(bound: Tensor, size: Tensor) -> Tensor:
    """The weight at which the product reaches the bound; a product of 0 does not exceed a bound of 0."""
    return (bound / size).nan_to_num(torch.inf, torch.inf, -torch.inf)


def _ragged(starts: Tensor, ends: Tensor, width: int) -> Tensor:
    """Flat places of columns ``starts`` to ``ends`` of each row of a matrix of this width."""
    counts = ends - starts
    offset = torch.arange(len(counts), device=counts.device) * width + starts
    shift = offset - (counts.cumsum(0) - counts)
    return torch.arange(int(counts.sum()), device=counts.device) + shift.repeat_interleave(counts)

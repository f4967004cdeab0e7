"""Figures with bootstrap intervals, for many resamples at once, from counts instead of copies of scores.

A resample is a vector of counts: how often each image was drawn. Sorted by score, cumulative sums of these counts hold
every point of the ROC and precision–recall curves of every resample; images of one score are one point.
"""

from collections.abc import Iterator, Sequence
from dataclasses import fields

import torch
from jaxtyping import Float, Int
from torch import Tensor

from nero_core.benchmark.records import Figures, Interval
from nero_core.device import float64
from nero_core.errors import NeroError
from nero_core.metrics import SHARE

LEVEL = 0.95  # of the interval
MAX_COUNTS = 2**29  # resamples × images: 1 GiB in int16, in memory throughout
_CELLS = 2**22  # counts in float64 at once: 32 MB
Side = tuple[Tensor, Tensor, Tensor]  # scores of images, counts of the same, indices of those that take part
_NAMES = tuple(field.name for field in fields(Figures))


class Resamples:
    """Which images each bootstrap resample draws: the same for every method, so that methods compare in pairs.

    ID images and the images of each OOD class are drawn separately, each as often as there are images (Efron &
    Tibshirani, 1993, stratified). The pooled OOD set of a resample is that of its classes together.

    Args:
        id_size: number of ID images.
        ood_labels: class of each OOD image.
        replicates: number of resamples.
        seed: of the draws.
        id_groups: group of each ID image, where each is drawn separately; one group where None.

    Raises:
        NeroError: as ``check_resamples``.
    """

    def __init__(
        self,
        id_size: int,
        ood_labels: Int[Tensor, " ood"],
        replicates: int,
        seed: int,
        id_groups: Int[Tensor, " id"] | None = None,
    ) -> None:
        check_resamples(id_size + len(ood_labels), replicates)
        generator = torch.Generator().manual_seed(seed)
        self.replicates = replicates
        groups = torch.zeros(id_size, dtype=torch.int64) if id_groups is None else id_groups
        self.id = _grouped_counts(groups, replicates, generator)
        self.ood = _grouped_counts(ood_labels, replicates, generator)

    def figures(
        self,
        id_scores: Float[Tensor, " id"],
        ood_scores: Float[Tensor, " ood"],
        members: Int[Tensor, " members"] | None = None,
    ) -> Figures:
        """The figures on the images themselves, and their percentile intervals over the resamples.

        Args:
            id_scores: of all ID images.
            ood_scores: of all OOD images.
            members: indices of the OOD images that count; all of them where None.
        """
        chosen = torch.arange(len(ood_scores)) if members is None else members
        return as_figures(
            self.table((id_scores, self.id, torch.arange(len(id_scores))), (ood_scores, self.ood, chosen))
        )

    def table(self, negatives: Side, positives: Side) -> Float[Tensor, "5 columns"]:
        """The five figures of some images against others: in column 0 on the images themselves, then as resampled.

        Args:
            negatives: scores, counts (``self.id`` or ``self.ood``) and indices of the images that count as ID.
            positives: the same of those that count as OOD.
        """
        scores = float64(torch.cat([side_scores[rows] for side_scores, _, rows in (negatives, positives)]))
        values, group = scores.unique(sorted=True, return_inverse=True)
        groups = group.split([len(negatives[2]), len(positives[2])])
        parts = [
            _figures(
                *(
                    _grouped(counts[:, part][rows], side_group, len(values))
                    for (_, counts, rows), side_group in zip((negatives, positives), groups, strict=True)
                )
            )
            for part in _parts(self.replicates + 1, len(values))
        ]
        return torch.cat(parts, dim=1)


def as_figures(table: Float[Tensor, "5 columns"]) -> Figures:
    """A table of ``Resamples.table`` as figures with their intervals."""
    return Figures(**{name: _interval(row) for name, row in zip(_NAMES, table, strict=True)})


def check_resamples(images: int, replicates: int) -> None:
    """See that the counts of all resamples fit in memory.

    Raises:
        NeroError: there are none, or more than ``MAX_COUNTS``.
    """
    if replicates < 1:
        raise NeroError(f"Expected at least 1 resample. Found {replicates}. 1000 is usual.")
    if images * (replicates + 1) > MAX_COUNTS:
        raise NeroError(
            f"Expected at most {max(MAX_COUNTS // images - 1, 0)} resamples of {images} images. Found {replicates}. "
            "Use fewer resamples or fewer images."
        )


def rank(figures: Sequence[Figures]) -> list[int]:
    """Place of each by AUROC, 1 = highest; equals share the better place."""
    values = [method_figures.auroc.value for method_figures in figures]
    return [1 + sum(other > value for other in values) for value in values]


def _grouped_counts(groups: Int[Tensor, " images"], replicates: int, generator: torch.Generator) -> Tensor:
    """Counts of all images, each group drawn by itself."""
    counts = torch.zeros((len(groups), replicates + 1), dtype=torch.int16)
    for group in groups.unique().tolist():
        members = torch.nonzero(groups == group).flatten()
        counts[members] = _counts(len(members), replicates, generator)
    return counts


def _counts(size: int, replicates: int, generator: torch.Generator) -> Int[Tensor, "size columns"]:
    """How often each of ``size`` images is drawn: column 0 once each, the others as resampled."""
    counts = torch.zeros((size, replicates + 1), dtype=torch.int16)
    counts[:, 0] = 1
    for part in _parts(replicates, size):
        drawn = torch.randint(size, (size, part.stop - part.start), generator=generator)
        counts[:, 1:][:, part].scatter_add_(0, drawn, torch.ones_like(drawn, dtype=torch.int16))
    return counts


def _parts(columns: int, groups: int) -> Iterator[slice]:
    step = max(_CELLS // max(groups, 1), 1)
    for start in range(0, columns, step):
        yield slice(start, min(start + step, columns))


def _grouped(counts: Tensor, group: Tensor, groups: int) -> Float[Tensor, "groups columns"]:
    """Counts summed over the images of one score, by rising score."""
    summed = torch.zeros((groups, counts.shape[1]), dtype=torch.float64)
    return summed.index_add_(0, group, float64(counts))


def _figures(ids: Float[Tensor, "groups columns"], oods: Float[Tensor, "groups columns"]) -> Float[Tensor, "5 columns"]:
    """The five figures of each column, in the order of ``Figures``."""
    id_size, ood_size = ids.sum(dim=0), oods.sum(dim=0)
    id_below, ood_below = ids.cumsum(dim=0), oods.cumsum(dim=0)  # at or below each score
    auroc = ((id_below - ids / 2) * oods).sum(dim=0) / (id_size * ood_size)
    # At or above each score, by falling score: the same curve with the classes' parts exchanged.
    id_above, ood_above = ids.flip(0).cumsum(dim=0), oods.flip(0).cumsum(dim=0)
    return torch.stack(
        [
            auroc,
            _aupr(id_below, ood_below),
            _aupr(ood_above, id_above),
            _fpr(id_below, ood_below),
            _fpr(ood_above, id_above),
        ]
    )


def _aupr(positives: Float[Tensor, "groups columns"], negatives: Float[Tensor, "groups columns"]) -> Tensor:
    """Trapezoids under precision over recall from (0, 1); the counts are those called positive so far."""
    called = positives + negatives
    precision = torch.where(called > 0, positives / called.clamp(min=1), 1.0)
    before = torch.cat([torch.ones_like(precision[:1]), precision[:-1]])
    gained = positives.diff(dim=0, prepend=torch.zeros_like(positives[:1]))
    area: Tensor = (gained * (precision + before)).sum(dim=0) / (2 * positives[-1])
    return area


def _fpr(positives: Float[Tensor, "groups columns"], negatives: Float[Tensor, "groups columns"]) -> Tensor:
    """Share of negatives called positive once ``SHARE`` of the positives are."""
    # 1e-9: as in nero_core.metrics.kth_smallest.
    needed = (SHARE * positives[-1] - 1e-9).ceil().clamp(min=1)
    first = (positives < needed).sum(dim=0, keepdim=True)
    return negatives.gather(0, first)[0] / negatives[-1]


def _interval(row: Float[Tensor, " columns"]) -> Interval:
    row = row.clamp(0, 1)  # a sum of precisions may round to a little above 1
    value, drawn = float(row[0]), row[1:]
    tail = (1 - LEVEL) / 2
    low, high = torch.quantile(drawn, torch.tensor([tail, 1 - tail], dtype=row.dtype)).tolist()
    return Interval(value, low, high)

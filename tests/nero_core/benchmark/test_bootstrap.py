"""Bootstrap figures against the plain metrics, resample by resample."""

import time

import numpy as np
import pytest
import torch
from scipy.stats import bootstrap
from torch import Tensor

from nero_core.benchmark.bootstrap import Resamples, rank
from nero_core.benchmark.records import Figures, Interval
from nero_core.errors import NeroError
from nero_core.metrics import aupr, auroc, fpr_at_tpr


def drawn_scores(id_size: int, ood_size: int, seed: int = 0, ties: bool = False) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    id_scores = torch.randn(id_size, generator=generator, dtype=torch.float64)
    ood_scores = torch.randn(ood_size, generator=generator, dtype=torch.float64) + 0.8
    return (id_scores.round(), ood_scores.round()) if ties else (id_scores, ood_scores)


def plain(id_scores: Tensor, ood_scores: Tensor) -> dict[str, float]:
    return {
        "auroc": auroc(id_scores, ood_scores),
        "aupr_in": aupr(id_scores, ood_scores, "id"),
        "aupr_out": aupr(id_scores, ood_scores, "ood"),
        "fpr95_id_positive": fpr_at_tpr(id_scores, ood_scores, positive="id"),
        "fpr95_ood_positive": fpr_at_tpr(id_scores, ood_scores, positive="ood"),
    }


@pytest.mark.parametrize("ties", [False, True])
def test_values_and_intervals_are_those_of_explicit_resampling(ties: bool) -> None:
    id_scores, ood_scores = drawn_scores(40, 31, ties=ties)
    labels = torch.tensor([0, 1, 2])[torch.arange(31) % 3]
    resamples = Resamples(40, labels, replicates=60, seed=5)
    figures = resamples.figures(id_scores, ood_scores)
    copies = [
        plain(
            id_scores.repeat_interleave(resamples.id[:, column].long()),
            ood_scores.repeat_interleave(resamples.ood[:, column].long()),
        )
        for column in range(1, 61)
    ]
    for name, interval in figures.items():
        assert interval.value == pytest.approx(plain(id_scores, ood_scores)[name], abs=1e-12), name
        low, high = np.quantile([replicate[name] for replicate in copies], [0.025, 0.975])
        assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-12), name


def test_figures_of_one_class_count_its_images_only() -> None:
    id_scores, ood_scores = drawn_scores(30, 24)
    labels = torch.arange(24) % 2
    members = torch.nonzero(labels == 1).flatten()
    figures = Resamples(30, labels, 10, 0).figures(id_scores, ood_scores, members)
    for name, interval in figures.items():
        assert interval.value == pytest.approx(plain(id_scores, ood_scores[members])[name], abs=1e-12), name


def test_each_stratum_is_drawn_as_often_as_it_has_images() -> None:
    labels = torch.tensor([0] * 7 + [1] * 2 + [2])
    resamples = Resamples(9, labels, replicates=50, seed=1)
    assert (resamples.id.sum(dim=0) == 9).all()
    for label, size in ((0, 7), (1, 2), (2, 1)):
        assert (resamples.ood[labels == label].sum(dim=0) == size).all()
    assert (resamples.id[:, 0] == 1).all()
    assert resamples.id[:, 1:].float().std() > 0.5


def test_a_seed_gives_the_same_resamples_again_and_another_gives_others() -> None:
    labels = torch.zeros(20, dtype=torch.int64)
    first, again, other = (Resamples(20, labels, 30, seed) for seed in (3, 3, 4))
    assert torch.equal(first.id, again.id)
    assert torch.equal(first.ood, again.ood)
    assert not torch.equal(first.id, other.id)


def test_the_interval_agrees_with_scipy() -> None:
    id_scores, ood_scores = drawn_scores(150, 120, seed=2)
    interval = Resamples(150, torch.zeros(120, dtype=torch.int64), 2000, 0).figures(id_scores, ood_scores).auroc
    theirs = bootstrap(
        (id_scores.numpy(), ood_scores.numpy()),
        lambda a, b: auroc(torch.from_numpy(a), torch.from_numpy(b)),
        n_resamples=600,
        vectorized=False,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    assert interval.low == pytest.approx(theirs.low, abs=0.012)
    assert interval.high == pytest.approx(theirs.high, abs=0.012)


def test_perfect_separation_has_an_interval_of_no_width() -> None:
    figures = Resamples(20, torch.zeros(15, dtype=torch.int64), 100, 0).figures(
        torch.linspace(0, 1, 20, dtype=torch.float64), torch.linspace(2, 3, 15, dtype=torch.float64)
    )
    assert figures.auroc == figures.aupr_in == figures.aupr_out == Interval(1.0, 1.0, 1.0)
    assert figures.fpr95_id_positive == figures.fpr95_ood_positive == Interval(0.0, 0.0, 0.0)


def test_large_sets_are_counted_in_parts_with_the_same_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    id_scores, ood_scores = drawn_scores(50, 50)
    resamples = Resamples(50, torch.arange(50) % 5, 40, 0)
    whole = resamples.figures(id_scores, ood_scores)
    monkeypatch.setattr("nero_core.benchmark.bootstrap._CELLS", 300)
    for (name, interval), (_, expected) in zip(
        resamples.figures(id_scores, ood_scores).items(), whole.items(), strict=True
    ):
        assert (interval.value, interval.low, interval.high) == pytest.approx(
            (expected.value, expected.low, expected.high), abs=1e-12
        ), name


def test_resamples_beyond_the_memory_are_refused_before_any_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nero_core.benchmark.bootstrap.MAX_COUNTS", 40 * 101)
    labels = torch.zeros(20, dtype=torch.int64)
    assert Resamples(20, labels, 100, 0).replicates == 100
    with pytest.raises(NeroError, match=r"at most 100 resamples of 40 images\. Found 101\."):
        Resamples(20, labels, 101, 0)
    with pytest.raises(NeroError, match=r"at least 1 resample\. Found 0\."):
        Resamples(20, labels, 0, 0)


def test_equals_share_the_better_place() -> None:
    def with_auroc(value: float) -> Figures:
        interval = Interval(value, value, value)
        return Figures(interval, interval, interval, interval, interval)

    assert rank([with_auroc(0.7), with_auroc(0.9), with_auroc(0.7), with_auroc(0.5)]) == [2, 1, 2, 4]


def test_a_thousand_resamples_of_a_method_and_its_classes_take_about_a_second() -> None:
    id_scores, ood_scores = drawn_scores(300, 500)
    labels = torch.arange(500) % 5
    resamples = Resamples(300, labels, 1000, 0)
    start = time.process_time()
    resamples.figures(id_scores, ood_scores)
    for label in range(5):
        resamples.figures(id_scores, ood_scores, torch.nonzero(labels == label).flatten())
    assert time.process_time() - start < 5  # a tenth of that is usual; a loop would take minutes

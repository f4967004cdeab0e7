"""Which epoch was best, and when a run is over."""

import math

import pytest

from nero_core.training.progress import EpochMetrics, best_epoch, is_over


def history(*losses: float | None) -> list[EpochMetrics]:
    return [EpochMetrics(epoch, 1.0, 0.5, 0.5, 1.0, loss) for epoch, loss in enumerate(losses, 1)]


@pytest.mark.parametrize(
    ("losses", "best"),
    [((3.0, 2.0, 1.0), 3), ((3.0, 1.0, 1.0), 2), ((math.nan, 2.0, 3.0), 2), ((math.inf, math.nan), 1), ((None,), 1)],
)
def test_the_best_epoch_has_the_lowest_loss_and_is_the_first_of_equals(losses: tuple[float, ...], best: int):
    assert best_epoch(history(*losses)) == best


def test_a_run_is_over_after_its_epochs_or_after_its_patience():
    assert not is_over([], 3, 1)
    assert not is_over(history(1.0, 2.0), 3, None)
    assert is_over(history(1.0, 2.0, 3.0), 3, None)
    assert is_over(history(1.0, 2.0), 9, 1)
    assert not is_over(history(1.0, 2.0), 9, 2)
    assert not is_over(history(3.0, 2.0), 9, 1)

"""Fits in passes: what sums over batches find is what a fit on all images at once finds, however they are summed."""

import pickle
import random
from collections.abc import Iterator
from functools import partial, reduce
from operator import add
from typing import Any

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor

from nero_core.detectors import (
    DETECTORS,
    STREAMED,
    batch_sums,
    build_detector,
    fit_streamed,
    merged,
    restored,
)
from nero_core.detectors.moments import Moments, moments_of
from nero_core.detectors.passes import FitsInPasses, fit_in_passes
from nero_core.errors import CalibrationError
from nero_core.types import Head

CLASSES, NEURONS, STAGES = 4, 12, {"blocks.0": 6, "blocks.1": 8}
KINDS = {
    "nero": ("nero", {}),
    "nero, Euclidean, few components": ("nero", {"norm": 2, "component_share": 0.4}),
    "nero_plus": ("nero_plus", {}),
    "nero_plus at a given α": ("nero_plus", {"shrinkage": 0.05}),
    "nero_plus in its first form": ("nero_plus", {"shrinkage": 0.0, "with_features": False}),
    "nero_deep": ("nero_deep", {"stages": STAGES}),
    "residual": ("residual", {}),
}


@pytest.fixture
def head() -> Head:
    generator = torch.Generator().manual_seed(1)
    return Head(torch.randn(CLASSES, NEURONS, generator=generator), torch.randn(CLASSES, generator=generator))


def images(kind: str, count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Features of unlike size and spread, or stages side by side; no image of class 2."""
    generator = torch.Generator().manual_seed(seed)
    width = NEURONS + (sum(STAGES.values()) if kind == "nero_deep" else 0)
    labels = torch.tensor([0, 1, 3])[torch.randint(3, (count,), generator=generator)]
    spread = torch.logspace(0, -1, width)
    shift = torch.linspace(1, 3, width) + 0.3 * labels[:, None] * torch.linspace(-1, 1, width).cos()
    return shift + spread * torch.rand(count, width, generator=generator), labels


def batches(x: Tensor, y: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Of very unlike sizes; the first few hold one class each."""
    order = y.argsort(stable=True)
    sizes = [1, 2, 40, 1]
    sizes.append(len(x) - sum(sizes))
    return list(zip(x[order].split(sizes), y[order].split(sizes), strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_passes_find_what_a_fit_on_all_images_finds(kind: str, head: Head) -> None:
    name, hyper = KINDS[kind]
    x, y = images(kind, 300, seed=2)
    at_once, in_passes = (build_detector(name, head, **hyper) for _ in range(2))
    at_once.fit_features(x, y)
    assert isinstance(in_passes, FitsInPasses)
    read: list[int] = []

    def begin() -> Iterator[tuple[Tensor, Tensor]]:
        read.append(1)
        return iter(batches(x, y))

    fit_in_passes(in_passes, begin)
    assert len(read) <= 2
    probe = torch.cat([images(kind, 20, seed=3)[0], 3 * images(kind, 20, seed=4)[0].flip(1)])
    torch.testing.assert_close(in_passes.predict_features(probe), at_once.predict_features(probe), rtol=1e-6, atol=1e-9)
    expected: Any = getattr(at_once, "fitted_settings", {})
    assert dict(in_passes.fitted_settings) == pytest.approx(dict(expected))  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", KINDS)
def test_workers_may_sum_in_any_order_and_in_any_groups(kind: str, head: Head) -> None:
    name, hyper = KINDS[kind]
    x, y = images(kind, 300, seed=2)
    probe = images(kind, 20, seed=3)[0]
    scores = []
    for seed in range(3):
        detector = build_detector(name, head, **hyper)
        assert isinstance(detector, FitsInPasses)
        passes = detector.fit_passes()
        part = next(passes)
        done = False
        while not done:
            # Part and sums go to other processes and come back.
            added = [pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(part))(*batch))) for batch in batches(x, y)]
            random.Random(seed).shuffle(added)
            cut = 1 + seed
            try:
                part = passes.send(reduce(add, added[cut:]) + reduce(add, added[:cut]))
            except StopIteration:
                done = True
        scores.append(detector.predict_features(probe))
    for other in scores[1:]:
        torch.testing.assert_close(other, scores[0], rtol=1e-8, atol=1e-10)


def test_moments_far_from_the_origin_keep_their_digits() -> None:
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(1000, 6, generator=generator, dtype=torch.float64)
    labels = torch.randint(3, (1000,), generator=generator)
    near = moments_of(x, labels, 3)
    parts = [moments_of(rows + 1e6, marks, 3) for rows, marks in zip(x.split(7), labels.split(7), strict=True)]
    far: Moments = reduce(add, parts)
    assert far.images == 1000
    torch.testing.assert_close(far.scatter, near.scatter, rtol=1e-6, atol=1e-6 * float(near.scatter.abs().max()))
    centred = x - x.mean(dim=0)
    torch.testing.assert_close(near.scatter_about(near.mean), centred.T @ centred)
    torch.testing.assert_close(near.mean, x.mean(dim=0))


@pytest.mark.parametrize("kind", KINDS)
def test_too_few_images_and_none_are_refused_and_an_earlier_fit_stays(kind: str, head: Head) -> None:
    name, hyper = KINDS[kind]
    x, y = images(kind, 300, seed=2)
    detector = build_detector(name, head, **hyper).fit_features(x, y)
    before = detector.predict_features(x[:5])
    assert isinstance(detector, FitsInPasses)
    with pytest.raises(CalibrationError, match=r"in passes.*Found 5\..*fit_features"):
        fit_in_passes(detector, lambda: [(x[:5], y[:5])])
    with pytest.raises(CalibrationError, match="Found no batch"):
        fit_in_passes(detector, list)
    with pytest.raises(CalibrationError, match="labels from 0 to 3"):
        fit_in_passes(detector, lambda: [(x, y), (x[:1], torch.tensor([-1]))])
    assert torch.equal(detector.predict_features(x[:5]), before)


@pytest.mark.parametrize("kind", ["nero_plus", "nero_deep"])
def test_images_that_do_not_vary_are_refused(kind: str, head: Head) -> None:
    name, hyper = KINDS[kind]
    x, y = images(kind, 1, seed=2)
    detector = build_detector(name, head, **hyper)
    assert isinstance(detector, FitsInPasses)
    with pytest.raises(CalibrationError, match="that differ"):
        fit_in_passes(detector, lambda: [(x.expand(60, -1), y.expand(60))] * 2)


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_that_was_stored_scores_as_the_fit_did(kind: str, head: Head) -> None:
    name, hyper = KINDS[kind]
    detector, other = (build_detector(name, head, **hyper) for _ in range(2))
    detector.fit_features(*images(kind, 300, seed=2))
    assert isinstance(detector, FitsInPasses) and isinstance(other, FitsInPasses)
    other.restore(load(save(dict(detector.state()))))
    probe = images(kind, 20, seed=3)[0]
    # Not bit by bit: a product of the same numbers in another layout is rounded in another way.
    torch.testing.assert_close(other.predict_features(probe), detector.predict_features(probe), rtol=1e-9, atol=1e-12)
    assert dict(other.fitted_settings) == dict(detector.fitted_settings)  # type: ignore[attr-defined]


def test_all_methods_fit_in_the_same_two_passes_by_whoever_adds_up(head: Head) -> None:
    x, y = images("nero_deep", 300, seed=2)
    parts: list[Any] = []

    def workers(part: Any) -> Iterator[Any]:
        """Six, one of them without batches, whose answers come in another order each time."""
        parts.append(part)
        shares = [batches(x, y)[worker::6] for worker in (2, 5, 0, 4, 1, 3)]
        for share in shares[len(parts) :] + shares[: len(parts)]:
            yield pickle.loads(
                pickle.dumps(merged(batch_sums(lambda share=share: share, pickle.loads(pickle.dumps(part)))))
            )

    state = fit_streamed(head, STAGES, workers)
    assert len(parts) == 2
    probe = images("nero_deep", 20, seed=3)[0]
    assert {name for name, spec in DETECTORS.items() if isinstance(_built(name, head), FitsInPasses)} == set(STREAMED)
    for name in STREAMED:
        start = 0 if name == "nero_deep" else sum(STAGES.values())
        at_once = _built(name, head).fit_features(x[:, start:], y)
        scores = restored(name, head, STAGES, state).predict_features(probe[:, start:])
        torch.testing.assert_close(scores, at_once.predict_features(probe[:, start:]), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("tensor", "damage", "message"),
    [
        (
            "nero/means",
            lambda values: values[:, 1:],
            r"Expected means as float64 of shape \(3, 12\)\. Found .*\(3, 11\)",
        ),
        ("nero/bias_scale", lambda values: -values - 1, r"numbers ≥ 0 in bias_scale"),
        ("nero/components", lambda values: values.float(), r"as float64 .* Found float32"),
        ("nero_plus/classes", lambda values: values.flip(0), "ascending order"),
        ("nero_plus/classes", lambda values: values + 1, "classes from 0 to 3"),
        ("nero_plus/precisions", lambda values: values * torch.nan, "finite numbers ≥ 0 in precisions"),
        ("nero_deep/blocks.1/scalars", lambda values: values - 9, r"α from 0 to 1 .* blocks\.1/scalars"),
        ("nero_deep/blocks.0/vectors", lambda values: values.repeat(1, 9), "at most 6 directions"),
        ("residual/principal", lambda values: None, r"Expected principal .* Found none"),
    ],
)
def test_a_damaged_state_is_refused(head: Head, tensor: str, damage: Any, message: str) -> None:
    x, y = images("nero_deep", 100, seed=2)
    state = fit_streamed(head, STAGES, partial(batch_sums, lambda: [(x, y)]))
    name, broken = tensor.split("/")[0], damage(state.pop(tensor))
    with pytest.raises(CalibrationError, match=message):
        restored(name, head, STAGES, state if broken is None else {**state, tensor: broken})


def _built(name: str, head: Head) -> Any:
    return build_detector(name, head, **({"stages": STAGES} if name == "nero_deep" else {}))

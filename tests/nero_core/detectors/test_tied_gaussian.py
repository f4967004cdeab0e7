"""The shrunk covariance: distances, their split, and the leave-one-out likelihood against doing it the slow way."""

import pytest
import torch
from torch import Tensor

from nero_core.detectors.tied_gaussian import SHRINKAGES, fit_tied_gaussian, spread_of
from nero_core.errors import CalibrationError


def made(images: int, width: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(images) % 3
    scale = torch.logspace(0, -2, width, dtype=torch.float64)
    noise = torch.randn(images, width, generator=generator, dtype=torch.float64) * scale
    return noise + labels[:, None], labels


def slow_left_out(x: Tensor, labels: Tensor, alpha: float, index: int, variance: float) -> tuple[float, float]:
    """Distance and log-likelihood of one image under the means and the covariance of all others."""
    rest = torch.arange(len(x)) != index
    means = {c: x[rest & (labels == c)].mean(dim=0) for c in labels.unique().tolist()}
    rows = torch.stack([row - means[label] for row, label in zip(x[rest], labels[rest].tolist(), strict=True)])
    width = x.shape[1]
    covariance = (1 - alpha) * rows.T @ rows / len(rows) + alpha * variance * torch.eye(width, dtype=torch.float64)
    offset = x[index] - means[int(labels[index])]
    distance = float(offset @ torch.linalg.solve(covariance, offset))
    return distance, -0.5 * (float(torch.linalg.slogdet(covariance).logabsdet) + distance)


@pytest.mark.parametrize(("images", "width"), [(30, 5), (12, 20)])
def test_what_is_left_out_is_as_far_as_when_all_is_fitted_again_without_it(images: int, width: int) -> None:
    x, labels = made(images, width)
    spread = spread_of(x, labels)
    variance = float((x - spread.means[labels]).square().mean())
    expected = torch.tensor(
        [slow_left_out(x, labels, 0.1, index, variance)[0] for index in range(images)], dtype=torch.float64
    )
    torch.testing.assert_close(spread.left_out(x, labels, [0.1])[0][:, 0], expected, rtol=1e-8, atol=0)
    mean, deviation = fit_tied_gaussian(x, labels, 0.1).log_distance
    assert mean == pytest.approx(float(expected.log().mean()), rel=1e-8)
    assert deviation == pytest.approx(float(expected.log().std(correction=0)), rel=1e-6)


@pytest.mark.parametrize(("images", "width"), [(60, 5), (12, 20)])
def test_the_chosen_shrinkage_is_the_likeliest_for_images_that_are_left_out(images: int, width: int) -> None:
    x, labels = made(images, width)
    found = fit_tied_gaussian(x, labels)
    variance = float((x - found.means[labels]).square().mean())
    likelihood = {
        alpha: sum(slow_left_out(x, labels, alpha, index, variance)[1] for index in range(images))
        for alpha in (*SHRINKAGES[::4], found.shrinkage)
    }
    assert max(likelihood, key=lambda alpha: likelihood[alpha]) == found.shrinkage


def test_fewer_images_than_dimensions_ask_for_more_shrinkage() -> None:
    few, many = (fit_tied_gaussian(*made(images, 40)).shrinkage for images in (15, 3000))
    assert many < 0.01 < 0.05 < few


@pytest.mark.parametrize(("images", "width"), [(30, 5), (12, 20)])
def test_distances_are_those_of_the_inverse_and_split_over_the_channels(images: int, width: int) -> None:
    x, labels = made(images, width)
    found = fit_tied_gaussian(x, labels, 0.1)
    within = x - found.means[labels]
    covariance = within.T @ within / images
    shrunk = 0.9 * covariance + 0.1 * covariance.trace() / width * torch.eye(width, dtype=torch.float64)
    probe = made(7, width, seed=1)[0] + 1
    offsets = probe[:, None] - found.means[None]
    expected = torch.einsum("bcd,de,bce->bc", offsets, torch.linalg.inv(shrunk), offsets)
    torch.testing.assert_close(found.distances(probe), expected, rtol=1e-8, atol=0)
    nearest = found.distances(probe).argmin(dim=1)
    torch.testing.assert_close(
        found.contributions(probe, nearest).sum(dim=1), found.distances(probe).amin(dim=1), rtol=1e-8, atol=0
    )


def test_the_order_of_the_images_does_not_matter() -> None:
    x, labels = made(30, 12)
    order = torch.randperm(30, generator=torch.Generator().manual_seed(1))
    first, second = fit_tied_gaussian(x, labels), fit_tied_gaussian(x[order], labels[order])
    assert first.shrinkage == second.shrinkage
    probe = made(5, 12, seed=2)[0]
    torch.testing.assert_close(first.distances(probe), second.distances(probe))


def test_a_class_of_one_image_chooses_nothing_and_equal_images_are_refused() -> None:
    x, labels = made(30, 5)
    more, its_labels = torch.cat([x, x[:1] + 9]), torch.cat([labels, torch.tensor([7])])
    index = its_labels.unique(return_inverse=True)[1]
    distance, likelihood = spread_of(more, its_labels).left_out(more, index, [0.1])
    for values in (distance, likelihood):
        assert bool(values[-1].isnan().all()) and bool(values[:-1].isfinite().all())
    mean, deviation = fit_tied_gaussian(more, its_labels, 0.1).log_distance
    assert mean == pytest.approx(float(distance[:-1].log().mean())) and deviation > 0
    with pytest.raises(CalibrationError, match="that differ"):
        fit_tied_gaussian(x[:1].expand(6, -1), torch.arange(6) % 2)

"""Patches against the formulas of their docstrings, written out slowly."""

import pytest
import torch

from nero_core.detectors.patches import (
    LIMIT,
    SHRINKAGE,
    WIDEST,
    PatchFit,
    PatchModel,
    PatchStage,
    farthest,
    unit_patches,
)
from nero_core.errors import CalibrationError

SIZE = (32, 32)


def maps(images: int, channels: int = 5, side: int = 4, seed: int = 0) -> torch.Tensor:
    """Maps whose means differ from place to place."""
    generator = torch.Generator().manual_seed(seed)
    places = torch.rand((1, channels, side, side), generator=torch.Generator().manual_seed(99)) * 3
    return places + torch.rand((images, channels, side, side), generator=generator)


def fitted(patches: torch.Tensor, coreset: int = 20, splits: int = 1) -> PatchStage:
    fit = PatchFit(len(patches), seed=0, pool=1_000)
    for part in patches.chunk(splits):
        fit.add(part)
    return fit.finish(coreset)


def test_patches_have_unit_length_and_fine_maps_are_averaged_over_their_neighbours() -> None:
    coarse = unit_patches(maps(2, side=2), SIZE)  # 16 pixels a position
    torch.testing.assert_close(coarse.norm(dim=1), torch.ones(2, 2, 2))
    given = maps(1, side=4)
    fine = unit_patches(given, SIZE)  # 8 pixels a position
    unit = given[0] / given[0].norm(dim=0)
    torch.testing.assert_close(fine[0, :, 1, 2], unit[:, 0:3, 1:4].mean(dim=(1, 2)))
    torch.testing.assert_close(
        fine[0, :, 0, 0], unit[:, 0:2, 0:2].mean(dim=(1, 2))
    )  # at the border, of those there are


def test_a_lamp_that_is_nearer_changes_nothing() -> None:
    given = maps(2)
    torch.testing.assert_close(unit_patches(given * 7, SIZE), unit_patches(given, SIZE))


def test_the_distance_to_the_place_is_mahalanobis_with_one_covariance_for_all_places() -> None:
    patches = unit_patches(maps(30), SIZE)
    stage, image = fitted(patches), unit_patches(maps(1, seed=5), SIZE)
    exact, rows = patches.double(), image[0].double()
    mean = exact.mean(dim=0)
    within = (exact - mean).permute(0, 2, 3, 1).reshape(-1, 5)
    covariance = within.T @ within / len(within)
    shrunk = (1 - SHRINKAGE) * covariance + SHRINKAGE * covariance.trace() / 5 * torch.eye(5, dtype=torch.float64)
    expected = torch.empty(4, 4, dtype=torch.float64)
    for row in range(4):
        for column in range(4):
            offset = rows[:, row, column] - mean[:, row, column]
            expected[row, column] = (offset @ torch.linalg.inv(shrunk) @ offset).sqrt()
    actual = stage.log_distances(image)[0, 0].exp().double()
    torch.testing.assert_close(actual, expected, rtol=0.02, atol=0.02)  # what is kept has the digits of float16


def test_the_distance_to_the_nearest_patch_is_the_least_of_all_in_the_coreset() -> None:
    patches = unit_patches(maps(6), SIZE)
    stage = fitted(patches, coreset=1_000)
    assert len(stage.coreset) == 6 * 16  # all of them
    image = unit_patches(maps(1, seed=5), SIZE)
    white = torch.einsum("cij,cd->ijd", image[0], stage.whitening)
    expected = (white[:, :, None] - stage.coreset).square().sum(dim=-1).amin(dim=-1).sqrt()
    torch.testing.assert_close(stage.log_distances(image)[1, 0].exp(), expected, rtol=1e-3, atol=1e-3)
    own = stage.log_distances(patches[:1])[1].exp()
    assert float(own.max()) < 0.05 * float(expected.mean())  # a patch that is kept is at home


def test_the_fit_does_not_depend_on_how_the_images_were_cut_into_batches() -> None:
    patches = unit_patches(maps(12), SIZE)
    stage, again = fitted(patches), fitted(patches, splits=5)
    image = unit_patches(maps(1, seed=5), SIZE)
    torch.testing.assert_close(stage.log_distances(image), again.log_distances(image), rtol=1e-3, atol=2e-3)


def test_memory_does_not_grow_with_the_number_of_images() -> None:
    fit = PatchFit(1_000, pool=500)
    for seed in range(50):
        fit.add(unit_patches(maps(20, seed=seed), SIZE))
    assert sum(map(len, fit._drawn)) == 1_000  # one patch an image, of 16


def test_a_wide_stage_is_compared_in_fewer_directions_in_which_distances_are_kept() -> None:
    patches = unit_patches(maps(8, channels=300), SIZE)
    stage = fitted(patches)
    assert stage.whitening.shape == (300, WIDEST) and stage.places.shape == (4, 4, WIDEST)
    assert bool(stage.log_distances(patches).isfinite().all())
    unlike = unit_patches(maps(1, channels=300, seed=5).roll(7, dims=1), SIZE)
    assert float(stage.log_distances(unlike)[0].mean()) > float(stage.log_distances(patches)[0].mean())


def test_the_coreset_begins_with_the_first_point_and_takes_the_farthest_of_the_rest() -> None:
    points = torch.tensor([[0.0, 0.0], [1.0, 0.0], [10.0, 0.0], [9.0, 0.0], [4.0, 0.0]])
    assert farthest(points, 3).tolist() == [[0.0, 0.0], [10.0, 0.0], [4.0, 0.0]]
    assert len(farthest(torch.ones(6, 2), 4)) == 1  # copies add nothing
    assert len(farthest(points, 100)) == 5


def test_the_limit_leaves_the_share_below_it_and_the_excess_is_the_mean_beyond() -> None:
    stage = fitted(unit_patches(maps(20), SIZE))
    logs = stage.log_distances(unit_patches(maps(40, seed=3), SIZE))
    limited = stage.with_limits(logs)
    place, nearest = logs
    z = (place - limited.usual[0]) / limited.usual[1]
    for values, limit, excess in zip((z, nearest), limited.limits, limited.excess, strict=True):
        beyond = values[values > limit]
        assert len(beyond) == pytest.approx((1 - LIMIT) * values.numel(), abs=1.5)
        torch.testing.assert_close(excess, (beyond - limit).mean())
    expected = torch.minimum(
        ((z - limited.limits[0]) / limited.excess[0]).clamp_min(0),
        ((nearest - limited.limits[1]) / limited.excess[1]).clamp_min(0),
    )
    torch.testing.assert_close(limited.unlikeness(logs), expected)
    assert float((expected > 0).double().mean()) <= 1 - LIMIT + 1e-2  # unusual by both


def test_many_images_say_alone_what_is_usual_at_a_place_and_few_lean_on_all_places() -> None:
    stage = fitted(unit_patches(maps(20), SIZE))
    logs = torch.stack([torch.arange(16.0).reshape(1, 4, 4), torch.zeros(1, 4, 4)])
    few, many = stage.with_limits(logs), stage.with_limits(logs.expand(2, 2_000, 4, 4))
    torch.testing.assert_close(many.usual[0], logs[0, 0], atol=0.05, rtol=0)
    torch.testing.assert_close(few.usual[0], (logs[0, 0] + 10 * 7.5) / 11)


def test_equal_images_are_refused() -> None:
    with pytest.raises(CalibrationError, match="patches differ"):
        fitted(unit_patches(maps(1).expand(5, 5, 4, 4), SIZE))
    with pytest.raises(CalibrationError, match="Found none"):
        PatchFit(3).finish()


def test_the_map_is_the_sum_of_the_stages_upsampled() -> None:
    stages = {}
    given = {"fine": maps(1, side=4, seed=5), "coarse": maps(1, channels=3, side=2, seed=6)}
    for name, channels, side in (("fine", 5, 4), ("coarse", 3, 2)):
        stage = fitted(unit_patches(maps(20, channels, side), SIZE))
        stages[name] = stage.with_limits(stage.log_distances(unit_patches(maps(20, channels, side, 3), SIZE)) - 2)
    model = PatchModel(stages, level=0.1, usual=0.01, limit=1.0)
    expected = torch.zeros(1, 1, 32, 32)
    for name, stage in stages.items():
        part = stage.unlikeness(stage.log_distances(unit_patches(given[name], SIZE)))
        assert float(part.max()) > 0
        expected += torch.nn.functional.interpolate(part[:, None], size=SIZE, mode="bilinear", align_corners=False)
    torch.testing.assert_close(model.map(given, SIZE), expected[:, 0])
    assert model.sigma(SIZE) == 0.375 * 16

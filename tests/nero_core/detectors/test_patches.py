"""Patches against the formulas of their docstrings, written out slowly."""

from dataclasses import replace

import pytest
import torch

from nero_core.detectors.patch_fit import FOLDS, WIDEST, PatchFit, farthest, main_directions
from nero_core.detectors.patches import (
    LIMIT,
    PatchModel,
    PatchStage,
    averaged_patches,
    coarse,
    coarse_grid,
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


def left_of(offset: torch.Tensor, layout: torch.Tensor) -> torch.Tensor:
    """What a layout leaves of one image whose grid has an even side of up to 14, slowly."""
    rows, columns, width = offset.shape
    side = layout.shape[1]
    cells = offset.reshape(side, rows // side, side, columns // side, width).mean(dim=(1, 3))
    told = torch.zeros_like(cells)
    for direction in layout:
        told += (direction * cells).sum() * direction
    upsampled = torch.nn.functional.interpolate(
        told.permute(2, 0, 1)[None], size=(rows, columns), mode="bilinear", align_corners=False
    )
    return offset - upsampled[0].permute(1, 2, 0)


def test_patches_have_unit_length_and_fine_maps_are_averaged_over_their_neighbours() -> None:
    wide = unit_patches(maps(2, side=7))
    torch.testing.assert_close(wide.norm(dim=1), torch.ones(2, 7, 7))
    given = maps(1, side=8)
    fine = unit_patches(given)
    unit = given[0] / given[0].norm(dim=0)
    torch.testing.assert_close(fine[0, :, 1, 2], unit[:, 0:3, 1:4].mean(dim=(1, 2)))
    torch.testing.assert_close(
        fine[0, :, 0, 0], unit[:, 0:2, 0:2].mean(dim=(1, 2))
    )  # at the border, of those there are


def test_a_lamp_that_is_nearer_changes_nothing() -> None:
    given = maps(2)
    torch.testing.assert_close(unit_patches(given * 7), unit_patches(given))


def test_colours_keep_their_length_and_are_averaged_alike() -> None:
    given = maps(2, side=8) + 1
    stage = replace(fitted(unit_patches(given)), is_unit=False)
    colours = stage.patches(given, SIZE)
    torch.testing.assert_close(colours[0, :, 1, 2], given[0, :, 0:3, 1:4].mean(dim=(1, 2)))
    torch.testing.assert_close(stage.patches(given * 7, SIZE), colours * 7)
    assert torch.equal(averaged_patches(maps(2, side=7)), maps(2, side=7))
    assert stage.to(torch.device("cpu")).is_unit is False


@pytest.mark.parametrize("side", [4, 14])
def test_both_distances_are_of_what_the_layout_leaves(side: int) -> None:
    stage, image = fitted(unit_patches(maps(30, side=side))), unit_patches(maps(1, side=side, seed=5))
    assert len(stage.layout) == 10  # a third of the images
    offset = image[0].permute(1, 2, 0) @ stage.whitening - stage.places
    left = left_of(offset, stage.layout)
    assert float(left.norm()) < 0.99 * float(offset.norm())
    place, nearest = stage.log_distances(image).exp()[:, 0]
    torch.testing.assert_close(place, left.norm(dim=-1), rtol=1e-4, atol=1e-4)
    expected = (left[:, :, None] - stage.coreset).square().sum(dim=-1).amin(dim=-1).sqrt()
    torch.testing.assert_close(nearest, expected, rtol=1e-3, atol=1e-3)


def test_the_place_is_the_mean_patch_there() -> None:
    patches = unit_patches(maps(30))
    stage = fitted(patches)
    expected = patches.mean(dim=0).permute(1, 2, 0) @ stage.whitening
    torch.testing.assert_close(stage.places, expected, rtol=0.01, atol=0.02)  # what is kept has the digits of float16


def test_what_the_layout_leaves_of_other_images_is_white() -> None:
    """Its covariance is the identity, but for what the shrinkage and the error of an estimate take."""
    generator = torch.Generator().manual_seed(2)
    mixed = torch.eye(5) + 0.3 * torch.randn((5, 5), generator=generator)
    images = torch.einsum("ij,bjrc->birc", mixed, torch.randn((400, 5, 14, 14), generator=generator))
    stage = fitted(images[:300])
    others = images[300:].permute(0, 2, 3, 1) @ stage.whitening - stage.places
    left = torch.stack([left_of(offset, stage.layout) for offset in others]).reshape(-1, 5)
    torch.testing.assert_close(left.T @ left / len(left), torch.eye(5), rtol=0, atol=0.15)


def test_the_coreset_is_what_is_left_of_fit_patches_whose_image_had_no_part_in_the_layout() -> None:
    patches = unit_patches(maps(11))
    stage = fitted(patches, coreset=1_000)
    assert len(stage.coreset) == 11 * 16  # all of them
    offsets = patches.permute(0, 2, 3, 1) @ stage.whitening - patches.mean(dim=0).permute(1, 2, 0) @ stage.whitening
    for image, offset in enumerate(offsets):
        others = offsets[torch.arange(11) % FOLDS != image % FOLDS]
        left = left_of(offset, main_directions(others, 3)).reshape(16, 5)
        assert float(torch.cdist(left, stage.coreset).amin(dim=1).max()) < 0.02 * float(left.norm(dim=1).mean())


def test_what_all_patches_share_is_taken_off_and_what_one_place_has_alone_is_not() -> None:
    """A gradient of light over the image, far steeper than in any fit image, beside as large a change at one place."""
    generator = torch.Generator().manual_seed(1)
    light = torch.linspace(-1, 1, 8).view(1, 1, 8, 1).expand(1, 1, 8, 8)
    kind = torch.randn((1, 6, 1, 1), generator=generator)

    def drawn(images: int) -> torch.Tensor:
        noise = 0.1 * torch.randn((images, 6, 8, 8), generator=generator)
        return noise + torch.randn((images, 1, 1, 1), generator=generator) * light * kind

    stage, image = fitted(drawn(90), coreset=200), drawn(1)
    usual = stage.log_distances(image).exp()
    lit = stage.log_distances(image + 4 * light * kind).exp()
    changed = image.clone()
    changed[..., 3, 3] += 4 * kind[..., 0, 0]
    spot = stage.log_distances(changed).exp()
    for distance in range(2):
        assert float(lit[distance].mean()) < 2 * float(usual[distance].mean())
        assert float(spot[distance, 0, 3, 3]) > 4 * float(usual[distance].max())
        assert int(spot[distance].argmax()) == 3 * 8 + 3


def test_main_directions_are_those_of_the_singular_values() -> None:
    given = maps(7, side=3).permute(0, 2, 3, 1)
    main = main_directions(given, 4)
    assert main.shape == (4, 3, 3, 5)
    flat = main.flatten(start_dim=1)
    torch.testing.assert_close(flat @ flat.T, torch.eye(4), rtol=0, atol=1e-5)
    directions = torch.linalg.svd(given.flatten(start_dim=1), full_matrices=False).Vh[:4]
    torch.testing.assert_close((flat @ directions.T).abs(), torch.eye(4), rtol=0, atol=1e-3)
    assert main_directions(given[:2], 4).shape[0] == 2  # there are no more
    assert not main_directions(torch.zeros(3, 2, 2, 5), 4).any()


@pytest.mark.parametrize(
    ("grid", "cell", "expected"), [((4, 4), 1, (4, 4)), ((14, 10), 2, (7, 5)), ((9, 15), 3, (3, 5))]
)
def test_a_layout_is_of_means_over_cells(grid: tuple[int, int], cell: int, expected: tuple[int, int]) -> None:
    values = torch.rand((2, *grid, 3), generator=torch.Generator().manual_seed(0))
    means = coarse(values)
    assert means.shape[1:3] == coarse_grid(grid) == expected
    torch.testing.assert_close(
        means[1, -1, -1], values[1, cell * (expected[0] - 1) :, cell * (expected[1] - 1) :].mean((0, 1))
    )


def test_without_a_layout_patches_are_compared_themselves_as_in_older_bundles() -> None:
    """There, the coreset held whitened patches, and maps of 16 pixels a position were not averaged."""
    stage = fitted(unit_patches(maps(30)))
    older, image = replace(stage, layout=stage.layout[:0]), unit_patches(maps(1, seed=5))
    white = image[0].permute(1, 2, 0) @ stage.whitening
    place, nearest = older.log_distances(image).exp()[:, 0]
    torch.testing.assert_close(place, (white - stage.places).norm(dim=-1), rtol=1e-4, atol=1e-4)
    expected = (white[:, :, None] - stage.coreset).square().sum(dim=-1).amin(dim=-1).sqrt()
    torch.testing.assert_close(nearest, expected, rtol=1e-3, atol=1e-3)
    coarser, finer = (maps(1, side=side) for side in (2, 4))
    torch.testing.assert_close(older.patches(coarser, SIZE).norm(dim=1), torch.ones(1, 2, 2))
    assert float(older.patches(finer, SIZE).norm(dim=1).max()) < 0.9999  # maps of 8 pixels a position were averaged
    torch.testing.assert_close(stage.patches(finer, SIZE), unit_patches(finer))


def test_the_fit_does_not_depend_on_how_the_images_were_cut_into_batches() -> None:
    patches = unit_patches(maps(12))
    stage, again = fitted(patches), fitted(patches, splits=5)
    image = unit_patches(maps(1, seed=5))
    torch.testing.assert_close(stage.log_distances(image), again.log_distances(image), rtol=1e-3, atol=2e-3)


def test_memory_does_not_grow_with_the_number_of_images() -> None:
    fit = PatchFit(1_000, pool=500)
    for seed in range(50):
        fit.add(unit_patches(maps(20, seed=seed)))
    assert sum(map(len, fit._drawn)) == 1_000  # one patch an image, of 16


def test_a_wide_stage_is_compared_in_fewer_directions_in_which_distances_are_kept() -> None:
    patches = unit_patches(maps(8, channels=300))
    stage = fitted(patches)
    assert stage.whitening.shape == (300, WIDEST) and stage.places.shape == (4, 4, WIDEST)
    assert bool(stage.log_distances(patches).isfinite().all())
    unlike = unit_patches(maps(1, channels=300, seed=5).roll(7, dims=1))
    assert float(stage.log_distances(unlike)[0].mean()) > float(stage.log_distances(patches)[0].mean())


def test_the_coreset_begins_with_the_first_point_and_takes_the_farthest_of_the_rest() -> None:
    points = torch.tensor([[0.0, 0.0], [1.0, 0.0], [10.0, 0.0], [9.0, 0.0], [4.0, 0.0]])
    assert farthest(points, 3).tolist() == [[0.0, 0.0], [10.0, 0.0], [4.0, 0.0]]
    assert len(farthest(torch.ones(6, 2), 4)) == 1  # copies add nothing
    assert len(farthest(points, 100)) == 5


def test_the_limit_leaves_the_share_below_it_and_the_excess_is_the_mean_beyond() -> None:
    stage = fitted(unit_patches(maps(20)))
    logs = stage.log_distances(unit_patches(maps(40, seed=3)))
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
    stage = fitted(unit_patches(maps(20)))
    logs = torch.stack([torch.arange(16.0).reshape(1, 4, 4), torch.zeros(1, 4, 4)])
    few, many = stage.with_limits(logs), stage.with_limits(logs.expand(2, 2_000, 4, 4))
    torch.testing.assert_close(many.usual[0], logs[0, 0], atol=0.05, rtol=0)
    torch.testing.assert_close(few.usual[0], (logs[0, 0] + 10 * 7.5) / 11)


def test_equal_images_are_refused() -> None:
    with pytest.raises(CalibrationError, match="patches differ"):
        fitted(unit_patches(maps(1).expand(5, 5, 4, 4)))
    with pytest.raises(CalibrationError, match="Found none"):
        PatchFit(3).finish()


def test_the_map_is_the_sum_of_the_stages_upsampled() -> None:
    stages = {}
    given = {"fine": maps(1, side=4, seed=5), "coarse": maps(1, channels=3, side=2, seed=6)}
    for name, channels, side in (("fine", 5, 4), ("coarse", 3, 2)):
        stage = fitted(unit_patches(maps(20, channels, side)))
        stages[name] = stage.with_limits(stage.log_distances(unit_patches(maps(20, channels, side, 3))) - 2)
    model = PatchModel(stages, level=0.1, usual=0.01, limit=1.0)
    expected = torch.zeros(1, 1, 32, 32)
    for name, stage in stages.items():
        part = stage.unlikeness(stage.log_distances(unit_patches(given[name])))
        assert float(part.max()) > 0
        expected += torch.nn.functional.interpolate(part[:, None], size=SIZE, mode="bilinear", align_corners=False)
    torch.testing.assert_close(model.map(given, SIZE), expected[:, 0])
    assert model.sigma(SIZE) == 0.375 * 16

"""Laws of the maps: PCA is exact, UMAP is the same for the same seed, and what cannot be laid out is a sentence."""

import math

import pytest
import torch
from torch import Tensor

from nero_core.errors import BusyError, RelevanceError
from nero_core.explain.relevance_map import MINIMUM_FOR_UMAP, lay_out, nearest_images
from tests.umap_at_work import umap_at_work


def two_groups(images: int, dimensions: int = 7) -> Tensor:
    points = torch.randn(images, dimensions, generator=torch.Generator().manual_seed(3)).double()
    points[: images // 2, 0] += 25
    return points


def test_pca_keeps_the_variance_that_its_singular_values_say():
    points = two_groups(40)
    laid = lay_out(points, "pca")
    singular = torch.linalg.svdvals(points - points.mean(dim=0))
    torch.testing.assert_close(laid.coordinates.norm(dim=0), singular[:2])
    assert laid.explained == pytest.approx(float(singular[:2].square().sum() / singular.square().sum()))


def test_pca_keeps_all_distances_of_points_in_a_plane():
    plane = torch.randn(2, 9, generator=torch.Generator().manual_seed(0)).double()
    points = torch.randn(12, 2, generator=torch.Generator().manual_seed(1)).double() @ plane
    laid = lay_out(points, "pca")
    torch.testing.assert_close(torch.cdist(laid.coordinates, laid.coordinates), torch.cdist(points, points))
    assert laid.explained == pytest.approx(1)


@pytest.mark.parametrize("kind", ["pca", "umap"])
def test_a_second_map_is_the_same(kind: str):
    points = two_groups(24)
    assert torch.equal(lay_out(points, kind).coordinates, lay_out(points.clone(), kind).coordinates)  # type: ignore[arg-type]


def test_umap_leaves_the_number_of_threads_as_it_was():
    threads = torch.get_num_threads()
    laid = lay_out(two_groups(24), "umap")
    assert torch.get_num_threads() == threads
    laid.place(two_groups(24)[:1])
    assert torch.get_num_threads() == threads


def test_umap_tells_of_each_epoch_and_is_the_same_map():
    told: list[tuple[int, int]] = []
    points = two_groups(24)
    laid = lay_out(points, "umap", on_progress=lambda done, total: told.append((done, total)))
    epochs = [step for step in told if step[1]]
    assert told[0] == (0, 0)
    assert [done for done, _ in epochs] == list(range(epochs[-1][1] + 1))
    assert epochs[-1][1] >= 200
    assert torch.equal(laid.coordinates, lay_out(points, "umap").coordinates)


@pytest.mark.parametrize("at", [(0, 0), (3, 500)])
def test_what_on_progress_raises_ends_umap_and_the_next_map_is_made(at: tuple[int, int]):
    class EnoughError(Exception):
        pass

    last: list[tuple[int, int]] = []

    def enough(done: int, total: int) -> None:
        last.append((done, total))
        if (done, total) == at:
            raise EnoughError

    points = two_groups(24)
    with pytest.raises(EnoughError):
        lay_out(points, "umap", on_progress=enough)
    assert last[-1] == at
    assert lay_out(points, "umap").coordinates.isfinite().all()


def test_pca_places_an_image_where_it_lies():
    points = two_groups(20)
    laid = lay_out(points, "pca")
    torch.testing.assert_close(laid.place(points[4:6]), laid.coordinates[4:6])


def test_umap_keeps_groups_apart_and_places_an_image_in_its_own():
    points = two_groups(60)
    laid = lay_out(points, "umap")
    first, second = laid.coordinates[:30], laid.coordinates[30:]
    apart = (first.mean(dim=0) - second.mean(dim=0)).norm()
    assert apart > 2 * max((group - group.mean(dim=0)).norm(dim=1).max() for group in (first, second))
    placed = laid.place(points[3:4] + 0.1)[0]
    assert (placed - first.mean(dim=0)).norm() < (placed - second.mean(dim=0)).norm()
    assert math.isnan(laid.explained)


def test_who_has_patience_is_told_while_another_map_is_laid_out():
    points = two_groups(24)
    laid = lay_out(points, "umap")
    with umap_at_work():
        with pytest.raises(BusyError, match=r"Found another map that is being laid out.* Look again"):
            laid.place(points[:1], 0.01)
        assert lay_out(points, "pca").place(points[:1], 0.01).shape == (1, 2)
    assert torch.equal(laid.place(points[:1], 60.0), laid.place(points[:1]))


def test_umap_lays_out_the_fewest_images_that_it_may_equal_ones_and_one_dimension():
    for points in (two_groups(MINIMUM_FOR_UMAP), two_groups(30)[:, :1], two_groups(40)[[0] * 20 + list(range(20))]):
        laid = lay_out(points, "umap")
        assert laid.coordinates.isfinite().all()
        assert laid.place(points[:1]).shape == (1, 2)


def test_points_on_a_line_have_one_axis():
    laid = lay_out(torch.arange(6).double()[:, None] * torch.tensor([[3.0, 4.0]]).double(), "pca")
    assert laid.coordinates[:, 1].abs().max() < 1e-6
    torch.testing.assert_close(laid.coordinates[:, 0].diff().abs(), torch.full((5,), 5.0).double())


@pytest.mark.parametrize("kind", ["pca", "umap"])
def test_equal_vectors_are_a_sentence(kind: str):
    with pytest.raises(RelevanceError, match="9 equal vectors"):
        lay_out(torch.ones(9, 4), kind)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_vectors_that_are_not_finite_are_a_sentence(value: float):
    points = two_groups(9)
    points[2, 1] = value
    with pytest.raises(RelevanceError, match="Expected finite relevance"):
        lay_out(points, "pca")
    with pytest.raises(RelevanceError, match="Expected finite relevance"):
        lay_out(two_groups(9), "pca").place(points[2:3])
    with pytest.raises(RelevanceError, match="Expected finite relevance"):
        nearest_images(points[2], two_groups(9), 2)


def test_too_few_images_for_umap_are_a_sentence():
    with pytest.raises(RelevanceError, match=f"at least {MINIMUM_FOR_UMAP} ID images for UMAP. Found 4"):
        lay_out(two_groups(4), "umap")


def test_another_kind_is_a_sentence(shapes_unchecked: None):
    with pytest.raises(RelevanceError, match=r"pca or umap\. Found 'tsne'"):
        lay_out(two_groups(9), "tsne")  # type: ignore[arg-type]


def test_the_nearest_images_have_the_smallest_l1_distance():
    points = two_groups(15)
    rows, distances = nearest_images(points[7], points, 4)
    slow = sorted((sum(abs(a - b) for a, b in zip(points[7].tolist(), point.tolist(), strict=True)), row)
                  for row, point in enumerate(points))[:4]  # fmt: skip
    assert rows == tuple(row for _, row in slow)
    assert distances == pytest.approx([distance for distance, _ in slow])
    assert rows[0] == 7


def test_more_neighbours_than_images_are_all_images():
    assert len(nearest_images(two_groups(5)[0], two_groups(5), 99)[0]) == 5

"""The map on paper: the core of the points, the others hollow at the edge and counted, PCA at one scale."""

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from torch import Tensor

from nero_core.figures import relevance_map_figure
from nero_core.types import MapPlace, OodOnMap, RelevanceMap
from tests.nero_core.figures.figure_text import overlaps, plot, text_of

NAMES = ("normal-cecum", "normal-pylorus", "normal-z-line")


def laid(points: Tensor, kind: str = "pca") -> RelevanceMap:
    ids = tuple(str(index) for index in range(len(points)))
    return RelevanceMap(kind, points, torch.arange(len(points)) % 3, ids, 0.8)  # type: ignore[arg-type]


def cloud(far: int = 0) -> Tensor:
    points = torch.rand(300, 2, generator=torch.Generator().manual_seed(0)).double() * torch.tensor([4.0, 1.0])
    points[:far] = points[:far] * 1000 + 500
    return points


def hollow(figure: Figure) -> int:
    """Class marks that are white inside."""
    return sum(
        len(collection.get_offsets())
        for collection in plot(figure).collections
        if len(collection.get_facecolor()) and (collection.get_facecolor()[0][:3] == 1).all()
    )


def scale(figure: Figure) -> float:
    """Length of a unit upwards over that of a unit to the right."""
    axes, (width, height) = plot(figure), figure.get_size_inches()
    box = axes.get_position()
    across, up = np.ptp(axes.get_xlim()), np.ptp(axes.get_ylim())
    return float((box.height * height / up) / (box.width * width / across))


@pytest.mark.parametrize(("far", "words"), [(1, "1 image beyond, hollow"), (3, "3 images beyond, hollow")])
def test_points_far_out_stand_at_the_edge_hollow_and_squeeze_no_other(far: int, words: str):
    figure = relevance_map_figure(laid(cloud(far)), NAMES)
    low, high = plot(figure).get_xlim()
    assert -0.5 < low < 0.1 and 3.9 < high < 4.5
    places = np.concatenate([np.asarray(collection.get_offsets()) for collection in plot(figure).collections])
    assert len(places) == 300
    assert int((places[:, 0] == high).sum()) == hollow(figure) == far
    assert words in text_of(figure)
    assert "normal-cecum (100)" in text_of(figure)  # with those at the edge
    assert overlaps(figure) == []


def test_a_map_without_them_says_nothing_of_them():
    figure = relevance_map_figure(laid(cloud()), NAMES)
    assert hollow(figure) == 0
    assert "beyond" not in text_of(figure)


def test_pca_has_one_scale_and_umap_fills_its_plane():
    assert scale(relevance_map_figure(laid(cloud(3)), NAMES)) == pytest.approx(1)
    assert scale(relevance_map_figure(laid(cloud(3), "umap"), NAMES)) > 3


def test_this_image_far_out_stands_at_the_edge_too():
    figure = relevance_map_figure(laid(cloud(2)), NAMES, MapPlace(torch.tensor([9e5, 0.5]).double(), ("0",), (1.0,)))
    star = plot(figure).collections[-1].get_offsets()
    assert np.asarray(star)[0, 0] == plot(figure).get_xlim()[1]
    assert "this image beyond, 1 nearest ringed" in text_of(figure)
    assert overlaps(figure) == []


def test_ood_images_and_further_images_are_named_and_counted_and_those_far_out_stand_at_the_edge():
    ood = OodOnMap(
        torch.tensor([[1.0, 0.5], [2.0, 0.2], [9e5, 0.3]]).double(), torch.zeros(3, dtype=torch.int64), ("a",)
    )
    others = [MapPlace(torch.tensor([3.0, 0.1]).double(), (), ())]
    figure = relevance_map_figure(laid(cloud()), NAMES, None, ood, others)
    assert "OOD images (3), 1 beyond" in text_of(figure) and "other images (1)" in text_of(figure)
    places = [np.asarray(collection.get_offsets()) for collection in plot(figure).collections]
    assert places[-2][:, 0].tolist() == [1.0, 2.0, plot(figure).get_xlim()[1]]
    assert places[-1] == pytest.approx(np.array([[3.0, 0.1]]))
    assert overlaps(figure) == []


def test_points_that_are_all_alike_are_no_error():
    assert "PCA of 5" in text_of(relevance_map_figure(laid(torch.ones(5, 2).double()), NAMES))

"""Charts: the numbers behind the curves."""

from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from torch import Tensor

from nero_core.benchmark.records import BenchmarkResult
from nero_core.metrics import auroc
from nero_core.report.charts import STEPS, histogram_chart, roc_chart, roc_points


def test_the_area_under_the_points_is_the_auroc() -> None:
    generator = torch.Generator().manual_seed(0)
    id_scores = torch.randn(80, generator=generator, dtype=torch.float64).round(decimals=1)
    ood_scores = torch.randn(70, generator=generator, dtype=torch.float64).round(decimals=1) + 1
    points = roc_points(id_scores, ood_scores, steps=10_000)
    assert points[0] == (0.0, 0.0)
    assert points[-1] == (1.0, 1.0)
    x, y = torch.tensor(points, dtype=torch.float64).T
    assert float(torch.trapezoid(y, x)) == pytest.approx(auroc(id_scores, ood_scores))


def test_long_curves_are_thinned_and_keep_their_ends() -> None:
    points = roc_points(torch.arange(5000.0), torch.arange(5000.0) + 0.5, steps=50)
    assert 50 <= len(points) <= 101
    assert (points[0], points[-1]) == ((0.0, 0.0), (1.0, 1.0))
    assert points == sorted(points)


def few_ood() -> tuple[Tensor, Tensor]:
    """Two OOD images of three stand out from 20,000 ID images, the third is one of them: a jump, then a long line."""
    return torch.linspace(0, 1, 20_000, dtype=torch.float64), torch.tensor([2.0, 1.9, 0.5], dtype=torch.float64)


def sharp_corner() -> tuple[Tensor, Tensor]:
    """Nearly all OOD images are found before an ID image in a hundred is rejected."""
    generator = torch.Generator().manual_seed(0)
    id_scores = torch.randn(4000, generator=generator, dtype=torch.float64)
    return id_scores, 3 + 0.05 * torch.randn(400, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("scores", [few_ood(), sharp_corner()])
def test_thinning_moves_no_part_of_the_curve_by_more_than_it_says(scores: tuple[Tensor, Tensor]) -> None:
    x, y = np.array(roc_points(*scores, steps=1_000_000)).T
    drawn_x, drawn_y = np.array(roc_points(*scores)).T
    assert len(drawn_x) <= 2 * STEPS + 1
    # Turned by 45°, both are functions of the distance along the curve: the gap between them is the distance.
    gap = np.abs(np.interp(x + y, drawn_x + drawn_y, drawn_y - drawn_x) - (y - x)) / np.sqrt(2)
    assert gap.max() <= 1 / (np.sqrt(2) * STEPS)
    assert (np.unique(x)[1], y[x == 0].max()) == (1 / len(scores[0]), drawn_y[drawn_x == 0].max())


def test_charts_are_well_formed_pictures(result: BenchmarkResult) -> None:
    assert len(ElementTree.fromstring(roc_chart(result.methods)).findall(".//path[@data-m]")) == len(result.methods)
    for method in result.methods:
        assert len(ElementTree.fromstring(histogram_chart(method)).findall("path")) == 4


def test_equal_scores_and_far_outliers_can_be_drawn(result: BenchmarkResult) -> None:
    method = result.methods[0]
    flat = replace(method, id_scores=torch.zeros_like(method.id_scores), ood_scores=torch.zeros_like(method.ood_scores))
    far = replace(method, id_scores=torch.cat([method.id_scores[1:], torch.tensor([1e300], dtype=torch.float64)]))
    for changed in (flat, far):
        assert_drawn(histogram_chart(changed))


@pytest.mark.parametrize("score", [1e17, -1e17, 1.7e308, -1.7e308, 3.0])
def test_equal_scores_of_any_size_fall_into_one_bin(result: BenchmarkResult, score: float) -> None:
    method = result.methods[0]
    equal = [torch.full_like(values, score) for values in (method.id_scores, method.ood_scores)]
    picture = histogram_chart(replace(method, id_scores=equal[0], ood_scores=equal[1]))
    assert_drawn(picture)
    for bars in ElementTree.fromstring(picture).findall("path")[:2]:
        assert bars.attrib["d"].count("V0.0H") == 1


def test_scores_whose_range_overflows_can_be_drawn(result: BenchmarkResult) -> None:
    method = result.methods[0]
    wide = replace(
        method,
        id_scores=torch.full_like(method.id_scores, -1.7e308),
        ood_scores=torch.full_like(method.ood_scores, 1.7e308),
    )
    picture = histogram_chart(wide)
    assert_drawn(picture)
    id_bars, ood_bars = (bars.attrib["d"] for bars in ElementTree.fromstring(picture).findall("path")[:2])
    assert id_bars.startswith("M0 96V0.0H")
    assert ood_bars.endswith("V0.0H260.0V96Z")


def assert_drawn(picture: str) -> None:
    ElementTree.fromstring(picture)
    assert "nan" not in picture
    assert "inf" not in picture

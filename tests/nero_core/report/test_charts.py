"""Charts: the numbers behind the curves."""

from dataclasses import replace
from xml.etree import ElementTree

import pytest
import torch

from nero_core.benchmark.records import BenchmarkResult
from nero_core.metrics import auroc
from nero_core.report.charts import histogram_chart, roc_chart, roc_points


def test_the_area_under_the_points_is_the_auroc() -> None:
    generator = torch.Generator().manual_seed(0)
    id_scores = torch.randn(80, generator=generator, dtype=torch.float64).round(decimals=1)
    ood_scores = torch.randn(70, generator=generator, dtype=torch.float64).round(decimals=1) + 1
    points = roc_points(id_scores, ood_scores, most=10_000)
    assert points[0] == (0.0, 0.0)
    assert points[-1] == (1.0, 1.0)
    x, y = torch.tensor(points, dtype=torch.float64).T
    assert float(torch.trapezoid(y, x)) == pytest.approx(auroc(id_scores, ood_scores))


def test_long_curves_are_thinned_and_keep_their_ends() -> None:
    points = roc_points(torch.arange(5000.0), torch.arange(5000.0) + 0.5, most=100)
    assert len(points) == 100
    assert (points[0], points[-1]) == ((0.0, 0.0), (1.0, 1.0))
    assert points == sorted(points)


def test_charts_are_well_formed_pictures(result: BenchmarkResult) -> None:
    assert len(ElementTree.fromstring(roc_chart(result.methods)).findall(".//path[@data-m]")) == len(result.methods)
    for one in result.methods:
        assert len(ElementTree.fromstring(histogram_chart(one)).findall("path")) == 4


def test_equal_scores_and_far_outliers_can_be_drawn(result: BenchmarkResult) -> None:
    one = result.methods[0]
    flat = replace(one, id_scores=torch.zeros_like(one.id_scores), ood_scores=torch.zeros_like(one.ood_scores))
    far = replace(one, id_scores=torch.cat([one.id_scores[1:], torch.tensor([1e300], dtype=torch.float64)]))
    for changed in (flat, far):
        picture = histogram_chart(changed)
        ElementTree.fromstring(picture)
        assert "nan" not in picture
        assert "inf" not in picture

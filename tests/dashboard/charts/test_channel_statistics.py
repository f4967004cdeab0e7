"""The order of the grid and the tables, from made figures."""

from dataclasses import replace

import pytest
import torch

from dashboard.charts import image_pair, pair_order, relevance_by_class, statistics_order, statistics_table
from dashboard.charts.distribution import class_relevance_table
from dashboard.theme import DARK, ID, LIGHT, OOD
from nero_core.figures import relevance_domain
from nero_core.types import ChannelReferences, Channels, ChannelStatistics, ChannelSummary

NAN = float("nan")


@pytest.fixture
def statistics() -> ChannelStatistics:
    return ChannelStatistics(
        mean_relevance=torch.tensor([[0.1, 0.5, 0.0, 0.2], [0.3, 0.1, -0.1, 0.2]]).double(),
        selectivity=torch.tensor([0.2, 0.9, 0.4, 0.9]).double(),
        best_class=torch.tensor([1, 0, 0, 0]),
        ood_auroc=torch.tensor([0.4, NAN, 0.8, 0.5]).double(),
    )


@pytest.mark.parametrize(
    ("sort", "of_class", "expected"),
    [
        ("mean relevance", None, [1, 0, 3, 2]),
        ("class selectivity", None, [1, 3, 2, 0]),
        ("OOD separation", None, [2, 0, 3, 1]),
        ("channel", None, [0, 1, 2, 3]),
        ("mean relevance", 0, [1, 3, 2]),
        ("channel", 1, [0]),
    ],
)
def test_channels_are_sorted_and_filtered(
    statistics: ChannelStatistics, sort: str, of_class: int | None, expected: list[int]
):
    assert statistics_order(statistics, sort, of_class).tolist() == expected  # type: ignore[arg-type]


def test_this_image_sorts_by_the_contribution_of_its_distance(statistics: ChannelStatistics):
    here = Channels(torch.zeros(4), torch.zeros(2, 4), 0, torch.tensor([0.0, -1.0, 3.0, 2.0]))
    assert statistics_order(statistics, "this image", None, here).tolist() == [2, 3, 0, 1]
    assert statistics_order(statistics, "this image").tolist() == [0, 1, 2, 3]


def test_the_table_has_a_row_for_each_channel(statistics: ChannelStatistics):
    table = statistics_table(statistics, ("a", "b"), statistics_order(statistics, "mean relevance"))
    assert table["channel"] == [1, 0, 3, 2]
    assert table["class"] == ["a", "b", "a", "a"]
    assert table["mean relevance, b"] == pytest.approx([0.1, 0.3, 0.2, -0.1])


@pytest.fixture
def summary() -> ChannelSummary:
    none = ChannelReferences(4, "relevance", (), (), (), None)
    values = (torch.tensor([0.1, 0.2, 0.3]).double(), torch.tensor([-0.4]).double())
    return ChannelSummary(4, none, none, values, torch.tensor([1.0, -1.0]), ())


def test_the_distribution_has_a_row_a_class_and_marks_this_image(summary: ChannelSummary):
    domain = relevance_domain([summary], [0.7])
    assert domain[0] < -0.4 and domain[1] > 0.7
    for theme in (LIGHT, DARK):
        figure = relevance_by_class(summary, ("<b>a", "b"), theme, domain, here=0.7)
        assert [trace.name for trace in figure.data[:2]] == ["b", "&lt;b&gt;a"]
        assert figure.data[2].x == (0.7, 0.7)
        assert figure.layout.annotations[0].text == "<b>this image 0.700</b>"
    assert len(relevance_by_class(summary, ("a", "b"), LIGHT, domain).data) == 2


def test_ood_images_stand_below_the_classes_in_a_colour_of_their_own(summary: ChannelSummary):
    with_ood = replace(summary, ood_relevance=(torch.zeros(0).double(), torch.tensor([0.9, 0.8]).double()))
    domain = relevance_domain([with_ood])
    assert domain[1] > 0.9
    figure = relevance_by_class(with_ood, ("a", "b"), LIGHT, domain, ood_class_names=("none", "polyps"))
    assert [trace.name for trace in figure.data] == ["polyps", "b", "a"]
    assert [trace.marker.color for trace in figure.data] == [OOD, ID, ID]
    assert figure.layout.yaxis.ticktext == ("polyps, OOD (2)", "b (1)", "a (3)")
    table = class_relevance_table(with_ood, ("a", "b"), ("none", "polyps"))
    assert table["OOD"] == [False] * 4 + [True] * 2
    assert table["relevance"] == pytest.approx([0.1, 0.2, 0.3, -0.4, 0.9, 0.8])


def test_one_image_far_out_squeezes_no_other_and_is_counted_at_the_edge(summary: ChannelSummary):
    values = (torch.linspace(-0.1, 0.1, 150).double(), torch.tensor([*[0.05] * 149, 40.0, -30.0]).double())
    far = replace(summary, class_relevance=values)
    low, high = relevance_domain([far], [0.7])
    assert -0.2 < low < -0.09 and 0.7 < high < 0.8
    figure = relevance_by_class(far, ("a", "b"), LIGHT, (low, high), here=0.7)
    assert [note.text for note in figure.layout.annotations[1:]] == ["◂ 1 beyond", "1 beyond ▸"]


def test_the_table_of_a_channel_has_a_row_for_each_image(summary: ChannelSummary):
    assert class_relevance_table(summary, ("a", "b"))["class"] == ["a", "a", "a", "b"]


def test_two_images_are_compared_where_they_differ_most():
    first, second = (
        Channels(torch.tensor(values), torch.zeros(1, 3), 0, torch.zeros(3))
        for values in ([0.0, 0.5, 0.1], [0.2, -0.5, 0.1])
    )
    assert pair_order(first, second).tolist() == [1, 0, 2]
    assert pair_order(first, second, chosen=2).tolist() == [2, 1, 0]
    figure = image_pair(first, second, ("one", "two"), LIGHT, chosen=0)
    assert list(figure.data[0].x) == ["<b>0</b>", "1", "2"]
    assert list(figure.data[1].y) == pytest.approx([0.2, -0.5, 0.1])

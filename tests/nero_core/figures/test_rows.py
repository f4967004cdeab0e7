"""What lies beyond an axis is drawn apart and counted, in every figure that cuts its axis."""

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes

from nero_core.figures import channel_classes_figure, class_scores_figure, histogram_figure, score_domain
from nero_core.figures.rows import beyond, beyond_line
from nero_core.types import ChannelReferences, ChannelSummary, ReferenceScores
from tests.nero_core.figures.figure_text import overlaps, plot, text_of

NAMES, OOD_NAMES = ("normal-cecum", "normal-pylorus"), ("polyps",)
OOD = torch.linspace(2, 8, 100).double()
CALIBRATION = torch.linspace(0, 4, 300, dtype=torch.float64)
CALIBRATION[[10, 11, 200]] = torch.tensor([40.0, 50.0, 148.0]).double()
SCORES = ReferenceScores(
    "nero", CALIBRATION, torch.arange(300) % 2, OOD,
    torch.zeros(100, dtype=torch.int64), threshold=3.8, tpr=0.95,
)  # fmt: skip
NONE = ChannelReferences(3, "relevance", (), (), (), None)


def dots(axes: Axes) -> tuple[list[float], list[float]]:
    """Where filled dots stand, and where hollow triangles do."""
    filled: list[float] = []
    hollow: list[float] = []
    for collection in axes.collections:
        places = np.asarray(collection.get_offsets())[:, 0].tolist()
        (hollow if (collection.get_facecolor()[0][:3] == 1).all() else filled).extend(places)
    return filled, hollow


def test_scores_beyond_the_axis_are_in_no_bar_and_have_a_triangle_at_their_share():
    _, high = score_domain(SCORES, 1.0)
    figure = histogram_figure(SCORES, 1.0)
    heights = [patch.get_data().values.sum() for patch in plot(figure).patches]  # type: ignore[attr-defined]
    assert heights == pytest.approx([99.0, 98.0])  # 3 of 300 and 2 of 100 are in no bar
    marked = [line.get_xydata() for line in plot(figure).lines if line.get_marker() == ">"]
    np.testing.assert_allclose(np.concatenate(marked), [[high, 1.0], [high, 2.0]])
    assert "▷ beyond the axis: 3 of 300 ID, 2 of 100 OOD images, the farthest at 148" in text_of(figure)
    assert overlaps(figure) == []


def test_a_row_of_scores_has_a_dot_for_each_image_inside_and_a_triangle_for_each_beyond():
    _, high = score_domain(SCORES, 1.0)
    figure = class_scores_figure(SCORES, 1.0, NAMES, OOD_NAMES)
    filled, hollow = dots(plot(figure))
    known = np.concatenate([CALIBRATION, OOD])
    assert sorted(filled) == pytest.approx(sorted(known[known <= high].tolist()))
    assert hollow == [high] * 5
    assert "3 of 300 ID, 2 of 100 OOD images, the farthest at 148" in text_of(figure)
    assert overlaps(figure) == []


def test_a_channel_has_the_range_of_the_screen_and_counts_what_lies_beyond():
    classes = (torch.linspace(-0.1, 0.1, 150).double(), torch.tensor([*[0.05] * 149, 40.0, -30.0]).double())
    summary = ChannelSummary(3, NONE, NONE, classes, torch.zeros(2), ())
    figure = channel_classes_figure(summary, NAMES, 0.7)
    low, high = plot(figure).get_xlim()
    assert -0.2 < low < -0.09 and 0.7 < high < 0.8
    filled, hollow = dots(plot(figure))
    assert (len(filled), sorted(hollow)) == (299, pytest.approx([low, high]))
    assert "◁ ▷ beyond the axis: 2 of 301 images, the farthest at 40.0" in text_of(figure)
    assert overlaps(figure) == []
    compared = channel_classes_figure(summary, NAMES, 0.7, (-50.0, 50.0))
    assert plot(compared).get_xlim() == (-50, 50)
    assert "beyond" not in text_of(compared)


def test_a_channel_of_a_set_with_ood_images_has_a_row_for_each_of_their_classes():
    ood = (torch.tensor([0.5, 0.6]).double(), torch.zeros(0).double())
    classes = (torch.tensor([0.1, 0.2]).double(), torch.tensor([0.3]).double())
    summary = ChannelSummary(3, NONE, NONE, classes, torch.zeros(2), (), ood)
    figure = channel_classes_figure(summary, NAMES, 0.4, ood_class_names=("polyps", "none"))
    names = [text.get_text() for text in plot(figure).get_yticklabels()]
    assert names == [f"{NAMES[0]} (2)", f"{NAMES[1]} (1)", "polyps, OOD (2)"]
    assert plot(figure).get_xlim()[1] > 0.6
    assert overlaps(figure) == []


def test_nothing_beyond_is_not_said():
    assert beyond_line({"ID": np.array([0.0, 1.0])}, (0.0, 1.0)) == ""
    assert beyond_line({}, (0.0, 1.0)) == ""


def test_the_farthest_is_that_beyond_either_end():
    groups = {"ID": np.array([-9.0, 0.5]), "OOD": np.array([0.5, 3.0, 2.0])}
    line = beyond_line(groups, (0.0, 1.0))
    assert line == "◁ ▷ beyond the axis: 1 of 2 ID, 2 of 3 OOD images, the farthest at −9.00"
    assert beyond_line({"ID": np.array([-9.0])}, (0.0, 1.0)).startswith("◁ beyond")


def test_the_ends_of_an_axis_are_not_beyond_it():
    below, above = beyond(np.array([-1.0, 0.0, 0.5, 1.0, 1.1]), (0.0, 1.0))
    assert below.tolist() == [True, False, False, False, False]
    assert above.tolist() == [False, False, False, False, True]

from dataclasses import replace

import numpy as np
import pytest

from dashboard.charts import score_histogram, score_table, scores_by_class
from dashboard.theme import DARK, ID, LIGHT, OOD
from nero_core.types import ReferenceScores
from tests.dashboard.material import CLASSES

HOSTILE = '<a href="https://evil">x</a>%{x}'

OOD_CLASSES = ("polyps", "esophagitis")


def bars(figure):
    return [trace for trace in figure.data if trace.type == "bar"]


def test_each_group_adds_up_to_a_hundred_percent(reference: ReferenceScores):
    groups = bars(score_histogram(reference, 5.0, LIGHT))
    assert [round(float(np.sum(group.y)), 6) for group in groups] == [100, 100]
    assert [group.marker.color for group in groups] == [ID, OOD]


def test_groups_differ_by_pattern_too(reference: ReferenceScores):
    assert len({group.marker.pattern.shape for group in bars(score_histogram(reference, 5.0, LIGHT))}) == 2


def test_threshold_and_image_are_named_with_their_values(reference: ReferenceScores):
    texts = [note.text for note in score_histogram(reference, 5.0, LIGHT).layout.annotations]
    assert texts == ["threshold 3.80", "<b>this image 5.00</b>"]


@pytest.mark.parametrize("score", [-3.0, 0.0, 3.8, 7.0, 12.0, 500.0])
def test_the_image_is_always_inside_the_axis(reference: ReferenceScores, score: float):
    figure = score_histogram(reference, score, LIGHT)
    low, high = figure.layout.xaxis.range
    assert all(low <= place <= high for place in figure.data[-1].x)
    assert low < reference.threshold < high


def test_a_score_far_out_stands_at_the_edge_and_says_so(reference: ReferenceScores):
    figure = score_histogram(reference, 500.0, LIGHT)
    assert "beyond the scale" in figure.data[-1].hovertext
    assert figure.layout.annotations[-1].text.endswith("→")
    assert figure.layout.xaxis.range[1] < 50


def test_a_bundle_without_an_ood_bank_has_one_group(reference: ReferenceScores):
    assert len(bars(score_histogram(replace(reference, ood=None, ood_labels=None), 1.0, LIGHT))) == 1


def test_equal_scores_everywhere_do_not_break_the_axis(reference: ReferenceScores):
    flat = replace(reference, calibration=reference.calibration * 0, ood=None, ood_labels=None, threshold=0.0)
    assert score_histogram(flat, 0.0, LIGHT).data


def test_by_class_there_is_a_row_for_each_class(reference: ReferenceScores):
    figure = scores_by_class(reference, 5.0, DARK, CLASSES, OOD_CLASSES)
    rows = [trace for trace in figure.data if trace.type == "box"]
    assert [row.name for row in rows] == [*CLASSES, *OOD_CLASSES][::-1]
    assert sum(len(row.x) for row in rows) == 420
    assert list(figure.layout.yaxis.ticktext) == [*CLASSES, *OOD_CLASSES][::-1]


def test_axes_are_named(reference: ReferenceScores):
    layout = score_histogram(reference, 5.0, LIGHT).layout
    assert "higher = more unlike" in layout.xaxis.title.text
    assert "%" in layout.yaxis.title.text


def test_the_table_holds_every_score(reference: ReferenceScores):
    table = score_table(reference, CLASSES, OOD_CLASSES)
    assert {len(column) for column in table.values()} == {420}
    assert table["group"].count("OOD bank") == 120


def test_hostile_class_names_are_no_markup(reference: ReferenceScores):
    figure = scores_by_class(reference, 5.0, LIGHT, (HOSTILE,) * 3, (HOSTILE,) * 2)
    boxes = [trace for trace in figure.data if trace.type == "box"]
    drawn = [
        *figure.layout.yaxis.ticktext,
        *(box.name for box in boxes),
        *(text for box in boxes for text in box.hovertext),
    ]
    assert not any("<a" in text for text in drawn)
    assert all(trace.hovertemplate is None for trace in figure.data)


def test_by_class_says_true_scores(reference: ReferenceScores):
    assert reference.ood is not None
    figure = scores_by_class(replace(reference, ood=reference.ood + 500), 5.0, LIGHT, CLASSES, OOD_CLASSES)
    polyps = next(trace for trace in figure.data if trace.name == "polyps")
    assert np.min(polyps.x) >= 500
    assert all(float(text.rsplit(" ", 1)[1]) >= 500 for text in polyps.hovertext)


def test_a_dot_beyond_the_scale_stands_at_its_end_and_says_its_score(reference: ReferenceScores):
    assert reference.ood is not None
    ood = reference.ood.clone()
    ood[0] = 512.0
    figure = scores_by_class(replace(reference, ood=ood), 5.0, LIGHT, CLASSES, OOD_CLASSES)
    high = figure.layout.xaxis.range[1]
    assert high < 50
    box, far = (trace for trace in figure.data if trace.name == "polyps")
    assert np.max(box.x) == 512.0
    assert far.x[-1] == high
    assert [text for text in far.hovertext if "512" in text] == ["polyps, score 512, beyond the scale"]
    assert figure.data[-1].mode == "lines+markers"  # this image is drawn last, which the style relies on

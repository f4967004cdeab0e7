"""The plots of the lesson."""

import numpy as np

from dashboard import charts
from dashboard.charts.lesson import SHOWN
from dashboard.theme import ID, LIGHT


def test_a_marked_channel_is_shown_wherever_the_order_has_it():
    values = np.linspace(1, 0, 60)
    figure = charts.channel_bars(values, LIGHT, "activation", np.arange(60), marked=50)
    (bar,) = figure.data
    assert len(bar.x) == SHOWN
    assert bar.x[-1] == "50"
    assert bar.y[-1] == values[50]
    assert [place for place, colour in enumerate(bar.marker.color) if colour == ID] == [SHOWN - 1]
    assert list(bar.x[:3]) == ["0", "1", "2"]


def test_marks_stand_at_the_bars_they_belong_to_and_names_are_escaped():
    order = np.array([3, 1, 0, 2])
    figure = charts.channel_bars([1.0, 2, 3, 4], LIGHT, "u", order, means=[10, 20, 30, 40], means_name="<b>x</b>")
    bars, marks = figure.data
    assert list(bars.y) == [4, 2, 1, 3]
    assert list(marks.y) == [40, 20, 10, 30]
    assert marks.name == "&lt;b&gt;x&lt;/b&gt;"


def test_class_bars_write_the_number_of_each_class_under_its_name_whatever_its_sign():
    figure = charts.class_bars([3.0, -1.0, 2.0], ["a", "b<i>", "c"], LIGHT, "logit", 2, ["3.00", "−1.00", "2.00"])
    assert list(figure.data[0].x) == [3.0, -1.0, 2.0]
    assert list(figure.layout.yaxis.ticktext) == ["a<br><b>3.00</b>", "b&lt;i&gt;<br><b>−1.00</b>", "c<br><b>2.00</b>"]
    assert list(figure.layout.yaxis.tickvals) == list(figure.data[0].y)
    assert [colour == ID for colour in figure.data[0].marker.color] == [False, False, True]


def test_of_many_classes_those_next_to_the_marked_one_are_shown_and_long_names_are_whole_under_the_pointer():
    names = [f"a class with a very long name, number {place}" for place in range(1000)]
    figure = charts.class_bars(np.arange(1000.0), names, LIGHT, "logit", 500, [str(place) for place in range(1000)])
    assert list(figure.data[0].x) == list(np.arange(510.0, 490.0, -1))
    assert figure.data[0].marker.color[10] == ID
    assert figure.data[0].hovertext[10] == f"{names[500]}: 500"
    assert figure.layout.yaxis.ticktext[10] == "a class with a very l…<br><b>500</b>"
    assert figure.layout.height < 1200


def test_the_least_relevant_channels_are_the_first_and_no_channel_is_lost():
    features, relevance = np.array([5.0, -1, 2, 4]), np.array([0.3, -0.2, 0.1, -0.5])
    lowest, others = charts.least_relevant(features, relevance, 2, LIGHT).data
    assert list(lowest.y) == [4, 1]
    assert list(others.y) == [2, 5]
    assert "2 of least relevance" in lowest.name


def test_a_picture_to_drag_on_has_its_origin_at_the_top_left_and_its_aspect():
    figure = charts.drag_picture("data:image/png;base64,", (200, 100), (0.1, 0.2, 0.5, 0.95), LIGHT)
    assert figure.layout.dragmode == "select"
    assert tuple(figure.layout.yaxis.range) == (1, 0)
    assert figure.layout.yaxis.scaleratio == 0.5
    (shape,) = figure.layout.shapes
    assert (shape.x0, shape.x1, shape.y0, shape.y1) == (0.1, 0.6, 0.2, 1.0)


def test_no_rectangle_is_drawn_without_a_size():
    assert not charts.drag_picture("data:,", (10, 10), (0.1, 0.2, 0.0, 0.5), LIGHT).layout.shapes

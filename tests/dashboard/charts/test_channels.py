import numpy as np
import pytest

from dashboard.charts import TOP, Sort, channel_order, channel_plot, channel_table
from dashboard.theme import DARK, LIGHT
from nero_core.types import Channels
from tests.dashboard.material import CLASSES

HOSTILE = '<a href="https://evil">x</a>%{x}'


def test_every_channel_is_in_the_plot(channels: Channels):
    bar = channel_plot(channels, CLASSES, LIGHT).data[0]
    assert sorted(bar.customdata) == list(range(512))
    assert bar.marker.color == LIGHT.text
    assert np.allclose(bar.y, channels.relevance[np.array(bar.customdata)])


@pytest.mark.parametrize("sort", ["contribution", "relevance", "channel"])
def test_the_order_is_what_was_asked_for(channels: Channels, sort: Sort):
    order = channel_order(channels, sort)
    values = {"contribution": channels.contribution, "relevance": channels.relevance, "channel": -np.arange(512)}[sort]
    assert (np.diff(np.asarray(values)[order]) <= 0).all()


def test_the_first_view_spans_the_top_channels_and_all_on_request(channels: Channels):
    assert channel_plot(channels, CLASSES, LIGHT).layout.xaxis.range[1] < TOP
    assert channel_plot(channels, CLASSES, LIGHT, top=None).layout.xaxis.range[1] > 511
    assert channel_plot(channels, CLASSES, LIGHT, sort="channel").layout.xaxis.range[1] > 511


def test_marks_are_the_nearest_centroid_and_the_classes_chosen(channels: Channels):
    figure = channel_plot(channels, CLASSES, DARK, others=[0, 1])
    names = [trace.name for trace in figure.data]
    assert names == ["this image", "normal-pylorus, mean (nearest class)", "normal-cecum, mean"]
    assert figure.data[1].marker.color == DARK.centroid
    assert np.allclose(figure.data[1].y, channels.centroid[channel_order(channels, "contribution")])


def test_hover_says_the_number_in_words(channels: Channels):
    text = channel_plot(channels, CLASSES, LIGHT).data[0].hovertext[0].replace("<br>", " ")
    assert text.startswith(f"Channel {channel_order(channels, 'contribution')[0]}: relevance ")
    assert "on average in normal-pylorus" in text
    assert "to the distance" in text


def test_named_channels_are_written_where_they_stand(channels: Channels):
    figure = channel_plot(channels, CLASSES, LIGHT, sort="channel", named=[10, 200, 201])
    assert [note.text for note in figure.layout.annotations] == ["10", "200"]


def test_the_chosen_channel_is_marked(channels: Channels):
    shape = channel_plot(channels, CLASSES, LIGHT, sort="channel", chosen=7).layout.shapes[-1]
    assert (shape.x0, shape.x1) == (6.5, 7.5)


def test_a_small_model_has_fewer_channels_than_the_first_view(channels: Channels):
    small = Channels(channels.relevance[:8], channels.centroids[:, :8], 0, channels.contribution[:8])
    assert len(channel_plot(small, CLASSES, LIGHT, named=[0, 1]).data[0].x) == 8


def test_the_table_holds_every_number(channels: Channels):
    table = channel_table(channels, CLASSES)
    assert sum(table["contribution to the distance"]) == pytest.approx(float(channels.contribution.sum()))
    assert [f"mean of {name}" for name in CLASSES] == list(table)[3:]


def test_hostile_class_names_are_no_markup(channels: Channels):
    figure = channel_plot(channels, (HOSTILE,) * 3, LIGHT, others=[0])
    drawn = [trace.name for trace in figure.data] + list(figure.data[0].hovertext)
    assert not any("<a" in text for text in drawn)
    assert "&lt;a href" in drawn[1]
    assert all(trace.hovertemplate is None for trace in figure.data)

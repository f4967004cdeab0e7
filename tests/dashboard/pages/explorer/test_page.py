"""The page over the tiny bundle, without a browser."""

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest

from dashboard import resources, words
from nero_core import Explorer, Inspector
from nero_core.data.folders import file_digest
from nero_core.errors import RelevanceError
from nero_core.types import Channels, ConceptDepth, ImageBatch, RelevanceMap
from tests.dashboard.material import html, until

Start = Callable[..., AppTest]
NEURONS = 512


@pytest.fixture
def explorer(app: Start) -> Start:
    """Opens the page with query parameters."""

    return partial(app, "explorer")


def no_traceback(running: AppTest) -> None:
    assert not running.exception
    assert not any("not foreseen" in str(error.value) for error in running.error)


def headings(running: AppTest) -> list[str]:
    return [heading.value.replace("\\", "") for heading in running.subheader]


def tiles(running: AppTest) -> list[dict[str, object]]:
    """What the grid's component was given."""
    (grid,) = [
        element for element in running.get("bidi_component") if element.proto.component_name == "nero_channel_grid"
    ]
    cells: list[dict[str, object]] = json.loads(grid.proto.json)["tiles"]
    return cells


def test_without_an_image_the_page_works_and_says_what_one_would_add(explorer: Start):
    running = explorer()
    no_traceback(running)
    assert any("Choose an image to see it marked" in text.value for text in running.markdown)
    cells = tiles(running)
    assert len(cells) == 48
    assert not any("this image" in str(tile) for tile in cells)
    assert "this image" not in running.selectbox(key="grid_sort").options


def test_tiles_come_in_the_order_that_was_asked_for(explorer: Start):
    running = explorer(grid_sort="class selectivity")
    shown = [float(str({f[0]: f[1] for f in tile["facts"]}["selectivity"])) for tile in tiles(running)]  # type: ignore[attr-defined]
    assert shown == sorted(shown, reverse=True)
    running.selectbox(key="grid_sort").select("channel").run()
    assert [tile["channel"] for tile in tiles(running)] == list(range(48))
    running.button(key="grid_next").click().run()
    assert [tile["channel"] for tile in tiles(running)] == list(range(48, 96))


def test_a_class_leaves_its_own_channels_and_begins_at_their_first_page(explorer: Start):
    running = explorer(grid_sort="channel", grid_page="9")
    assert tiles(running)[0]["channel"] == 8 * 48
    running.selectbox(key="grid_class").select("normal-z-line").run()
    no_traceback(running)
    assert {tile["class"] for tile in tiles(running)} == {"normal-z-line"}
    assert running.number_input(key="grid_page").value == 1


def test_a_link_opens_a_channel_with_the_image_marked(explorer: Start):
    running = explorer(channel="417", sample="polyps")
    no_traceback(running)
    assert not running.error
    assert headings(running) == [
        "Channel 417",
        "In polyps.jpg",
        "Reference images",
        "How much each class uses this channel",
        "Channels used together with it",
        "One layer down",
    ]
    page = html(running)
    assert page.count("<img") == page.count("alt=")
    assert page.count("passes on") == 5
    assert "receptive-field crop" in page
    assert running.query_params["channel"] in ("417", ["417"])


def test_without_an_image_a_channel_shows_the_reference_set_alone(explorer: Start):
    running = explorer(channel="3")
    no_traceback(running)
    assert "In polyps.jpg" not in headings(running)
    assert any("Choose an image that uses the channel" in caption.value for caption in running.caption)


def test_a_co_used_channel_opens_and_all_channels_come_back(explorer: Start):
    running = explorer(channel="417")
    link = next(button for button in running.button if (button.key or "").startswith("together_417_"))
    other = str(link.key).rsplit("_", 1)[1]
    link.click().run()
    no_traceback(running)
    assert headings(running)[0] == f"Channel {other}"
    assert running.query_params["channel"] in (other, [other])
    next(button for button in running.button if button.label == "All channels").click().run()
    assert len(tiles(running)) == 48
    assert "channel" not in running.query_params


def test_two_channels_share_one_scale(explorer: Start):
    running = explorer(channel="3", other="9", sample="polyps")
    no_traceback(running)
    assert headings(running)[:2] == ["Channel 3", "Channel 9"]
    charts = [json.loads(chart.proto.spec) for chart in running.get("plotly_chart")]
    assert len(charts) == 2
    assert charts[0]["layout"]["xaxis"]["range"] == charts[1]["layout"]["xaxis"]["range"]


def test_a_channel_beside_itself_is_a_sentence(explorer: Start):
    running = explorer(channel="3", other="3")
    no_traceback(running)
    assert "cannot be compared with itself" in running.info[0].value


@pytest.mark.parametrize("channel", ["99999", "512", "abc", "-1", "1e3", "٣", "<b>"])
def test_a_channel_that_does_not_exist_is_a_sentence_and_the_grid_stands(explorer: Start, channel: str):
    running = explorer(channel=channel)
    no_traceback(running)
    assert f"Expected a number from 0 to {NEURONS - 1}" in running.warning[0].value
    assert "<b>" not in running.warning[0].value
    assert len(tiles(running)) == 48


def test_the_map_holds_every_reference_image_and_marks_this_one(explorer: Start):
    running = explorer(look="image map", sample="polyps")
    no_traceback(running)
    (component,) = [
        element for element in running.get("bidi_component") if element.proto.component_name == "nero_image_map"
    ]
    drawn = json.loads(component.proto.json)
    assert len(drawn["points"]) == len(drawn["classes"]) == len(drawn["ids"]) == drawn["pictures"]
    assert len(drawn["nearest"]) == 8
    assert drawn["here"] is not None
    assert drawn["sheet"].startswith("data:image/webp")
    assert any("nearest to polyps" in text.value.replace("\\", "") for text in running.markdown)


def test_a_map_that_failed_can_be_tried_again(explorer: Start, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object) -> RelevanceMap:
        raise ValueError("?")

    with monkeypatch.context() as broken:
        broken.setattr("nero_core.Explorer.relevance_map", fail)
        running = explorer(look="image map")
        assert "not foreseen" in running.error[0].value
        by_umap = explorer(look="image map", map="UMAP")
        until(by_umap, lambda: len(by_umap.error) > 0)
        assert "written to its log" in by_umap.error[0].value
        assert by_umap.button(key="again_map").label == "Begin again"
    running.run()
    assert not running.error
    assert "nero_image_map" in [element.proto.component_name for element in running.get("bidi_component")]


def test_a_channel_that_cannot_be_traced_is_a_sentence_in_its_column(explorer: Start, monkeypatch: pytest.MonkeyPatch):
    original = Explorer.concept

    def fail(self: Explorer, batch: ImageBatch, channel: int) -> ConceptDepth:
        if channel == 9:
            raise RelevanceError("Expected finite relevance. Found NaN.")
        return original(self, batch, channel)

    monkeypatch.setattr("nero_core.Explorer.concept", fail)
    running = explorer(channel="3", other="9", sample="polyps")
    no_traceback(running)
    assert [error.value.replace("\\", "") for error in running.error] == ["Expected finite relevance. Found NaN."]
    assert any(caption.value.startswith("Expected finite") for caption in running.caption)
    assert not any("does not use channel 9" in caption.value for caption in running.caption)


def test_tiles_sorted_by_this_image_show_what_they_add_to_the_distance(explorer: Start):
    running = explorer(grid_sort="this image", sample="polyps")
    facts = [{fact[0]: fact[1] for fact in tile["facts"]} for tile in tiles(running)]  # type: ignore[attr-defined]
    shown = [float(fact["adds to distance"]) for fact in facts]
    assert shown == sorted(shown, reverse=True)
    running.selectbox(key="grid_sort").select("channel").run()
    assert "this image" in str(tiles(running)[0])


def test_links_to_other_pages_take_along_what_is_chosen(app: Start, wide_bundle: Path):
    running = app(sample="polyps", bundle=wide_bundle.name, accept="92", method="mahalanobis")
    running.run()
    links = [link.proto.query_string for link in running.get("page_link")]
    assert len(links) > 4
    for link in links[:6]:
        assert {"sample=polyps", "accept=92", "method=mahalanobis", f"bundle={wide_bundle.name}"} <= {*link.split("&")}


def test_two_images_stand_side_by_side_and_a_reference_image_may_be_one(explorer: Start):
    running = explorer(look="two images", sample="polyps", second="sample normal-cecum")
    no_traceback(running)
    assert [caption.value for caption in running.caption].count(words.SYNTHETIC) == 2
    assert headings(running)[:2] == ["polyps.jpg", "normal-cecum.jpg"]
    captions = [
        caption.value
        for caption in running.caption
        if caption.value.startswith(("Check: ", "Beware: ", "Nothing to show"))
    ]
    assert len(captions) == 2  # under each heatmap
    box = running.selectbox(key="second_image")
    reference = next(option for option in box.options if option.startswith("Reference 1"))
    box.select_index(box.options.index(reference)).run()
    no_traceback(running)
    assert any("its numbers are those of the fit bank" in caption.value for caption in running.caption)
    assert "reference" in str(running.query_params["second"])


def test_the_small_picture_of_a_reference_image_does_not_stand_for_the_file(
    explorer: Start, wide_bundle: Path, phantoms: Path
):
    model = resources.inspector(wide_bundle)
    file = next(path for path in sorted((phantoms / "id").rglob("*.jpg")) if file_digest(path) in model.bundle.fit.ids)
    running = explorer(look="two images", sample="polyps", second=f"reference {file_digest(file)}")
    assert any("its numbers are those of the fit bank" in caption.value for caption in running.caption)
    uploaded = resources.source("upload", file.name, file.read_bytes())
    score = resources.detection(model, uploaded, "nero", 0.9).score
    assert torch.equal(score, model.detect(model.decode([file]))["nero"].score)


def test_a_second_image_that_is_not_here_is_a_sentence(explorer: Start):
    running = explorer(look="two images", sample="polyps", second="sample ../../etc/passwd")
    no_traceback(running)
    assert "second image that is not here" in running.warning[0].value


def test_an_image_without_finite_relevance_is_a_sentence_and_the_rest_stands(
    explorer: Start, monkeypatch: pytest.MonkeyPatch
):
    def fail(*_: object) -> Channels:
        raise RelevanceError("Expected finite relevance. Found NaN.")

    monkeypatch.setattr("nero_core.Inspector.channels", fail)
    running = explorer(sample="polyps")
    no_traceback(running)
    assert running.error[0].value.startswith("Expected finite relevance")
    assert len(tiles(running)) == 48
    for query in ({"channel": "3"}, {"look": "image map"}):
        running = explorer(sample="polyps", **query)
        no_traceback(running)
        assert running.error[0].value.startswith("Expected finite relevance")
    assert "Map by" in [control.label for control in running.segmented_control]


def test_an_image_whose_relevance_is_all_zero_is_a_sentence(explorer: Start, monkeypatch: pytest.MonkeyPatch):
    original = Inspector.channels

    def nothing(self: Inspector, *arguments: object) -> Channels:
        channels = original(self, *arguments)  # type: ignore[arg-type]
        return Channels(
            torch.zeros_like(channels.relevance), channels.centroids, channels.nearest, channels.contribution
        )

    monkeypatch.setattr("nero_core.Inspector.channels", nothing)
    running = explorer(channel="3", sample="polyps")
    no_traceback(running)
    assert any("is 0 in every channel" in info.value for info in running.info)
    assert "Reference images" in headings(running)


def test_missing_pictures_leave_everything_else(
    explorer: Start, wide_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    other = tmp_path / "bare"
    shutil.copytree(wide_bundle, other)
    card = json.loads((other / "bundle.json").read_text())
    card["files"] = {name: digest for name, digest in card["files"].items() if not name.startswith("thumbnails")}
    shutil.rmtree(other / "thumbnails")
    (other / "bundle.json").write_text(json.dumps(card))
    monkeypatch.setenv("NERO_BUNDLE", str(other))
    running = explorer(bundle="bare")
    no_traceback(running)
    assert all(picture["uri"] == "" for tile in tiles(running) for picture in tile["pictures"])  # type: ignore[attr-defined]
    running = explorer(bundle="bare", channel="3")
    no_traceback(running)
    running = explorer(bundle="bare", look="image map")
    no_traceback(running)

"""Every plot and panel can be saved for a paper; nothing is drawn before somebody asks."""

import hashlib
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.testing.v1 import AppTest

from dashboard import words
from dashboard.components import figure_download
from nero_core import COMPOSITES, BenchmarkResult
from tests.dashboard.material import png, until

Start = Callable[..., AppTest]
Offered = dict[str, Callable[[], bytes]]

STARTS = {"svg": b"<?xml", "pdf": b"%PDF-", "png": b"\x89PNG"}


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> Offered:
    """What the page offers to draw, by file name."""
    figures: Offered = {}
    plain = MediaFileManager.add_deferred

    def keep(
        self: MediaFileManager, make: Callable[[], bytes], mimetype: str | None, coordinates: str, **kind: str
    ) -> str:
        figures[kind["file_name"]] = make
        return plain(self, make, mimetype, coordinates, **kind)

    monkeypatch.setattr(MediaFileManager, "add_deferred", keep)
    return figures


def names(*stems: str) -> set[str]:
    return {f"{stem}.{form}" for stem in stems for form in STARTS}


@pytest.fixture
def digits(sample_folder: Path) -> str:
    """By which a figure of the sample can be matched with it."""
    return hashlib.sha256((sample_folder / "polyps.jpg").read_bytes()).hexdigest()[:8]


def ending(digits: str, *stems: str) -> list[str]:
    """Stems of figures of that image."""
    return [f"{stem}-{digits}" for stem in stems]


def test_every_panel_of_the_screen_page_can_be_saved_in_three_formats(app: Start, offered: Offered, digits: str):
    running = app(sample="polyps", view="heatmap", method="nero")
    assert not running.exception
    expected = names(*ending(digits, "figure-sheet", "heatmap", "nero-scores", "channels", "concepts"))
    assert expected <= offered.keys()
    for name in expected:
        if name.endswith("svg") or name.startswith("nero"):
            assert offered[name]().startswith(STARTS[name[-3:]])


@pytest.mark.parametrize(("view", "saved"), [("image", "image"), ("evidence", "evidence")])
def test_the_panel_that_is_shown_is_the_one_that_is_saved(
    app: Start, offered: Offered, digits: str, view: str, saved: str
):
    app(sample="polyps", view=view)
    assert names(*ending(digits, saved)) <= offered.keys()
    assert not any(name.startswith("heatmap") for name in offered)
    assert offered[f"{saved}-{digits}.pdf"]().startswith(b"%PDF-")


def test_the_saved_plot_is_the_one_on_the_screen(app: Start, offered: Offered, digits: str):
    app(sample="polyps", method="nero", by_class="true", span="true", sort="channel")
    text = "".join(ElementTree.fromstring(offered[f"nero-scores-by-class-{digits}.svg"]()).itertext())
    assert "normal-cecum (" in text
    text = "".join(ElementTree.fromstring(offered[f"channels-{digits}.svg"]()).itertext())
    assert "feature channel: all 512, by number" in text


def text_of(offered: Offered, name: str) -> str:
    """The words of a figure that the page offers."""
    return "".join(ElementTree.fromstring(offered[name]()).itertext())


def on(page: str, app: Start, **query: str) -> AppTest:
    running = app(page, **query)
    assert not running.exception
    return running


def test_the_sheet_is_made_by_the_composite_that_is_chosen_and_says_that_the_set_is_drawn(
    app: Start, offered: Offered, digits: str
):
    running = app(sample="polyps", view="heatmap")
    usual, chosen = (COMPOSITES[name].title for name in ("epsilon_plus", "epsilon_gamma_box"))
    before = " ".join(text_of(offered, f"figure-sheet-{digits}.svg").split())
    assert words.SYNTHETIC in before
    assert usual in before
    assert chosen not in before
    assert any(f"traced by {usual}, whichever composite" in caption.value for caption in running.caption)
    running.selectbox(key="composite").select("epsilon_gamma_box").run()
    assert not running.exception
    assert chosen in " ".join(text_of(offered, f"figure-sheet-{digits}.svg").split())
    running.segmented_control(key="view").set_value("image").run()
    assert chosen in " ".join(text_of(offered, f"figure-sheet-{digits}.svg").split())


def test_the_closer_looks_of_the_screen_page_can_be_saved(app: Start, offered: Offered, digits: str):
    running = app(sample="polyps", view="heatmap", channel="7", whatif="true")
    running.toggle(key="faithfulness").set_value(True).run()
    until(running, lambda: f"faithfulness-{digits}.svg" in offered)
    stems = ending(digits, "faithfulness", "mean-relevance", "channel-7", "what-if-scores", "scores-as-set")
    assert names(*stems) <= offered.keys()
    assert "random orders, gain 0" in text_of(offered, f"faithfulness-{digits}.svg")
    means = text_of(offered, f"mean-relevance-{digits}.svg")
    assert all(strip in means for strip in ("ID, mean of", "OOD, mean of", "this image"))
    assert "channel 7" in text_of(offered, f"channel-7-{digits}.svg").lower()


def test_what_if_saves_the_histogram_of_each_setting(app: Start, offered: Offered, digits: str):
    running = app(sample="polyps", whatif="true")
    as_set = offered[f"scores-as-set-{digits}.svg"]()
    assert offered[f"what-if-scores-{digits}.svg"]() == as_set  # nothing is set otherwise yet
    running.slider(key="whatif_k").set_value(20).run()
    assert offered[f"scores-as-set-{digits}.svg"]() == as_set
    assert offered[f"what-if-scores-{digits}.svg"]() != as_set


def test_the_plots_of_the_explorer_can_be_saved(app: Start, offered: Offered, digits: str):
    on("explorer", app, look="image map", sample="polyps")
    assert "this image, 8 nearest ringed" in text_of(offered, f"map-by-pca-{digits}.svg")
    assert text_of(offered, f"nearest-reference-images-{digits}.svg").count("distance") == 8
    on("explorer", app, channel="5", other="6", sample="polyps")
    for channel in (5, 6):  # each draws its own
        assert f"relevance of channel {channel} (" in text_of(offered, f"channel-{channel}-by-class-{digits}.svg")


def test_the_channels_of_a_perturbed_image_can_be_saved(app: Start, offered: Offered, digits: str):
    running = on("learn", app, sample="polyps", part="Perturb and watch")
    before = offered[f"perturbed-channels-{digits}.svg"]()
    running.slider(key="perturb_blur").set_value(3.0).run()
    assert not running.exception
    assert offered[f"perturbed-channels-{digits}.svg"]() != before


@pytest.mark.parametrize(
    ("step", "saved", "told"),
    [
        ("features", "lesson-features", ["activation", "24 of 512, strongest first"]),
        ("logits", "lesson-logits", ["normal-cecum", "logit (probability in brackets)"]),
        ("relevance", "lesson-relevance", ["the setting of this reference set", "largest |relevance| first"]),
        ("centroid", "lesson-centroid", ["largest difference first", ", mean"]),
        ("distance", "lesson-distance", ["normal-z-line", "distance to the centroid"]),
        ("scale", "lesson-scale", ["of least relevance: ρ = ", "all 512"]),
        ("verdict", "lesson-scores", ["calibration, ID", "this image"]),
    ],
)
def test_the_plot_of_each_step_of_the_lesson_can_be_saved(
    app: Start, offered: Offered, step: str, saved: str, told: list[str], digits: str
):
    on("learn", app, step=step, sample="polyps")
    assert offered.keys() == names(f"{saved}-{digits}")
    text = text_of(offered, f"{saved}-{digits}.svg")
    assert [phrase for phrase in told if phrase not in text] == []


def test_the_plot_of_a_step_that_is_saved_is_the_one_that_the_control_has_made(
    app: Start, offered: Offered, digits: str
):
    running = on("learn", app, step="scale", sample="polyps")
    before = text_of(offered, f"lesson-scale-{digits}.svg")
    running.slider(key="lesson_k").set_value(20).run()
    after = text_of(offered, f"lesson-scale-{digits}.svg")
    assert "the 20 of least relevance" in after and before != after
    scale = running.get("latex")[0].value.rsplit("= ", 1)[1].strip("$ \n")
    assert f"ρ = {scale} of the activity" in after  # as the formula has it


def test_every_panel_of_a_channels_page_can_be_saved(app: Start, offered: Offered, digits: str):
    on("explorer", app, channel="417", sample="polyps")
    assert offered.keys() == names(
        "channel-417-reference-images", "channel-417-head-weights", "channels-used-together-with-417",
        *ending(digits, "channel-417-in-the-image", "channel-417-by-class", "channels-that-feed-channel-417"),
    )  # fmt: skip
    assert "receptive-field crop" in text_of(offered, f"channel-417-in-the-image-{digits}.svg")
    references = text_of(offered, "channel-417-reference-images.svg")
    captions = ("by relevance (RelMax)", "by activation (ActMax)", "where the channel lies in it")
    assert [caption for caption in captions if caption not in references] == []
    assert "head weight of channel 417" in text_of(offered, "channel-417-head-weights.svg")
    assert "correlation r with the relevance of channel 417" in text_of(offered, "channels-used-together-with-417.svg")
    assert text_of(offered, f"channels-that-feed-channel-417-{digits}.svg").count("passes on") == 5


def test_two_channels_are_saved_on_one_figure_and_their_plots_one_by_one(app: Start, offered: Offered, digits: str):
    on("explorer", app, channel="5", other="6", sample="polyps")
    both = text_of(offered, f"channels-that-feed-channel-5-and-6-{digits}.svg")
    assert "relevance of channel 5" in both and "relevance of channel 6" in both
    assert names("channel-5-head-weights", "channel-6-head-weights") <= offered.keys()
    assert names("channels-used-together-with-5", "channels-used-together-with-6") <= offered.keys()


def test_without_an_image_a_channels_page_offers_what_it_shows(app: Start, offered: Offered):
    on("explorer", app, channel="5")
    assert offered.keys() == names(
        "channel-5-reference-images", "channel-5-by-class", "channel-5-head-weights", "channels-used-together-with-5"
    )


def test_the_tiles_that_are_shown_can_be_saved_with_the_figure_that_sorts_them(app: Start, offered: Offered):
    running = on("explorer", app, grid_sort="class selectivity")
    text = text_of(offered, "channels-by-class-selectivity.svg")
    assert text.count("selectivity 0.") == 48
    running.selectbox(key="grid_sort").select("channel").run()
    text = text_of(offered, "channels-by-channel.svg")
    assert text.count("mean relevance") == 48 + 1  # each tile and the sentence at the end


def test_two_images_can_be_saved_side_by_side_and_channel_by_channel(app: Start, offered: Offered):
    on("explorer", app, look="two images", sample="polyps", second="sample normal-cecum")
    (panels,) = [name for name in offered if re.fullmatch(r"two-images-channel-\d+\.svg", name)]
    channel = panels.removesuffix(".svg").rsplit("-", 1)[1]
    text = text_of(offered, panels)
    assert f"right channel {channel} on it" in text and "First image: polyps.jpg" in text
    assert text.count(f"Channel {channel}: relevance") == 2
    assert f"{channel} in bold" in text_of(offered, "two-images-by-channel.svg")


def test_the_verdict_and_the_missing_evidence_can_be_saved(app: Start, offered: Offered, digits: str):
    on_screen = app(sample="polyps", view="evidence", method="nero")
    assert not on_screen.exception
    assert "× scale" in text_of(offered, f"nero-verdict-{digits}.svg")
    text = " ".join(text_of(offered, f"missing-evidence-and-counter-evidence-{digits}.svg").split())
    assert "less relevance in this image than normal-" in text and "adds 0." in text
    assert " here, " in text and " in the class" in text


def test_where_relevance_goes_can_be_saved_once_it_is_open(app: Start, offered: Offered, digits: str):
    running = app(sample="polyps", view="heatmap", composite="epsilon_plus")
    assert f"where-relevance-goes-{digits}.svg" not in offered
    running.session_state["where_relevance_goes"] = True
    running.run()
    assert not running.exception
    text = text_of(offered, f"where-relevance-goes-{digits}.svg")
    assert "layer4" in text and "pixels" in text and "Where the relevance of normal-" in text


def test_both_pictures_of_a_perturbed_image_can_be_saved_and_say_what_was_done(
    app: Start, offered: Offered, digits: str
):
    running = on("learn", app, sample="polyps", part="Perturb and watch")
    assert "Nothing was changed." in text_of(offered, f"perturbed-image-{digits}.svg")
    running.slider(key="perturb_blur").set_value(3.0).run()
    assert "Blur 3.0" in text_of(offered, f"perturbed-image-{digits}.svg")
    assert "Heatmap of" not in text_of(offered, f"perturbed-image-{digits}.svg")
    running.toggle(key="perturbed_map").set_value(True).run()
    assert not running.exception
    assert "Heatmap of" in text_of(offered, f"perturbed-image-{digits}.svg")


def test_nothing_is_drawn_before_somebody_asks(
    app: Start, offered: Offered, digits: str, monkeypatch: pytest.MonkeyPatch
):
    drawn: list[str] = []
    monkeypatch.setattr(figure_download, "figure_bytes", lambda *_: drawn.append("figure") or b"")
    app(sample="polyps")
    assert drawn == []
    offered[f"channels-{digits}.png"]()
    assert drawn == ["figure"]


def test_the_name_of_an_uploaded_file_is_in_no_file_and_no_file_name(app: Start, offered: Offered):
    running = app()
    running.file_uploader(key="files").set_value([("patient_smith.png", png(), "image/png")])
    running.run()
    assert not running.exception
    own = hashlib.sha256(png()).hexdigest()[:8]
    assert f"figure-sheet-{own}.svg" in offered
    assert not any("smith" in name for name in offered)
    assert b"smith" not in offered[f"figure-sheet-{own}.svg"]()
    assert b"smith" not in offered[f"image-{own}.svg"]()
    for query in ({"look": "two images", "second": "sample normal-cecum"}, {"channel": "5"}):
        offered.clear()
        for name, value in query.items():
            running.query_params[name] = value
        running.switch_page("pages/explorer/page.py").run()
        assert not running.exception
        assert any(name.startswith(("two-images", "channel-5-in-the-image")) for name in offered)
        assert not any("smith" in name or b"smith" in make() for name, make in offered.items() if "svg" in name)


@pytest.mark.parametrize("view", ["heatmap", "evidence"])
def test_a_figure_says_of_which_image_and_reference_set_it_is_and_the_screen_names_the_image_alike(
    app: Start, offered: Offered, digits: str, view: str
):
    running = app(sample="polyps", view=view, method="nero")
    assert any(f"image {digits}" in caption.value for caption in running.caption)
    for stem in ("figure-sheet", "nero-verdict", view):
        assert f"image {digits} · reference set Tiny" in " ".join(text_of(offered, f"{stem}-{digits}.svg").split())


def test_the_comparison_of_methods_can_be_saved(
    app: Start, offered: Offered, digits: str, monkeypatch: pytest.MonkeyPatch, comparison: BenchmarkResult
):
    monkeypatch.setattr("dashboard.resources.verdicts.read_stored", lambda bundle: comparison)
    running = app(sample="polyps")
    running.switch_page("pages/compare/page.py").run()
    assert not running.exception
    for name in names("roc", "method-scores", "auroc-by-class"):
        assert offered[name]().startswith(STARTS[name[-3:]])
    assert "NERO, AUROC" in "".join(ElementTree.fromstring(offered["roc.svg"]()).itertext())
    text = text_of(offered, f"methods-on-this-image-{digits}.svg")
    assert "p-value of this image" in text and "NERO (" in text


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nero scores by class", "nero-scores-by-class"),
        ("../../etc/passwd", "etc-passwd"),
        ("\x00§", "figure"),
        ("a" * 90, "a" * 60),
    ],
)
def test_file_names_are_safe(name: str, expected: str):
    assert figure_download.file_name(name) == expected

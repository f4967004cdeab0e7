"""Every plot and panel can be saved for a paper; nothing is drawn before somebody asks."""

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable

import pytest
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.testing.v1 import AppTest

from dashboard import words
from dashboard.components import figure_download
from nero_core import COMPOSITES
from tests.dashboard.material import png

Start = Callable[..., AppTest]
Offered = dict[str, Callable[[], bytes]]

STARTS = {"svg": b"<?xml", "pdf": b"%PDF-", "png": b"\x89PNG"}


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> Offered:
    """What the page offers to draw, by file name."""
    held: Offered = {}
    plain = MediaFileManager.add_deferred

    def keep(
        self: MediaFileManager, make: Callable[[], bytes], mimetype: str | None, coordinates: str, **kind: str
    ) -> str:
        held[kind["file_name"]] = make
        return plain(self, make, mimetype, coordinates, **kind)

    monkeypatch.setattr(MediaFileManager, "add_deferred", keep)
    return held


def names(*stems: str) -> set[str]:
    return {f"{stem}.{form}" for stem in stems for form in STARTS}


def test_every_panel_of_the_screen_page_can_be_saved_in_three_formats(app: Start, offered: Offered):
    running = app(sample="polyps", view="heatmap")
    assert not running.exception
    assert names("figure-sheet", "heatmap", "nero-scores", "channels", "concepts") <= offered.keys()
    for name in names("figure-sheet", "heatmap", "nero-scores", "channels", "concepts"):
        if name.endswith("svg") or name.startswith("nero"):
            assert offered[name]().startswith(STARTS[name[-3:]])


@pytest.mark.parametrize(("view", "saved"), [("image", "image"), ("evidence", "evidence")])
def test_the_panel_that_is_shown_is_the_one_that_is_saved(app: Start, offered: Offered, view: str, saved: str):
    app(sample="polyps", view=view)
    assert names(saved) <= offered.keys()
    assert "heatmap.svg" not in offered
    assert offered[f"{saved}.pdf"]().startswith(b"%PDF-")


def test_the_saved_plot_is_the_one_on_the_screen(app: Start, offered: Offered):
    app(sample="polyps", by_class="true", span="true", sort="channel")
    said = "".join(ElementTree.fromstring(offered["nero-scores-by-class.svg"]()).itertext())
    assert "normal-cecum (" in said
    said = "".join(ElementTree.fromstring(offered["channels.svg"]()).itertext())
    assert "feature channel: all 512, by number" in said


def text_of(offered: Offered, name: str) -> str:
    """The words of a figure that the page offers."""
    return "".join(ElementTree.fromstring(offered[name]()).itertext())


def on(page: str, app: Start, **query: str) -> AppTest:
    running = app()
    for name, value in query.items():
        running.query_params[name] = value
    running.switch_page(f"app_pages/{page}.py").run()
    assert not running.exception
    return running


def test_the_sheet_is_made_by_the_composite_that_is_chosen_and_says_that_the_set_is_drawn(app: Start, offered: Offered):
    running = app(sample="polyps", view="heatmap")
    usual, chosen = (COMPOSITES[name].title for name in ("epsilon_plus", "epsilon_gamma_box"))
    before = " ".join(text_of(offered, "figure-sheet.svg").split())
    assert words.SYNTHETIC in before
    assert usual in before
    assert chosen not in before
    assert any(f"traced by {usual}, whichever composite" in caption.value for caption in running.caption)
    running.selectbox(key="composite").select("epsilon_gamma_box").run()
    assert not running.exception
    assert chosen in " ".join(text_of(offered, "figure-sheet.svg").split())
    running.segmented_control(key="view").set_value("image").run()
    assert chosen in " ".join(text_of(offered, "figure-sheet.svg").split())


def test_the_closer_looks_of_the_screen_page_can_be_saved(app: Start, offered: Offered):
    running = app(sample="polyps", view="heatmap", channel="7", whatif="true")
    running.toggle(key="faithfulness").set_value(True).run()
    assert not running.exception
    assert names("faithfulness", "mean-relevance", "channel-7", "what-if-scores", "scores-as-set") <= offered.keys()
    assert "random orders, gain 0" in text_of(offered, "faithfulness.svg")
    means = text_of(offered, "mean-relevance.svg")
    assert all(strip in means for strip in ("ID, mean of", "OOD, mean of", "this image"))
    assert "channel 7" in text_of(offered, "channel-7.svg").lower()


def test_what_if_saves_the_histogram_of_each_setting(app: Start, offered: Offered):
    running = app(sample="polyps", whatif="true")
    as_set = offered["scores-as-set.svg"]()
    assert offered["what-if-scores.svg"]() == as_set  # nothing is set otherwise yet
    running.slider(key="whatif_k").set_value(20).run()
    assert offered["scores-as-set.svg"]() == as_set
    assert offered["what-if-scores.svg"]() != as_set


def test_the_plots_of_the_explorer_can_be_saved(app: Start, offered: Offered):
    on("neuron_explorer", app, look="image map", sample="polyps")
    assert "this image, 8 nearest ringed" in text_of(offered, "map-by-pca.svg")
    on("neuron_explorer", app, channel="5", other="6", sample="polyps")
    for channel in (5, 6):  # each draws its own
        assert f"relevance of channel {channel} (" in text_of(offered, f"channel-{channel}-by-class.svg")


def test_the_channels_of_a_perturbed_image_can_be_saved(app: Start, offered: Offered):
    running = on("learn", app, sample="polyps", part="Perturb and watch")
    before = offered["perturbed-channels.svg"]()
    running.slider(key="perturb_blur").set_value(3.0).run()
    assert not running.exception
    assert offered["perturbed-channels.svg"]() != before


def test_nothing_is_drawn_before_somebody_asks(app: Start, offered: Offered, monkeypatch: pytest.MonkeyPatch):
    drawn: list[str] = []
    monkeypatch.setattr(figure_download, "figure_bytes", lambda *_: drawn.append("figure") or b"")
    app(sample="polyps")
    assert drawn == []
    offered["channels.png"]()
    assert drawn == ["figure"]


def test_the_name_of_an_uploaded_file_is_in_no_file_and_no_file_name(app: Start, offered: Offered):
    running = app()
    running.file_uploader(key="files").set_value([("patient_smith.png", png(), "image/png")])
    running.run()
    assert not running.exception
    assert "figure-sheet.svg" in offered
    assert not any("smith" in name for name in offered)
    assert b"smith" not in offered["figure-sheet.svg"]()
    assert b"smith" not in offered["image.svg"]()


def test_the_comparison_of_methods_can_be_saved(
    app: Start, offered: Offered, monkeypatch: pytest.MonkeyPatch, comparison_of: object
):
    monkeypatch.setattr("dashboard.resources._comparison", lambda *_: comparison_of)
    running = app(sample="polyps")
    running.switch_page("app_pages/compare_methods.py").run()
    assert not running.exception
    for name in names("roc", "method-scores", "auroc-by-class"):
        assert offered[name]().startswith(STARTS[name[-3:]])
    assert "NERO, AUROC" in "".join(ElementTree.fromstring(offered["roc.svg"]()).itertext())


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

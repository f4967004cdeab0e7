"""Figures for papers: valid files in each format, the same bytes each time, whatever the names and the numbers are."""

import io
import re
import threading
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import replace

import matplotlib
import numpy as np
import pytest
import torch
from PIL import Image

from nero_core import figures
from nero_core.errors import NeroError
from nero_core.figures.canvas import Canvas, text_width, wrap
from nero_core.figures.panels import concepts_figure
from nero_core.figures.plots import channel_figure
from nero_core.figures.render import encode
from nero_core.figures.style import figure_bytes, label, styled
from nero_core.figures.wording import channel_use, channel_use_briefly
from nero_core.types import (
    ChannelReferences,
    Channels,
    ChannelSummary,
    Concept,
    Detection,
    Explanation,
    Faithfulness,
    FlippingCurves,
    FrameAccount,
    FrameScore,
    MapPlace,
    MeanRelevance,
    ReferenceScores,
    RelevanceMap,
    Stretch,
    Timeline,
    Unlikeness,
)
from tests.nero_core.figures.figure_text import overlaps

NEURONS, CLASSES = 96, ("normal-cecum", "normal-pylorus", "normal-z-line")
HOSTILE = ("a $x^2$ <b>&amp;</b> \\frac{1}{2}", "\x1b[2J\x00\x07\ud800 steering\u202e", "y" * 5000)


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).double()


CHANNELS = Channels(random(NEURONS) / 50, random(3, NEURONS, seed=1) / 100, 1, random(NEURONS, seed=2).abs() / 50)
SCORES = ReferenceScores(
    detector="nero",
    calibration=random(120).abs(),
    calibration_labels=torch.arange(120) % 3,
    ood=random(60, seed=3).abs() + 1,
    ood_labels=torch.arange(60) % 2,
    threshold=2.0,
    tpr=0.95,
)
TIMELINE = Timeline(
    name="clip.mp4",
    id="1" * 64,
    detector="nero",
    tpr=0.95,
    threshold=2.0,
    frames=tuple(FrameScore(t / 2, t, "2" * 64, 1.0, 1 / (t + 1), t > 20, "like", 0, 0.9) for t in range(30)),
    stretches=(Stretch(10.0, 14.5, 10, 1 / 30),),
    account=FrameAccount(30, 30),
)
MEAN = MeanRelevance(
    id=random(NEURONS, seed=4) / 100,
    id_size=120,
    id_classes=random(3, NEURONS) / 100,
    ood=random(NEURONS, seed=5) / 100,
    ood_size=60,
    ood_classes=random(2, NEURONS) / 100,
)
PIXELS = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
THUMBNAIL = encode(PIXELS[:32, :32], "webp")
DETECTION = Detection(
    "nero", torch.tensor([2.5]).double(), 2.0, torch.tensor([True]), torch.tensor([0.01]).double(), torch.tensor([1]),
    torch.tensor([0.9]).double(), 120, 0.95,
)  # fmt: skip


def explain(concepts: int, scale: float = 1.0) -> Explanation:
    maps = scale * random(concepts + 2, 32, 32).float()
    return Explanation(
        id="0" * 64,
        heatmap=maps[0],
        explained_class=1,
        conservation=0.97 if scale else float("nan"),
        channels=CHANNELS,
        concepts=tuple(
            Concept(row, maps[row + 2], 0.02 * scale, 0.01, 0.1, ("a" * 64,) * 4, (0.1,) * 4, 0.97, 1.2)
            for row in range(concepts)
        ),
        nero_evidence=maps[1].abs(),
        evidence_conservation=0.98 if scale else float("nan"),
        concept_conservation=0.99 if scale else float("nan"),
        composite="epsilon_plus",
        sigma=12.0,
        concept_composite="epsilon_plus",
    )


WHY = explain(3)
UNLIKE = Unlikeness("0" * 64, random(32, 32, seed=9).float().abs(), 0.123, 0.01, 0.3, 4.5, 2.0, ("layer2", "layer3"))
REFERENCES = [[THUMBNAIL, None, b"no picture", THUMBNAIL]] * 64
CURVES = FlippingCurves(torch.linspace(0.9, 0.1, 8).double(), torch.linspace(0.1, 0.9, 8).double())
SEEN = ChannelReferences(3, "relevance", ("a" * 64,), (0.1,), (0.1,), None)


def sheet(names: tuple[str, ...] = CLASSES, why: Explanation | None = WHY, mean: MeanRelevance = MEAN) -> object:
    concepts = 0 if why is None else len(why.concepts)
    classes = [[names[0]] * 4] * concepts
    return figures.figure_sheet(
        PIXELS, CHANNELS, mean, names, why, REFERENCES[:concepts], classes, DETECTION, "Because of its layers."
    )


def concept_cards(names: tuple[str, ...] = CLASSES, why: Explanation = WHY) -> object:
    shown = len(why.concepts)
    return figures.concepts_figure(PIXELS, why, REFERENCES[:shown], [[names[0]] * 4] * shown)


METHODS = {name: (random(50, seed=seed), random(40, seed=seed + 1) + 1) for seed, name in enumerate(("nero", "knn"))}
FIGURES: dict[str, Callable[[tuple[str, ...]], object]] = {
    "channels": lambda names: figures.channel_figure(CHANNELS, names, 40, "contribution", (0, 2)),
    "all channels": lambda names: figures.channel_figure(CHANNELS, names, None, "channel"),
    "histogram": lambda names: figures.histogram_figure(replace(SCORES, detector=names[0]), 1.5),
    "scores by class": lambda names: figures.class_scores_figure(SCORES, 9.0, names, names[:2]),
    "mean relevance": lambda _: figures.mean_relevance_figure(CHANNELS, MEAN, (1, 2, 3)),
    "roc": lambda names: figures.roc_figure({names[0]: METHODS["knn"]} | METHODS),
    "method scores": lambda names: figures.method_scores_figure({names[0]: METHODS["knn"]} | METHODS, {"nero": 1.0}),
    "class heat": lambda names: figures.class_heat_figure(np.array([[0.5, 0.95, np.nan]]), names[:1], names),
    "image": lambda _: figures.image_figure(PIXELS),
    "heatmap": lambda names: figures.heatmap_figure(PIXELS, WHY, names),
    "evidence": lambda names: figures.evidence_figure(PIXELS, WHY, names),
    "unlike": lambda names: figures.unlike_figure(PIXELS, UNLIKE),
    "concepts": concept_cards,
    "sheet": sheet,
    "faithfulness": lambda names: figures.faithfulness_figure(
        Faithfulness(1, "epsilon_plus", torch.linspace(0, 1, 8).double(), CURVES, CURVES, CURVES, 0.01, 0.02, 5, 0),
        names[0],
    ),
    "relevance map": lambda names: figures.relevance_map_figure(
        RelevanceMap("pca", random(30, 2), torch.arange(30) % 3, tuple(str(index) for index in range(30)), 0.8),
        names,
        MapPlace(torch.zeros(2).double(), ("1", "2"), (0.1, 0.2)),
    ),
    "bars": lambda names: figures.bar_figure(names, [1.0, -0.5, np.nan], "logit", names, (0,), names[0], names[1]),
    "channel bars": lambda names: figures.channel_bars_figure(
        CHANNELS.relevance, range(24), "relevance", "by number", 5, MEAN.id, f"mean of {names[0]}"
    ),
    "image pair": lambda names: figures.image_pair_figure(MEAN.id, MEAN.ood, range(20), (names[0], names[1]), 3),
    "least relevant": lambda _: figures.least_relevant_figure(CHANNELS.contribution, CHANNELS.relevance, 30),
    "panels": lambda names: figures.panels_figure(
        [(name, [figures.Panel((PIXELS, None), name, name)] * 3) for name in names[:2]],
        2,
        ("signed", 1.0, names[0]),
        names[1],
    ),
    "timeline": lambda names: figures.timeline_figure(replace(TIMELINE, detector=names[0]), names[1]),
    "verdict": lambda names: figures.verdict_figure(
        replace(DETECTION, terms={name: torch.ones(1) for name in ("distance", "bias", "scale")}), SCORES, names, 2
    ),
    "channel by class": lambda names: figures.channel_classes_figure(
        ChannelSummary(3, SEEN, SEEN, (random(20), random(20), torch.zeros(0).double()), random(3), ()), names, 0.1
    ),
}


def texts(svg: bytes) -> str:
    """All text of an SVG, piece by piece."""
    root = ElementTree.fromstring(svg)
    return "\n".join("".join(element.itertext()) for element in root.iter("{http://www.w3.org/2000/svg}text"))


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_a_valid_file_in_every_format(name: str):
    figure = FIGURES[name](CLASSES)
    width, height = figure.get_size_inches()
    assert width in (pytest.approx(3.5), pytest.approx(7.2)) or 3.5 < width < 7.2  # the heat table is as wide as it is
    with Image.open(io.BytesIO(figure_bytes(figure, "png"))) as picture:
        picture.load()
        assert picture.format == "PNG"
        assert picture.size == (pytest.approx(300 * width, abs=1), pytest.approx(300 * height, abs=1))
        assert picture.info["dpi"] == pytest.approx((300, 300), abs=0.1)
    svg = figure_bytes(figure, "svg")
    assert ElementTree.fromstring(svg).tag == "{http://www.w3.org/2000/svg}svg"
    assert b"<dc:date>" not in svg
    pdf = figure_bytes(figure, "pdf")
    assert pdf.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type /Page\b", pdf)) == 1
    assert b"/CreationDate" not in pdf


@pytest.mark.parametrize("form", ["png", "svg", "pdf"])
@pytest.mark.parametrize("name", ["sheet", "histogram", "scores by class"])
def test_a_figure_has_the_same_bytes_each_time_it_is_drawn_and_saved(name: str, form: str):
    figure = FIGURES[name](CLASSES)
    first = figure_bytes(figure, form)
    assert figure_bytes(figure, form) == first
    assert figure_bytes(FIGURES[name](CLASSES), form) == first


@pytest.mark.parametrize("name", FIGURES)
def test_hostile_names_leave_every_figure_valid_and_are_written_as_they_are(name: str):
    figure = FIGURES[name](HOSTILE)
    assert figure_bytes(figure, "pdf")
    text = texts(figure_bytes(figure, "svg"))
    assert not any(ord(letter) < 32 and letter != "\n" for letter in text)
    assert "y" * 100 not in text
    if name in ("heatmap", "histogram", "channels", "class heat", "bars", "channel bars", "image pair", "panels"):
        assert "steering" in text or "$x^2$ <b>" in text


def test_text_stays_text_in_svg():
    text = " ".join(texts(figure_bytes(sheet(), "svg")).split())
    for words in (
        "Class heatmap: normal-pylorus",
        "relevance per pixel; keeps 0.97 of relevance; ε+",
        "ID, mean of 120",
    ):
        assert words in text
    assert "OOD, mean of 60" in text
    assert "NERO score 2.50, above the threshold 2.00; p = 0.0100; predicted normal-pylorus (90.0 %)" in text


def test_without_an_ood_bank_the_sheet_and_the_plots_have_id_alone():
    mean = replace(MEAN, ood=None, ood_size=0, ood_classes=None)
    text = texts(figure_bytes(sheet(mean=mean), "svg"))
    assert "ID, mean of 120" in text
    assert "OOD, mean" not in text
    scores = replace(SCORES, ood=None, ood_labels=None)
    assert "OOD" not in texts(figure_bytes(figures.histogram_figure(scores, 1.0), "svg"))
    assert "OOD" not in texts(figure_bytes(figures.class_scores_figure(scores, 1.0, CLASSES), "svg"))


def test_without_heatmaps_the_sheet_says_why():
    text = " ".join(texts(figure_bytes(sheet(why=None), "svg")).split())
    assert "No heatmap. Because of its layers." in text
    assert "Concepts" not in text
    assert "ID, mean of 120" in text


def test_relevance_that_is_all_zero_is_said_in_a_sentence():
    nothing = explain(2, scale=0.0)
    text = texts(figure_bytes(figures.heatmap_figure(PIXELS, nothing, CLASSES), "svg"))
    assert "No relevance reached the pixels" in text
    text = texts(figure_bytes(figures.evidence_figure(PIXELS, nothing, CLASSES), "svg"))
    assert "No channel is used more than usual" in text
    text = texts(figure_bytes(sheet(why=nothing), "svg"))
    assert "No relevance reached the pixels." in text
    assert "no relevance here" in text
    lost = replace(nothing, evidence_conservation=0.0)
    for figure in (figures.evidence_figure(PIXELS, lost, CLASSES), sheet(why=lost)):
        text = " ".join(texts(figure_bytes(figure, "svg")).split())  # type: ignore[arg-type]
        assert "did not reach the pixels" in text and "more than usual in this image" not in text


def test_signed_evidence_says_what_its_colours_mean():
    signed = replace(WHY, nero_evidence=WHY.nero_evidence * torch.tensor([1.0, -1.0]).repeat_interleave(16))
    for why, is_said in ((signed, True), (WHY, False)):
        for figure in (figures.evidence_figure(PIXELS, why, CLASSES), sheet(why=why)):
            text = " ".join(texts(figure_bytes(figure, "svg")).split())  # type: ignore[arg-type]
            assert ("purple takes from it" in text) == is_said
    zero = replace(CHANNELS, relevance=torch.zeros(NEURONS).double(), contribution=torch.zeros(NEURONS).double())
    none = replace(MEAN, id=torch.zeros(NEURONS).double(), ood=torch.full((NEURONS,), torch.nan).double())
    assert figure_bytes(figures.mean_relevance_figure(zero, none), "png", 72)
    assert figure_bytes(figures.channel_figure(zero, CLASSES), "png", 72)


@pytest.mark.parametrize("name", FIGURES)
def test_no_text_of_any_figure_stands_on_another_or_leaves_the_figure(name: str):
    assert overlaps(FIGURES[name](CLASSES)) == []  # type: ignore[arg-type]


def test_maps_whose_signs_mostly_cancel_say_so_and_leave_the_words_in_their_places():
    why = replace(
        WHY, nero_evidence=WHY.heatmap, evidence_cancellation=19.0, cancellation=26.0, evidence_conservation=1.31
    )
    for figure, times in (
        (figures.evidence_figure(PIXELS, why, CLASSES), "19"),
        (figures.heatmap_figure(PIXELS, why, CLASSES), "26"),
        (sheet(why=why), "19"),
        (sheet(why=why), "26"),
    ):
        text = " ".join(texts(figure_bytes(figure, "svg")).split())  # type: ignore[arg-type]
        assert f"mostly cancel: together {times} times the initial relevance" in text
        assert overlaps(figure) == []  # type: ignore[arg-type]
    assert "comes to 1.31 of relevance" in text
    assert "cancel" not in texts(figure_bytes(figures.evidence_figure(PIXELS, WHY, CLASSES), "svg"))


def test_a_concept_whose_signs_cancel_says_so_and_hides_no_other():
    loud = replace(WHY.concepts[0], heatmap=400 * WHY.concepts[0].heatmap, conservation=-0.33, cancellation=81.0)
    why = replace(WHY, concepts=(loud, *WHY.concepts[1:]))
    for figure in (concept_cards(why=why), sheet(why=why)):
        text = " ".join(texts(figure_bytes(figure, "svg")).split())  # type: ignore[arg-type]
        assert "comes to −0.330, signs cancel ×81" in text
        assert text.count("keeps 0.97") >= 2  # the others
        assert "one scale for all but 1 that mostly cancel" in text and "own colours, to ±" in text
        assert "n times the initial relevance" in text
        assert overlaps(figure) == []  # type: ignore[arg-type]
    text = " ".join(texts(figure_bytes(concept_cards(), "svg")).split())  # type: ignore[arg-type]
    assert "cancel" not in text and "own colours" not in text and "one scale for all;" in text


def test_the_use_of_a_channel_is_worded_as_on_the_screen():
    concept = replace(WHY.concepts[0], relevance=-0.3, centroid=-0.1)
    why = replace(WHY, concepts=(concept,))
    for figure, use in ((concept_cards(why=why), channel_use), (sheet(why=why), channel_use_briefly)):
        text = texts(figure_bytes(figure, "svg"))  # type: ignore[arg-type]
        assert use(-0.3, -0.1) in text
        assert "as much as usual" not in text


@pytest.mark.parametrize("concepts", [0, 1, 8, 9, 64])
def test_one_concept_and_many_fit_on_a_page(concepts: int):
    why = explain(concepts)
    figure = concept_cards(why=why)
    width, height = figure.get_size_inches()
    assert width == pytest.approx(3.5 if concepts < 2 else 7.2)
    assert height < 60
    text = " ".join(texts(figure_bytes(figure, "svg")).split())
    assert text.count("more than usual") == concepts
    shown = min(concepts, 8)
    text = " ".join(texts(figure_bytes(sheet(why=why), "svg")).split())
    assert text.count("used ×") == shown
    assert ("8 of the 64 asked for" in text) == (concepts == 64)


def test_a_reference_without_a_picture_is_a_box_that_says_so():
    assert texts(figure_bytes(concept_cards(), "svg")).count("no picture") == 3 * 2


def test_the_users_own_settings_play_no_part_and_come_back():
    plain = figure_bytes(FIGURES["histogram"](CLASSES), "svg")
    with matplotlib.rc_context({"font.size": 30, "svg.fonttype": "path", "axes.facecolor": "red"}):
        assert figure_bytes(FIGURES["histogram"](CLASSES), "svg") == plain
        assert matplotlib.rcParams["font.size"] == 30


def test_threads_draw_the_same_as_one():
    expected = {name: figure_bytes(FIGURES[name](CLASSES), "svg") for name in ("channels", "sheet", "roc")}
    files: dict[str, bytes] = {}
    problems: list[BaseException] = []

    def draw(name: str) -> None:
        try:
            files[name] = figure_bytes(FIGURES[name](CLASSES), "svg")
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=draw, args=(name,)) for name in expected]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not problems
    assert files == expected


def test_a_format_or_a_resolution_that_is_none_is_told(shapes_unchecked: None):
    figure = figures.image_figure(PIXELS)
    with pytest.raises(NeroError, match="Expected one of png, svg, pdf"):
        figure_bytes(figure, "gif")
    with pytest.raises(NeroError, match="at least 1 pixel"):
        figure_bytes(figure, "png", 0)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a\nb\t c", "a b c"),
        ("\x1b[2Jx\u202e\ud800", "[2Jx"),
        ("ä$x$<b>", "ä$x$<b>"),
        ("y" * 60, "y" * 39 + "…"),
        ("", ""),
    ],
)
def test_a_label_is_one_short_line_without_control_characters(name: str, expected: str):
    assert label(name) == expected


@styled()
def test_words_never_leave_their_place():
    long = "channel over-used " * 20 + "w" * 200
    for lines in (1, 2, 5):
        written = wrap(long, 1.5, 6.5, lines)
        assert len(written) == lines
        assert all(text_width(line, 6.5) <= 1.5 for line in written)
        assert written[-1].endswith("…")
    assert wrap("all of it", 1.5, 6.5, 3) == ["all of it"]
    assert Canvas(2.0, 1.0).words("three lines of words here", 0.0, 0.0, 0.5, 6.5, lines=3) == pytest.approx(
        3 * 6.5 * 1.3 / 72
    )


def test_a_name_in_a_script_that_the_font_lacks_is_no_error():
    names = ("胃", "胃", "胃")
    assert "胃" in texts(figure_bytes(figures.heatmap_figure(PIXELS, WHY, names), "svg"))
    assert figure_bytes(figures.heatmap_figure(PIXELS, WHY, names), "png", 72)


def test_the_channel_figure_takes_the_largest_signed_contributions_first_as_the_concepts_do():
    contribution = torch.tensor([0.1, -5.0, 0.3, -0.2]).double()
    channels = Channels(torch.rand(4).double(), torch.rand(2, 4).double(), 0, contribution)
    figure = channel_figure(channels, ("a", "b"), top=3)
    shown = [[element.get_text() for element in axes.get_xticklabels()] for axes in figure.axes]
    assert ["2", "0", "3"] in shown


def test_a_thumbnail_beyond_the_limits_or_of_another_format_is_a_box_that_says_so():
    concept = Concept(3, torch.zeros(8, 8), 0.2, 0.1, 0.05, ("a",), (0.3,), float("nan"), float("nan"))
    shape = torch.zeros(8, 8)
    why = Explanation(
        "id",
        shape,
        0,
        1.0,
        CHANNELS,
        (concept,),
        shape,
        1.0,
        1.0,
        "epsilon_plus",
        sigma=0.0,
        concept_composite="epsilon_plus",
    )
    picture = np.full((40, 40, 3), 128, np.uint8)
    bomb, gif = io.BytesIO(), io.BytesIO()
    Image.new("1", (20_000, 100)).save(bomb, "PNG")
    Image.new("L", (20, 20)).save(gif, "GIF")
    for data in (bomb.getvalue(), bytes(300_000), gif.getvalue()):
        assert texts(figure_bytes(concepts_figure(picture, why, [[data]]), "svg")).count("no picture") == 1
    flat = figure_bytes(concepts_figure(picture, why, [[encode(picture[:4])]]), "svg")
    assert "no picture" not in texts(flat)  # a thumbnail may be as flat as its image


def test_where_it_is_unlike_takes_the_place_of_the_evidence_in_colours_of_its_own():
    said = " ".join(texts(figure_bytes(figures.unlike_figure(PIXELS, UNLIKE), "svg")).split())
    assert "Where it is unlike the reference images" in said and "12 % of this image, 1.0 % of usual ones" in said
    assert "4.50" in said  # the colour limit is that of the reference images, whatever the map's largest value
    on_sheet = " ".join(texts(figure_bytes(sheet(why=replace(WHY, unlike=UNLIKE)), "svg")).split())
    assert "Where it is unlike" in on_sheet and "12 % of this image" in on_sheet
    assert "Evidence: distance" not in on_sheet and "Evidence: distance" in texts(figure_bytes(sheet(), "svg"))


def test_an_image_that_is_usual_everywhere_says_so():
    usual = replace(UNLIKE, heatmap=torch.zeros(32, 32), share=0.0)
    said = " ".join(texts(figure_bytes(figures.unlike_figure(PIXELS, usual), "svg")).split())
    assert "Nothing in this image is unlike the reference images." in said

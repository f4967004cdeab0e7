"""``nero explain``."""

import hashlib
import json
import re
import shutil
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import Result

from nero_core.calibration import calibrate
from nero_core.cli import explain_files
from nero_core.data.decode import decode_batch
from nero_core.errors import RelevanceError
from nero_core.figures.numbers import number
from nero_core.figures.wording import channel_use
from nero_core.inspector import Inspector
from nero_core.models import Classifier, ModelCard, create_classifier, save_checkpoint
from nero_core.phantom.drawing import ID_CLASSES
from nero_core.types import Channels, ImageBatch, Observation

Run = Callable[..., Result]
COARSE = ("--dpi", 72)  # where nobody looks at the plots: they are drawn in a fraction of the time


@pytest.fixture(scope="module")
def image(phantoms: Path) -> Path:
    return next((phantoms / "ood").glob("*/*.jpg"))


@pytest.fixture(scope="module")
def explained(nero: Run, tiny_bundle: Path, image: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("explained") / "why"
    result = nero("explain", tiny_bundle, image, "--out", out, "--concepts", 3, "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert image.name in result.stdout
    return out


@pytest.fixture(scope="module")
def record(explained: Path) -> dict:
    return json.loads((explained / "explanation.json").read_text())


def test_explain_writes_the_pictures_and_the_record(explained: Path, record: dict):
    fixed = {f"{name}.png" for name in ("image", "heatmap", "evidence", "concepts", "channels", "histogram", "figure3")}
    overlays = {concept["heatmap"] for concept in record["concepts"]}
    assert {path.name for path in explained.iterdir()} == fixed | overlays | {"explanation.json"}
    for path in explained.glob("*.png"):
        with Image.open(path) as picture:
            picture.load()
            assert picture.format == "PNG"


def test_a_full_disk_leaves_no_cut_file(
    nero: Run,
    tiny_bundle: Path,
    image: Path,
    explained: Path,
    tmp_path: Path,
    disk_with_room: Callable[[int], AbstractContextManager[None]],
):
    whole = {path.name: path.read_bytes() for path in explained.iterdir()}
    room = sorted(map(len, whole.values()))[len(whole) // 2]  # half of the files are larger
    command = ("explain", tiny_bundle, image, "--concepts", 3, "--device", "cpu", "--out")
    out = tmp_path / "why"
    with disk_with_room(room):
        result = nero(*command, out)
    assert result.exit_code == 2
    assert "File too large" in result.stderr and "the room on the disk" in result.stderr
    written = {path.name: path.read_bytes() for path in out.iterdir()}
    assert written.items() < whole.items()  # what is there is whole, and nothing hidden lies beside it


def test_where_it_is_unlike_is_drawn_and_told_where_the_bundle_keeps_patches(
    nero: Run, patched_bundle: Path, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    texts: list[str] = []
    plain = explain_files.caption
    monkeypatch.setattr(explain_files, "caption", lambda pixels, text: texts.append(text) or plain(pixels, text))
    options = ("--concepts", 1, *COARSE, "--device", "cpu", "--format", "png", "--format", "svg")
    result = nero("explain", patched_bundle, image, "--out", tmp_path, *options)
    assert result.exit_code == 0, result.output
    unlike = json.loads((tmp_path / "explanation.json").read_text())["unlike"]
    expected = Inspector.load(patched_bundle, "cpu").unlikeness(decode_batch([image], (64, 64)))
    assert unlike["share"] == pytest.approx(expected.share, abs=1e-3)
    assert (unlike["usual_share"], unlike["stages"]) == (expected.usual, list(expected.stages))
    share = f"{number(100 * expected.share, 2)} % of this image, 1.0 % of usual ones"
    assert texts[1].startswith(f"where it is unlike the reference images: {share}, colours to ")
    drawn = (tmp_path / "evidence.svg").read_text(encoding="utf-8")
    assert "Where it is unlike the reference images" in drawn


def test_one_pass_of_the_plain_model_and_one_digest_serve_all(
    nero: Run, tiny_bundle: Path, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    passes, hashed = [], []
    observe, sha256, data = Classifier.observe, hashlib.sha256, image.read_bytes()

    def count_pass(self: Classifier, batch: ImageBatch) -> Observation:
        passes.append(batch.names)
        return observe(self, batch)

    def count_digest(given: bytes = b"") -> object:
        hashed.append(given == data)
        return sha256(given)

    monkeypatch.setattr(Classifier, "observe", count_pass)
    monkeypatch.setattr(hashlib, "sha256", count_digest)
    result = nero("explain", tiny_bundle, image, "--out", tmp_path, "--concepts", 2, *COARSE, "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert passes == [(image.name,)]
    assert sum(hashed) == 1


def test_overlays_are_of_one_size_differ_and_have_a_caption_below(explained: Path):
    with Image.open(explained / "image.png") as picture:
        plain = np.asarray(picture)
    contents = {plain.tobytes()}
    names = ["heatmap.png", "evidence.png", *(path.name for path in explained.glob("concept-*.png"))]
    for name in names:
        with Image.open(explained / name) as picture:
            overlay, strip = np.split(np.asarray(picture), [len(plain)])
        assert overlay.shape == plain.shape
        assert (strip.min(), strip.max()) == (0, 255)  # the caption
        contents.add(overlay.tobytes())
    assert len(contents) == 1 + len(names)


def test_the_captions_say_what_is_shown_and_how_much_relevance_it_keeps(
    nero: Run, tiny_bundle: Path, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    texts: list[str] = []
    plain = explain_files.caption
    monkeypatch.setattr(explain_files, "caption", lambda pixels, text: texts.append(text) or plain(pixels, text))
    assert (
        nero("explain", tiny_bundle, image, "--out", tmp_path, "--concepts", 1, *COARSE, "--device", "cpu").exit_code
        == 0
    )
    record = json.loads((tmp_path / "explanation.json").read_text())
    conservation, [concept] = record["conservation"], record["concepts"]
    use = channel_use(concept["relevance"], concept["centroid"])
    made_of = f"; image {record['sha256'][:8]} · reference set {record['bundle']['title']}"
    assert all(text.endswith(made_of) for text in texts)
    texts = [text.removesuffix(made_of) for text in texts]
    change = record["logit"]["image"] - record["logit"]["blurred"]
    total = number(conservation["heatmap"] * change)
    assert texts[0].startswith(
        f"class heatmap of {record['explained_class']}, adds up to {total} of the {number(change)} that the detail of "
        "the image adds to the logit; integrated gradients"
    )
    assert texts[1].startswith(f"evidence: where the distance to {record['nearest_class']} comes from, keeps ")
    assert texts[2].startswith(f"channel {concept['channel']}, {use}: ")
    assert texts[2].endswith(f"keeps {conservation['concepts']:.2f} of relevance")  # of one concept the shares agree
    assert concept["conservation"] == pytest.approx(conservation["concepts"])
    assert concept["cancellation"] >= concept["conservation"] - 1e-4


def test_the_record_says_what_the_distance_is_made_of(record: dict):
    shares = record["distance_shares"]
    assert shares["more"] + shares["missing"] + shares["counter"] == pytest.approx(1)
    assert list(shares["less_by_stage"])[-1] == "features" and len(shares["less_by_stage"]) > 1
    assert all(isinstance(share, float) for share in shares["less_by_stage"].values())


def test_the_record_holds_the_score_and_its_terms(record: dict, image: Path):
    assert record["sha256"] == hashlib.sha256(image.read_bytes()).hexdigest()
    assert record["file"] == str(image)
    assert record["method"] == "nero"
    assert set(record["terms"]) == {"distance", "bias", "scale"}
    terms = record["terms"]
    assert record["score"] == pytest.approx((terms["distance"] + terms["bias"]) * terms["scale"], rel=1e-5)
    assert record["is_ood"] == (record["score"] > record["threshold"])
    assert 0 < record["p_value"] <= 1
    assert set(record["conservation"]) == {
        "heatmap", "evidence", "concepts", "heatmap_cancellation", "evidence_cancellation", "blocks",
    }  # fmt: skip
    assert record["conservation"]["heatmap_cancellation"] >= record["conservation"]["heatmap"] - 1e-4


def test_the_record_names_the_composite_and_the_conservation_of_every_block(record: dict):
    assert (record["composite"], record["concept_composite"]) == ("integrated_gradients", "epsilon_plus")
    assert set(record["logit"]) == {"blurred", "image"}
    blocks = record["conservation"]["blocks"]
    assert [block["name"] for block in blocks][-1] == "pixels"
    assert len(blocks) > 2
    assert all(set(block) == {"name", "relevance", "absorbed", "ratio"} for block in blocks)
    assert blocks[-1]["ratio"] == pytest.approx(1, abs=0.02)


def test_every_file_comes_in_every_format_that_is_asked_for(
    nero: Run, tiny_bundle: Path, image: Path, explained: Path, tmp_path: Path
):
    options = ("--out", tmp_path, "--concepts", 3, "--format", "pdf", "--format", "svg", "--device", "cpu")
    assert nero("explain", tiny_bundle, image, *options).exit_code == 0
    names = {path.stem for path in explained.glob("*.png")}
    assert {path.name for path in tmp_path.iterdir()} == {
        *(f"{name}.{form}" for name in names for form in ("svg", "pdf")),
        "explanation.json",
    }
    assert all(path.read_bytes().startswith(b"%PDF-") for path in tmp_path.glob("*.pdf"))
    assert all(ElementTree.parse(path).getroot().tag.endswith("svg") for path in tmp_path.glob("*.svg"))
    record = json.loads((tmp_path / "explanation.json").read_text())
    assert (record["heatmap"], record["figure"]) == ("heatmap.pdf", "figure3.pdf")
    assert all((tmp_path / concept["heatmap"]).is_file() for concept in record["concepts"])
    assert image.name not in (tmp_path / "figure3.svg").read_text()  # no file name, which may name a patient


def test_the_plots_have_the_resolution_that_is_asked_for(
    nero: Run, tiny_bundle: Path, image: Path, explained: Path, tmp_path: Path
):
    options = ("--out", tmp_path, "--concepts", 1, "--dpi", 100, "--device", "cpu")
    assert nero("explain", tiny_bundle, image, *options).exit_code == 0
    for name in ("channels.png", "histogram.png", "figure3.png"):
        with Image.open(explained / name) as fine, Image.open(tmp_path / name) as coarse:
            assert (fine.info["dpi"][0], coarse.info["dpi"][0]) == pytest.approx((300, 100), abs=0.1)
            assert fine.width == pytest.approx(3 * coarse.width, abs=3)


def test_another_composite_makes_other_heatmaps_and_is_recorded(
    nero: Run, tiny_bundle: Path, image: Path, explained: Path, record: dict, tmp_path: Path
):
    options = ("--out", tmp_path, "--concepts", 3, "--composite", "gradient_times_input", "--device", "cpu")
    assert nero("explain", tiny_bundle, image, *options).exit_code == 0
    other = json.loads((tmp_path / "explanation.json").read_text())
    assert other["composite"] == other["concept_composite"] == "gradient_times_input" and other["logit"] is None
    blocks, kept = other["conservation"]["blocks"], other["conservation"]["heatmap"]
    assert blocks[-1]["ratio"] == pytest.approx(kept, abs=1e-4)
    assert other["conservation"]["heatmap"] != record["conservation"]["heatmap"]
    assert (tmp_path / "heatmap.png").read_bytes() != (explained / "heatmap.png").read_bytes()
    assert other["score"] == record["score"]


def test_a_composite_that_is_none_is_told_with_status_2_and_writes_nothing(
    nero: Run, tiny_bundle: Path, image: Path, tmp_path: Path
):
    options = ("--out", tmp_path / "why", "--composite", "magic", "--device", "cpu")
    result = nero("explain", tiny_bundle, image, *options)
    assert result.exit_code == 2
    assert "magic" in result.stderr
    assert not (tmp_path / "why").exists()


def test_the_record_holds_the_concepts_with_their_references(record: dict, tiny_inspector: Inspector):
    relevance = tiny_inspector.fit_relevance()
    assert len(record["concepts"]) == 3
    for concept in record["concepts"]:
        assert list(concept) == [
            "channel", "relevance", "centroid", "share", "over_used", "conservation", "cancellation", "heatmap",
            "references",
        ]  # fmt: skip
        assert concept["over_used"] == (concept["relevance"] > concept["centroid"])
        assert len(concept["references"]) == min(8, int((relevance[:, concept["channel"]] > 0).sum()))
        assert all(reference["relevance"] > 0 for reference in concept["references"])
        for reference in concept["references"]:
            assert list(reference) == ["id", "class", "relevance"]
            assert re.fullmatch(r"[0-9a-f]{64}", reference["id"])
            assert reference["class"].startswith("normal-")


def test_the_record_names_the_bundle_and_the_versions(record: dict, tiny_bundle: Path):
    card = (tiny_bundle / "bundle.json").read_bytes()
    assert record["bundle"] == {"title": "Tiny", "digest": hashlib.sha256(card).hexdigest()}
    assert {"nero-dashboard", "torch", "zennit"} <= set(record["versions"])


def test_score_and_explain_agree(nero: Run, record: dict, tiny_bundle: Path, image: Path):
    line = json.loads(nero("score", tiny_bundle, image, "--method", "nero", "--json", "--device", "cpu").stdout)
    for key in ("file", "sha256", "predicted", "method", "threshold", "is_ood", "p_value"):
        assert record[key] == line[key]
    assert record["score"] == pytest.approx(line["score"], rel=1e-6)


def test_concepts_may_be_picked_by_relevance(
    nero: Run, tiny_bundle: Path, tiny_inspector: Inspector, image: Path, tmp_path: Path
):
    options = ("--out", tmp_path, "--concepts", 2, "--by", "relevance", *COARSE, "--device", "cpu")
    assert nero("explain", tiny_bundle, image, *options).exit_code == 0
    shown = [concept["channel"] for concept in json.loads((tmp_path / "explanation.json").read_text())["concepts"]]
    batch = tiny_inspector.decode([image])
    expected, other = (
        [concept.channel for concept in tiny_inspector.explain(batch, concepts=2, by=by).concepts]
        for by in ("relevance", "contribution")
    )
    assert shown == expected
    assert shown != other  # else this could not fail


def test_the_former_name_of_contribution_is_taken(nero: Run, tiny_bundle: Path, image: Path, tmp_path: Path):
    shown = []
    for by in ("share", "contribution"):
        options = ("--out", tmp_path / by, "--concepts", 2, "--by", by, *COARSE, "--device", "cpu")
        assert nero("explain", tiny_bundle, image, *options).exit_code == 0
        record = json.loads((tmp_path / by / "explanation.json").read_text())
        shown.append([(concept["channel"], concept["share"]) for concept in record["concepts"]])
    assert shown[0] == shown[1]


@pytest.mark.parametrize(
    ("option", "value"),
    [("--concepts", 65), ("--dpi", 71), ("--format", "gif"), ("--seed", 2**63), ("--tpr", 1.0), ("--tpr", 0.49)],
)
def test_an_option_out_of_its_range_is_told_with_status_2(
    nero: Run, tiny_bundle: Path, image: Path, tmp_path: Path, option: str, value: float | str
):
    result = nero("explain", tiny_bundle, image, "--out", tmp_path / "why", option, value, "--device", "cpu")
    assert result.exit_code == 2
    assert option in result.stderr
    assert not (tmp_path / "why").exists()


def test_what_decoding_did_is_recorded_and_told(nero: Run, tiny_bundle: Path, record: dict, tmp_path: Path):
    path = tmp_path / "pages.tif"
    pages = [Image.effect_noise((64, 64), spread).convert("RGB") for spread in (20, 40)]
    pages[0].save(path, save_all=True, append_images=pages[1:])
    result = nero("explain", tiny_bundle, path, "--out", tmp_path / "why", "--concepts", 1, *COARSE, "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert "Note: First of 2 pages." in result.stdout
    assert json.loads((tmp_path / "why" / "explanation.json").read_text())["note"] == "First of 2 pages."
    assert record["note"] == ""


@pytest.fixture(scope="module")
def mapless_bundle(phantoms: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of an architecture without heatmaps."""
    root = tmp_path_factory.mktemp("mapless")
    torch.manual_seed(0)
    classifier = create_classifier("test_byobnet", ID_CLASSES, (32, 32))
    card = ModelCard(arch="test_byobnet", classes=ID_CLASSES, input_size=(32, 32))
    save_checkpoint(root / "checkpoint", classifier.model, card)
    calibrate(
        root / "checkpoint",
        phantoms / "id",
        root / "bundle",
        allow_reduced_rank=True,
        title="ByobNet",
        references=0,
        device="cpu",
    )
    return root / "bundle"


def test_an_architecture_without_heatmaps_gets_the_plots_and_the_reason(
    nero: Run, mapless_bundle: Path, image: Path, tmp_path: Path
):
    result = nero("explain", mapless_bundle, image, "--out", tmp_path, *COARSE, "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert {path.name for path in tmp_path.iterdir()} == {
        "histogram.png",
        "channels.png",
        "figure3.png",
        "explanation.json",
    }
    record = json.loads((tmp_path / "explanation.json").read_text())
    assert record["heatmap"] is None
    assert f"No heatmap: {record['reason']}" in result.stdout
    assert "ByobNet" in record["reason"]
    assert set(record["terms"]) == {"distance", "bias", "scale"}


def test_a_composite_that_is_none_is_told_without_heatmaps_too(
    nero: Run, mapless_bundle: Path, image: Path, tmp_path: Path
):
    options = ("--out", tmp_path / "why", "--composite", "magic", "--device", "cpu")
    result = nero("explain", mapless_bundle, image, *options)
    assert result.exit_code == 2
    assert "Expected a composite among epsilon_plus" in " ".join(result.stderr.split())
    assert not (tmp_path / "why").exists()


def test_heatmaps_stand_where_the_blocks_cannot_be_measured(
    nero: Run, tiny_bundle: Path, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def refuse(*_: object, **__: object) -> None:
        raise RelevanceError("Expected finite relevance at layer4.0.")

    monkeypatch.setattr(Inspector, "blocks", refuse)
    result = nero("explain", tiny_bundle, image, "--out", tmp_path, "--concepts", 1, *COARSE, "--device", "cpu")
    assert result.exit_code == 0 and "No heatmap" not in result.stdout
    record = json.loads((tmp_path / "explanation.json").read_text())
    assert record["conservation"]["blocks"] == [] and record["heatmap"] == "heatmap.png" and record["reason"] is None


def test_more_concepts_than_channels_are_told_with_status_2_and_are_no_reason_to_go_without_heatmaps(
    nero: Run, tiny_bundle: Path, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    four = Channels(torch.rand(4).double(), torch.rand(3, 4).double(), 0, torch.rand(4).double())
    monkeypatch.setattr(Inspector, "channels", lambda *_: four)
    result = nero("explain", tiny_bundle, image, "--out", tmp_path / "why", "--concepts", 5, "--device", "cpu")
    assert result.exit_code == 2
    assert "Expected between 0 and 4 concepts" in result.stderr
    assert not (tmp_path / "why").exists()


def test_an_explanation_with_heatmaps_has_the_same_keys(
    nero: Run, mapless_bundle: Path, image: Path, record: dict, tmp_path: Path
):
    assert nero("explain", mapless_bundle, image, "--out", tmp_path, *COARSE, "--device", "cpu").exit_code == 0
    assert json.loads((tmp_path / "explanation.json").read_text()).keys() == record.keys()
    assert (record["heatmap"], record["reason"]) == ("heatmap.png", None)


def test_class_names_with_steering_characters_do_not_reach_the_terminal(
    nero: Run, tiny_bundle: Path, image: Path, tmp_path: Path
):
    hostile = tmp_path / "bundle"
    shutil.copytree(tiny_bundle, hostile)
    card = json.loads((hostile / "bundle.json").read_text())
    card["model"]["classes"] = [f"\x1b[2J{name}" + "y" * 5000 for name in card["model"]["classes"]]
    (hostile / "bundle.json").write_text(json.dumps(card))
    result = nero("explain", hostile, image, "--out", tmp_path / "why", "--concepts", 1, *COARSE, "--device", "cpu")
    assert "\x1b" not in result.output
    assert len(result.output) < 2000
    assert "�[2J" in result.output or result.exit_code == 2  # shown without, or refused by the bundle


def test_a_bad_image_is_told_with_status_2_and_writes_nothing(nero: Run, tiny_bundle: Path, tmp_path: Path):
    (tmp_path / "bad.png").write_bytes(b"<svg></svg>")
    result = nero("explain", tiny_bundle, tmp_path / "bad.png", "--out", tmp_path / "why", "--device", "cpu")
    assert result.exit_code == 2
    assert "an SVG drawing" in result.stderr
    assert not (tmp_path / "why").exists()


def test_a_missing_bundle_is_told_with_status_2(nero: Run, image: Path, tmp_path: Path):
    result = nero("explain", tmp_path / "nowhere", image, "--out", tmp_path / "why")
    assert result.exit_code == 2
    assert "Expected a bundle folder" in result.stderr


def test_an_out_that_is_a_file_is_told_without_a_traceback(nero: Run, tiny_bundle: Path, image: Path, tmp_path: Path):
    (tmp_path / "why").write_text("mine")
    result = nero("explain", tiny_bundle, image, "--out", tmp_path / "why", "--device", "cpu")
    assert result.exit_code == 2
    assert "Expected a folder to write to" in result.stderr
    assert (tmp_path / "why").read_text() == "mine"


def test_a_name_with_steering_characters_does_not_reach_the_terminal(
    nero: Run, tiny_bundle: Path, image: Path, tmp_path: Path
):
    hostile = tmp_path / "a\x1b[2J.jpg"
    shutil.copy(image, hostile)
    result = nero(
        "explain", tiny_bundle, hostile, "--out", tmp_path / "why", "--concepts", 1, *COARSE, "--device", "cpu"
    )
    assert result.exit_code == 0, result.output
    assert "\x1b[2J" not in result.output

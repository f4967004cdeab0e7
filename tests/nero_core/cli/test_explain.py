"""``nero explain``."""

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import Result

Run = Callable[..., Result]


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
    fixed = {"image.png", "heatmap.png", "evidence.png", "concepts.png", "channels.png", "histogram.png"}
    overlays = {concept["heatmap"] for concept in record["concepts"]}
    assert {path.name for path in explained.iterdir()} == fixed | overlays | {"explanation.json"}
    for path in explained.glob("*.png"):
        with Image.open(path) as picture:
            picture.load()
            assert picture.format == "PNG"


def test_overlays_are_of_one_size_and_differ_from_the_image(explained: Path):
    sizes, contents = set(), []
    for name in ("image.png", "heatmap.png", "evidence.png"):
        with Image.open(explained / name) as picture:
            sizes.add(picture.size)
            contents.append(picture.tobytes())
    assert len(sizes) == 1
    assert len(set(contents)) == 3


def test_the_record_holds_the_score_and_its_terms(record: dict, image: Path):
    assert record["sha256"] == hashlib.sha256(image.read_bytes()).hexdigest()
    assert record["file"] == str(image)
    assert record["method"] == "nero"
    assert set(record["terms"]) == {"distance", "bias", "scale"}
    terms = record["terms"]
    assert record["score"] == pytest.approx((terms["distance"] + terms["bias"]) * terms["scale"], rel=1e-5)
    assert record["is_ood"] == (record["score"] > record["threshold"])
    assert 0 < record["p_value"] <= 1
    assert set(record["conservation"]) == {"heatmap", "evidence", "concepts"}


def test_the_record_holds_the_concepts_with_their_references(record: dict):
    assert len(record["concepts"]) == 3
    for concept in record["concepts"]:
        assert list(concept) == ["channel", "relevance", "centroid", "share", "over_used", "heatmap", "references"]
        assert concept["over_used"] == (concept["relevance"] > concept["centroid"])
        assert concept["references"]
        for reference in concept["references"]:
            assert list(reference) == ["id", "class", "relevance"]
            assert re.fullmatch(r"[0-9a-f]{64}", reference["id"])
            assert reference["class"].startswith("normal-")


def test_the_record_names_the_bundle_and_the_versions(record: dict, tiny_bundle: Path):
    card = (tiny_bundle / "bundle.json").read_bytes()
    assert record["bundle"] == {"title": "Tiny", "digest": hashlib.sha256(card).hexdigest()}
    assert {"nero-dashboard", "torch", "zennit"} <= set(record["versions"])


def test_score_and_explain_agree(nero: Run, record: dict, tiny_bundle: Path, image: Path):
    line = json.loads(nero("score", tiny_bundle, image, "--json", "--device", "cpu").stdout)
    for key in ("file", "sha256", "predicted", "method", "threshold", "is_ood", "p_value"):
        assert record[key] == line[key]
    assert record["score"] == pytest.approx(line["score"], rel=1e-6)


def test_concepts_may_be_picked_by_relevance(nero: Run, tiny_bundle: Path, image: Path, tmp_path: Path):
    options = ("--out", tmp_path, "--concepts", 2, "--by", "relevance", "--device", "cpu")
    assert nero("explain", tiny_bundle, image, *options).exit_code == 0
    first, second = json.loads((tmp_path / "explanation.json").read_text())["concepts"]
    assert abs(first["relevance"]) >= abs(second["relevance"])


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
    result = nero("explain", tiny_bundle, hostile, "--out", tmp_path / "why", "--concepts", 1, "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert "\x1b[2J" not in result.output

"""The world moves, readers say so, and a bundle is calibrated anew on what they confirmed."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from nero_core.calibration import Bundle, Origin, read_card, recalibrate, threshold_at
from nero_core.cli.app import app
from nero_core.errors import BundleError, CalibrationError
from nero_core.inspector import Inspector
from nero_core.phantom.drawing import ID_CLASSES, write_phantoms
from nero_core.store import (
    Review,
    Store,
    Worklist,
    add_review,
    audit_lines,
    find_items,
    open_store,
    worklist,
)
from nero_core.worklist import (
    begin,
    calibrate_from_reviews,
    files_of,
    keep_files,
    quality,
    score_worklist,
)

LIKE = 65  # of Monday's 69 images, without near-duplicates
LAMP = np.array([0.62, 0.85, 1.35])  # of red, green and blue: a colder light than that of the calibration images


@dataclass(frozen=True)
class Clinic:
    """A store with two mornings under the new lamp, the first of them read by Ann and Bob; and the bundle."""

    store: Store
    bundle: Path
    monday: Worklist
    tuesday: Worklist
    frames: Path


@pytest.fixture(scope="module")
def clinic(verdict_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    folder = tmp_path_factory.mktemp("clinic")
    write_phantoms(folder / "drawn", per_class=46, size=96, seed=91, classes=ID_CLASSES)
    for number, path in enumerate(sorted((folder / "drawn").rglob("*.jpg"))):
        place = folder / "frames" / ("monday" if number % 2 else "tuesday")
        place.mkdir(parents=True, exist_ok=True)
        pixels = np.clip(np.asarray(Image.open(path)) * LAMP, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(place / f"{number}.png")
    inspector = Inspector.load(verdict_bundle, "cpu")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NERO_HOME", str(folder / "home"))
        patch.delenv("NERO_DATABASE_URL", raising=False)
        with open_store() as store:
            lists = [_scored(store, inspector, folder / "frames" / day) for day in ("monday", "tuesday")]
            for item in find_items(store, lists[0].id, limit=200).items:
                is_like = item.result is not None and item.result.verdict == "like"
                review = ("agree", "first", None) if is_like else ("override", "first", "like")
                add_review(store, Review(item.id, "bob" if item.position % 7 == 0 else "ann", *review))  # type: ignore[arg-type]
            yield Clinic(store, verdict_bundle, lists[0], lists[1], folder / "frames")


def _scored(store: Store, inspector: Inspector, folder: Path) -> Worklist:
    with files_of(folder) as files:
        keep_files(store, files)
        listed = begin(store, inspector, folder.name, "ann", files, "verdict", None)
        score_worklist(store, listed.id, inspector, files)
    return worklist(store, listed.id)


def share_unlike(inspector: Inspector, folder: Path) -> float:
    batch = inspector.decode(sorted(folder.glob("*.png")))
    return float(inspector.detect(batch, ("verdict",))["verdict"].is_ood.double().mean())


@pytest.fixture(scope="module")
def anew(clinic: Clinic, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    out = tmp_path_factory.mktemp("anew") / "cold"
    order = ("recalibrate", "monday", "--owner", "ann", "--bundle", clinic.bundle, "--out", out, "--title", "Cold lamp")
    done = CliRunner().invoke(app, [str(part) for part in (*order, "--by", "cid", "--device", "cpu")])
    assert done.exit_code == 0, done.output
    assert f"{LIKE} calibration images, {LIKE} of them reviewed, by 2 readers" in done.output
    assert f"Left out, nearly the same as another: {69 - LIKE}" in done.output
    return Bundle.load(out)


def test_images_of_a_world_that_moved_are_rejected_before_and_pass_after(clinic: Clinic, anew: Bundle):
    """Tuesday took no part in the calibration: of 69 images at most 5 % are expected above, and 9 at the most."""
    before = quality(clinic.store, clinic.monday.bundle, 63)
    assert before.weeks[0].has_moved and before.unlike >= 0.4 * before.scored
    assert share_unlike(Inspector.load(clinic.bundle, "cpu"), clinic.frames / "tuesday") >= 0.4
    assert share_unlike(Inspector(anew, torch.device("cpu")), clinic.frames / "tuesday") <= 9 / 69


def test_the_old_bundle_stays_and_the_new_one_says_where_it_comes_from(clinic: Clinic, anew: Bundle):
    parent = Bundle.load(clinic.bundle)
    assert parent.digest == clinic.monday.bundle and parent.card.origin is None
    origin = anew.card.origin
    assert origin is not None and anew.card.title == "Cold lamp"
    assert (origin.parent, origin.parent_title) == (parent.digest, parent.card.title)
    assert (origin.images, origin.earlier, origin.readers, origin.by) == (LIKE, 0, 2, "cid")
    assert not origin.is_selected and origin.at.endswith("+00:00")
    assert f"Calibrated anew from {LIKE} images" in anew.card.notes[-1]
    line = [line for line in audit_lines(clinic.store) if line.action == "calibrated anew"][-1]
    assert line.actor == "cid" and anew.digest in line.details and parent.digest in line.details


def test_classifier_fit_images_and_ood_images_are_the_parents_and_no_picture_of_a_patient_is_in_it(
    clinic: Clinic, anew: Bundle
):
    parent = Bundle.load(clinic.bundle)
    for name in ("fit", "ood"):
        old, new = getattr(parent, name), getattr(anew, name)
        assert old.ids == new.ids and torch.equal(old.features, new.features)
    assert parent.card.files["model.safetensors"] == anew.card.files["model.safetensors"]
    monday = {item.digest for item in find_items(clinic.store, clinic.monday.id, limit=99).items}
    assert len(monday) == 69 and set(anew.calibration.ids) < monday
    assert not any(anew.has_thumbnail(digest) for digest in anew.calibration.ids)
    assert all(anew.has_thumbnail(digest) for digest in anew.fit.ids)
    assert anew.comparison is not None and anew.comparison != parent.comparison


def test_thresholds_are_those_of_the_scores_that_the_worklist_has(clinic: Clinic, anew: Bundle):
    items = find_items(clinic.store, clinic.monday.id, limit=99).items
    chosen = set(anew.calibration.ids)
    results = [item.result for item in items if item.result is not None and item.digest in chosen]
    scores = torch.tensor([result.parts["nero"]["score"] for result in results]).double()
    slow = float(scores.sort().values[ceil(0.95 * (LIKE + 1)) - 1])
    assert anew.card.thresholds["nero"] == pytest.approx(slow, rel=1e-6) == pytest.approx(threshold_at(scores))
    counts = anew.card.counts
    assert counts["calibration"] == LIKE == sum(counts[f"calibration {name}"] for name in ID_CLASSES)
    predicted = [result.predicted for result in results]
    assert counts[f"calibration {ID_CLASSES[0]}"] == predicted.count(ID_CLASSES[0])


def test_beside_the_earlier_images_the_new_ones_are_a_part(clinic: Clinic, anew: Bundle, tmp_path: Path):
    order = (clinic.store, clinic.bundle, [clinic.monday.id], tmp_path / "both")
    made, _ = calibrate_from_reviews(*order, title="Both", by="ann", is_beside=True, device="cpu")
    parent = Bundle.load(clinic.bundle)
    assert made.calibration.ids == (*parent.calibration.ids, *anew.calibration.ids)
    assert torch.equal(made.calibration.features[:63], parent.calibration.features)
    assert made.card.origin is not None and made.card.origin.earlier == 63
    with pytest.raises(BundleError, match="Expected no bundle at"):
        calibrate_from_reviews(*order, title="Both", by="ann", device="cpu")
    assert read_card(tmp_path / "both")[1] == made.digest


def test_false_alarms_alone_are_refused_or_said_on_the_card(clinic: Clinic, verdict_bundle: Path, tmp_path: Path):
    """On Tuesday only what was called unlike is reviewed, as the page sorts it."""
    for item in find_items(clinic.store, clinic.tuesday.id, limit=99).items:
        if item.result is not None and item.result.verdict == "unlike":
            add_review(clinic.store, Review(item.id, "ann", "override", verdict="like"))
    order = (clinic.store, verdict_bundle, [clinic.tuesday.id], tmp_path / "new")
    with pytest.raises(CalibrationError, match="reviews of images of every score alike"):
        calibrate_from_reviews(*order, title="New", by="ann", device="cpu")
    made, found = calibrate_from_reviews(*order, title="New", by="ann", allow_selection=True, device="cpu")
    assert found.is_selected and made.card.origin is not None and made.card.origin.is_selected
    assert "may be off for the whole" in made.card.notes[-1]
    assert made.card.thresholds["nero_deep"] > 2 * Bundle.load(verdict_bundle).card.thresholds["nero_deep"]


def test_pictures_that_are_gone_are_named_with_the_way_to_have_them_and_taken_from_their_folder(
    clinic: Clinic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(clinic.store, "uploads", tmp_path / "empty")
    order = (clinic.store, clinic.bundle, [clinic.monday.id], tmp_path / "new")
    with pytest.raises(CalibrationError, match=r"Found 65, whose pictures are no longer here\..*NERO_KEEP_PIXELS=1"):
        calibrate_from_reviews(*order, title="New", by="ann", device="cpu")
    with files_of(clinic.frames / "monday") as files:
        made, _ = calibrate_from_reviews(*order, title="New", by="ann", files=files, device="cpu")
    assert made.calibration_size == LIKE


def test_images_of_the_bundle_itself_and_too_few_of_them_are_refused(clinic: Clinic, tmp_path: Path):
    parent = Bundle.load(clinic.bundle)
    origin = Origin(
        parent=parent.digest, parent_title="x", images=3, earlier=0, readers=1, by="ann", at="now", is_selected=False
    )
    paths = sorted((clinic.frames / "monday").glob("*.png"))
    with pytest.raises(CalibrationError, match="at least 19 calibration images"):
        recalibrate(parent, tmp_path / "new", paths[:3], [0, 0, 0], title="New", origin=origin)
    with pytest.raises(CalibrationError, match="Found 1 that are there twice"):
        recalibrate(parent, tmp_path / "new", [*paths[:20], paths[0]], [0] * 21, title="New", origin=origin)
    assert not (tmp_path / "new").exists()


def test_what_no_worklist_names_is_said(clinic: Clinic, tmp_path: Path):
    order = ["--bundle", str(clinic.bundle), "--out", str(tmp_path / "new")]
    for names, message in (((), "Expected the name of a worklist"), (("Friday",), "worklist of the name 'Friday'")):
        refused = CliRunner().invoke(app, ["recalibrate", *names, *order])
        assert refused.exit_code == 2 and message in refused.stderr

"""Sets that are too large to be kept: fitted on all, kept as a sample, and the same verdicts as in memory."""

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from nero_core import Explorer, Inspector
from nero_core.calibration import Bundle, Origin, calibrate, recalibrate
from nero_core.calibration.bundle_archive import pack_bundle, unpack_bundle
from nero_core.calibration.sample import stratified_sample
from nero_core.calibration.spill import Spill
from nero_core.detectors import STREAMED
from nero_core.errors import BundleError, CalibrationError
from nero_core.types import VERDICT, Observation


@pytest.fixture(scope="module")
def whole(sampled_bundles: Path) -> Inspector:
    return Inspector.load(sampled_bundles / "whole", "cpu")


@pytest.fixture(scope="module")
def sampled(sampled_bundles: Path) -> Inspector:
    return Inspector.load(sampled_bundles / "sampled", "cpu")


@pytest.fixture(scope="module")
def observation(whole: Inspector, sampled_bundles: Path) -> Observation:
    return whole.observe(whole.decode(sorted((sampled_bundles / "ood").rglob("*.png"))))


@pytest.fixture
def copied(sampled_bundles: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sampled_bundles / "sampled", tmp_path / "copied"))


def change(folder: Path, edit: Callable[[dict[str, Tensor]], object], card: dict[str, Any] | None = None) -> None:
    """Alter what was fitted, or the card, and make the digest agree, as a wrong program would."""
    file = folder / "fitted.safetensors"
    tensors = load_file(file)
    edit(tensors)
    save_file(tensors, file)
    described = json.loads((folder / "bundle.json").read_text()) | (card or {})
    described["files"]["fitted.safetensors"] = hashlib.sha256(file.read_bytes()).hexdigest()
    (folder / "bundle.json").write_text(json.dumps(described))


@pytest.mark.parametrize("name", [*STREAMED, VERDICT])
def test_scores_are_those_of_a_fit_in_memory(
    whole: Inspector, sampled: Inspector, observation: Observation, name: str
) -> None:
    ours, known = (inspector.detect(observation, (name,))[name] for inspector in (sampled, whole))
    torch.testing.assert_close(ours.score, known.score, rtol=1e-6, atol=1e-9)
    assert torch.equal(ours.p_value, known.p_value)
    assert ours.threshold == pytest.approx(known.threshold, rel=1e-6)
    for part, values in known.terms.items():
        torch.testing.assert_close(ours.terms[part], values, rtol=1e-5, atol=1e-9)


def test_other_methods_are_fitted_on_the_sample(whole: Inspector, sampled: Inspector, observation: Observation) -> None:
    ours, known = (inspector.detect(observation, ("knn",))["knn"].score for inspector in (sampled, whole))
    assert not torch.allclose(ours, known)


def test_the_bundle_keeps_a_stratified_sample_and_says_so(
    whole: Inspector, sampled: Inspector, sampled_bundles: Path
) -> None:
    fit, known = sampled.bundle.fit, whole.bundle.fit
    assert len(known) == 198 and len(fit) == 180 and set(fit.ids) < set(known.ids)
    assert sorted(Counter(fit.labels.tolist()).values()) == [60, 60, 60]
    row = known.ids.index(fit.ids[7])
    torch.testing.assert_close(fit.features[7], known.features[row])
    assert sampled.bundle.calibration.ids == whole.bundle.calibration.ids
    card = sampled.bundle.card
    assert card.drawn_from == {"fit": 198, "calibration": 162, "ood": 12} and card.counts["fit"] == 180
    assert card.thresholds["nero"] == pytest.approx(whole.bundle.card.thresholds["nero"], rel=1e-6)
    said = "nero, nero_plus, nero_deep and residual are fitted on all 198 fit images; the other methods on a sample"
    assert said in card.sample_sentence and card.sample_sentence in (sampled_bundles / "said.txt").read_text()
    assert all(sampled.thumbnail(image_id)[8:12] == b"WEBP" for image_id in fit.ids)
    suffixes = {path.suffix for path in sampled.bundle.path.rglob("*") if path.is_file()}
    assert suffixes == {".json", ".safetensors", ".webp"}  # no pickle


def test_a_set_that_fits_is_stored_as_before(whole: Inspector) -> None:
    card = json.loads((whole.bundle.path / "bundle.json").read_text())
    assert card["schema_version"] == 2 and "drawn_from" not in card and whole.bundle.card.sample_sentence == ""
    assert not (whole.bundle.path / "fitted.safetensors").exists()


def test_what_if_begins_at_the_fit_on_all_images(sampled: Inspector, observation: Observation) -> None:
    explorer, usual = Explorer(sampled), sampled.detect(observation)["nero"]
    result = explorer.what_if(observation, explorer.settings, 3)
    assert result.score == pytest.approx(float(usual.score[3]), rel=1e-9)
    assert result.p_value == float(usual.p_value[3])


def test_packed_and_unpacked_it_is_the_same_bundle(copied: Path, tmp_path: Path, sampled: Inspector) -> None:
    pack_bundle(copied, tmp_path / "a.nero.zip")
    unpack_bundle(tmp_path / "a.nero.zip", tmp_path / "again")
    again = Bundle.load(tmp_path / "again")
    assert again.digest == sampled.bundle.digest and again.fitted is not None and sampled.bundle.fitted is not None
    assert all(torch.equal(values, again.fitted[name]) for name, values in sampled.bundle.fitted.items())


def test_calibrated_anew_it_keeps_what_was_fitted_on_all(
    sampled: Inspector, sampled_bundles: Path, tmp_path: Path, observation: Observation
) -> None:
    known, paths = {*sampled.bundle.fit.ids}, sorted((sampled_bundles / "id").rglob("*.png"))
    paths = [path for path in paths if hashlib.sha256(path.read_bytes()).hexdigest() not in known][:30]
    origin = Origin(
        parent="0" * 64,
        parent_title="sampled",
        images=30,
        earlier=0,
        readers=1,
        by="A",
        at="2026-01-01",
        is_selected=False,
    )
    labels = [sampled.bundle.card.class_names.index(path.parent.name) for path in paths]
    new = recalibrate(sampled.bundle, tmp_path / "new", paths, labels, title="New", origin=origin)
    assert (
        new.card.drawn_from == {"fit": 198, "ood": 12}
        and new.card.sample_sentence == sampled.bundle.card.sample_sentence
    )
    scores = Inspector(new, torch.device("cpu")).detect(observation)["nero"].score
    assert torch.equal(scores, sampled.detect(observation)["nero"].score)


@pytest.mark.parametrize(
    ("edit", "card", "message"),
    [
        (lambda state: state["nero/means"].fill_(torch.nan), {}, "cannot be used. Expected finite numbers in means"),
        (lambda state: state.pop("nero_deep/features/vectors"), {}, "Expected features/vectors .* Found none"),
        (lambda state: state.update({"knn/bank": torch.zeros(1)}), {}, "Found 'knn/bank'"),
        (lambda state: None, {"schema_version": 2}, "neither in another. Found version 2"),
        (lambda state: None, {"drawn_from": None}, "neither in another. Found version 3"),
        (
            lambda state: None,
            {"drawn_from": {"ood": 3}},
            "neither in another. Found version 3",
        ),
    ],
)
def test_a_damaged_state_is_refused(copied: Path, edit: Any, card: dict[str, Any], message: str) -> None:
    change(copied, edit, card)
    with pytest.raises(BundleError, match=message):
        Bundle.load(copied)


def test_a_state_that_is_no_file_of_tensors_is_refused(copied: Path) -> None:
    change(copied, lambda state: None)
    (copied / "fitted.safetensors").write_bytes(b"no tensors")
    described = json.loads((copied / "bundle.json").read_text())
    described["files"]["fitted.safetensors"] = hashlib.sha256(b"no tensors").hexdigest()
    (copied / "bundle.json").write_text(json.dumps(described))
    with pytest.raises(BundleError, match="fitted on all images to be a safetensors file"):
        Bundle.load(copied)


@pytest.mark.parametrize(
    ("sample", "message"),
    [(24, "at least 192 fit images.* Found 27. Keep all of them"), (2, "sample of at least 3 images.* Found 2")],
)
def test_a_sample_that_cannot_be_is_refused(
    tiny_checkpoint: Path, phantoms: Path, tmp_path: Path, sample: int, message: str
) -> None:
    with pytest.raises(CalibrationError, match=message):
        calibrate(
            tiny_checkpoint, phantoms / "id", tmp_path / "out", sample=sample, allow_reduced_rank=True, device="cpu"
        )


def test_a_sample_is_seeded_in_proportion_and_has_every_class() -> None:
    labels = [0] * 700 + [1] * 290 + [2] * 10
    ids = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(1000)]
    chosen = stratified_sample(labels, ids, 100, 0)
    assert Counter(labels[index] for index in chosen) == {0: 70, 1: 29, 2: 1}
    assert chosen == stratified_sample(labels, ids, 100, 0) != stratified_sample(labels, ids, 100, 1)
    backwards = stratified_sample(labels[::-1], ids[::-1], 100, 0)
    assert {ids[index] for index in chosen} == {ids[::-1][index] for index in backwards}
    assert set(Counter(labels[index] for index in stratified_sample(labels, ids, 3, 0)).values()) == {1}
    assert stratified_sample(labels, ids, 1000, 0) == tuple(range(1000))


def test_features_wait_in_a_file_that_no_kill_leaves_behind(
    tmp_path: Path, disk_with_room: Callable[[int], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    features, stages = torch.rand(2500, 5), {"a": torch.rand(2500, 3).half().float()}
    spill = Spill(tmp_path, 5, {"a": 3}, 2500)
    for start in (0, 7, 2000):
        rows = slice(start, {0: 7, 7: 2000, 2000: 2500}[start])
        spill.write(features[rows], {"a": stages["a"][rows]})
    assert not list(tmp_path.iterdir())  # the file has no name, so that the system drops it with the process
    for _ in range(2):
        batches = list(spill.read([number % 4 for number in range(2500)]))
        assert torch.equal(torch.cat([x for x, _ in batches]), torch.cat([stages["a"], features], dim=1))
        assert torch.equal(torch.cat([y for _, y in batches]), torch.arange(2500) % 4)
    spill.close()
    with pytest.raises(BundleError, match=r"MB in .* for features while the bundle is made"):
        Spill(tmp_path, 10**6, {}, 10**9)
    full = Spill(tmp_path, 5, {"a": 3}, 2500)
    with disk_with_room(1000), pytest.raises(BundleError, match=r"File too large|No space"):
        full.write(features, stages)
    full.close()

"""The verdict by two tests through the Inspector, and what stands in for it."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from nero_core import VERDICT, Inspector
from nero_core.types import ImageBatch


@pytest.fixture(scope="module")
def two_tests(verdict_bundle: Path) -> Inspector:
    return Inspector.load(verdict_bundle, "cpu")


@pytest.fixture
def batch(two_tests: Inspector, phantoms: Path) -> ImageBatch:
    return two_tests.decode([*sorted((phantoms / "id").rglob("*.jpg"))[:5], *sorted((phantoms / "ood").rglob("*.jpg"))])


def test_it_is_the_default_and_holds_both_tests(two_tests: Inspector, batch: ImageBatch) -> None:
    assert (two_tests.default_method(), two_tests.no_verdict_because()) == (VERDICT, "")
    found = two_tests.detect(batch, (VERDICT, "nero", "nero_deep"))
    terms = found[VERDICT].terms
    torch.testing.assert_close(terms["p_nero"], found["nero"].p_value)
    torch.testing.assert_close(terms["p_deep"], found["nero_deep"].p_value)
    parts = [value for name, value in terms.items() if name.startswith("part ")]
    torch.testing.assert_close(torch.stack(parts).sum(dim=0), found["nero_deep"].score)
    assert torch.equal(found[VERDICT].is_ood, found[VERDICT].p_value <= 0.05 + 1e-12)
    smaller = torch.minimum(terms["p_nero"], terms["p_deep"])
    assert bool((found[VERDICT].p_value >= smaller - 1e-12).all())  # two chances cost something


def test_the_share_of_calibration_images_that_it_rejects_is_what_was_asked_for(two_tests: Inspector) -> None:
    reference = two_tests.reference_scores(VERDICT)
    assert float((reference.calibration > reference.threshold).double().mean()) <= 0.05
    assert reference.ood is not None and len(reference.ood) == two_tests.bundle.ood_size


def test_noise_is_called_another_kind_of_picture(two_tests: Inspector) -> None:
    pixels = torch.rand(4, 3, *two_tests.bundle.classifier.input_size, generator=torch.Generator().manual_seed(0))
    found = two_tests.detect(ImageBatch(pixels, tuple("abcd"), tuple("abcd")), (VERDICT,))[VERDICT]
    assert bool(found.is_ood.all()) and bool((found.terms["p_early"] <= 0.05).all())


def test_stages_are_those_of_the_network_and_the_last_are_the_features(two_tests: Inspector, batch: ImageBatch) -> None:
    observation = two_tests.observe(batch)
    stages = two_tests.stages(observation)
    assert list(stages.means) == [*observation.stages, "features"] and len(stages.means) > 1
    torch.testing.assert_close(stages.means["features"], observation.features.double())
    relevance = stages.relevance["features"]
    assert relevance is not None
    logits = observation.head.float64().logits(observation.features.double())
    bias = observation.head.float64().bias[observation.predicted]
    torch.testing.assert_close(relevance.sum(dim=1), logits.amax(dim=1) - bias)


def test_a_bundle_with_few_calibration_images_says_why_and_takes_nero_plus(tiny_inspector: Inspector) -> None:
    assert tiny_inspector.default_method() == "nero_plus"
    assert "at least 59 calibration images" in tiny_inspector.no_verdict_because()


def test_a_share_that_asks_for_more_calibration_images_takes_nero_plus(two_tests: Inspector) -> None:
    assert two_tests.default_method(0.98) == "nero_plus"
    assert "at least 149 calibration images" in two_tests.no_verdict_because(0.98)


def test_a_bundle_of_schema_1_loads_and_says_what_it_lacks(
    verdict_bundle: Path, batch: ImageBatch, tmp_path: Path
) -> None:
    older = tmp_path / "older"
    shutil.copytree(verdict_bundle, older)
    banks = {name: value for name, value in load_file(older / "banks.safetensors").items() if ".stages." not in name}
    save_file(banks, older / "banks.safetensors")
    card = json.loads((older / "bundle.json").read_text())
    card["schema_version"] = 1
    card["files"]["banks.safetensors"] = hashlib.sha256((older / "banks.safetensors").read_bytes()).hexdigest()
    (older / "bundle.json").write_text(json.dumps(card))
    inspector = Inspector.load(older, "cpu")
    assert inspector.default_method() == "nero_plus"
    assert "needs the stages of the network" in inspector.no_verdict_because()
    assert inspector.reference_scores("nero_deep").calibration.shape == (inspector.bundle.calibration_size,)
    found = inspector.detect(batch, ("nero_deep",))["nero_deep"]  # of the last stage, which is all that it has
    assert list(found.stage_parts) == ["features"]

"""NERO under other settings: what a fresh fit would say, from the banks alone."""

import math
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from nero_core import Explorer, Inspector, build_detector
from nero_core.calibration import what_if
from nero_core.calibration.feature_bank import FeatureBank
from nero_core.calibration.threshold import threshold_at
from nero_core.calibration.what_if import KEPT
from nero_core.detectors.nero import NERO
from nero_core.errors import CalibrationError, NeroError
from nero_core.metrics import auroc, fpr_at_tpr
from nero_core.types import Head, Observation, WhatIfSettings


@pytest.fixture(scope="module")
def inspector(tiny_inspector: Inspector) -> Inspector:
    return tiny_inspector


@pytest.fixture(scope="module")
def explorer(inspector: Inspector) -> Explorer:
    return Explorer(inspector)


@pytest.fixture(scope="module")
def observation(inspector: Inspector, phantoms: Path) -> Observation:
    return inspector.observe(inspector.decode(sorted((phantoms / "ood").rglob("*.jpg"))[:3]))


def test_the_bundles_own_settings_give_the_inspectors_own_verdict(
    explorer: Explorer, inspector: Inspector, observation: Observation
) -> None:
    usual, scores = inspector.detect(observation)["nero"], inspector.reference_scores()
    for index in range(len(observation)):
        result = explorer.what_if(observation, explorer.settings, index)
        assert result.score == pytest.approx(float(usual.score[index]), rel=1e-12)  # one row or three: the last bit
        assert result.p_value == float(usual.p_value[index])
        assert result.is_ood == bool(usual.is_ood[index])
        assert result.threshold == usual.threshold
        torch.testing.assert_close(result.detection.terms["share"][0], usual.terms["share"][index])
        assert torch.equal(result.reference.calibration, scores.calibration)
        assert torch.equal(result.reference.ood, scores.ood)
        channels = inspector.channels(observation, index)
        torch.testing.assert_close(result.channels.relevance, channels.relevance)
        assert result.channels.nearest == channels.nearest


CHANGES = (
    {"k": 40},
    {"component_share": 0.05},
    {"epsilon": 0.01},
    {"epsilon": 0.0},
    {"norm": 2},
    {"tpr": 0.8},
    {"k": 60, "component_share": 0.02, "epsilon": 0.1, "norm": 2, "tpr": 0.9},
)


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_it_is_what_a_fresh_fit_with_these_settings_says(
    explorer: Explorer, inspector: Inspector, observation: Observation, change: dict[str, float]
) -> None:
    settings = replace(explorer.settings, **change)
    bundle = inspector.bundle
    fresh = build_detector(
        "nero",
        bundle.classifier.head,
        epsilon=settings.epsilon,
        component_share=settings.component_share,
        k=settings.k,
        norm=settings.norm,
    ).fit_features(bundle.fit.features, bundle.fit.labels)
    result = explorer.what_if(observation, settings, 1)
    near = {"rtol": 1e-9, "atol": 1e-12}
    torch.testing.assert_close(result.detection.score, fresh.predict_features(observation.features)[1:2], **near)
    calibration, ood = (fresh.predict_features(bank.features) for bank in (bundle.calibration, bundle.ood))
    torch.testing.assert_close(result.reference.calibration, calibration, **near)
    torch.testing.assert_close(result.reference.ood, ood, **near)
    assert result.threshold == pytest.approx(threshold_at(calibration, settings.tpr), rel=1e-9)
    assert result.auroc == auroc(result.reference.calibration, result.reference.ood)
    assert result.fpr95 == fpr_at_tpr(result.reference.calibration, result.reference.ood)
    assert result.components == fresh.components_found
    assert result.bias_scale == pytest.approx(float(fresh.bias_scale), rel=1e-12)


def test_the_parts_make_the_score_and_the_contributions_the_distance(
    explorer: Explorer, observation: Observation
) -> None:
    for norm in (1, 2):
        actual = explorer.what_if(observation, replace(explorer.settings, norm=norm))
        terms = actual.detection.terms
        torch.testing.assert_close((terms["distance"] + terms["bias"]) * terms["scale"], actual.detection.score)
        torch.testing.assert_close(terms["share"].sum(dim=1), terms["distance"], rtol=1e-9, atol=1e-12)
        assert float(terms["distances"].min()) == pytest.approx(float(terms["distance"][0]), rel=1e-12)
        assert float(terms["relevance"].sum() + terms["bias_relevance"].sum()) == pytest.approx(1, abs=1e-4)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The ε of every fit that is made, as it is made."""
    told: list[float] = []
    plain = what_if.widest_fit

    def fit(bank: FeatureBank, head: Head, epsilon: float, norm: int) -> NERO:
        told.append(epsilon)
        return plain(bank, head, epsilon, norm)

    monkeypatch.setattr(what_if, "widest_fit", fit)
    return told


def test_more_fits_than_are_kept_change_nothing(
    inspector: Inspector, observation: Observation, made: list[float]
) -> None:
    fits, settings = what_if.WhatIfs(inspector.bundle), Explorer(inspector).settings
    first = fits.score(observation, settings).score
    asked = [0.001 * (place + 1) for place in range(12)]
    for epsilon in (*asked, *asked[-KEPT:]):  # the last are kept
        fits.score(observation, replace(settings, epsilon=epsilon))
    assert made == [settings.epsilon, *asked]
    assert fits.score(observation, settings).score == first
    assert made == [settings.epsilon, *asked, settings.epsilon]


def test_of_large_heads_fewer_fits_are_kept(
    inspector: Inspector, observation: Observation, monkeypatch: pytest.MonkeyPatch, made: list[float]
) -> None:
    monkeypatch.setattr(what_if, "KEPT_BYTES", 8 * inspector.bundle.classifier.head.neurons**2 * 2)
    few, settings = what_if.WhatIfs(inspector.bundle), Explorer(inspector).settings
    for epsilon in (0.01, 0.02, 0.03, 0.04, 0.03, 0.04, 0.02):
        few.score(observation, replace(settings, epsilon=epsilon))
    assert made == [0.01, 0.02, 0.03, 0.04, 0.02]


def test_a_fit_waits_for_no_other_and_is_made_once(
    inspector: Inspector, observation: Observation, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[float] = []
    slow, go_on = threading.Event(), threading.Event()
    plain = what_if.widest_fit

    def fit(bank: FeatureBank, head: Head, epsilon: float, norm: int) -> NERO:
        made.append(epsilon)
        if epsilon == 0.5:
            slow.set()
            assert go_on.wait(180)
        return plain(bank, head, epsilon, norm)

    monkeypatch.setattr(what_if, "widest_fit", fit)
    fits, settings = what_if.WhatIfs(inspector.bundle), Explorer(inspector).settings
    first, another = (replace(settings, epsilon=epsilon) for epsilon in (0.5, 0.25))
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(fits.score, observation, first) for _ in range(2)]
        assert slow.wait(180)
        other = fits.score(observation, another)  # while the first is on its way
        go_on.set()
        assert waiting[0].result().score == waiting[1].result().score != other.score
    assert made == [0.5, 0.25]


@pytest.mark.parametrize("index", [-1, 3])
def test_an_image_outside_the_observation_is_a_sentence(
    explorer: Explorer, inspector: Inspector, observation: Observation, index: int
) -> None:
    asked = (
        lambda: explorer.what_if(observation, explorer.settings, index),
        lambda: explorer.missing_evidence(observation, index),
        lambda: explorer.place(observation, "pca", index),
        lambda: inspector.channels(observation, index),
    )
    for ask in asked:
        with pytest.raises(NeroError, match=r"Expected an image index from 0 to 2\. Found"):
            ask()


def test_without_an_ood_bank_there_is_no_auroc(
    inspector: Inspector, observation: Observation, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = Inspector(replace(inspector.bundle, ood=None), inspector.device)
    result = Explorer(alone).what_if(observation, Explorer(alone).settings)
    assert math.isnan(result.auroc)
    assert math.isnan(result.fpr95)
    assert result.reference.ood is None


@pytest.mark.parametrize(
    "change",
    [
        {"epsilon": -1.0},
        {"epsilon": math.nan},
        {"component_share": 0.0},
        {"component_share": 1.5},
        {"k": 0},
        {"norm": 3},
        {"tpr": 1.0},
        {"tpr": 0.999},
    ],
    ids=str,
)
def test_settings_out_of_range_are_a_sentence(
    explorer: Explorer, observation: Observation, change: dict[str, float]
) -> None:
    wrong = WhatIfSettings(**{name: getattr(explorer.settings, name) for name in WhatIfSettings.__slots__} | change)
    with pytest.raises(CalibrationError, match=r"Expected .* Found"):
        explorer.what_if(observation, wrong)


def test_an_image_of_nothing_has_a_score_and_no_relevance(explorer: Explorer, observation: Observation) -> None:
    nothing = replace(observation, features=torch.zeros_like(observation.features))
    result = explorer.what_if(nothing, explorer.settings)
    assert not bool(result.channels.relevance.any())
    assert math.isfinite(result.score)


def test_features_that_are_not_finite_are_a_sentence(explorer: Explorer, observation: Observation) -> None:
    broken = replace(observation, features=torch.full_like(observation.features, torch.nan))
    with pytest.raises(CalibrationError, match="Expected finite features"):
        explorer.what_if(broken, explorer.settings)

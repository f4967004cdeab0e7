"""Agreement with the scores of the authors' published code."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from nero_core.detectors.nero import NERO
from nero_core.metrics import auroc, fpr_at_tpr
from nero_core.relevance.head import neuron_relevance
from nero_core.types import Head


@pytest.fixture(scope="module")
def golden() -> dict[str, Tensor]:
    with np.load(Path(__file__).with_name("nero_384.npz")) as file:
        return {name: torch.from_numpy(file[name]) for name in file.files}


@pytest.fixture(scope="module")
def fitted(golden: dict[str, Tensor]) -> NERO:
    detector = NERO(Head(golden["weight"], golden["bias"]), epsilon=0.0)
    return detector.fit_features(golden["train"], golden["train_labels"])


def test_hyper_parameters_are_the_published_ones(fitted: NERO) -> None:
    assert (fitted.components_found, fitted.k) == (256, 175)


@pytest.mark.parametrize(("features", "scores"), [("valid", "s_in"), ("ood", "s_ood")])
def test_scores_agree_with_the_published_code(
    fitted: NERO, golden: dict[str, Tensor], features: str, scores: str
) -> None:
    torch.testing.assert_close(fitted.predict_features(golden[features]), golden[scores], rtol=1e-4, atol=0)


def test_relevance_agrees_with_the_published_code(golden: dict[str, Tensor]) -> None:
    head = Head(golden["weight"], golden["bias"])
    relevance, bias = neuron_relevance(golden["valid"].double(), head, epsilon=0.0)
    joined = torch.cat([relevance, bias[:, None]], dim=1)
    torch.testing.assert_close(joined, golden["rel_valid"].double(), rtol=1e-3, atol=1e-5)


def test_separation_agrees_with_the_published_code(fitted: NERO, golden: dict[str, Tensor]) -> None:
    id_scores, ood_scores = fitted.predict_features(golden["valid"]), fitted.predict_features(golden["ood"])
    assert auroc(id_scores, ood_scores) == pytest.approx(1.0, abs=5e-5)  # published: 100.00 %
    assert fpr_at_tpr(id_scores, ood_scores) == 0.0

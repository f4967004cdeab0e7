"""NERO at every depth: its score is the sum over stages, each in units of ID variation."""

import pytest
import torch
from torch import Tensor

from nero_core.detectors.base import unit_length
from nero_core.detectors.nero_deep import NeroDeep
from nero_core.detectors.nero_plus import NeroPlus, decision_vector
from nero_core.errors import CalibrationError
from nero_core.types import Head

STAGES = {"layer2": 6, "layer3": 10}
NEURONS, CLASSES = 12, 3


@pytest.fixture
def head() -> Head:
    generator = torch.Generator().manual_seed(1)
    return Head(torch.randn(CLASSES, NEURONS, generator=generator).double(), torch.zeros(CLASSES).double())


def made(images: int, seed: int, shift: dict[str, float] | None = None) -> tuple[Tensor, Tensor]:
    """Channel means and features side by side; ``shift`` turns every other channel of a stage up."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(images) % CLASSES
    parts = []
    for name, width in {**STAGES, "features": NEURONS}.items():
        centres = 1 + torch.rand(CLASSES, width, generator=torch.Generator().manual_seed(width)).double()
        part = centres[labels] + 0.1 * torch.randn(images, width, generator=generator).double()
        part[:, ::2] += (shift or {}).get(name, 0.0)
        parts.append(part)
    return torch.cat(parts, dim=1), labels


def fitted(head: Head) -> NeroDeep:
    return NeroDeep(head, STAGES).fit_features(*made(90, 2))


def test_the_score_is_the_sum_of_its_stages_and_each_stage_of_its_channels(head: Head) -> None:
    detector, x = fitted(head), made(9, 3)[0]
    terms = detector.terms(x)
    assert list(terms.parts) == ["layer2", "layer3", "features"]
    torch.testing.assert_close(sum(terms.parts.values()), detector.predict_features(x))
    for name, distance in terms.distance.items():
        assert terms.contribution[name].shape[1] == {**STAGES, "features": NEURONS}[name]
        torch.testing.assert_close(terms.contribution[name].sum(dim=1), distance)


def test_what_is_less_than_usual_and_what_is_more_share_out_each_distance(head: Head) -> None:
    detector, x = fitted(head), made(9, 3, {"layer3": 0.4})[0]
    terms = detector.terms(x)
    assert list(terms.less) == ["layer2", "layer3", "features"]
    vectors = {"layer2": unit_length(x[:, :6]), "layer3": unit_length(x[:, 6:16])}
    vectors["features"] = decision_vector(x[:, 16:], head)
    for name, vector in vectors.items():
        gaussian = detector.fitted[name]
        offset = vector - gaussian.means[terms.nearest[name]]
        within = gaussian.vectors @ torch.diag(gaussian.precisions - gaussian.rest) @ gaussian.vectors.T
        precision = within + gaussian.rest * torch.eye(offset.shape[1], dtype=offset.dtype)
        parts = offset * (offset @ precision)
        below, above = ((parts * (sign * offset > 0)).sum(dim=1) / parts.sum(dim=1) for sign in (-1, 1))
        torch.testing.assert_close(terms.less[name], below)
        torch.testing.assert_close(terms.less[name] + above, torch.ones(9, dtype=x.dtype))


def test_images_like_those_of_the_fit_score_about_zero_at_every_stage(head: Head) -> None:
    terms = fitted(head).terms(made(600, 3)[0])
    for part in terms.parts.values():
        assert float(part.mean()) == pytest.approx(0, abs=0.25)
        assert float(part.std()) == pytest.approx(1, abs=0.25)


@pytest.mark.parametrize("stage", ["layer2", "layer3", "features"])
def test_what_is_unlike_at_one_stage_shows_there(head: Head, stage: str) -> None:
    detector = fitted(head)
    usual, moved = detector.terms(made(60, 3)[0]), detector.terms(made(60, 3, {stage: 1.0})[0])
    assert float(moved.score.mean()) > float(usual.score.mean()) + 3
    most = max(moved.parts, key=lambda name: float(moved.parts[name].mean()))
    assert most == stage


def test_brightness_of_all_channels_does_not_matter(head: Head) -> None:
    detector, x = fitted(head), made(9, 3)[0]
    torch.testing.assert_close(detector.predict_features(3 * x), detector.predict_features(x))


def test_without_stages_it_orders_images_as_nero_plus(head: Head) -> None:
    fit, labels = made(90, 2)
    x = made(40, 3)[0]
    deep = NeroDeep(head).fit_features(fit[:, -NEURONS:], labels).predict_features(x[:, -NEURONS:])
    plus = NeroPlus(head).fit_features(fit[:, -NEURONS:], labels).predict_features(x[:, -NEURONS:])
    assert torch.equal(deep.argsort(), plus.argsort())


def test_other_columns_than_those_of_the_stages_are_refused(head: Head) -> None:
    with pytest.raises(CalibrationError, match=r"\(batch, 28\): 6 of layer2 \+ 10 of layer3 \+ 12 of features"):
        NeroDeep(head, STAGES).fit_features(torch.rand(9, 12), torch.arange(9) % 3)

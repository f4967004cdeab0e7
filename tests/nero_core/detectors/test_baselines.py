"""What is mended in pytorch-ood's detectors, against pytorch-ood where its own formula holds."""

import pytest
import torch
from pytorch_ood.detector import DICE, GEN, LTS, NCI, Entropy, ViM, fDBD
from torch import Tensor

from nero_core.detectors import baselines, build_detector
from nero_core.detectors.in_parts import AT_ONCE
from nero_core.errors import CalibrationError
from nero_core.types import Head

CLASSES, NEURONS, IMAGES = 4, 16, 120


def made(seed: int, images: int = IMAGES) -> tuple[Tensor, Tensor]:
    features = torch.randn(images, NEURONS, generator=torch.Generator().manual_seed(seed)).relu()
    return features, torch.arange(images) % CLASSES


def library(name: str, head: Head):
    linear = torch.nn.Linear(NEURONS, CLASSES)
    linear.load_state_dict({"weight": head.weight, "bias": head.bias})
    return {
        "dice": lambda: DICE(None, head.weight, head.bias, p=0.9),
        "fdbd": lambda: fDBD(None, linear),
        "lts": lambda: LTS(None, linear),
        "nci": lambda: NCI(None, linear),
        "vim": lambda: ViM(None, NEURONS // 2, head.weight, head.bias),
    }[name]()


@pytest.mark.parametrize("name", ["dice", "fdbd", "lts", "nci", "vim"])
def test_where_pytorch_oods_formula_holds_the_scores_are_its_own(name: str, head: Head) -> None:
    probe = made(2)[0]
    expected = library(name, head).fit_features(*made(1)).predict_features(probe).detach()
    scores = build_detector(name, head).fit_features(*made(1)).predict_features(probe)
    torch.testing.assert_close(scores.float(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "of_library"), [("entropy", Entropy(None)), ("gen", GEN(None)), ("gen", GEN(None, M=2))]
)
def test_where_no_probability_is_tiny_entropies_are_pytorch_oods(
    name: str, of_library: Entropy | GEN, head: Head
) -> None:
    probe = made(2)[0].double() / 4
    hyper = {"most": of_library.M} if isinstance(of_library, GEN) else {}
    scores = build_detector(name, head, **hyper).predict_features(probe)
    torch.testing.assert_close(scores, of_library.predict_logits(head.logits(probe)), rtol=1e-6, atol=1e-7)


def test_react_clips_at_the_90_percent_quantile_of_the_fit_features(head: Head) -> None:
    (x, y), probe = made(1), made(2)[0].double()
    level = x.double().quantile(0.9)
    expected = -head.logits(probe.clamp_max(level)).logsumexp(dim=1)
    torch.testing.assert_close(build_detector("react", head).fit_features(x, y).predict_features(probe), expected)


def test_scale_and_ash_scale_by_the_share_of_the_largest_features(head: Head) -> None:
    probe = made(2)[0].double()
    ordered = probe.sort(dim=1, descending=True)
    for name, count in (("scale", 2), ("ash", 2)):  # of 16: 16 − round(16·0.85) and 16 − round(16·0.9)
        factor = (probe.sum(dim=1) / ordered.values[:, :count].sum(dim=1)).exp()[:, None]
        pruned = (
            probe
            if name == "scale"
            else torch.zeros_like(probe).scatter(1, ordered.indices[:, :count], ordered.values[:, :count])
        )
        expected = -head.logits(pruned * factor).logsumexp(dim=1)
        torch.testing.assert_close(build_detector(name, head).predict_features(probe), expected)


def test_dice_scores_a_feature_of_nothing_above_id_features() -> None:
    """Each class has neurons of its own, whose weights are those that DICE keeps."""
    weight = torch.eye(CLASSES).repeat_interleave(NEURONS // CLASSES, dim=1)
    labels = torch.arange(IMAGES) % CLASSES
    x = 3 * weight[labels] + 0.1 * made(1)[0]
    detector = build_detector("dice", Head(weight, torch.zeros(CLASSES)), sparsity=0.5).fit_features(x, labels)
    assert float(detector.predict_features(0.1 * made(2)[0]).min()) > float(detector.predict_features(x).max())


def test_classes_with_the_same_weights_have_no_boundary(head: Head) -> None:
    twin = Head(head.weight[[0, 1, 2, 2]], head.bias)
    assert bool(build_detector("fdbd", twin).fit_features(*made(1)).predict_features(made(2)[0]).isfinite().all())


def test_a_head_of_one_class_has_no_boundary() -> None:
    x, y = made(1)
    with pytest.raises(CalibrationError, match="no boundary"):
        build_detector("fdbd", Head(torch.ones(1, NEURONS), torch.zeros(1))).fit_features(x, 0 * y)


def test_vim_refuses_a_bank_that_spans_no_more_than_its_principal_space(head: Head) -> None:
    x, y = made(1)
    with pytest.raises(CalibrationError, match="span 8 dimensions, and the principal space alone takes 8"):
        build_detector("vim", head).fit_features(x[:8], y[:8])


def test_vim_refuses_logits_that_would_turn_its_sign(head: Head) -> None:
    low = Head(head.weight, head.bias - 1000)
    with pytest.raises(CalibrationError, match="not a positive number"):
        build_detector("vim", low).fit_features(*made(1))


@pytest.mark.parametrize(("neurons", "dimension"), [(2048, 512), (768, 512), (512, 256), (384, 192)])
def test_vims_dimension_is_that_of_the_published_comparison(neurons: int, dimension: int) -> None:
    assert baselines.vim(Head(torch.ones(2, neurons), torch.zeros(2))).d == dimension


@pytest.mark.parametrize("drawn", [0.5, 1.0, 3.0])
def test_the_temperature_is_that_of_least_loss(drawn: float, head: Head) -> None:
    """Labels drawn from the softmax at that temperature."""
    x = made(1, 4000)[0]
    chances = (head.logits(x) / drawn).softmax(dim=1)
    y = torch.multinomial(chances, 1, generator=torch.Generator().manual_seed(3))[:, 0]
    fitted = float(build_detector("temperature", head).fit_features(x, y).detector.t)
    assert fitted == pytest.approx(drawn, rel=0.1)

    def loss(temperature: float) -> float:
        return float(torch.nn.functional.cross_entropy(head.logits(x.double()) / temperature, y))

    assert loss(fitted) < min(loss(fitted * 0.999), loss(fitted * 1.001))


def test_the_temperature_of_a_bank_without_an_error_stays_at_its_bound(head: Head) -> None:
    x = made(1)[0]
    detector = build_detector("temperature", head).fit_features(x, head.logits(x).argmax(dim=1))
    assert float(detector.detector.t) == pytest.approx(0.1)
    assert len(detector.predict_features(made(2)[0]).unique()) == IMAGES


def test_temperature_scores_are_the_log_odds_of_the_softmax(head: Head) -> None:
    detector = build_detector("temperature", head).fit_features(*made(1))
    probe = made(2)[0].double()
    largest = (head.logits(probe) / detector.detector.t).softmax(dim=1).amax(dim=1)
    torch.testing.assert_close(detector.predict_features(probe), ((1 - largest) / largest).log())


def test_a_batch_longer_than_a_slice_is_scored_whole(head: Head) -> None:
    x = made(2, AT_ONCE + 5)[0]
    detector = build_detector("nnguide", head).fit_features(*made(1))
    assert detector.predict_features(x).shape == (AT_ONCE + 5,)


def test_finite_features_whose_sum_is_not_are_scored(head: Head) -> None:
    features = made(2)[0].double()
    features[0, :2] = 1.7e308  # the sum of both is infinite
    assert not features.sum().isfinite()
    assert bool(build_detector("max_logit", head).predict_features(features)[1:].isfinite().all())

"""NERO against a slow replica of its formula, and the laws of its terms."""

import pytest
import torch
from torch import Tensor

from nero_core.detectors.nero import NERO
from nero_core.errors import CalibrationError
from nero_core.types import Head

CLASSES, NEURONS, IMAGES = 3, 15, 80


def replica(head: Head, fit: Tensor, labels: Tensor, x: Tensor, epsilon: float, k: int, components: int) -> list[float]:
    """The score written out image by image and neuron by neuron, with numpy's SVD for the PCA."""
    weight, bias = head.weight.double(), head.bias.double()

    def relevance(a: Tensor) -> tuple[Tensor, float]:
        logits = [sum(float(a[j] * weight[i, j]) for j in range(NEURONS)) + float(bias[i]) for i in range(CLASSES)]
        p = torch.tensor(logits, dtype=torch.float64).softmax(0)
        gain = [float(p[i]) / (logits[i] + epsilon * (1 if logits[i] >= 0 else -1)) for i in range(CLASSES)]
        r = [float(a[j]) * sum(gain[i] * float(weight[i, j]) for i in range(CLASSES)) for j in range(NEURONS)]
        return torch.tensor(r, dtype=torch.float64), sum(gain[i] * float(bias[i]) for i in range(CLASSES))

    rows = [relevance(a.double()) for a in fit]
    r = torch.stack([row[0] for row in rows])
    beta = torch.tensor([row[1] for row in rows], dtype=torch.float64)
    directions = torch.linalg.svd(r - r.mean(0)).Vh[:components]
    whole = torch.cat([r, beta[:, None]], dim=1)
    mu = [(r[labels == c] @ directions.T).mean(0) for c in range(CLASSES)]
    nu = [whole[labels == c].mean(0) for c in range(CLASSES)]
    spread = sum(min(float((row - n).abs().sum()) for n in nu) for row in whole) / len(whole)
    scale = spread / float(beta.abs().mean())
    scores = []
    for a in x.double():
        image_relevance, one_beta = relevance(a)
        distance = min(float((directions @ image_relevance - m).abs().sum()) for m in mu)
        lowest = sorted(range(NEURONS), key=lambda j: float(image_relevance[j]))[:k]
        ratio = sum(abs(float(a[j])) for j in lowest) / float(a.abs().sum())
        scores.append((distance + scale * abs(one_beta)) * ratio)
    return scores


def test_scores_equal_the_slow_replica(head: Head, features: Tensor, labels: Tensor) -> None:
    detector = NERO(head, epsilon=0.01, k=6).fit_features(features, labels)
    probe = torch.randn(9, NEURONS, generator=torch.Generator().manual_seed(2)).relu()
    expected = replica(head, features, labels, probe, epsilon=0.01, k=6, components=10)
    torch.testing.assert_close(
        detector.predict_features(probe), torch.tensor(expected, dtype=torch.float64), rtol=1e-9, atol=1e-9
    )


def test_contributions_sum_to_the_distance(head: Head, features: Tensor, labels: Tensor) -> None:
    terms = NERO(head).fit_features(features, labels).terms(features)
    torch.testing.assert_close(terms.contribution.sum(dim=1), terms.distance, rtol=1e-12, atol=1e-12)


def test_terms_make_the_score(head: Head, features: Tensor, labels: Tensor) -> None:
    detector = NERO(head).fit_features(features, labels)
    assert torch.equal(detector.terms(features).score, detector.predict_features(features))


def test_scale_is_a_share(head: Head, features: Tensor, labels: Tensor) -> None:
    scale = NERO(head).fit_features(features, labels).terms(features).scale
    assert bool(((scale >= 0) & (scale <= 1)).all())


def test_nearest_centroid_of_a_class_mean_is_its_class(head: Head, features: Tensor, labels: Tensor) -> None:
    detector = NERO(head).fit_features(features, labels)
    distance = torch.cdist(detector.means @ detector.components.T, detector.centroids, p=1)
    assert distance.argmin(dim=1).tolist() == list(range(CLASSES))


@pytest.mark.parametrize(("neurons", "components", "k"), [(512, 341, 175), (384, 256, 175), (192, 128, 66)])
def test_hyper_parameters_follow_the_paper_and_scale_with_the_width(neurons: int, components: int, k: int) -> None:
    detector = NERO(Head(torch.ones(2, neurons), torch.zeros(2)))
    assert (detector.components_wanted, detector.k) == (components, k)


def test_too_few_images_keep_the_components_that_the_rank_allows(head: Head, features: Tensor, labels: Tensor) -> None:
    detector = NERO(head).fit_features(features[:7], labels[:7])
    assert detector.components_wanted == 10
    assert detector.components_found == 6


def test_all_zero_features_do_not_score_zero(head: Head, features: Tensor, labels: Tensor) -> None:
    detector = NERO(head).fit_features(features, labels)
    assert float(detector.predict_features(torch.zeros(1, NEURONS))) > 0


def test_a_head_whose_relevance_is_not_finite_is_refused(features: Tensor, labels: Tensor) -> None:
    head = Head(torch.full((CLASSES, NEURONS), 1e308, dtype=torch.float64), torch.zeros(CLASSES, dtype=torch.float64))
    with pytest.raises(CalibrationError, match="Raise ε"):
        NERO(head).fit_features(features, labels)


def test_k_is_taken_by_its_former_name(head: Head) -> None:
    assert [NERO(head, **{name: 6}).k for name in ("k", "least")] == [6, 6]  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [{"epsilon": -1.0}, {"component_share": 0.0}, {"k": 0}, {"k": NEURONS + 1}])
def test_hyper_parameters_outside_their_range_are_refused(head: Head, wrong: dict[str, float]) -> None:
    with pytest.raises(CalibrationError, match="Found"):
        NERO(head, **wrong)


def test_one_image_is_too_few_to_fit_on(head: Head, features: Tensor, labels: Tensor) -> None:
    with pytest.raises(CalibrationError, match="at least 2"):
        NERO(head).fit_features(features[:1], labels[:1])


def test_in_the_euclidean_norm_the_contributions_sum_to_the_distance_too(
    head: Head, features: Tensor, labels: Tensor
) -> None:
    detector = NERO(head, epsilon=0.01, norm=2).fit_features(features, labels)
    terms = detector.terms(features)
    offset = terms.relevance - detector.means[terms.nearest]
    torch.testing.assert_close(
        terms.distance, torch.linalg.vector_norm(offset @ detector.components.T, dim=1), rtol=1e-9, atol=1e-12
    )
    torch.testing.assert_close(terms.contribution.sum(dim=1), terms.distance, rtol=1e-9, atol=1e-12)
    assert torch.equal(terms.score, detector.predict_features(features))
    assert bool(
        (terms.distance <= NERO(head, epsilon=0.01).fit_features(features, labels).terms(features).distance).all()
    )


def test_at_a_centroid_the_euclidean_contribution_is_zero_and_not_undefined(head: Head, features: Tensor) -> None:
    same = features[:1].repeat(4, 1)
    both = torch.cat([same, features[1:2].repeat(4, 1)])
    terms = NERO(head, norm=2).fit_features(both, torch.arange(8) // 4).terms(same[:1])
    assert float(terms.contribution.abs().max()) < 1e-9


@pytest.mark.parametrize(("share", "k"), [(0.2, 3), (2 / 3, 15), (1.0, 1)])
def test_a_narrowed_fit_is_a_fresh_fit(head: Head, features: Tensor, labels: Tensor, share: float, k: int) -> None:
    wide = NERO(head, epsilon=0.01, component_share=1.0).fit_features(features, labels)
    before = wide.predict_features(features)
    fresh = NERO(head, epsilon=0.01, component_share=share, k=k).fit_features(features, labels)
    narrow = wide.narrowed(share, k)
    assert narrow.components_found == fresh.components_found
    torch.testing.assert_close(
        narrow.predict_features(features), fresh.predict_features(features), rtol=1e-12, atol=1e-12
    )
    assert torch.equal(wide.predict_features(features), before)


@pytest.mark.parametrize(("share", "k"), [(0.0, 3), (1.1, 3), (0.9, 3), (0.5, 0), (0.5, NEURONS + 1)])
def test_a_fit_cannot_be_narrowed_to_what_it_does_not_hold(
    head: Head, features: Tensor, labels: Tensor, share: float, k: int
) -> None:
    with pytest.raises(CalibrationError, match="Found"):
        NERO(head, component_share=0.6).fit_features(features, labels).narrowed(share, k)


def test_a_norm_that_is_neither_is_refused(head: Head) -> None:
    with pytest.raises(CalibrationError, match="Expected a norm of 1 or 2"):
        NERO(head, norm=3)

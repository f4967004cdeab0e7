"""The nearest reference images by the angle between features."""

import torch

from nero_core.explain.similar import near_limit, nearest_features


def bank(seed: int, images: int = 60) -> torch.Tensor:
    return torch.rand(images, 12, generator=torch.Generator().manual_seed(seed)) + 0.2


def test_the_nearest_are_those_of_least_angle_whatever_their_length() -> None:
    fit = bank(0)
    rows, distances = nearest_features(7.5 * fit[11], fit, 5)
    cosine = torch.nn.functional.cosine_similarity(fit[11].double()[None], fit.double())
    assert rows.tolist() == cosine.argsort(descending=True)[:5].tolist()
    torch.testing.assert_close(distances, (2 - 2 * cosine[rows]).clamp_min(0).sqrt(), atol=1e-7, rtol=1e-6)
    assert rows[0] == 11 and float(distances[0]) < 1e-7


def test_near_is_what_the_given_share_of_calibration_images_is() -> None:
    fit, calibration = bank(0), bank(1, 400)
    limit = near_limit(fit, calibration, 0.9)
    nearest = torch.stack([nearest_features(feature, fit, 1)[1][0] for feature in calibration])
    assert abs(float((nearest <= limit).double().mean()) - 0.9) < 0.01


def test_of_unseen_images_the_share_that_has_none_near_is_what_was_promised() -> None:
    generator = torch.Generator().manual_seed(2)
    far, runs, unseen = 0, 60, 60
    for _ in range(runs):
        fit, calibration, new = (torch.rand(size, 6, generator=generator) for size in (80, 79, unseen))
        limit = near_limit(fit, calibration)
        far += sum(float(nearest_features(feature, fit, 1)[1][0]) > limit for feature in new)
    assert 0.03 < far / (runs * unseen) <= 0.05 + 0.011  # of 3600 images; images of a run share their limit


def test_of_few_calibration_images_the_farthest_sets_what_is_near() -> None:
    fit, calibration = bank(0), bank(1, 7)
    nearest = torch.stack([nearest_features(feature, fit, 1)[1][0] for feature in calibration])
    assert near_limit(fit, calibration) == float(nearest.max())


def test_fewer_images_than_asked_for_are_all_of_them() -> None:
    assert len(nearest_features(bank(1)[0], bank(0, 3), 5)[0]) == 3

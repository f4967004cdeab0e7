"""Plain measures of a picture against those of the reference images."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from nero_core.explain.picture_check import MEASURES, check_picture, measure_pictures


def picture(seed: int, light: float = 1.0, blur: float = 1.0, side: tuple[int, int] = (48, 48)) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=(*side, 3))
    smooth = gaussian_filter(noise, (blur, blur, 0))
    return np.clip(light * (120 + 60 * smooth / smooth.std()) * [1.2, 0.9, 0.7], 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def reference() -> dict[str, np.ndarray]:
    return measure_pictures(picture(seed, light=0.8 + 0.002 * seed) for seed in range(200))


def sides(pixels: np.ndarray, reference: dict[str, np.ndarray]) -> dict[str, int]:
    return {one.name: one.side() for one in check_picture(pixels, reference) if one.side()}


def test_a_picture_like_the_others_stands_out_in_nothing(reference: dict[str, np.ndarray]) -> None:
    assert sides(picture(1000, light=1.0), reference) == {}


@pytest.mark.parametrize(
    ("change", "name", "side"),
    [
        (lambda x: x // 4, "light", -1),
        (lambda x: 255 - (255 - x) // 4, "light", 1),
        (lambda x: 100 + x // 8, "contrast", -1),
        (lambda x: gaussian_filter(x, (3, 3, 0)), "sharpness", -1),
        (lambda x: np.repeat(x[..., :1], 3, axis=2), "colourfulness", -1),
        (lambda x: x[..., ::-1], "redness", -1),
        (lambda x: np.concatenate([x, x], axis=1), "aspect", 1),
        (lambda x: x[:, :24], "aspect", -1),
    ],
    ids=["dark", "bright", "flat", "blurred", "grey", "blue", "wide", "narrow"],
)
def test_what_was_done_to_it_is_named(change, name: str, side: int, reference: dict[str, np.ndarray]) -> None:
    assert sides(change(picture(1001)), reference)[name] == side


def test_shares_count_equal_values_half_and_lie_in_range(reference: dict[str, np.ndarray]) -> None:
    for one in check_picture(picture(0, light=0.8), reference):
        assert 0 <= one.share_below <= 1 and one.images == 200
        assert one.lowest <= one.value <= one.highest  # it is one of them
    (aspect,) = (one for one in check_picture(picture(5), reference) if one.name == "aspect")
    assert aspect.share_below == 0.5 and aspect.value == 1


@pytest.mark.parametrize("value", [0, 255])
def test_a_picture_of_one_value_has_finite_measures(value: int, reference: dict[str, np.ndarray]) -> None:
    flat = np.full((20, 20, 3), value, np.uint8)
    assert all(np.isfinite(measure(flat)) for measure in MEASURES.values())
    assert sides(flat, reference)["contrast"] == -1

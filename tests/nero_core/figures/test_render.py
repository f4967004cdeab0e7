"""Arrays to pictures."""

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image

from nero_core.figures.render import (
    caption,
    colour_bar,
    concept_maps,
    data_uri,
    encode,
    enlarge,
    evidence_as_shown,
    fit_within,
    heat_limit,
    overlay,
    scale_limits,
    smooth,
    upsample,
)
from nero_core.types import Concept

PICTURE = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
PEAK = np.zeros((8, 8), np.float32)
PEAK[2, 2], PEAK[5, 5] = 1.0, -1.0


def greenness(pixels: np.ndarray) -> np.ndarray:
    return pixels[..., 1].astype(int) - pixels[..., [0, 2]].mean(axis=-1)


def test_an_overlay_has_the_pictures_own_size_and_aspect():
    assert overlay(PICTURE, PEAK).shape == PICTURE.shape
    assert overlay(PICTURE, torch.from_numpy(PEAK)).dtype == np.uint8


def test_no_opacity_leaves_the_picture_untouched():
    assert np.array_equal(overlay(PICTURE, PEAK, 0.0), PICTURE)


def test_the_signs_have_two_colours_and_zero_has_none():
    grey = np.full((64, 64, 3), 128, np.uint8)
    shown = overlay(grey, PEAK, 1.0, 1.0)
    assert greenness(shown)[20, 20] > 60  # positive: green
    assert greenness(shown)[44, 44] < -60  # negative: purple
    assert np.array_equal(shown[60, 2], grey[0, 0])


def test_the_sign_flips_with_the_map_and_the_strength_with_the_limit():
    grey = np.full((64, 64, 3), 128, np.uint8)
    assert greenness(overlay(grey, -PEAK, 1.0, 1.0))[20, 20] < -60
    strong, weak = (np.abs(overlay(grey, PEAK, 1.0, limit).astype(int) - 128).sum() for limit in (1.0, 10.0))
    assert weak < strong / 3


@pytest.mark.parametrize(
    ("negative", "kind"), [(0.0, "positive"), (0.04, "positive"), (0.06, "signed"), (5.0, "signed")]
)
def test_evidence_shows_its_negative_part_where_it_counts(negative: float, kind: str):
    heatmap = np.zeros((224, 224), np.float32)
    heatmap[50, 50], heatmap[170, 170] = 1.0, -negative
    shown, shown_kind = evidence_as_shown(heatmap, 12.0)
    assert shown_kind == kind
    wanted = smooth(heatmap, 12.0)
    assert np.array_equal(shown, wanted if kind == "signed" else np.maximum(wanted, 0))
    assert float(shown.sum()) == pytest.approx(1 - negative * (kind == "signed"), abs=1e-3)


def test_positive_maps_ignore_what_is_below_zero():
    grey = np.full((64, 64, 3), 128, np.uint8)
    shown = overlay(grey, PEAK, 1.0, 1.0, kind="positive")
    assert np.array_equal(shown[44, 44], grey[0, 0])
    assert not np.array_equal(shown[20, 20], grey[0, 0])


def test_upsampling_is_bilinear():
    ramp = np.tile(np.arange(4, dtype=np.float32), (4, 1))
    wide = upsample(ramp, 8, 64)
    assert wide.shape == (8, 64)
    assert np.all(np.diff(wide, axis=1) >= 0)
    assert wide[:, 32].mean() == pytest.approx(1.53, abs=0.1)
    with pytest.raises(ValueError, match="height and width"):
        upsample(np.zeros((2, 2, 2)), 4, 4)


def test_a_limit_is_shared_positive_and_finite():
    assert heat_limit(PEAK, 3 * PEAK, quantile=1.0) == 3
    assert heat_limit(np.zeros((4, 4))) == 1
    assert heat_limit() == 1
    lonely = np.zeros((100, 100))
    lonely[0, 0] = 5
    assert heat_limit(lonely) == 5


def test_the_colour_bar_is_white_in_the_middle_when_signed():
    assert colour_bar("signed", 101, 5).shape == (5, 101, 3)
    assert colour_bar("signed", 101)[0, 50].min() > 230
    assert greenness(colour_bar("signed"))[0, -1] > 60 > -60 > greenness(colour_bar("signed"))[0, 0]


def test_small_pictures_are_enlarged_by_whole_numbers():
    large = enlarge(PICTURE, 672)
    assert large.shape == (440, 660, 3)
    assert np.array_equal(large[::11, ::11], PICTURE)
    assert np.array_equal(large[5::11, 5::11], PICTURE)
    assert enlarge(large, 672) is large


def test_large_pictures_keep_their_aspect():
    assert fit_within(np.zeros((1000, 3000, 3), np.uint8), 1200).shape == (400, 1200, 3)
    assert fit_within(PICTURE, 1200) is PICTURE


def test_png_is_exact_and_a_data_uri_holds_the_file():
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(encode(PICTURE)))), PICTURE)
    head, data = data_uri(PICTURE).split(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(data) == encode(PICTURE)
    assert data_uri(b"x", "webp") == "data:image/webp;base64,eA=="
    assert encode(PICTURE, "webp")[8:12] == b"WEBP"


@pytest.mark.parametrize("width", [60, 672, 1200])
def test_a_caption_stands_below_the_untouched_picture_within_its_width(width: int):
    picture = np.zeros((40, width, 3), np.uint8)
    shown = caption(picture, "class heatmap of normal-cecum, keeps 0.97 of relevance")
    assert np.array_equal(shown[:40], picture)
    strip = shown[40:]
    dark = strip.min(axis=2) < 128
    assert dark.any()
    assert not dark[:, :3].any() and not dark[:, -3:].any()  # nothing is cut off
    assert not dark[:3].any() and not dark[-3:].any()
    if width == 60:
        assert len(strip) > 3 * 14  # several lines


def test_captions_of_other_text_differ():
    picture = np.zeros((40, 672, 3), np.uint8)
    assert not np.array_equal(caption(picture, "keeps 0.97"), caption(picture, "keeps 0.91"))


@pytest.mark.parametrize(
    ("sizes", "cancellations", "shared", "worn"),
    [
        ((1.0, 2.0, 50.0), (1.0, 1.0, 80.0), 2.0, (2.0, 2.0, 50.0)),  # a loud one hides nobody
        ((1.0, 2.0, 50.0), (1.0, 1.0, 3.0), 50.0, (50.0, 50.0, 50.0)),  # strong, and means it
        ((4.0, 1.0), (1.0, 80.0), 4.0, (4.0, 4.0)),  # what cancels and is faint stays faint
        ((1.0, 2.0, 50.0), (9.0, 9.0, 9.0), 2.0, (2.0, 2.0, 50.0)),  # all cancel: the median's
        ((0.0, 2.0), (float("nan"), 9.0), 2.0, (2.0, 2.0)),  # a channel that is not used gives no scale
        ((0.0,), (float("nan"),), 1.0, (1.0,)),
        ((), (), 1.0, ()),
    ],
)
def test_a_map_that_mostly_cancels_hides_no_other(
    sizes: tuple[float, ...], cancellations: tuple[float, ...], shared: float, worn: tuple[float, ...]
) -> None:
    assert scale_limits([np.full((4, 4), size) for size in sizes], cancellations) == (shared, worn)


def test_maps_of_concepts_are_smoothed_and_have_the_limits_of_what_is_shown() -> None:
    maps = torch.randn(3, 40, 40, generator=torch.Generator().manual_seed(0))
    concepts = [
        Concept(place, raw, 0.2, 0.1, 0.05, (), (), 1.0, cancels)
        for place, (raw, cancels) in enumerate(zip(maps, (1.0, 90.0, 2.0), strict=True))
    ]
    shown, shared, limits = concept_maps(concepts, 2.0)
    for smoothed, heatmap in zip(shown, maps, strict=True):
        assert np.array_equal(smoothed, smooth(heatmap, 2.0))
    assert (shared, limits) == scale_limits(shown, (1.0, 90.0, 2.0))
    assert concept_maps([], 2.0) == ([], 1.0, ())

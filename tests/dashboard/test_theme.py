import pytest

from dashboard import theme
from dashboard.theme import DARK, LIGHT, Theme, theme_of


def luminance(colour: str) -> float:
    parts = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(colour: str, other: str) -> float:
    light, dark = sorted((luminance(colour), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("kind", [LIGHT, DARK])
def test_words_reach_4_5_to_1(kind: Theme):
    assert contrast(kind.text, kind.background) >= 4.5
    assert contrast(kind.soft, kind.background) >= 4.5


@pytest.mark.parametrize("kind", [LIGHT, DARK])
@pytest.mark.parametrize("colour", [theme.ID, theme.OOD])
def test_shapes_reach_3_to_1(kind: Theme, colour: str):
    assert contrast(colour, kind.background) >= 3
    assert contrast(kind.centroid, kind.background) >= 3


def test_an_unknown_theme_is_light():
    assert theme_of(None) is LIGHT
    assert theme_of("dark") is DARK

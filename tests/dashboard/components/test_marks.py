import numpy as np

from dashboard.components import marks

HOSTILE = '"><img src=x onerror=alert(1)>'


def test_what_comes_from_outside_is_escaped():
    pixels = np.zeros((4, 4, 3), np.uint8)
    for markup in (
        marks.picture(pixels, HOSTILE),
        marks.thumbnail(b"x", HOSTILE),
        marks.facts([(HOSTILE, HOSTILE, False)]),
        marks.bars([(HOSTILE, 1.0, HOSTILE, False)]),
        marks.legend("signed", 1.0, HOSTILE),
    ):
        assert HOSTILE not in markup
        assert "<img src=x" not in markup


def test_bars_share_one_zero_and_one_limit():
    markup = marks.bars([("a", 2.0, "2", False), ("b", -1.0, "−1", True)])
    assert "left:50.0%;width:50.0%" in markup
    assert "left:25.0%;width:25.0%" in markup


def test_a_score_beyond_the_scale_stands_at_its_end():
    assert "left:100.0%" in marks.score_scale(99.0, 3.0, (0.0, 10.0))
    assert "99.0 →" in marks.score_scale(99.0, 3.0, (0.0, 10.0))


def test_a_picture_has_its_own_size_and_alternative_text():
    assert 'alt="frame" width="7" height="4"' in marks.picture(np.zeros((4, 7, 3), np.uint8), "frame")


def test_an_enlarged_picture_keeps_hard_pixels():
    pixels = np.zeros((4, 7, 3), np.uint8)
    assert "class=pixelated" in marks.picture(pixels, "frame", pixelated=True)
    assert "pixelated" not in marks.picture(pixels, "frame")

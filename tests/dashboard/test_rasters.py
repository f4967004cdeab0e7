"""Decoded pictures are kept within a number of pixels."""

import pytest

from dashboard.resources.rasters import Rasters
from nero_core.data import Picture, decode_image
from tests.dashboard.material import png

SIDES = {"a": 100, "b": 100, "c": 100, "d": 100, "large": 400, "huge": 500}  # pixels


class Files:
    """Asks for files by name, and keeps the names of those that were decoded for it."""

    def __init__(self, rasters: Rasters) -> None:
        self.rasters = rasters
        self.decoded: list[str] = []

    def ask(self, names: str) -> list[str]:
        """The names of those that were decoded now."""
        before = len(self.decoded)
        for name in names.split():
            assert self.rasters.get(name, lambda name=name: self._decode(name)).pixels.shape[0] == SIDES[name]
        return self.decoded[before:]

    def _decode(self, name: str) -> Picture:
        self.decoded.append(name)
        return decode_image(png(SIDES[name]), name)


def test_the_pictures_that_were_used_last_are_not_decoded_again():
    files = Files(Rasters(3 * 100 * 100, seconds=60))
    assert files.ask("a b c a b c") == ["a", "b", "c"]
    assert files.ask("a d") == ["d"]  # in the place of b, which was not used for longest
    assert files.ask("a c d") == []
    assert files.ask("b") == ["b"]


def test_a_picture_beyond_the_bound_is_kept_alone_until_another_comes():
    files = Files(Rasters(3 * 100 * 100, seconds=60))
    assert files.ask("a large large") == ["a", "large"]
    assert files.ask("huge huge") == ["huge"]
    assert files.ask("a huge") == ["a", "huge"]


def test_a_picture_that_nobody_asks_for_goes_when_another_comes(monkeypatch: pytest.MonkeyPatch):
    now = 0.0
    monkeypatch.setattr("dashboard.resources.rasters.time.monotonic", lambda: now)
    files = Files(Rasters(10**6, seconds=60))
    assert files.ask("a b") == ["a", "b"]
    now = 50.0
    assert files.ask("b") == []
    now = 100.0
    assert files.ask("c b a") == ["c", "a"]


def test_what_cannot_be_decoded_is_not_kept():
    files = Files(Rasters(10**6, seconds=60))
    with pytest.raises(ZeroDivisionError):
        files.rasters.get("a", lambda: 1 // 0)
    assert files.ask("a") == ["a"]

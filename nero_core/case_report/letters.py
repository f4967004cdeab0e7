"""Letters that the fonts of a PDF have, and those that they lack: written as ``[U+4E2D]``, never as an empty box."""

import os
import unicodedata
from functools import cache
from pathlib import Path

from nero_core.errors import NeroError

FONTS_VARIABLE = "NERO_REPORT_FONTS"  # font files for scripts that DejaVu Sans lacks
REGULAR, BOLD = "DejaVuSans.ttf", "DejaVuSans-Bold.ttf"
_JOINERS = "\u200c\u200d"  # Persian words and emoji are spelled with them
_SPACES = "\u00a0\u202f"  # between a number and its unit
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})  # or turning the text around them


def spelled(text: str) -> str:
    """The text with every letter that the fonts lack, or that is unseen, as its code point in Unicode. Line ends stay.

    ``报告 7.png`` → ``[U+62A5][U+544A] 7.png``.

    Raises:
        NeroError: a file of ``NERO_REPORT_FONTS`` is no font.
    """
    known = _letters(font_files())
    return "".join(_written(letter, known) for letter in text)


def visible(text: str) -> str:
    """The text with every letter that is unseen as its code point, for who has fonts for the others. Line ends stay."""
    return "".join(_written(letter, None) for letter in text)


def font_files() -> tuple[Path, ...]:
    """DejaVu Sans, which comes with matplotlib, and then the files that ``NERO_REPORT_FONTS`` names."""
    import matplotlib

    own = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    more = [Path(name) for name in os.environ.get(FONTS_VARIABLE, "").split(os.pathsep) if name]
    return (own / REGULAR, own / BOLD, *more)


def families() -> tuple[str, ...]:
    """The names of the fonts, in the order in which a letter is looked for."""
    return tuple(dict.fromkeys(_font(path)[0] for path in font_files()))


def _written(letter: str, known: frozenset[int] | None) -> str:
    if letter == "\n" or letter in _SPACES:
        return letter
    if letter.isspace():
        return " "
    is_seen = letter in _JOINERS or unicodedata.category(letter) not in _UNSEEN
    return letter if is_seen and (known is None or ord(letter) in known) else f"[U+{ord(letter):04X}]"


@cache
def _letters(paths: tuple[Path, ...]) -> frozenset[int]:
    """Code points that the fonts have; names of others are never set bold."""
    return frozenset().union(*(_font(path)[1] for path in paths if path.name != BOLD))


@cache
def _font(path: Path) -> tuple[str, frozenset[int]]:
    from matplotlib.ft2font import FT2Font

    try:
        font = FT2Font(str(path))
    except (OSError, RuntimeError) as error:
        raise NeroError(
            f"Expected font files in {FONTS_VARIABLE}, separated by {os.pathsep}. Found {path}: {error}. "
            "Name TrueType or OpenType files, or unset it."
        ) from error
    return font.family_name, frozenset(font.get_charmap())

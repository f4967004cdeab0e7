"""Numbers, counts and names as they stand in a sentence."""

import math
import re
from collections.abc import Sequence

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_FROM_SUPERSCRIPT = {digit: chr(plain_digit) for plain_digit, digit in _SUPERSCRIPT.items()}
_BREAKING = re.compile(r"[^\S\u00a0\u202f]+")  # white space, but for the spaces that hold a number to its unit
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:^=])")


def plain(text: str) -> str:
    """Text that Markdown shows as it is. File names are hostile: they could hold links, pictures or formulas."""
    return _MARKDOWN.sub(r"\\\1", _BREAKING.sub(" ", text).strip(" "))


def number(value: float, digits: int = 3) -> str:
    """A number for reading: three significant digits, powers of ten written out, a true minus sign."""
    if not math.isfinite(value):
        return "not defined"
    if value == 0:
        return "0"
    size = abs(value)
    if 0.0005 <= size < 1e5:
        decimals = max(0, digits - 1 - math.floor(math.log10(size)))
        shown = f"{size:.{decimals}f}"
    else:
        mantissa, exponent = f"{size:.{digits - 1}e}".split("e")
        shown = f"{mantissa} × 10{str(int(exponent)).translate(_SUPERSCRIPT)}"
    return f"−{shown}" if value < 0 else shown


def percent(share: float) -> str:
    """``0.975`` → ``97.5 %``, with a space that does not break: up to three significant digits, a true minus sign."""
    return f"{float(f'{100 * share:.3g}'):g}\u00a0%".replace("-", "−", 1)


def tex(value: float, digits: int = 3) -> str:
    """A number inside a formula: ``1.2 \\cdot 10^{-7}``."""
    shown = number(value, digits).replace("\u2212", "-")
    if not math.isfinite(value):
        return r"\text{not defined}"
    mantissa, times, exponent = shown.partition(" × 10")
    if not times:
        return shown
    return rf"{mantissa} \cdot 10^{{{exponent.translate(_FROM_SUPERSCRIPT)}}}"


def duration(seconds: float) -> str:
    """``40 s``, ``3 min``, ``2 h 5 min``."""
    if seconds < 60:
        return f"{seconds:.0f}\u00a0s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours}\u00a0h {minutes}\u00a0min" if hours else f"{minutes}\u00a0min"


def listed(names: Sequence[str], most: int = 8) -> str:
    """``a, b and c``, or the first ones and how many more there are."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)

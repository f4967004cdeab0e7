"""Numbers, counts and names as they stand in a sentence."""

import math
import re
import unicodedata
from collections.abc import Sequence

from nero_core.figures import number

_BREAKING = re.compile(r"[^\S\u00a0\u202f]+")  # white space, but for the spaces that hold a number to its unit
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:^=])")


def plain(text: str) -> str:
    """Text that Markdown shows as it is. File names are hostile: they could hold links, pictures or formulas."""
    return _MARKDOWN.sub(r"\\\1", _BREAKING.sub(" ", text).strip(" "))


def tex(value: float, digits: int = 3) -> str:
    """A number inside a formula: ``1.2 \\cdot 10^{-7}``."""
    if not math.isfinite(value):
        return r"\text{not defined}"
    shown = unicodedata.normalize("NFKC", number(value, digits).replace(" × 10", r" \cdot 10^"))  # ⁻⁵ → −5
    mantissa, power, exponent = shown.replace("−", "-").partition("10^")
    return f"{mantissa}{power}{{{exponent}}}" if power else mantissa


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

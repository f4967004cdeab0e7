"""Numbers as they are read, on the screen and in saved figures."""

from math import isfinite
from typing import SupportsFloat

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: SupportsFloat, digits: int = 3) -> str:
    """A number for reading: three significant digits, powers of ten written out, a true minus sign.

    ``0.0312``, ``−12.3``, ``1549``, ``1.07 × 10⁻⁵``, ``0``; ``not defined`` where it is not finite. The size of the
    rounded number sets the decimals: 9.996 is 10.0, as 9.98 is 9.98.

    Args:
        value: the number, of Python, NumPy or PyTorch.
        digits: significant digits; whole numbers below 10⁵ keep all of theirs.
    """
    value = float(value)
    if not isfinite(value):
        return "not defined"
    mantissa, power = f"{abs(value):.{digits - 1}e}".split("e")
    rounded, exponent = float(f"{mantissa}e{power}"), int(power)
    if rounded == 0:
        return "0"
    if 0.0005 <= rounded < 1e5:
        shown = f"{abs(value):.{max(0, digits - 1 - exponent)}f}"
    else:
        shown = f"{mantissa} × 10{str(exponent).translate(_SUPERSCRIPT)}"
    return f"−{shown}" if value < 0 else shown


def percent(share: SupportsFloat) -> str:
    """``0.975`` → ``97.5 %``, with a space that does not break: up to three significant digits, a true minus sign.

    Less than a hundredth of a percent is ``nearly 0 %``: nobody reads ``−7.25e-05 %``.
    """
    value = 100 * float(share)
    if value and abs(value) < 0.01:
        return "nearly 0\u00a0%"
    shown = f"{float(f'{value:.3g}'):g}" if abs(value) < 1e5 else number(value)
    return f"{shown}\u00a0%".replace("-", "−", 1)

"""Standard streams that whoever started the program has closed, as ``>&-`` does."""

import os
import sys
from contextlib import suppress


def open_closed_streams() -> None:
    """Open them on the null device: what is written there is lost, as was asked for.

    Else Python has None in their place, and the next file that is opened gets their number, so that what a library of C
    prints would land in it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            with suppress(OSError):
                setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))

"""Whose worklists are shown, and who reviews."""

from dashboard.access import admit


def tells_readers_apart() -> bool:
    """Whether people log in, so that a second reader is known to be another than the first."""
    return bool(admit().name)


def reader() -> str:
    """The address of who has logged in; the user of this computer where nobody needs to."""
    return admit().acts_as

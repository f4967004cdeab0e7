"""By how much the processes of jobs stand back, so that verdicts of other users come first."""

import os

from nero_core.errors import NeroError

NICE = 10  # as the system counts it: beside a verdict a job gets a tenth of a processor, and alone all of it
MOST = 19


def niceness() -> int:
    """``NERO_JOB_NICE``; ``NICE`` unless set.

    Raises:
        NeroError: it is no whole number from 0 to ``MOST``.
    """
    text = os.environ.get("NERO_JOB_NICE") or str(NICE)
    if not text.isdecimal() or int(text) > MOST:
        raise NeroError(
            f"Expected NERO_JOB_NICE to be a whole number from 0 (jobs are as urgent as verdicts) to {MOST}. "
            f"Found {text!r}. Leave it unset for {NICE}."
        )
    return int(text)

"""Stretches of a video that stay unlike the reference images."""

from collections.abc import Sequence

from nero_core.errors import NeroError
from nero_core.types import FrameScore, Stretch, is_unlike

LEAST = 3  # frames: two in a row may be one movement of the camera
GAP = 1  # frames


def find_stretches(frames: Sequence[FrameScore], tpr: float, least: int = LEAST, gap: int = GAP) -> tuple[Stretch, ...]:
    """Runs with at least ``least`` frames of p ≤ 1 − tpr, each followed by the next after at most ``gap`` others.

    Frames that were left out as dark or blurred count as others. Neighbouring frames are not independent: a stretch is
    where to look, and its p-values are those of its single frames.

    Args:
        frames: in the order of their times.
        tpr: share of ID images that should pass, in (0, 1).
        least: frames that are unlike, at least 1.
        gap: frames between two of them that are not, at least 0.

    Raises:
        NeroError: ``least`` or ``gap`` is too small.
    """
    if least < 1 or gap < 0:
        raise NeroError(
            f"Expected at least 1 frame in a stretch, and at least 0 in a gap. Found {least} and {gap}. The usual ones "
            f"are {LEAST} and {GAP}."
        )
    runs: list[list[FrameScore]] = []
    others = gap + 1  # since the last frame that is unlike
    for frame in frames:
        others += frame.missed
        if not is_unlike(frame.p_value, tpr):
            others += 1
            continue
        if others > gap:
            runs.append([])
        runs[-1].append(frame)
        others = 0
    return tuple(
        Stretch(run[0].time, run[-1].time, len(run), min(frame.p_value for frame in run))
        for run in runs
        if len(run) >= least
    )

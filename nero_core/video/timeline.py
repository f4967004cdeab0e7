"""A video's frames, scored one after another: p over time, and the stretches that stay unlike."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from math import isfinite
from typing import Protocol, runtime_checkable

from nero_core.data.decode import Picture
from nero_core.errors import CalibrationError
from nero_core.types import Detection, FrameScore, ImageBatch, ReferenceScores, Timeline
from nero_core.video.frames import Frame, Video
from nero_core.video.sampling import Sampling
from nero_core.video.stretches import GAP, LEAST, find_stretches

BATCH = 16  # frames a forward pass, and so the most in memory


@runtime_checkable
class Scores(Protocol):
    """What an ``Inspector`` does for a video."""

    def decode(self, sources: Sequence[Picture]) -> ImageBatch:
        """Pictures to pixels at the classifier's input size."""
        ...

    def reference_scores(self, method: str, tpr: float | None) -> ReferenceScores:
        """The threshold, and the tpr that it is for."""
        ...

    def detect(self, batch: ImageBatch, methods: Sequence[str], tpr: float | None) -> dict[str, Detection]:
        """Score them."""
        ...


def score_video(
    video: Video,
    inspector: Scores,
    method: str = "verdict",
    tpr: float | None = None,
    sampling: Sampling = Sampling(),
    least: int = LEAST,
    gap: int = GAP,
    on_progress: Callable[[int, int], None] | None = None,
    batch: int = BATCH,
) -> Timeline:
    """Score a video's frames in batches; at most ``batch`` pictures are in memory at a time.

    Args:
        video: the file.
        inspector: an ``Inspector``.
        method: ``verdict``, or a name of the catalog.
        tpr: share of ID images that should pass, in (0, 1); the bundle's own where None.
        sampling: which frames are looked at.
        least: frames that are unlike in the shortest stretch.
        gap: frames between two of them that are not.
        on_progress: called with the seconds that are done and in all (0: not known).
        batch: frames a forward pass.

    Raises:
        ImageError: the file cannot be decoded.
        NeroError: the method, tpr, or a number makes no sense, or a score is not finite.
    """
    find_stretches((), 0.5, least, gap)  # numbers that make no sense are an error before anything is decoded
    frames: list[FrameScore] = []
    reference = inspector.reference_scores(method, tpr)
    coming = video.frames(sampling, on_progress)
    while part := list(islice(coming, batch)):
        detection = inspector.detect(inspector.decode([frame.picture for frame in part]), (method,), tpr)[method]
        frames += _scores(part, detection, video.name)
    return Timeline(
        name=video.name,
        id=video.id,
        detector=method,
        tpr=reference.tpr,
        threshold=reference.threshold,
        frames=tuple(frames),
        stretches=find_stretches(frames, reference.tpr, least, gap),
        account=video.account,
    )


def _scores(part: list[Frame], detection: Detection, name: str) -> Iterator[FrameScore]:
    for row, frame in enumerate(part):
        score = float(detection.score[row])
        if not isfinite(score):  # NaN is above no threshold, and so would pass for ID
            raise CalibrationError(
                f"{name}: expected a finite score of {detection.detector} for every frame. Found {score} for "
                f"{frame.picture.name}. Check the video."
            )
        yield FrameScore(
            time=frame.time,
            index=frame.index,
            id=frame.picture.id,
            score=score,
            p_value=float(detection.p_value[row]),
            is_ood=bool(detection.is_ood[row]),
            verdict=detection.verdict(row),
            predicted=int(detection.predicted[row]),
            confidence=float(detection.confidence[row]),
            missed=frame.missed,
        )

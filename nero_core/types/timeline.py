"""What a classifier's detector says of a video, frame by frame, and the stretches that stay unlike."""

from dataclasses import dataclass

from nero_core.types.detection import Verdict


@dataclass(frozen=True, slots=True)
class FrameScore:
    """One frame of a video that was scored.

    Attributes:
        time: seconds from the first picture of the video.
        index: number of the frame among all that were decoded, from 0.
        id: of the frame's picture.
        score: the detector's score; higher = more OOD.
        p_value: conformal p-value of this frame alone, in (0, 1].
        is_ood: ``score > threshold``.
        verdict: the same in three words.
        predicted: predicted class index.
        confidence: softmax probability of the predicted class, in [0, 1].
        missed: sampled frames since the last one that was scored which were left out as dark or blurred.
    """

    time: float
    index: int
    id: str
    score: float
    p_value: float
    is_ood: bool
    verdict: Verdict
    predicted: int
    confidence: float
    missed: int = 0


@dataclass(frozen=True, slots=True)
class Stretch:
    """A run of frames that stays unlike the reference images.

    Attributes:
        start: seconds, of the first frame that is unlike.
        end: seconds, of the last one.
        frames: how many frames in it are unlike.
        smallest_p: the smallest p-value in it.
    """

    start: float
    end: float
    frames: int
    smallest_p: float


@dataclass(frozen=True, slots=True)
class FrameAccount:
    """What became of the frames of a video.

    Attributes:
        decoded: frames that were decoded.
        sampled: of these, frames that were looked at.
        dark: of these, left out as (nearly) black.
        blurred: of these, left out as blurred.
        damaged: parts of the file that could not be decoded, or were decoded with errors; they are left out.
        notes: sentences that a reader should know, such as where a truncated file ends.
    """

    decoded: int = 0
    sampled: int = 0
    dark: int = 0
    blurred: int = 0
    damaged: int = 0
    notes: tuple[str, ...] = ()

    @property
    def scored(self) -> int:
        """Frames that remain."""
        return self.sampled - self.dark - self.blurred

    def __str__(self) -> str:
        """``240 frames, 20 looked at, 17 scored. Left out: 2 dark, 1 blurred.``, and the notes."""
        reasons = {"dark": self.dark, "blurred": self.blurred, "damaged": self.damaged}
        left_out = ", ".join(f"{count} {reason}" for reason, count in reasons.items() if count)
        counts = f"{self.decoded} frames, {self.sampled} looked at, {self.scored} scored."
        return " ".join(filter(None, (counts, left_out and f"Left out: {left_out}.", *self.notes)))


@dataclass(frozen=True, slots=True)
class Timeline:
    """One detector's answer for a video.

    Attributes:
        name: of the file.
        id: sha256 (hex) of the file's bytes.
        detector: name in the catalog.
        tpr: share of ID images that the threshold was set to accept, in (0, 1).
        threshold: score above which a frame is called OOD.
        frames: the frames that were scored, in the order of their times.
        stretches: runs of them that stay unlike.
        account: what became of the others.
    """

    name: str
    id: str
    detector: str
    tpr: float
    threshold: float
    frames: tuple[FrameScore, ...]
    stretches: tuple[Stretch, ...]
    account: FrameAccount

    @property
    def level(self) -> float:
        """The p-value at and below which a frame is unlike: ``1 − tpr``."""
        return 1 - self.tpr

    @property
    def unlike(self) -> int:
        """How many frames are unlike."""
        return sum(is_unlike(frame.p_value, self.tpr) for frame in self.frames)


def is_unlike(p_value: float, tpr: float) -> bool:
    """``p ≤ 1 − tpr``, whatever the last bit of the subtraction is."""
    return p_value <= 1 - tpr + 1e-12


def time_stamp(seconds: float) -> str:
    """``00:12.40``, ``1:02:03.40``: minutes, seconds and their hundredths, cut off and not rounded."""
    hundredths = int(max(0.0, seconds) * 100 + 1e-6)
    minutes, rest = divmod(hundredths, 6000)
    hours, minutes = divmod(minutes, 60)
    clock = f"{minutes:02}:{rest // 100:02}.{rest % 100:02}"
    return f"{hours}:{clock}" if hours else clock

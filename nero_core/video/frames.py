"""A video's frames as pictures, one at a time."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8

from nero_core.data.decode import Picture
from nero_core.types import FrameAccount, time_stamp
from nero_core.video.limits import VIDEOS, VideoLimits, file_name, refusal
from nero_core.video.sampling import SLACK, Sampler, Sampling
from nero_core.video.source import COPY, announced_seconds, check_size, check_source, opened, source_digest

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

USUAL_RATE = 25.0  # frames a second, where neither the frames nor the header tell

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame that was looked at and is good enough to be scored.

    Attributes:
        picture: upright, at the video's own size; its id is the sha256 of the file's digest and the time stamp.
        time: seconds from the first picture.
        index: number among all frames that were decoded, from 0.
        missed: frames since the last one that were looked at and left out.
    """

    picture: Picture
    time: float
    index: int
    missed: int


class Video:
    """A video file within limits; its header is read when this is made, and its pictures when they are asked for.

    Args:
        source: a path, or the file's bytes.
        name: the name to show; the path's own where None.
        limits: what the file may cost.
        digest: sha256 (hex) of the file's bytes, where the caller has it; computed where None.

    Attributes:
        name: as shown.
        id: sha256 (hex) of the file's bytes.
        seconds: how long it lasts by its header; None where that does not say.
        size: width and height of the pictures as they are stored, before they are turned.

    Raises:
        ImageError: the file is missing, unreadable, beyond the limits, damaged, or no video of the five kinds.
    """

    def __init__(
        self,
        source: str | Path | bytes,
        name: str | None = None,
        limits: VideoLimits = VideoLimits(),
        digest: str | None = None,
    ) -> None:
        self.name = file_name(name if name is not None else "" if isinstance(source, bytes) else str(source))
        self._source = source if isinstance(source, bytes) else Path(source)
        self._limits = limits
        self._kind = check_source(self._source, self.name, limits)
        with opened(self._source, self._kind, self.name, limits) as (container, stream):
            self.seconds = announced_seconds(container, stream)
            self.size = stream.codec_context.width, stream.codec_context.height
            tracks = len(container.streams.video)
        self._header = (f"First of {tracks} video tracks.",) if tracks > 1 else ()
        self.id = digest or source_digest(self._source)
        self.account = FrameAccount()

    def frames(self, sampling: Sampling = Sampling(), on_progress: Progress | None = None) -> Iterator[Frame]:
        """The sampled frames that are neither dark nor blurred, as they come; ``account`` then says what became of all.

        A truncated file gives what it holds, and the account says so.

        Args:
            sampling: which frames are looked at.
            on_progress: called at each frame that is looked at with the seconds so far and in all (0: not known).

        Raises:
            ImageError: not one picture can be decoded.
            NeroError: a number of the sampling makes no sense.
        """
        sampler, counts = Sampler(sampling), {"dark": 0, "blurred": 0}
        run = _Run(self.name, self._limits)
        sampled = missed = 0
        last, notes = -1.0, list(self._header)
        with opened(self._source, self._kind, self.name, self._limits) as (container, stream):
            for index, time, frame in run.decoded(container, stream):
                if frame.interlaced_frame and index == 0:
                    notes.append("Interlaced: each frame holds lines of two moments.")
                if index == 0 and frame.rotation % 90:
                    notes.append(f"The header turns it by {frame.rotation}°, which is not done.")
                if time <= last or not sampler.takes(frame, time):  # a damaged file may step back
                    continue
                if sampled == self._limits.max_sampled:
                    run.ending = f"Ends at {time_stamp(time)}, after {sampled:,} frames that were looked at."
                    break
                last, sampled = time, sampled + 1
                if on_progress is not None:
                    on_progress(int(time), int(self.seconds or 0))
                fault = sampler.fault(frame)
                if fault:
                    counts[fault] += 1
                    missed += 1
                else:
                    yield Frame(self._picture(frame, time), time, index, missed)
                    missed = 0
                self.account = FrameAccount(run.count, sampled, **counts, damaged=run.damaged, notes=tuple(notes))
        notes += filter(None, (run.ending or run.cut_short(self.seconds),))
        self.account = FrameAccount(run.count, sampled, **counts, damaged=run.damaged, notes=tuple(notes))
        if not run.count:
            raise refusal(self.name, VIDEOS, "one of which no picture can be decoded", COPY)

    def frame_at(self, time: float) -> Picture:
        """The picture that ``frames`` gave for this time, by itself.

        Args:
            time: seconds, as a ``Frame`` has it.

        Raises:
            ImageError: there is no frame at this time.
        """
        for is_sought in (True, False):  # a few files cannot be sought in: these are decoded from the start
            run = _Run(self.name, self._limits)
            with opened(self._source, self._kind, self.name, self._limits) as (container, stream):
                for _, now, frame in run.decoded(container, stream, time if is_sought else None):
                    if abs(now - time) <= SLACK:
                        return self._picture(frame, now)
                    if now > time:
                        break
        raise refusal(self.name, f"a frame at {time_stamp(time)}", "none", "Choose another time.")

    def frames_at(self, times: Sequence[float], slack: float = SLACK) -> Iterator[Picture]:
        """The pictures of some times, one at a time, in one way through the file from the first of them on.

        Args:
            times: seconds, in their order.
            slack: seconds by which a frame may miss its time.

        Raises:
            ImageError: there is no frame at one of these times.
        """
        wanted = list(times)
        for is_sought in (True, False):  # as above
            run = _Run(self.name, self._limits)
            with opened(self._source, self._kind, self.name, self._limits) as (container, stream):
                sought = wanted[0] if is_sought and wanted else None
                for _, now, frame in run.decoded(container, stream, sought):
                    if not wanted or now > wanted[0] + slack:
                        break
                    if abs(now - wanted[0]) <= slack:
                        del wanted[0]
                        yield self._picture(frame, now)
            if not wanted:
                return
        raise refusal(self.name, f"a frame at {time_stamp(wanted[0])}", "none", "Choose another time.")

    def _picture(self, frame: "VideoFrame", time: float) -> Picture:
        digest = hashlib.sha256(f"{self.id} {time:.6f}".encode()).hexdigest()
        return Picture(upright(frame), digest, f"{self.name} · {time_stamp(time)}", f"Frame at {time_stamp(time)}.")


def upright(frame: "VideoFrame") -> UInt8[np.ndarray, "height width 3"]:
    """The pixels, turned as the header says: by quarters, counterclockwise."""
    pixels = frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)
    return np.ascontiguousarray(np.rot90(pixels, frame.rotation // 90 if frame.rotation % 90 == 0 else 0))


class _Run:
    """One way through a file.

    Attributes:
        count: frames that were decoded.
        damaged: parts that could not be, or only with errors.
        ending: why it ended before the file did; "" where it did not.
    """

    def __init__(self, name: str, limits: VideoLimits) -> None:
        self.count = self.damaged = 0
        self.ending = ""
        self._name, self._limits = name, limits
        self._end = self._step = 0.0  # seconds: where the last picture ends, and how long a usual one lasts
        self._origin: float | None = None

    def decoded(
        self, container: "InputContainer", stream: "VideoStream", sought: float | None = None
    ) -> "Iterator[tuple[int, float, VideoFrame]]":
        """Number, time in seconds and picture of every frame; those after ``sought`` seconds, where that is given."""
        rate = float(stream.average_rate or 0) or USUAL_RATE
        self._step = 1 / rate
        pictures = self._pictures(container, stream)
        for frame in pictures:
            shown = self.count / rate if frame.pts is None else float(frame.time)
            if self._origin is None:
                self._origin = shown
            time = shown - self._origin
            if sought is not None and sought > SLACK and stream.time_base:
                target, sought = self._origin + sought, None
                container.seek(int(target / stream.time_base), stream=stream)
                continue
            if time > self._limits.max_seconds or self.count >= self._limits.max_frames:
                self.ending = f"Ends at {time_stamp(self._end)}: what follows is beyond the limits and was not read."
                return
            check_size(frame.width, frame.height, self._name, self._limits)
            yield self.count, time, frame
            self.count += 1
            lasts = float(frame.duration * frame.time_base) if frame.duration and frame.time_base else self._step
            self._end = max(self._end, time + lasts)

    def cut_short(self, seconds: float | None) -> str:
        """A sentence where the pictures end well before the header says; it was read to its end."""
        if seconds is None or seconds - self._end <= max(0.5, 2 * self._step):
            return ""
        return (
            f"Ends at {time_stamp(self._end)} of the {time_stamp(seconds)} that its header announces: the file is "
            "truncated or damaged."
        )

    def _pictures(self, container: "InputContainer", stream: "VideoStream") -> "Iterator[VideoFrame]":
        """What can be decoded; a damaged part is counted and passed over."""
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    return
                frames = packet.decode()
            except Exception:  # a hostile file makes demuxers and decoders fail in nearly any way
                self.damaged += 1
                continue
            for frame in frames:
                if frame.is_corrupt:
                    self.damaged += 1
                else:
                    yield frame

"""What items are made from: an image file, a frame of one, a video; and the order of the images of a study."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nero_core.data import StudyPlace, frame_name, frames_in, study_place
from nero_core.data.walk import may_be_dicom
from nero_core.store import NewItem
from nero_core.types import time_stamp


@dataclass(frozen=True, slots=True)
class File:
    """One image: a file, or a frame of one; or a video.

    Attributes:
        path: where it lies.
        name: below the folder or in the zip, with ``/`` between folders; a frame's follows it: ``scan.dcm#frame 3``.
        digest: SHA-256 of its bytes.
        frame: number of the frame, from 0; None where the file is one image.
        label: what is told of it where names are not kept.
        is_video: whether its images are still to be read.
    """

    path: Path
    name: str
    digest: str
    frame: int | None = None
    label: str = ""
    is_video: bool = False

    @property
    def item(self) -> NewItem:
        """The line of a worklist; of a video there is none."""
        return NewItem(self.digest, self.name, self.frame, self.label)


def each_frame(file: File) -> Iterator[File]:
    """The frames of a DICOM file that has several; any other file as it is."""
    frames = 1 if file.is_video else frames_in(file.path)
    if frames == 1:
        yield file
        return
    for number in range(1, frames + 1):
        name, label = frame_name(file.name, number), frame_name(file.label, number)
        yield replace(file, name=name, label=label, frame=number - 1)


def in_study_order(files: Sequence[File]) -> list[File]:
    """DICOM files after the others, in the order of their study, and named by it; see ``study_labels``.

    A file that says nothing of a study stays where it is, under its own name.
    """
    places = {file.path: place for file in files if may_be_dicom(file.path) and (place := study_place(file.path))}
    by_study: dict[str, list[File]] = defaultdict(list)
    for file in files:
        if file.path in places:
            by_study[places[file.path].study].append(file)
    ordered = [file for study in by_study.values() for file in sorted(study, key=lambda file: places[file.path])]
    labels = study_labels([places[file.path] for file in ordered])
    named = [replace(file, name=label, label=label) for file, label in zip(ordered, labels, strict=True)]
    return [*(file for file in files if file.path not in places), *named]


def study_labels(places: Sequence[StudyPlace]) -> list[str]:
    """``series 2/image 14`` by the numbers of series and image, or by their place where they have none.

    With several studies, ``study 1/series 2/image 14``, in the order in which they come.
    """
    studies = list(dict.fromkeys(place.study for place in places))
    series: dict[str, list[str]] = defaultdict(list)
    images = Counter[str]()
    labels = []
    for place in places:
        known = series[place.study]
        if place.series not in known:
            known.append(place.series)
        images[place.series] += 1
        number = place.series_number if place.has_series_number else known.index(place.series) + 1
        label = f"series {number}/image {place.number if place.has_number else images[place.series]}"
        labels.append(label if len(studies) == 1 else f"study {studies.index(place.study) + 1}/{label}")
    return labels


def moment_name(name: str, time: float) -> str:
    """The name of a frame of a video: ``clip.mp4#00:12.5``; ``time`` in seconds."""
    clock, _, rest = time_stamp(time).partition(".")
    return f"{name}#{clock}.{rest[0]}{rest[1:].rstrip('0')}"

"""What a folder or an archive holds beside the images that are read: counted by reason, and said in one sentence."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nero_core.data.limits import file_name

NAMED = 5  # kinds or folders in a sentence; the others are counted together
NO_SUFFIX = "no suffix"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """The files that are not read.

    Attributes:
        name: of the folder or archive.
        read: images that are.
        kinds: suffix (``.dcm``) → files, of kinds that are not read.
        folders: class folder that is not asked for → images in it.
        beside: images outside the class folders.
        links: links that lead out of the folder, to nothing, or to a folder that is read already.
        hidden: files and folders that are hidden, or of macOS alone.
        special: pipes, devices and the like under an image's name.
        empty: class folders without an image.
        missing: files that a list names and that are not there.
        copies: images whose very bytes are those of another one.
        frames: of DICOM files, after the first: frames of one recording are no independent images.
    """

    name: str = ""
    read: int = 0
    kinds: Mapping[str, int] = field(default_factory=dict)
    folders: Mapping[str, int] = field(default_factory=dict)
    beside: int = 0
    links: int = 0
    hidden: int = 0
    special: int = 0
    empty: tuple[str, ...] = ()
    missing: int = 0
    copies: int = 0
    frames: int = 0

    @property
    def total(self) -> int:
        """Files and frames that are not read; a hidden folder and a link count as one."""
        some = self.frames + self.beside + self.links + self.hidden + self.special + self.missing + self.copies
        return some + sum(self.kinds.values()) + sum(self.folders.values())

    @property
    def reasons(self) -> str:
        """How many for which reason; "" where there is nothing to say."""
        parts = []
        if self.folders:
            images = _count(sum(self.folders.values()), "image")
            are = "which is none of the classes" if len(self.folders) == 1 else "which are none of the classes"
            parts.append(f"{images} in {_named(self.folders)}, {are}")
        if self.beside:
            parts.append(f"{_count(self.beside, 'image')} beside the class folders")
        if self.missing:
            parts.append(
                f"{_count(self.missing, 'image')} of the list that {'is' if self.missing == 1 else 'are'} not there"
            )
        if self.copies:
            parts.append(f"{self.copies} that {_is(self.copies)} an exact copy of another")
        if self.frames:
            parts.append(f"{_count(self.frames, 'frame')} after the first of a DICOM file")
        if self.kinds:
            parts.append(f"{_count(sum(self.kinds.values()), 'file')} of other kinds ({_named(self.kinds)})")
        if self.links:
            where = "out of the folder, to nothing, or to what is read already"
            parts.append(f"{_count(self.links, 'link')} {'leading' if self.links == 1 else 'that lead'} {where}")
        if self.special:
            parts.append(f"{self.special} that {'is no regular file' if self.special == 1 else 'are no regular files'}")
        if self.hidden:
            parts.append(f"{self.hidden} hidden")
        if self.empty:
            folders = "a folder" if len(self.empty) == 1 else f"{len(self.empty)} folders"
            more = ", …" if len(self.empty) > NAMED else ""
            parts.append(f"{folders} without images ({', '.join(map(file_name, self.empty[:NAMED]))}{more})")
        return "; ".join(parts)

    def __str__(self) -> str:
        images = "1 image is read" if self.read == 1 else f"{self.read} images are read"
        return f"{self.name}: {images}. Left out: {self.reasons or 'nothing'}."


Tell = Callable[[LeftOut], object]


def tell_nobody(left_out: LeftOut) -> None:
    """For whoever does not ask."""


@dataclass(slots=True)
class Tally:
    """What a walk through folders has left out so far; see ``LeftOut``.

    Attributes:
        closed: folders that cannot be read, with the reason.
    """

    kinds: Counter[str] = field(default_factory=Counter)
    beside: int = 0
    links: int = 0
    hidden: int = 0
    special: int = 0
    frames: int = 0
    closed: list[tuple[Path, OSError]] = field(default_factory=list)

    def record(
        self, name: str, read: int, folders: Mapping[str, int] | None = None, empty: tuple[str, ...] = ()
    ) -> LeftOut:
        """The same as a record."""
        return LeftOut(
            name,
            read,
            dict(self.kinds),
            folders or {},
            self.beside,
            self.links,
            self.hidden,
            self.special,
            empty,
            frames=self.frames,
        )


def _count(number: int, what: str) -> str:
    return f"1 {what}" if number == 1 else f"{number} {what}s"


def _is(number: int) -> str:
    return "is" if number == 1 else "are each"


def _named(counts: Mapping[str, int]) -> str:
    """The most frequent first: ``.dcm 12, .txt 2 and 3 more kinds``."""
    order = sorted(counts, key=lambda name: (-counts[name], name))
    shown = ", ".join(f"{file_name(name)} {counts[name]}" for name in order[:NAMED])
    return shown + (f" and {len(order) - NAMED} more" if len(order) > NAMED else "")

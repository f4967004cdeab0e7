"""The records that go into the store and come out of it. Frozen: what changes in the store is read again."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal

from nero_core.errors import StoreError

Verdict = Literal["like", "borderline", "unlike"]  # as nero_core.types.Verdict, which would bring PyTorch
ItemState = Literal["waiting", "claimed", "scored", "failed"]
Decision = Literal["agree", "override", "second_look", "comment"]
Reading = Literal["first", "second"]
Readings = Literal["wanted", "once", "disagree"]

SHARED = "second_reader"  # in a worklist's settings: whether others may read it
DIGEST = re.compile(r"[0-9a-f]{64}")
NOTHING: Mapping[str, Any] = MappingProxyType({})


def check_digest(text: str, what: str) -> None:
    """Refuse what is no SHA-256.

    Raises:
        StoreError: it is none.
    """
    if not DIGEST.fullmatch(text):
        raise StoreError(
            f"Expected {what} as a SHA-256 of 64 digits of 0-9 and a-f. Found {text[:80]!r}. "
            "Give the digest of the bytes."
        )


@dataclass(frozen=True, slots=True)
class NewItem:
    """An image to be scored.

    Attributes:
        digest: SHA-256 of the uploaded bytes.
        name: of the file; the store forgets it unless the operator keeps names.
        frame: number of the frame, from 0, where the file holds many; of a video the frame's time, in milliseconds.
        label: what is kept where the name is not: nothing of the file's name, such as ``#frame 3`` or ``#00:12.5``.
    """

    digest: str
    name: str = ""
    frame: int | None = None
    label: str = ""

    def __post_init__(self) -> None:
        check_digest(self.digest, "an image's digest")


@dataclass(frozen=True, slots=True)
class Result:
    """What a method said of one image, or why it could not.

    Attributes:
        bundle: digest of the bundle that it was scored with.
        model: digest of the classifier's weights.
        code: version of the program.
        method: name in the catalog, or ``verdict``.
        predicted: name of the predicted class; empty where the image could not be read.
        confidence: softmax probability of the predicted class, in [0, 1].
        score: higher = more OOD.
        threshold: score above which an image is called OOD.
        p_value: conformal, in (0, 1].
        verdict: ``like``, ``borderline`` or ``unlike``.
        parts: what the method is made of, by name; as in the lines of ``nero score --json``.
        error: why there is no score, without the file's name; empty where there is one.
        at: when it was saved; None before.
        perceptual_hash: 64 bits in hexadecimal that hardly differ between near-duplicates; None where there are none.
    """

    bundle: str
    model: str
    code: str
    method: str
    predicted: str = ""
    confidence: float | None = None
    score: float | None = None
    threshold: float | None = None
    p_value: float | None = None
    verdict: Verdict | None = None
    parts: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    error: str = ""
    at: datetime | None = None
    perceptual_hash: str | None = None

    def __post_init__(self) -> None:
        numbers = {name: getattr(self, name) for name in ("confidence", "score", "threshold", "p_value")}
        if self.error:
            if self.verdict is not None or any(value is not None for value in numbers.values()):
                raise StoreError("Expected either an error or a score. Found both. Save one of them.")
            return
        for name, value in numbers.items():
            if value is None or not math.isfinite(value):
                raise StoreError(f"Expected a finite {name}. Found {value}. Save the error instead of the score.")
        if not 0 < float(self.p_value or 0) <= 1 or self.verdict is None:
            raise StoreError(
                f"Expected a p-value above 0 and at most 1, and a verdict. Found {self.p_value} and {self.verdict}. "
                "Save the error instead of the score."
            )


@dataclass(frozen=True, slots=True)
class Review:
    """What a reader said of one item. None is ever changed: a reader who thinks again adds one.

    Attributes:
        item: number of the item.
        reader: who.
        decision: ``agree`` and ``override`` speak of the verdict; ``second_look`` asks for another reader.
        reading: as first or as second reader.
        verdict: what an ``override`` puts in the verdict's place.
        label: the class that the reader sees; empty for none.
        comment: free text.
        id: number of the review; 0 before it is saved. Reviews are in this order, whatever the clock says.
        at: when; None before it is saved.
    """

    item: int
    reader: str
    decision: Decision
    reading: Reading = "first"
    verdict: Verdict | None = None
    label: str = ""
    comment: str = ""
    id: int = 0
    at: datetime | None = None

    def __post_init__(self) -> None:
        if not self.reader:
            raise StoreError("Expected the name of the reader. Found none. A review is somebody's.")
        if (self.decision == "override") != (self.verdict is not None):
            raise StoreError(
                f"Expected a verdict of the reader's own with an override, and with nothing else. "
                f"Found {self.decision} with {self.verdict}. Choose one of like, borderline and unlike to override."
            )


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a worklist.

    Attributes:
        id: its number.
        worklist: number of its worklist.
        position: place in it, from 0.
        digest: of the uploaded bytes.
        name: of the file; empty, or what is told of it without its name, where the operator keeps no names.
        frame: number of the frame, from 0, or of a video its time in milliseconds; None where the file is one image.
        state: ``waiting``, ``claimed`` by a scorer, ``scored`` or ``failed``.
        result: None before it is scored.
        review: the last that decides (a ``comment`` does not); None before.
        first: the last of the first reader's that decides.
        second: the last of a second reader's that decides.
    """

    id: int
    worklist: int
    position: int
    digest: str
    name: str
    frame: int | None
    state: ItemState
    result: Result | None = None
    review: Review | None = None
    first: Review | None = None
    second: Review | None = None

    def says(self, review: Review | None) -> Verdict | None:
        """What a reader of it says that it is; None where they say nothing of it, as who asks for a second look."""
        if review is None or review.decision != "agree":
            return None if review is None else review.verdict
        return None if self.result is None else self.result.verdict

    @property
    def disagrees(self) -> bool:
        """Whether both readers say what it is, and not the same."""
        first, second = self.says(self.first), self.says(self.second)
        return first is not None and second is not None and first != second

    def reading(self, reader: str) -> Reading:
        """Whether who reads it now is its first reader, or, where another was, its second."""
        return "first" if self.first is None or self.first.reader == reader else "second"


@dataclass(frozen=True, slots=True)
class ItemPage:
    """Some items of a worklist, and how many there are.

    Attributes:
        items: those of the page, in the order that was asked for.
        total: of all pages.
    """

    items: tuple[Item, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Worklist:
    """What was uploaded together and is scored with one bundle.

    Attributes:
        id: its number.
        name: what its owner called it; one owner has no two of one name.
        owner: who uploaded it.
        bundle: digest of the bundle.
        method: that gives the verdict.
        settings: what the page and the scorer want to know again.
        added: when.
        counts: items by state; states without items are left out.
    """

    id: int
    name: str
    owner: str
    bundle: str
    method: str
    settings: Mapping[str, Any]
    added: datetime
    counts: Mapping[str, int]

    @property
    def total(self) -> int:
        """How many items there are."""
        return sum(self.counts.values())

    @property
    def done(self) -> int:
        """How many are scored, or cannot be."""
        return self.counts.get("scored", 0) + self.counts.get("failed", 0)

    @property
    def is_shared(self) -> bool:
        """Whether its owner has opened it to other readers."""
        return bool(self.settings.get(SHARED, False))

    @property
    def sources(self) -> tuple[Mapping[str, Any], ...]:
        """What is still to be read into the worklist, first what is next: a video, a study of a PACS."""
        return tuple(self.settings.get("sources", ()))

    @property
    def told(self) -> tuple[str, ...]:
        """What was found of the sources that are read: a sentence each."""
        return tuple(self.settings.get("told", ()))

    @property
    def is_done(self) -> bool:
        """Whether nothing is to be read or scored any more."""
        return not self.sources and self.done >= self.total


@dataclass(frozen=True, slots=True)
class Claim:
    """Items that one scorer alone may score, until its lease ends.

    Attributes:
        token: what the scorer shows to save results; a later claim of the same item has another.
        items: in the order of the worklist; none where nothing waits.
        until: when the lease ends, unless it is renewed.
    """

    token: str
    items: tuple[Item, ...]
    until: datetime

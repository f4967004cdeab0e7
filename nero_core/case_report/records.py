"""The description of a report. All words and pictures are in it: PDF and HTML only set them on a page."""

from dataclasses import dataclass, field
from datetime import date

from nero_core.types import Verdict

Facts = tuple[tuple[str, str], ...]  # a heading and what it says


@dataclass(frozen=True, slots=True)
class Scale:
    """The colours of a map with the values at its ends.

    Attributes:
        picture: PNG, from the lowest value (left) to the highest.
        ends: the values, evenly spaced from left to right.
    """

    picture: bytes = field(repr=False)
    ends: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Map:
    """A picture of the image, as it is or with a map on it.

    Attributes:
        title: what it shows.
        picture: JPEG.
        caption: how to read it, and how far.
        aspect: width over height.
        scale: of the map's colours; None where there is none.
    """

    title: str
    picture: bytes = field(repr=False)
    caption: str
    aspect: float
    scale: Scale | None = None


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawing of numbers.

    Attributes:
        title: what it shows.
        picture: SVG.
        alt: the same in a sentence, for who cannot see it.
    """

    title: str
    picture: bytes = field(repr=False)
    alt: str


@dataclass(frozen=True, slots=True)
class Review:
    """What a reader made of a case.

    Attributes:
        reader: who looked at it.
        decision: such as ``agree``, ``override``, ``second look``.
        comment: in the reader's words.
        when: as the caller writes it.
    """

    reader: str
    decision: str
    comment: str = ""
    when: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """One image.

    Attributes:
        name: of the file.
        image_id: sha256 (hex) of the file's bytes.
        verdict: for its symbol.
        headline: the verdict in words.
        advice: what to make of it.
        predicted: class, for the table of several cases.
        p_value: of the verdict, for the table of several cases.
        facts: numbers in words, the tests of the verdict first.
        maps: the image first.
        histogram: where the score lies among those of the reference images.
        channels: every channel against the centroids.
        text: free text of the caller, lines apart.
        review: None where nobody has looked at it.
    """

    name: str
    image_id: str
    verdict: Verdict
    headline: str
    advice: str
    predicted: str
    p_value: str
    facts: Facts
    maps: tuple[Map, ...]
    histogram: Plot
    channels: Plot
    text: str = ""
    review: Review | None = None


@dataclass(frozen=True, slots=True)
class CaseReport:
    """All of a report. The same description gives the same bytes.

    Attributes:
        cases: in the order of the pages.
        model: what answered: reference set, classifier, program, with their digests.
        limits: what the report does not say.
        made_on: the date that the caller gives; None = undated.
        left_out: files that are in no case, with the reason.
    """

    cases: tuple[Case, ...]
    model: Facts
    limits: tuple[str, ...]
    made_on: date | None = None
    left_out: Facts = ()

    @property
    def title(self) -> str:
        """``Case report``, or ``Report of 12 cases``."""
        return "Case report" if len(self.cases) == 1 else f"Report of {len(self.cases)} cases"

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
class Neighbour:
    """A reference image that is near.

    Attributes:
        picture: JPEG; empty where the bundle lacks it.
        name: of its class.
        distance: by the angle between features, as it is printed.
    """

    picture: bytes = field(repr=False)
    name: str
    distance: str


@dataclass(frozen=True, slots=True)
class Similar:
    """The reference images nearest to a case.

    Attributes:
        says: whether any is near, and how near is near.
        neighbours: nearest first; none where none is near.
    """

    says: str
    neighbours: tuple[Neighbour, ...] = ()


@dataclass(frozen=True, slots=True)
class Review:
    """What a reader made of a case.

    Attributes:
        reader: who looked at it.
        decision: such as ``agree``, ``override``, ``second look``.
        comment: in the reader's words.
        when: as the caller writes it.
        role: ``first reader`` or ``second reader``; empty where nobody says.
    """

    reader: str
    decision: str
    comment: str = ""
    when: str = ""
    role: str = ""


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
        maps: the image first; none where the picture is no longer there.
        histogram: where the score lies among those of the reference images.
        channels: every channel against the centroids; None without the picture.
        similar: the reference images nearest to it; None without the picture.
        text: free text of the caller, lines apart.
        reviews: in the order in which they were made; none where nobody has looked at it.
        missing: why there is no picture; empty where there is one.
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
    histogram: Plot | None
    channels: Plot | None
    similar: Similar | None
    text: str = ""
    reviews: tuple[Review, ...] = ()
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One image in the table of a worklist.

    Attributes:
        place: in the worklist, from 1.
        name: of the file, or the beginning of its digest.
        verdict: None where there is none.
        says: the verdict in words, or why there is none.
        predicted: class; empty where there is none.
        p_value: of the verdict; empty where there is none.
        review: who decided what; empty where nobody has.
        case: its place among the cases of the report, from 0; None where it has no page.
    """

    place: int
    name: str
    verdict: Verdict | None
    says: str
    predicted: str
    p_value: str
    review: str
    case: int | None


@dataclass(frozen=True, slots=True)
class Overview:
    """What stands before the cases of a worklist.

    Attributes:
        name: of the worklist.
        facts: what was scored, how, and what came out.
        readers: who reviewed how many, as which reader, and when.
        open: how much is reviewed and what is open.
        rows: all images, the most unlike first.
        pages: which of them have a page, and which not.
        text: free text of the caller.
    """

    name: str
    facts: Facts
    readers: Facts
    open: str
    rows: tuple[Row, ...]
    pages: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class CaseReport:
    """All of a report. The same description gives the same bytes.

    Attributes:
        cases: in the order of the pages; at least one unless there is an overview.
        model: what answered: reference set, classifier, program, with their digests.
        limits: what the report does not say.
        made_on: the date that the caller gives; None = undated.
        left_out: files that are in no case, with the reason.
        overview: of a worklist; None of images alone.
        signed_by: what is printed of the digital signature; empty where there is none.
    """

    cases: tuple[Case, ...]
    model: Facts
    limits: tuple[str, ...]
    made_on: date | None = None
    left_out: Facts = ()
    overview: Overview | None = None
    signed_by: str = ""

    @property
    def title(self) -> str:
        """``Case report``, ``Report of 12 cases`` or ``Worklist report``."""
        if self.overview is not None:
            return "Worklist report"
        return "Case report" if len(self.cases) == 1 else f"Report of {len(self.cases)} cases"

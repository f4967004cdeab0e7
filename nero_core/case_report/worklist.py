"""A worklist of the store → the description of its report."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from nero_core.case_report.describe import MOST_CASES, check_text, describe_case, describe_report
from nero_core.case_report.overview import Reviews, list_facts, moment, open_sentence, printed, reader_facts, table_rows
from nero_core.case_report.records import Case, CaseReport, Overview
from nero_core.case_report.stored_case import stored_case
from nero_core.data.decode import Picture
from nero_core.errors import CalibrationError, ImageError, NeroError
from nero_core.explorer import Explorer
from nero_core.store import Item, Store, Worklist, all_items, discoveries, reviews_in, upload_path
from nero_core.store import Review as StoredReview
from nero_core.worklist import PictureReader, item_name
from nero_core.worklist.run import RATE

if TYPE_CHECKING:
    from nero_core.inspector import Inspector

PAGES = ("unlike", "all", "none")
MOST_PAGES = 30  # unless more are asked for: each takes some seconds to compute and up to 2 MB
MOST_ROWS = 5000  # of the table; an export has no such limit
GONE = (
    "The server no longer keeps this file, so that there is no picture and no map. Verdict and numbers are those of "
    "the worklist."
)

OnProgress = Callable[[int, int], object]


@dataclass(frozen=True, slots=True)
class ListSettings:
    """What the report of a worklist is asked for with.

    Attributes:
        pages: which images have a page of their own: those that are ``unlike``, that a reader overrode or wants looked
            at again; ``all``; ``none``.
        most: of such pages; the most unlike come first.
        places: of images that have a page whatever they are, from 1.
        rate: of Benjamini–Hochberg over the whole list.
        composite: of the class heatmaps; None = the architecture's own.
        text: free text for the front page.
        made_on: the date to print; None = undated.
    """

    pages: str = "unlike"
    most: int = MOST_PAGES
    places: tuple[int, ...] = ()
    rate: float = RATE
    composite: str | None = None
    text: str = ""
    made_on: date | None = None

    def __post_init__(self) -> None:
        check_text(self.text)
        if self.pages not in PAGES:
            raise NeroError(f"Expected one of {', '.join(PAGES)}. Found {self.pages[:40]!r}. Choose one of them.")
        if not 0 <= self.most <= MOST_CASES or len(self.places) > MOST_CASES:
            raise NeroError(
                f"Expected at most {MOST_CASES} pages of single images. Found {max(self.most, len(self.places))}. "
                "Ask for fewer."
            )


def describe_worklist(
    store: Store,
    listed: Worklist,
    inspector: "Inspector",
    settings: ListSettings,
    on_progress: OnProgress = lambda done, total: None,
) -> CaseReport:
    """The front page of a worklist, a table of all its images, and pages of some. One image is decoded at a time.

    Args:
        store: where the worklist is.
        listed: the worklist.
        inspector: of the bundle that it was scored with.
        settings: what it is asked for with.
        on_progress: told how many pages are described, of how many.

    Raises:
        NeroError: the bundle is another, the list is too long for a table, or an asked place is none of a scored image.
    """
    if listed.bundle != inspector.bundle.digest:
        raise NeroError(
            f"Expected the bundle that the worklist {listed.name!r} was scored with, of digest {listed.bundle[:12]}. "
            f"Found {inspector.bundle.digest[:12]}. Name that bundle."
        )
    items = _items(store, listed)
    reviews: dict[int, list[StoredReview]] = defaultdict(list)
    for review in (told := reviews_in(store, listed.id)):
        reviews[review.item].append(review)
    chosen, says = choose(items, reviews, settings)
    tpr = listed.settings.get("tpr")
    explorer, cases = Explorer(inspector), []
    for done, item in enumerate(chosen):
        on_progress(done, len(chosen))
        case = _case(store, listed, explorer, item, tpr, settings.composite)
        cases.append(replace(case, reviews=printed(reviews[item.id])))
    on_progress(len(chosen), len(chosen))
    acceptance = inspector.reference_scores(listed.method, tpr).tpr
    overview = Overview(
        name=listed.name,
        facts=list_facts(listed, items, discoveries(store, listed.id, settings.rate), acceptance),
        readers=reader_facts(told),
        open=open_sentence(items),
        rows=table_rows(items, {item.id: place for place, item in enumerate(chosen)}),
        pages=f"The most unlike come first. {says}".strip(),
        text=settings.text,
    )
    return describe_report(inspector, cases, settings.made_on, overview=overview)


def choose(items: Sequence[Item], reviews: Reviews, settings: ListSettings) -> tuple[list[Item], str]:
    """Which images have a page, in the order of the table, and a sentence that says so.

    Raises:
        NeroError: an asked place is none of a scored image.
    """
    scored = [item for item in items if item.state == "scored"]
    places = {item.position + 1 for item in scored}
    if strange := [place for place in settings.places if place not in places]:
        raise NeroError(f"Expected the place of a scored image. Found {strange[0]}. The table has all places.")
    wanted = [
        item
        for item in scored
        if settings.pages == "all" or (settings.pages == "unlike" and _stands_out(item, reviews))
    ]
    asked = [item for item in scored if item.position + 1 in settings.places]
    kept = {item.id for item in [*asked, *wanted][: max(settings.most, len(asked))]}
    meant = {
        "unlike": "unlike, or that a reader overrode or wanted a second look at",
        "all": "scored",
        "none": "asked for",
    }[settings.pages]
    whole = {item.id for item in [*asked, *wanted]}
    if not kept:
        says = f"No image of this list is {meant}." if settings.pages != "none" else ""
    elif len(kept) == len(whole):
        more = " or asked for" if asked and settings.pages != "none" else ""
        says = f"Pages follow of {_images(len(kept))}: all that are {meant}{more}."
    else:
        says = f"Pages follow of {_images(len(kept))}, the most unlike of {len(whole)} that are {meant}."
    return [item for item in items if item.id in kept], says


def _stands_out(item: Item, reviews: Reviews) -> bool:
    is_unlike = item.result is not None and item.result.verdict == "unlike"
    return is_unlike or any(review.decision in ("override", "second_look") for review in reviews.get(item.id, ()))


def _case(
    store: Store, listed: Worklist, explorer: Explorer, item: Item, tpr: float | None, composite: str | None
) -> Case:
    """With its picture where the server still has the file, else from what the store holds."""
    assert item.result is not None  # it is scored
    try:
        picture = _picture(store, item)
        borderline = listed.settings.get("borderline")
        case = describe_case(
            explorer.inspector, picture, listed.method, tpr, composite, explorer=explorer, borderline=borderline
        )
    except (ImageError, CalibrationError) as error:
        return stored_case(explorer.inspector, item, tpr, str(error))
    result = item.result
    scored = f"no. {item.position + 1}, scored {moment(result.at)} by nero-dashboard {result.code}"
    facts = (*case.facts, ("In the worklist", scored))
    if case.verdict != result.verdict:  # it lies at a threshold, and was one of a batch
        facts += (("As scored", f"{result.verdict}; computed anew for this page it is {case.verdict}"),)
    return replace(case, facts=facts)


def _picture(store: Store, item: Item) -> Picture:
    if upload_path(store, item.digest) is None:
        raise ImageError(GONE)
    return replace(PictureReader(store).picture(item), name=item_name(item))


def _items(store: Store, listed: Worklist) -> list[Item]:
    """All items, the most unlike first."""
    if listed.total > MOST_ROWS:
        raise NeroError(
            f"Expected a worklist of at most {MOST_ROWS} images. Found {listed.total}. "
            "Write it as a table: nero worklist export."
        )
    return list(all_items(store, listed.id, "p_value"))


def _images(count: int) -> str:
    return "one image" if count == 1 else f"{count} images"

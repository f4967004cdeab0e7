"""The images of worklists that reviewers confirmed as belonging to the reference set, and how these were chosen."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from nero_core.errors import StoreError
from nero_core.store import Item, Store, all_items, worklist
from nero_core.worklist.duplicates import later_ones

FEWEST = 5  # images on either side, below which they are not compared
LEVEL = 0.05  # of that comparison


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What reviews say of the images of some worklists.

    A bundle is calibrated on all images of a population that belong to its reference set, with high scores and low.
    So all count that a reader called like, whether they agreed with that verdict or put it in the place of another:
    false alarms alone are the reference images with the highest scores, and thresholds from them would let nearly
    everything pass. For the same reason what is reviewed must not depend on the score: ``selection_p`` compares the
    p-values of what was decided with those of what was not.

    Attributes:
        images: digest and class of each image that is like the reference images, one of each group of near-duplicates.
        unlike: images that a reader called unlike.
        left_out: images by the reason why they say nothing; empty reasons are left out.
        reviewed: by verdict of the bundle, how many were decided, of how many.
        selection_p: of the Kolmogorov–Smirnov test of two samples; 1 where nearly all, or nearly none, are decided.
        readers: who decided.
    """

    images: tuple[tuple[str, str], ...]
    unlike: int
    left_out: Mapping[str, int]
    reviewed: Mapping[str, tuple[int, int]]
    selection_p: float
    readers: tuple[str, ...]

    @property
    def is_selected(self) -> bool:
        """Whether what was decided differs from what was not, so that thresholds from it would be off."""
        return self.selection_p <= LEVEL


NO_REVIEW = "not reviewed"
SECOND_LOOK = "wait for a second look"
BORDERLINE = "called borderline, neither like nor unlike"
DISAGREE = "their two readers disagree"
ALIKE = "nearly the same as another"
OWN = "images of the reference set itself"
NO_PICTURE = "their picture is no longer here"


def confirmed_images(
    store: Store,
    bundle: str,
    numbers: Sequence[int],
    classes: Sequence[str],
    own: Collection[str] = (),
    has_picture: Callable[[str], bool] = lambda digest: True,
) -> Confirmed:
    """Read the reviews of worklists.

    Args:
        store: where they are.
        bundle: digest of the bundle that the worklists were scored with.
        numbers: of the worklists.
        classes: of the bundle. An image has the class that a reader named, or else the predicted one.
        own: digests of the images that the bundle has already.
        has_picture: whether the file of a digest can be had.

    Raises:
        StoreError: a worklist is not there, or was scored with another bundle.
    """
    from scipy.stats import ks_2samp

    items = [item for number in dict.fromkeys(numbers) for item in _scored(store, number, bundle)]
    reasons = {item.id: _reason(item, own, has_picture) for item in items}
    items.sort(key=lambda item: reasons[item.id] != "")  # of near-duplicates one that was decided counts
    later = later_ones([(item.id, item.digest, item.result.perceptual_hash if item.result else None) for item in items])
    decided = [item for item in items if item.id not in later and not reasons[item.id]]
    others = [item for item in items if item.id not in later and reasons[item.id] not in ("", OWN)]
    left_out: dict[str, int] = {}
    for item in items:
        if reason := ALIKE if item.id in later else reasons[item.id]:
            left_out[reason] = left_out.get(reason, 0) + 1
    p_decided, p_others = ([item.result.p_value for item in part if item.result] for part in (decided, others))
    is_compared = min(len(p_decided), len(p_others)) >= FEWEST
    like = [item for item in decided if item.says(item.review) == "like"]
    return Confirmed(
        tuple((item.digest, _class(item, classes)) for item in like),
        len(decided) - len(like),
        left_out,
        {verdict: _share(verdict, decided, others) for verdict in ("unlike", "borderline", "like")},
        float(ks_2samp(p_decided, p_others).pvalue) if is_compared else 1.0,
        tuple(sorted({item.review.reader for item in decided if item.review is not None})),
    )


def _scored(store: Store, number: int, bundle: str) -> Iterator[Item]:
    listed = worklist(store, number)
    if listed.bundle != bundle:
        raise StoreError(
            f"Expected worklists that were scored with the bundle of digest {bundle[:12]}. Found {listed.name!r} of "
            f"{listed.bundle[:12]}. Reviews speak of the reference set that they were made with: name that bundle."
        )
    for item in all_items(store, number):
        if item.result is not None and not item.result.error and item.frame is None:
            yield item


def _reason(item: Item, own: Collection[str], has_picture: Callable[[str], bool]) -> str:
    """Why an item says nothing; empty where it does."""
    said = item.says(item.review)
    if item.digest in own:
        return OWN
    if item.review is None:
        return NO_REVIEW
    if said is None:
        return SECOND_LOOK
    if item.disagrees:
        return DISAGREE
    if said == "borderline":
        return BORDERLINE
    return NO_PICTURE if said == "like" and not has_picture(item.digest) else ""


def _class(item: Item, classes: Sequence[str]) -> str:
    named = [review.label for review in (item.review, item.first) if review is not None and review.label in classes]
    return named[0] if named else (item.result.predicted if item.result else "")


def _share(verdict: str, decided: Sequence[Item], others: Sequence[Item]) -> tuple[int, int]:
    counts = [sum(item.result.verdict == verdict for item in part if item.result) for part in (decided, others)]
    return counts[0], sum(counts)

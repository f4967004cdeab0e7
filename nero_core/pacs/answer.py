"""What readers said of a worklist that came from the PACS goes back to its study: maps and one report."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence

from pydicom.dataset import Dataset

from nero_core.data import decode_image, study_place
from nero_core.errors import NeroError, PacsError
from nero_core.inspector import Inspector
from nero_core.pacs.archive import Archive
from nero_core.pacs.picture_only import picture_only
from nero_core.pacs.results import ImageResult, has_pixels, is_own, without_pixels
from nero_core.pacs.structured_report import structured_report
from nero_core.pacs.study import Scored, as_file, capture_of, context_of, map_of
from nero_core.store import Filter, Item, Store, Worklist, all_items, record, upload_path

REVIEWED = Filter(states=["scored"], decisions=("agree", "override"))  # a second look is still open

OnProgress = Callable[[int, int], object]


def send_back(
    store: Store,
    listed: Worklist,
    inspector: Inspector,
    archive: Archive,
    actor: str,
    only: Collection[int] = (),
    on_progress: OnProgress = lambda done, total: None,
) -> int:
    """Send the map of each reviewed image, and one report on all, to the study that they came from.

    The instances are fetched once more, since what they say of the patient belongs to the answer and is kept nowhere.
    Their UIDs follow from what they say, so that sending twice is harmless. The audit log tells of it.

    Args:
        store: where the worklist is.
        listed: it came from the PACS.
        inspector: of the bundle that it was scored with.
        archive: the PACS.
        actor: who asks for it.
        only: numbers of items; all that are reviewed where empty.
        on_progress: told how many images are sent, of how many.

    Returns:
        How many objects were sent.

    Raises:
        PacsError: the PACS does not answer, refuses, or has an image no more.
        NeroError: the worklist is of another source or bundle, or nothing in it is reviewed.
    """
    study = str(listed.settings.get("study", ""))
    if not study:
        raise NeroError("Expected a worklist that came from the PACS. Found one of files. There is no study to answer.")
    if listed.bundle != inspector.bundle.digest:
        raise NeroError(
            f"Expected the bundle of the worklist, of digest {listed.bundle[:12]}. "
            f"Found {inspector.bundle.digest[:12]}. Name that bundle."
        )
    wanted = _reviewed(store, listed.id, only)
    if not wanted:
        raise NeroError("Expected images with a review that decides. Found none. Review some first.")
    context = context_of(inspector, listed.settings.get("tpr"))
    results, sent = list[ImageResult](), 0
    total = len(wanted)
    for number, (digest, dataset) in enumerate(_instances(store, archive, study, list(wanted)), 1):
        on_progress(number - 1, total)
        scored = _scored(inspector, dataset, wanted.pop(digest))
        results += scored.results
        capture = capture_of(scored, context, number)
        if capture is not None:
            sent += archive.store([capture])
    if results:
        sent += archive.store([structured_report(results, context)])
        record(store, actor, "results sent", worklist=listed.id, images=len(results), objects=sent)
    on_progress(total - len(wanted), total)
    if wanted:
        raise PacsError(
            f"{archive.host}: expected the {total} images of the worklist in their study; found that {len(wanted)} are "
            "not there any more. What was sent of the others stays."
        )
    return sent


def _reviewed(store: Store, number: int, only: Collection[int]) -> dict[str, list[Item]]:
    """The items with a score and a review that decides, by digest of their file."""
    found: dict[str, list[Item]] = defaultdict(list)
    for item in all_items(store, number, where=REVIEWED):
        if not only or item.id in only:
            found[item.digest].append(item)
    return dict(found)


def _instances(store: Store, archive: Archive, study: str, wanted: Sequence[str]) -> Iterator[tuple[str, Dataset]]:
    """The instances of some digests. Which is whose the kept files say; for one that is gone, all are looked at."""
    paths = {digest: upload_path(store, digest) for digest in wanted}
    places = {digest: study_place(path) for digest, path in paths.items() if path is not None}
    known = {place.image: digest for digest, place in places.items() if place is not None}
    sought = set(wanted)
    for instance in sorted(archive.instances(study), key=lambda instance: instance.place):
        if not sought:
            return
        if instance.uid not in known and sought <= set(known.values()):
            continue
        dataset = archive.fetch(instance)
        if is_own(dataset) or not has_pixels(dataset):
            continue
        digest = known.get(instance.uid) or hashlib.sha256(as_file(picture_only(dataset))).hexdigest()
        if digest in sought:
            sought.discard(digest)
            yield digest, dataset


def _scored(inspector: Inspector, dataset: Dataset, items: Sequence[Item]) -> Scored:
    header = without_pixels(dataset)
    results = [_result(header, item) for item in items]
    least = min(results, key=lambda result: result.p_value)
    picture = decode_image(as_file(picture_only(dataset)), "image", frame=least.frame)
    return Scored(tuple(results), map_of(inspector, picture), least)


def _result(header: Dataset, item: Item) -> ImageResult:
    found, review = item.result, item.review
    if found is None or found.verdict is None or review is None:
        raise ValueError("an item without a score or a review was chosen")
    return ImageResult(
        source=header,
        frame=None if item.frame is None else item.frame + 1,
        method=found.method,
        score=found.score or 0.0,
        threshold=found.threshold or 0.0,
        p_value=found.p_value or 0.0,
        verdict=found.verdict,
        predicted=found.predicted,
        confidence=found.confidence or 0.0,
        review="agree" if review.verdict is None else review.verdict,
    )

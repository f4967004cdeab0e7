"""Scoring a worklist: claims of some items at a time, each with a lease, and results that are saved as they come.

A process that is killed loses nothing that was saved; its claim ends with its lease, and whoever resumes scores what is
left. Nothing is scored twice: see ``nero_core.store.scoring``.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from nero_core.calibration.threshold import check_borderline
from nero_core.data import Picture, thumbnail
from nero_core.errors import ImageError, NeroError
from nero_core.inspector import Inspector
from nero_core.store import (
    Filter,
    Item,
    Store,
    Worklist,
    add_worklist,
    all_items,
    claim_items,
    discoveries,
    find_items,
    find_worklists,
    put_thumbnail,
    release_claim,
    renew_claim,
    save_results,
    upload_path,
    worklist,
)
from nero_core.worklist.images import File
from nero_core.worklist.pictures import PictureReader
from nero_core.worklist.scores import score_files
from nero_core.worklist.sources import Lister, Source, read_sources, video_lister, video_source

BATCH = 32  # items of a claim, and images of a forward pass
LEASE = 30.0  # seconds after which the items of a scorer that gives no sign of life go to another
LOOK = 0.5  # seconds between looks at items that another scorer has
SMALL, LARGE = 72, 640  # pixels of the longer side: in a table, and to read an image by
RATE = 0.1  # of Benjamini–Hochberg, where nobody asks for another

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Summary:
    """How a worklist stands.

    Attributes:
        total: items.
        scored: with a score.
        failed: with a reason why there is none.
        verdicts: items by verdict.
        rate: of Benjamini–Hochberg.
        unlike: items that are unlike at that rate.
    """

    total: int
    scored: int
    failed: int
    verdicts: Mapping[str, int]
    rate: float
    unlike: int


def begin(
    store: Store,
    inspector: Inspector,
    name: str,
    owner: str,
    files: Sequence[File],
    method: str,
    tpr: float | None,
    more: Sequence[Source] = (),
    borderline: float | None = None,
) -> Worklist:
    """Add a worklist of files that wait to be scored.

    Args:
        store: where to.
        inspector: of the bundle.
        name: of the worklist.
        owner: whose it is.
        files: what is listed; the frames of videos come while it is scored.
        method: that gives the verdict.
        tpr: share of ID images that should pass; the bundle's own where None.
        more: sources that are read while it is scored.
        borderline: share of ID images to be called like, see ``Inspector.detect``.

    Raises:
        NeroError: the name is taken, the method cannot score with this bundle, or ``borderline`` is above ``tpr``.
    """
    check_borderline(borderline, inspector.reference_scores(method, tpr).tpr)
    if find_worklists(store, owner, name):
        raise NeroError(f"Expected a new name for a worklist. Found one of the name {name!r}. Choose another name.")
    rates = {"tpr": tpr, "borderline": borderline}
    settings: dict[str, Any] = {name: rate for name, rate in rates.items() if rate is not None}
    items = [file.item for file in files if not file.is_video]
    videos = {file.digest: video_source(store, file) for file in files if file.is_video}
    sources = [*videos.values(), *more]
    if sources:
        settings["sources"] = sources
    for source in more:
        if "study" in source:  # to which the results can be sent, once it is read
            settings["study"] = source["study"]
    return add_worklist(store, name, owner, inspector.bundle.digest, method, items, settings)


def check_files(store: Store, listed: Worklist, files: Sequence[File]) -> int:
    """Whether all that waits can be had, from these files or from the uploads; a wrong folder is found out before it
    is scored.

    Returns:
        How many of the files are none of the worklist.

    Raises:
        NeroError: something cannot.
    """
    digests = {file.digest for file in files}
    known = {str(source["digest"]) for source in listed.sources if "digest" in source}
    missing = sum(digest not in digests and upload_path(store, digest) is None for digest in known)
    for item in all_items(store, listed.id):
        known.add(item.digest)
        is_open = item.state in ("waiting", "claimed")
        missing += is_open and item.digest not in digests and upload_path(store, item.digest) is None
    if missing:
        raise NeroError(
            f"Expected the files of the worklist {listed.name!r}. Found that {missing} of those that wait are missing. "
            "Name the folder or zip that it was made from."
        )
    return len(digests - known)


def score_worklist(
    store: Store,
    number: int,
    inspector: Inspector,
    files: Sequence[File] = (),
    on_progress: OnProgress = lambda done, total: None,
    batch: int = BATCH,
    lease: float = LEASE,
    listers: Mapping[str, Lister] | None = None,
) -> None:
    """Score what waits, and what its sources still give, until every item has its result or its reason.

    Items that another scorer has are waited for: they end, or come back when its lease ends. Whatever stops this
    scorer, the claim is given back.

    Args:
        store: where the worklist is.
        number: of the worklist.
        inspector: of the bundle that it was made for.
        files: where the images lie; what is not among them is taken from the uploads.
        on_progress: told how many items are done, of all.
        batch: items of a claim.
        lease: seconds; renewed while this process lives.
        listers: of sources that are no videos, by their kind.

    Raises:
        NeroError: the bundle is another, or the store does not answer.
    """
    listed = worklist(store, number)
    if listed.bundle != inspector.bundle.digest:
        raise NeroError(
            f"Expected the bundle that the worklist {listed.name!r} was made for, of digest {listed.bundle[:12]}. "
            f"Found {inspector.bundle.digest[:12]}. Name that bundle, or make a new worklist."
        )
    tpr, borderline = listed.settings.get("tpr"), listed.settings.get("borderline")
    paths = {file.digest: file.path for file in files}
    reader = PictureReader(store, paths)
    sources = read_sources(store, number, {"video": video_lister(store, paths), **(listers or {})})
    while not listed.is_done:
        on_progress(listed.done, listed.total)
        next(sources, None)
        claim = claim_items(store, number, batch, lease)
        if claim.items:
            try:
                with _alive(store, claim.token, lease):
                    found = _with_thumbnails(store, claim.items, reader.pictures(claim.items))
                    results = score_files(inspector, found, listed.method, tpr, borderline)
                pairs = zip(claim.items, results, strict=True)
                save_results(store, claim.token, {item.id: result for item, result in pairs})
            finally:
                release_claim(store, claim.token)
        else:
            time.sleep(LOOK)
        listed = worklist(store, number)
    on_progress(listed.done, listed.total)


def summary(store: Store, number: int, rate: float = RATE) -> Summary:
    """How a worklist stands, with Benjamini–Hochberg over what is scored so far."""
    counts = worklist(store, number).counts
    verdicts = {
        verdict: find_items(store, number, where=Filter(verdicts=(verdict,)), limit=1).total
        for verdict in ("unlike", "borderline", "like")
    }
    unlike = len(discoveries(store, number, rate).items)
    scored, failed = counts.get("scored", 0), counts.get("failed", 0)
    return Summary(sum(counts.values()), scored, failed, verdicts, rate, unlike)


def _with_thumbnails(
    store: Store, items: Sequence[Item], pictures: Iterator[Picture | ImageError]
) -> Iterator[Picture | ImageError]:
    """The same; what is decoded once leaves small pictures beside its upload, of a frame also one to read it by."""
    for item, picture in zip(items, pictures, strict=True):
        if isinstance(picture, Picture) and upload_path(store, item.digest) is not None:
            for side in (SMALL,) if item.frame is None else (SMALL, LARGE):
                put_thumbnail(store, item.digest, item.frame, side, thumbnail(picture, side))
        yield picture


@contextmanager
def _alive(store: Store, token: str, lease: float) -> Iterator[None]:
    """Renew the lease while the block lasts, however long an image takes."""
    ended = threading.Event()

    def renew() -> None:
        while not ended.wait(lease / 3):
            try:
                renew_claim(store, token, lease)
            except NeroError:  # the database is busy or gone for a moment; saving will tell if it stays so
                continue

    thread = threading.Thread(target=renew, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()

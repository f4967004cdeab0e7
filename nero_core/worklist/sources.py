"""What a worklist is read from while it is scored: a video, of which the frames that are good enough become items.

How far a source is read stands in the worklist's settings, and changes in one step with the items that came: whoever
goes on after a kill adds none twice.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nero_core.errors import ImageError, NeroError
from nero_core.figures import short_id
from nero_core.store import NewItem, Store, add_from_source, upload_path, worklist
from nero_core.video import Video
from nero_core.worklist.images import File, moment_name
from nero_core.worklist.pictures import CHANGED, GONE

PIECE = 32  # items that are added at once

Source = Mapping[str, Any]
Step = tuple[Sequence[NewItem], Source | None, str]  # items, the source from there on, a sentence at its end
Lister = Callable[[Source], Iterator[Step]]


def video_source(store: Store, file: File) -> Source:
    """What the settings of a worklist say of a video that is still to be read."""
    return {"kind": "video", "digest": file.digest, "name": file.name if store.keeps_names else "", "after": -1}


def read_sources(store: Store, number: int, listers: Mapping[str, Lister]) -> Iterator[None]:
    """Read what a worklist is still to be read from, some items at a time.

    Args:
        store: where it is.
        number: of the worklist.
        listers: by kind of the source.

    Raises:
        NeroError: a source cannot be read now, or is of no such kind.
    """
    while (listed := worklist(store, number)).sources:
        before = dict(listed.settings)
        first, *others = before["sources"]
        if first["kind"] not in listers:
            raise NeroError(
                f"Expected a source of one of these kinds: {', '.join(sorted(listers))}. Found {first['kind']!r}. "
                "Go on with the program that made the worklist."
            )
        try:
            for items, rest, told in listers[first["kind"]](first):
                after = _after(before, rest, others, told)
                if not add_from_source(store, number, items, before, after):
                    break  # another scorer has gone on: look again
                before = after
                yield
        except ImageError as error:  # it will not get better
            told = f"{_shown(first)}: {error}"
            add_from_source(store, number, (), before, _after(before, None, others, told))


def video_lister(store: Store, paths: Mapping[str, Path]) -> Lister:
    """Gives the frames of a video that are neither dark nor blurred, and in the end what became of all.

    Args:
        store: whose uploads are read where no path is given.
        paths: by digest, where the files lie.
    """

    def steps(source: Source) -> Iterator[Step]:
        digest, name = str(source["digest"]), _shown(source)
        path = paths.get(digest) or upload_path(store, digest)
        if path is None:
            raise ImageError(GONE)
        video = Video(path, "video")
        if video.id != digest:
            raise ImageError(CHANGED)
        items: list[NewItem] = []
        for frame in video.frames():
            moment = round(1000 * frame.time)
            if moment <= int(source["after"]):
                continue
            items.append(NewItem(digest, moment_name(name, frame.time), moment, moment_name("", frame.time)))
            if len(items) == PIECE:
                source = {**source, "after": moment}
                yield items, source, ""
                items = []
        yield items, None, f"{name}: {video.account}"

    return steps


def _after(before: Source, rest: Source | None, others: list[Source], told: str) -> dict[str, Any]:
    sources = [*([rest] if rest is not None else []), *others]
    return {**before, "sources": sources, "told": [*before.get("told", ()), *([told] if told else [])]}


def _shown(source: Source) -> str:
    return str(source.get("name") or "") or short_id(str(source.get("digest", "")))

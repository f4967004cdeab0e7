"""A study of the PACS as the source of a worklist: its images are fetched while the worklist is scored."""

from collections.abc import Iterator
from typing import Any

from nero_core.data import StudyPlace, frame_name, frames_in
from nero_core.pacs.archive import Archive
from nero_core.pacs.picture_only import picture_only
from nero_core.pacs.results import has_pixels, is_own
from nero_core.pacs.session import TooLargeError
from nero_core.pacs.study import as_file
from nero_core.store import NewItem, Store, put_upload, record
from nero_core.worklist import Lister, Source, Step, study_labels

STUDY = "study"


def study_source(study: str) -> dict[str, Any]:
    """What the settings of a worklist say of a study that is still to be fetched; its UID is no name."""
    return {"kind": STUDY, "study": study, "after": None, "images": 0, "others": 0, "too_large": 0}


def study_lister(store: Store, archive: Archive, worklist: int, actor: str) -> Lister:
    """Gives the images of a study in its own order, each frame an item, without what they say of the patient.

    Args:
        store: among whose uploads the files are put: pixels and UIDs alone.
        archive: the PACS.
        worklist: its number, for the audit log.
        actor: who asked for it, for the audit log.
    """

    def steps(source: Source) -> Iterator[Step]:
        instances = sorted(archive.instances(str(source["study"])), key=lambda instance: instance.place)
        labels = study_labels([instance.place for instance in instances])
        after = StudyPlace(*source["after"]) if source["after"] else None
        for instance, label in zip(instances, labels, strict=True):
            place = instance.place
            if after is not None and place <= after:
                continue
            try:
                dataset = archive.fetch(instance)
            except TooLargeError:
                reason, items = "too_large", list[NewItem]()
            else:
                is_image = has_pixels(dataset) and not is_own(dataset)
                reason = "images" if is_image else "others"
                items = _items(store, as_file(picture_only(dataset)), label) if is_image else []
            where = (place.study, place.series_number, place.series, place.number, place.image)
            source = {**source, "after": list(where), reason: source[reason] + 1}
            yield items, source, ""
        record(store, actor, "study fetched", worklist=worklist, images=source["images"])
        yield (), None, _told(source)

    return steps


def _items(store: Store, data: bytes, label: str) -> list[NewItem]:
    digest, frames = put_upload(store, data), frames_in(data)
    if frames == 1:
        return [NewItem(digest, label, label=label)]
    names = [frame_name(label, number) for number in range(1, frames + 1)]
    return [NewItem(digest, name, number, name) for number, name in enumerate(names)]


def _told(source: Source) -> str:
    counts = ((source["others"], "without an image or sent by this program"), (source["too_large"], "too large"))
    left_out = ", ".join(f"{count} {reason}" for count, reason in counts if count)
    images = source["images"]
    told = f"{images} {'image' if images == 1 else 'images'} fetched from the PACS."
    return f"{told} Left out: {left_out}." if left_out else told

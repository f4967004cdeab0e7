"""A new bundle from what reviewers said of worklists: the old one stays."""

from collections.abc import Callable, Sequence
from pathlib import Path

from nero_core.calibration import Bundle, Origin, recalibrate
from nero_core.device import pick_device
from nero_core.errors import CalibrationError
from nero_core.store import Store, record, upload_path
from nero_core.worklist.confirmed import NO_PICTURE, Confirmed, confirmed_images
from nero_core.worklist.images import File

Progress = Callable[[str, int, int], None]


def calibrate_from_reviews(
    store: Store,
    bundle: str | Path,
    numbers: Sequence[int],
    out: str | Path,
    *,
    title: str,
    by: str,
    files: Sequence[File] = (),
    is_beside: bool = False,
    allow_selection: bool = False,
    device: str = "auto",
    on_progress: Progress | None = None,
) -> tuple[Bundle, Confirmed]:
    """Calibrate a bundle anew on the images of worklists that reviewers found like its reference images.

    Args:
        store: where the worklists are.
        bundle: folder of the bundle that they were scored with; it stays as it is.
        numbers: of the worklists.
        out: folder of the new bundle; nothing may be there.
        title: its name for the screen.
        by: who has it made, for the card and the audit log (``record_origin``).
        files: where images lie; what is not among them is taken from the uploads.
        is_beside: whether the bundle's own calibration images count as well. What then passes is the share of both
            together: of the new ones less, where the world has moved.
        allow_selection: go on where what was reviewed differs from what was not; the card then says so.
        device: where to compute.
        on_progress: told (stage, done, total).

    Raises:
        NeroError: see ``recalibrate`` and ``confirmed_images``; or reviews were chosen by score.
    """
    parent = Bundle.load(bundle, pick_device(device))
    paths = {file.digest: file.path for file in files}
    own = {*parent.fit.ids, *(() if parent.ood is None else parent.ood.ids)}
    own |= set(parent.calibration.ids) if is_beside else set()

    def path_of(digest: str) -> Path | None:
        return paths.get(digest) or upload_path(store, digest)

    names = parent.card.class_names
    found = confirmed_images(store, parent.digest, numbers, names, own, lambda digest: path_of(digest) is not None)
    check_confirmed(found, allow_selection)
    placed = [(path, names.index(name)) for digest, name in found.images if (path := path_of(digest)) is not None]
    origin = Origin(
        parent=parent.digest,
        parent_title=parent.card.title,
        images=len(placed),
        earlier=parent.calibration_size if is_beside else 0,
        readers=len(found.readers),
        by=by,
        at=store.now().isoformat(timespec="seconds"),
        is_selected=found.is_selected,
    )
    made = recalibrate(
        parent,
        out,
        [path for path, _ in placed],
        [label for _, label in placed],
        title=title,
        origin=origin,
        on_progress=on_progress,
    )
    return made, found


def record_origin(store: Store, bundle: Bundle, numbers: Sequence[int]) -> None:
    """Tell the audit log of a bundle that was calibrated anew, once it is whole.

    Args:
        store: whose log it is.
        bundle: the new one.
        numbers: of the worklists that were read.
    """
    origin = bundle.card.origin
    assert origin is not None
    record(
        store,
        origin.by,
        "calibrated anew",
        parent=origin.parent,
        bundle=bundle.digest,
        worklists=",".join(map(str, numbers)),
        images=origin.images,
        earlier=origin.earlier,
        is_selected=origin.is_selected,
    )


def check_confirmed(found: Confirmed, allow_selection: bool) -> None:
    """See that a bundle can be calibrated on what reviews say.

    Raises:
        CalibrationError: no image is there, or what was reviewed differs from what was not and that is not allowed.
    """
    if not found.images:
        missing = found.left_out.get(NO_PICTURE, 0)
        reason = (
            f"{missing}, whose pictures are no longer here. Name the folder or zip that the worklist was made from, or "
            "start the server with NERO_KEEP_PIXELS=1 before the next worklist."
        )
        raise CalibrationError(
            "Expected images that a reader called like the reference images. Found "
            + (reason if missing else "none. Review the worklist first: agree, or say what you see.")
        )
    if found.is_selected and not allow_selection:
        shares = ", ".join(f"{done} of {total} {verdict}" for verdict, (done, total) in found.reviewed.items())
        raise CalibrationError(
            f"Expected reviews of images of every score alike. Found {shares} that are decided and at hand, by which "
            f"the p-values differ (Kolmogorov-Smirnov p {found.selection_p:.2g}): thresholds from them would be off. "
            "Review the rest, or as many in the order of the files; or allow it, and the card will say so."
        )

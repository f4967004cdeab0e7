"""Writing a bundle folder, whole or not at all."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from nero_core.atomic import new_folder, part_of
from nero_core.calibration.bundle import Bundle
from nero_core.calibration.card import (
    BANKS,
    CARD,
    FITTED,
    PARTS,
    PATCHES,
    REFERENCES,
    THUMBNAILS,
    BundleCard,
    read_card,
)
from nero_core.calibration.feature_bank import FeatureBank
from nero_core.calibration.feature_bank_file import pack_banks
from nero_core.calibration.fitted_file import pack_fitted
from nero_core.calibration.patches_file import pack_patches
from nero_core.calibration.references import References
from nero_core.calibration.references_file import pack_references
from nero_core.detectors.detector import State
from nero_core.detectors.patches import PatchModel
from nero_core.errors import BundleError
from nero_core.models.checkpoint import WEIGHTS, save_weights
from nero_core.models.classifier import Classifier


def save_bundle(
    folder: Path,
    card: BundleCard,
    classifier: Classifier,
    banks: Mapping[str, FeatureBank],
    thumbnails: Iterable[tuple[str, bytes]],
    half: bool = False,
    references: References | None = None,
    half_features: bool = False,
    patches: PatchModel | None = None,
    fitted: State | None = None,
) -> Bundle:
    """Write a bundle folder beside its place, load it as others will, and only then put it there.

    Whoever reads the place finds the older bundle or the new one, never a mixture; a kill leaves at most a hidden
    folder beside it, which blocks nothing.

    Args:
        folder: where to; made if missing.
        card: everything but ``files``.
        classifier: the model.
        banks: ``fit``, ``calibration`` and, optionally, ``ood``.
        thumbnails: id and WebP bytes of each fit image.
        half: store kernels and matrices as float16.
        references: reference images of every channel, or None to keep none.
        half_features: store the features of the banks as float16, which they must have been rounded to.
        patches: what the patches of an image are compared with, or None to keep none.
        fitted: what was found on all images, where the banks hold a sample and the card says so.

    Raises:
        BundleError: the folder holds something that is not a bundle, or cannot be written.
    """
    check_place(folder)

    def write(part: Path) -> Bundle:
        _write(part, card, classifier, banks, thumbnails, half, references, half_features, patches, fitted)
        return Bundle.load(part, classifier.device)

    return _put(folder, write)


def add_part(folder: Path, name: str, data: bytes) -> Bundle:
    """Write one of the optional files of a bundle that is there, with a new card; an older such file goes.

    The bundle is copied beside its place, loaded as others will, and put there as ``save_bundle`` does.

    Args:
        folder: the bundle.
        name: of the file, among ``PARTS``.
        data: its bytes.

    Raises:
        BundleError: the folder is no whole bundle, or cannot be written.
    """
    check_place(folder)
    card, _ = read_card(folder)

    def write(part: Path) -> Bundle:
        shutil.copytree(folder.resolve(), part)
        (part / name).write_bytes(data)
        _write_card(part, card, {**card.files, name: hashlib.sha256(data).hexdigest()})
        return Bundle.load(part)

    return _put(folder, write)


def derive_bundle(
    parent: Bundle, folder: Path, card: BundleCard, banks: Mapping[str, FeatureBank], patches: PatchModel | None
) -> Bundle:
    """Write a bundle that has the classifier and the references of another, which stays as it is.

    Features are stored as the parent's are. Small pictures of images that are in no bank are left out, and so is the
    comparison of methods, which was that of other images.

    Args:
        parent: loaded, and unchanged since.
        folder: where to; nothing may be there.
        card: everything but ``files``.
        banks: in the place of the parent's.
        patches: in the place of the parent's.

    Raises:
        BundleError: something is there, the parent has changed, or the place cannot be written.
    """
    check_new(folder)
    pictured = {digest for bank in banks.values() for digest in bank.ids}
    names = [name for name in parent.card.files if name.startswith(THUMBNAILS) and Path(name).stem in pictured]
    names += [name for name in (WEIGHTS, REFERENCES, FITTED) if name in parent.card.files]
    features = parent.fit.features
    made = {BANKS: pack_banks(banks, half=bool((features.half().float() == features).all()))}
    if patches is not None:
        made[PATCHES] = pack_patches(patches)

    def write(part: Path) -> Bundle:
        (part / THUMBNAILS).mkdir(parents=True)
        for name in names:
            shutil.copyfile(parent.path / name, part / name)
        for name, data in made.items():
            (part / name).write_bytes(data)
        own = {name: hashlib.sha256(data).hexdigest() for name, data in made.items()}
        _write_card(part, card, {**{name: parent.card.files[name] for name in names}, **own})
        return Bundle.load(part, parent.classifier.device)

    return _put(folder, write)


def check_new(folder: Path) -> None:
    """See that a bundle may be written here and replaces nothing.

    Raises:
        BundleError: something is there already, or the place cannot be written.
    """
    check_place(folder)
    if folder.exists() and any(folder.iterdir()):
        raise BundleError(f"Expected no bundle at {folder} yet. Found one, which stays. Choose another name.")


def _put(folder: Path, write: Callable[[Path], Bundle]) -> Bundle:
    """Have a bundle written beside its place, and only then put it there."""
    place = folder.resolve()  # a link stays a link
    older = part_of(place).with_suffix(".older")
    try:
        _settle(older, place)  # a process that had our number was killed between two renames
        try:
            with new_folder(place) as part:
                bundle = write(part)
                if place.exists():
                    place.rename(older)
        finally:
            _settle(older, place)
    except OSError as error:
        raise BundleError(
            f"Expected to write a bundle at {folder}. Found: {error.strerror or error}. Choose another folder."
        ) from error
    return replace(bundle, path=folder)


def check_place(folder: Path) -> None:
    """See that a bundle may be written here, where it replaces an older bundle but never anything else.

    Raises:
        BundleError: the folder is a file, holds something that is not part of a bundle, or cannot be written.
    """
    try:
        if folder.exists() and not folder.is_dir():
            raise BundleError(f"Expected a folder for the bundle at {folder}. Found a file. Choose another.")
        foreign = _foreign(folder) if folder.is_dir() else []
        if foreign:
            raise BundleError(
                f"Expected an empty folder or an older bundle at {folder}. Found other files (first: {foreign[0]}). "
                "Choose another."
            )
        place = folder.resolve()
        above = room_beside(folder)
        if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK) or place.is_mount():
            raise BundleError(
                f"Expected to be able to make and to replace {folder}. Found "
                f"{'a mounted folder' if place.is_mount() else f'no right to write in {above}'}. Choose another."
            )
    except OSError as error:
        raise BundleError(
            f"Expected a folder for the bundle at {folder}. Found: {error.strerror or error}. Choose another."
        ) from error


def room_beside(folder: Path) -> Path:
    """The folder that is there already, on whose disk the bundle will be."""
    return next(parent for parent in folder.resolve().parents if parent.exists())


def _settle(older: Path, place: Path) -> None:
    """Put the older bundle back where nothing has come to its place, or else remove it."""
    if older.exists() and not place.exists():
        older.rename(place)
    shutil.rmtree(older, ignore_errors=True)


def _foreign(folder: Path) -> list[str]:
    """Names in the folder that a bundle does not have; all of them where there is no card."""
    names = sorted(path.name for path in folder.iterdir())
    if CARD not in names:
        return names
    inside = (folder / THUMBNAILS).iterdir() if (folder / THUMBNAILS).is_dir() else ()
    return [name for name in names if name not in (CARD, *PARTS, THUMBNAILS)] + sorted(
        f"{THUMBNAILS}/{path.name}" for path in inside if path.suffix != ".webp"
    )


def _write(
    folder: Path,
    card: BundleCard,
    classifier: Classifier,
    banks: Mapping[str, FeatureBank],
    thumbnails: Iterable[tuple[str, bytes]],
    half: bool,
    references: References | None,
    half_features: bool,
    patches: PatchModel | None,
    fitted: State | None,
) -> None:
    (folder / THUMBNAILS).mkdir(parents=True)
    save_weights(folder / WEIGHTS, classifier.model, half)
    (folder / BANKS).write_bytes(pack_banks(banks, half_features))
    names = [WEIGHTS, BANKS]
    if references is not None:
        names.append(REFERENCES)
        (folder / REFERENCES).write_bytes(pack_references(references))
    if patches is not None:
        names.append(PATCHES)
        (folder / PATCHES).write_bytes(pack_patches(patches))
    if fitted is not None:
        names.append(FITTED)
        (folder / FITTED).write_bytes(pack_fitted(fitted))
    for reference_id, data in sorted(thumbnails):
        names.append(f"{THUMBNAILS}/{reference_id}.webp")
        (folder / names[-1]).write_bytes(data)
    files = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
    _write_card(folder, card, files)


def _write_card(folder: Path, card: BundleCard, files: Mapping[str, str]) -> None:
    whole = card.model_copy(update={"files": dict(files)})
    # Earlier programs refuse a card with a field of that name.
    without = {name for name in ("origin", "drawn_from") if getattr(whole, name) is None}
    (folder / CARD).write_text(whole.model_dump_json(indent=1, exclude=without) + "\n", encoding="utf-8")

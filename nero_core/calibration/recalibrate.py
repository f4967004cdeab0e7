"""``recalibrate``: a bundle and images that people have reviewed in, a new bundle with their thresholds out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import torch

from nero_core.calibration.bundle import Bundle
from nero_core.calibration.bundle_files import check_new, derive_bundle
from nero_core.calibration.card import MAX_TITLE, BundleCard, Origin
from nero_core.calibration.feature_bank import FeatureBank, bank_scores
from nero_core.calibration.held_out import Progress, observe_images
from nero_core.calibration.patches import read_anew
from nero_core.calibration.threshold import threshold_at
from nero_core.data.folders import ImageFolder
from nero_core.detectors.catalog import DETECTORS
from nero_core.errors import CalibrationError


def recalibrate(
    parent: Bundle,
    out: str | Path,
    paths: Sequence[Path],
    labels: Sequence[int],
    *,
    title: str,
    origin: Origin,
    on_progress: Progress | None = None,
) -> Bundle:
    """Thresholds and p-values from other images, with the classifier, fit images and detectors of a bundle.

    Nothing is trained or fitted: the classifier, the fit bank and the OOD bank stay. What changes is the calibration
    bank, and so what is usual: an image that is drawn as the new images were is above a threshold with probability at
    most ``1 − tpr``, however far these lie from the fit images.

    No picture of a reviewed image goes into the bundle: features, labels and digests alone.

    Args:
        parent: loaded; its folder stays as it is.
        out: folder to write; nothing may be there.
        paths: the image files.
        labels: class index of each.
        title: name for the screen.
        origin: for the card. Where ``earlier`` is not 0, the parent's calibration images count beside the new ones.
        on_progress: told (stage, done, total).

    Raises:
        BundleError: something is at ``out``, it cannot be written, or the parent was changed.
        CalibrationError: too few images, an image is among the parent's own, or a title is too long.
        ImageError: an image cannot be decoded.

    Reference: Vovk et al., Algorithmic Learning in a Random World, 2005: p-values hold for images that are exchangeable
        with the calibration images.
    """
    report = on_progress or (lambda stage, done, total: None)
    place, classifier, card = Path(out), parent.classifier, parent.card
    check_new(place)
    if not 0 < len(title) <= MAX_TITLE:
        raise CalibrationError(f"Expected a title of 1 to {MAX_TITLE} characters. Found {len(title)}. Change it.")
    total = len(paths) + origin.earlier
    threshold_at(torch.zeros(total), card.tpr)  # refuses now what it would refuse of the real scores
    images = ImageFolder(place.parent, card.class_names, tuple(paths), tuple(labels))
    half = bool((parent.fit.features.half().float() == parent.fit.features).all())
    bank = observe_images(classifier, images, "reviewed images", report, look_twice=True, half=half)
    bank = _as_before(bank, parent.calibration)
    if origin.earlier:
        bank = _beside(parent.calibration, bank)
    _check_own(bank, parent)
    banks = {"fit": parent.fit, "calibration": bank, **({} if parent.ood is None else {"ood": parent.ood})}
    thresholds = {}
    for name in card.thresholds:
        if name in DETECTORS:
            thresholds[name] = threshold_at(bank_scores(name, parent.fitted_detector(name), bank), card.tpr)
    patches = parent.patches
    if patches is not None:
        patches = read_anew(classifier, patches, images, card.seed, report)
    changed = {
        "title": title,
        "thresholds": thresholds,
        "counts": _counts(card, bank),
        "notes": (*card.notes, _note(origin)),
        "origin": origin,
        "drawn_from": card.drawn_from
        and {name: count for name, count in card.drawn_from.items() if name != "calibration"},
        "files": {},
    }
    return derive_bundle(parent, place, card.model_copy(update=changed), banks, patches)


def _as_before(bank: FeatureBank, earlier: FeatureBank) -> FeatureBank:
    """With the scores and stages that the parent's bank has, no more: its other banks have no others either."""
    scores: Mapping[str, torch.Tensor] = {name: bank.scores[name] for name in earlier.scores}
    stages = {name: bank.stages[name] for name in earlier.stages}
    return FeatureBank(bank.features, bank.labels, bank.ids, MappingProxyType(scores), MappingProxyType(stages))


def _beside(earlier: FeatureBank, bank: FeatureBank) -> FeatureBank:
    return FeatureBank(
        torch.cat([earlier.features, bank.features]),
        torch.cat([earlier.labels, bank.labels]),
        (*earlier.ids, *bank.ids),
        MappingProxyType({name: torch.cat([earlier.scores[name], bank.scores[name]]) for name in earlier.scores}),
        MappingProxyType({name: torch.cat([earlier.stages[name], bank.stages[name]]) for name in earlier.stages}),
    )


def _check_own(bank: FeatureBank, parent: Bundle) -> None:
    others = {*parent.fit.ids, *(() if parent.ood is None else parent.ood.ids)}
    twice = len(bank.ids) - len(set(bank.ids))
    both = sum(digest in others for digest in bank.ids)
    if twice or both:
        raise CalibrationError(
            f"Expected calibration images that are different, and no fit or OOD images of the bundle. Found {twice} "
            f"that are there twice and {both} that are such images. Leave them out."
        )


def _counts(card: BundleCard, bank: FeatureBank) -> dict[str, int]:
    counts = {name: count for name, count in card.counts.items() if not name.startswith("calibration")}
    by_class = Counter(card.class_names[label] for label in bank.labels.tolist())
    return counts | {"calibration": len(bank)} | {f"calibration {name}": by_class[name] for name in card.class_names}


def _note(origin: Origin) -> str:
    beside = f", beside {origin.earlier} earlier calibration images" if origin.earlier else ""
    note = (
        f"Calibrated anew from {origin.images} images that reviewers found like the reference images{beside}: "
        "thresholds and p-values are of these. Classifier, fit images, detectors and the figures on held-out images "
        f"are those of {origin.parent_title}."
    )
    if origin.is_selected:
        note += (
            " What was reviewed differs from what was not, so that thresholds and p-values may be off for the whole."
        )
    return note

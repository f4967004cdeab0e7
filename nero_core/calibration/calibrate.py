"""``calibrate``: a checkpoint and ID images in, a bundle out."""

from collections import Counter
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from pytorch_ood.api import FeaturesDetector

from nero_core.calibration.bank import Bank, observe_bank
from nero_core.calibration.bundle import Bundle, BundleCard, save_bundle
from nero_core.calibration.threshold import threshold_at
from nero_core.data.decode import decode_image, thumbnail
from nero_core.data.folders import ImageFolder, file_digest, iterate_batches, read_folder, split
from nero_core.detectors.catalog import build_detector
from nero_core.detectors.nero import NERO
from nero_core.device import pick_device
from nero_core.errors import CalibrationError
from nero_core.metrics import auroc, fpr_at_tpr
from nero_core.models.checkpoint import ModelCard, load_checkpoint
from nero_core.models.classifier import Classifier
from nero_core.types import Head

Progress = Callable[[str, int, int], None]

CALIBRATION_SHARE = 0.45  # of the ID images; the rest is fitted on
THUMBNAIL_SIDE = 96  # pixels; large enough to recognise, about 2 kB
_SCORED = ("nero", "msp")  # the methods whose thresholds and figures stand on the card
_LIBRARIES = ("nero-dashboard", "torch", "timm", "pytorch-ood", "zennit", "zennit-crp")


def calibrate(
    checkpoint: str | Path,
    data: str | Path,
    out: str | Path,
    *,
    ood: str | Path | None = None,
    test: str | Path | None = None,
    tpr: float = 0.95,
    seed: int = 0,
    half: bool = False,
    allow_reduced_rank: bool = False,
    title: str | None = None,
    synthetic: bool = False,
    notes: tuple[str, ...] = (),
    device: str = "auto",
    on_progress: Progress | None = None,
) -> Bundle:
    """Split ID images into a fit and a calibration part, observe them, fit, set thresholds, and write a bundle.

    The split is stratified and seeded. Images that the checkpoint was trained on are left out, exact duplicates are
    counted once.

    Args:
        checkpoint: checkpoint folder.
        data: class-per-folder ID images; folder names are the checkpoint's class names.
        out: bundle folder to write.
        ood: class-per-folder OOD images for the histogram; they are never fitted on.
        test: class-per-folder held-out images for the figures on the card: ID classes by name, the others are OOD.
        tpr: ID acceptance for the thresholds, in (0, 1).
        seed: of the split.
        half: store weights as float16; everything is computed with the stored weights.
        allow_reduced_rank: go on when there are fewer fit images than NERO's PCA components.
        title: name for the screen; the architecture and the data folder's name unless given.
        synthetic: say on the card that the images are drawn.
        notes: sentences on how the model and the data came to be.
        device: where to compute.
        on_progress: told (stage, done, total).

    Raises:
        CalibrationError: a class without images, too few images, or data that cannot be fitted.
        CheckpointError: the checkpoint cannot be loaded.
        ImageError: an image cannot be decoded.
    """
    report = on_progress or (lambda stage, done, total: None)
    classifier, model_card = load_checkpoint(checkpoint, pick_device(device))
    if half:
        _round_to_half(classifier)
    images, seen = _without_training_images(read_folder(data, model_card.classes), model_card, report)
    digests = tuple(seen)
    parts = split(images.labels, digests, (1 - CALIBRATION_SHARE, CALIBRATION_SHARE), seed)
    fit_images, calibration_images = (images.select(part) for part in parts)
    _check_fit_size(NERO(classifier.head), len(fit_images), allow_reduced_rank)

    banks = {
        "fit": _observe(classifier, fit_images, "fit images", report),
        "calibration": _observe(classifier, calibration_images, "calibration images", report),
    }
    ood_images = None if ood is None else read_folder(ood)
    if ood_images is not None:
        _check_ood(ood_images, model_card)
        banks["ood"] = _observe(classifier, ood_images, "OOD images", report)
    detectors = {name: _fitted(name, classifier.head, banks["fit"]) for name in _SCORED}
    thresholds = {
        name: threshold_at(detector.predict_features(banks["calibration"].features).cpu(), tpr)
        for name, detector in detectors.items()
    }
    numbers = {} if test is None else _figures(classifier, detectors, read_folder(test), report)
    nero = detectors["nero"]
    assert isinstance(nero, NERO)
    training = model_card.training.model_copy(update={"digests": ()})
    card = BundleCard(
        title=title or f"{Path(data).resolve().name} · {model_card.arch}",
        model=model_card.model_copy(update={"training": training}),
        ood_class_names=() if ood_images is None else ood_images.classes,
        synthetic=synthetic,
        tpr=tpr,
        thresholds=thresholds,
        detectors={
            "nero": {
                "epsilon": nero.epsilon,
                "components_wanted": nero.components_wanted,
                "components": nero.components_found,
                "least": nero.least,
                "bias_scale": float(nero.bias_scale),
            }
        },
        numbers=numbers,
        counts={
            "training": model_card.training.images or 0,
            **{name: len(bank) for name, bank in banks.items()},
            **{f"fit {name}": count for name, count in _per_class(fit_images).items()},
            **{f"calibration {name}": count for name, count in _per_class(calibration_images).items()},
        },
        seed=seed,
        made_with={name: version(name) for name in _LIBRARIES},
        notes=notes,
    )
    report("thumbnails", 0, len(fit_images))
    thumbnails = [
        (digest, thumbnail(decode_image(path), THUMBNAIL_SIDE, quality=70))
        for path, digest in zip(fit_images.paths, banks["fit"].ids, strict=True)
    ]
    report("thumbnails", len(fit_images), len(fit_images))
    return save_bundle(Path(out), card, classifier, banks, thumbnails, half)


def _round_to_half(classifier: Classifier) -> None:
    """Give the weights the values that a half-precision file will hold."""
    for tensor in classifier.model.state_dict().values():
        if tensor.is_floating_point() and tensor.ndim > 1:
            tensor.copy_(tensor.half().float())


def _without_training_images(
    images: ImageFolder, card: ModelCard, report: Progress
) -> tuple[ImageFolder, dict[str, int]]:
    """The images that training has not seen, each once; and digest → index of those kept."""
    trained = set(card.training.digests)
    kept: dict[str, int] = {}
    for index, path in enumerate(images.paths):
        digest = file_digest(path)
        if digest not in trained:
            kept.setdefault(digest, index)
        report("digests", index + 1, len(images))
    unseen = images.select(tuple(kept.values()))
    counts = _per_class(unseen)
    for name in images.classes:
        if not counts[name]:
            raise CalibrationError(
                f"Expected images of {name} that training has not seen. Found none: all were trained on. "
                "Calibrate on other images than the classifier was trained on."
            )
    return unseen, kept


def _check_fit_size(nero: NERO, images: int, allow_reduced_rank: bool) -> None:
    needed = nero.components_wanted
    if images >= needed or allow_reduced_rank:
        return
    raise CalibrationError(
        f"Expected at least {needed} fit images, one for each of NERO's PCA components. Found {images}. "
        f"Add ID images (about {round(needed / (1 - CALIBRATION_SHARE))} in all), or accept fewer components with "
        "--allow-reduced-rank."
    )


def _check_ood(images: ImageFolder, card: ModelCard) -> None:
    both = sorted(set(images.classes) & set(card.classes))
    if both:
        raise CalibrationError(
            f"Expected OOD class folders that the classifier was not trained on. Found {both[0]}, which is one of its "
            "classes. Leave it out of the OOD folder."
        )


def _observe(classifier: Classifier, images: ImageFolder, stage: str, report: Progress) -> Bank:
    batches = iterate_batches(images, classifier.input_size, batch_size=32)
    return observe_bank(classifier, batches, lambda done: report(stage, done, len(images))).to(classifier.device)


def _fitted(name: str, head: Head, fit: Bank) -> FeaturesDetector:
    return build_detector(name, head).fit_features(fit.features, fit.labels)


def _figures(
    classifier: Classifier, detectors: dict[str, FeaturesDetector], images: ImageFolder, report: Progress
) -> dict[str, float]:
    """Figures on held-out images, as shares in [0, 1]."""
    missing = sorted(set(classifier.class_names) - set(images.classes))
    if missing or set(images.classes) == set(classifier.class_names):
        found = f"no {missing[0]}" if missing else "no OOD class"
        raise CalibrationError(
            f"Expected held-out images of every ID class and of at least one other class. Found {found}. "
            "Add the class folder."
        )
    bank = _observe(classifier, images, "held-out images", report)
    index = {name: label for label, name in enumerate(classifier.class_names)}
    truth = bank.labels.new_tensor([index.get(name, -1) for name in images.classes])[bank.labels]
    known = truth >= 0
    predicted = classifier.head.logits(bank.features).argmax(dim=1)
    numbers = {
        "held_out_id_images": float(known.sum()),
        "held_out_ood_images": float((~known).sum()),
        "id_accuracy": float((predicted == truth)[known].double().mean()),
    }
    for name, detector in detectors.items():
        scores = detector.predict_features(bank.features)
        numbers[f"{name}_auroc"] = auroc(scores[known], scores[~known])
        numbers[f"{name}_fpr95_id_positive"] = fpr_at_tpr(scores[known], scores[~known])
        for label, one in enumerate(images.classes):
            if one not in index:
                numbers[f"{name}_auroc {one}"] = auroc(scores[known], scores[bank.labels == label])
    return numbers


def _per_class(images: ImageFolder) -> Counter[str]:
    return Counter(images.classes[label] for label in images.labels)

"""``calibrate``: a checkpoint and ID images in, a bundle out."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from nero_core.calibration.bundle import Bundle
from nero_core.calibration.bundle_files import check_place, room_beside, save_bundle
from nero_core.calibration.card import MAX_TITLE, SAMPLED_VERSION, SCHEMA_VERSION, BundleCard
from nero_core.calibration.feature_bank import FeatureBank, bank_scores, fitted_detector
from nero_core.calibration.fit_all import fit_on_all
from nero_core.calibration.held_out import (
    Observe,
    Progress,
    check_ood_classes,
    check_test_classes,
    check_unseen,
    held_out_figures,
    observe_images,
    read_digests,
    without_training_images,
)
from nero_core.calibration.patches import make_patches
from nero_core.calibration.patches_file import MAX_CORESET
from nero_core.calibration.plan import CALIBRATION_SHARE
from nero_core.calibration.references import REFERENCES, References, make_references
from nero_core.calibration.references_file import MAX_REFERENCES
from nero_core.calibration.sample import SAMPLE, check_sample, sampled, stratified_sample
from nero_core.calibration.threshold import threshold_at
from nero_core.data.decode import decode_image, small_picture
from nero_core.data.folders import ImageFolder, iterate_batches, read_folder, split, tell_each
from nero_core.data.left_out import Tell, tell_nobody
from nero_core.detectors.catalog import DETECTORS
from nero_core.detectors.detector import State
from nero_core.detectors.patch_fit import CORESET
from nero_core.detectors.patches import PatchModel
from nero_core.detectors.streamed import most_columns
from nero_core.device import float64, pick_device
from nero_core.errors import CalibrationError, RelevanceError
from nero_core.models.checkpoint import load_checkpoint, round_to_half
from nero_core.models.classifier import Classifier
from nero_core.models.stages import stage_channels
from nero_core.relevance.head import neuron_relevance
from nero_core.relevance.heatmap import Attributor
from nero_core.version import PROGRAM, versions

if TYPE_CHECKING:
    from nero_core.detectors.nero import NERO

QUIZ_IMAGES = 120  # of each kind: a quarter of a megabyte
_SCORED = ("nero", "nero_deep", "nero_plus", "msp")  # the methods whose thresholds and figures stand on the card
_LIBRARIES = (PROGRAM, "torch", "timm", "pytorch-ood", "zennit", "zennit-crp")


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
    half_features: bool = False,
    allow_reduced_rank: bool = False,
    title: str | None = None,
    synthetic: bool = False,
    notes: tuple[str, ...] = (),
    references: int = REFERENCES,
    patches: int = CORESET,
    quiz_images: int = 0,
    sample: int = SAMPLE,
    device: str = "auto",
    observe: Observe = observe_images,
    on_progress: Progress | None = None,
    on_left_out: Tell = tell_nobody,
) -> Bundle:
    """Split ID images into a fit and a calibration part, observe them, fit, set thresholds, and write a bundle.

    With more than ``sample`` fit images, memory does not grow with their number. The methods that need only sums
    (``STREAMED``) are fitted on all of them, to 10⁻⁶ of what they would be in memory, and what they found is stored.
    All else sees a sample of each part: other methods, thresholds and p-values, references, patches, pictures. A
    threshold from 20 000 calibration images is off by 0.15 % of ID images (one standard deviation, at 95 %), and every
    method, plot and class is held against the same ones; the others need no forward pass.

    The split is stratified and seeded. Images that the checkpoint was trained on are left out, exact duplicates are
    counted once. Whatever can be refused is refused before the first forward pass over images.

    Args:
        checkpoint: checkpoint folder.
        data: class-per-folder ID images; folder names are the checkpoint's class names.
        out: bundle folder to write.
        ood: class-per-folder OOD images for the histogram; they are never fitted on.
        test: class-per-folder held-out images for the figures on the card: ID classes by name, the others are OOD.
        tpr: share of ID images that should pass the thresholds, in (0, 1).
        seed: of the split.
        half: store weights as float16; everything is computed with the stored weights.
        half_features: round the features of the banks to float16 and store them so.
        allow_reduced_rank: go on when there are fewer fit images than NERO's PCA components.
        title: name for the screen; the architecture and the data folder's name unless given.
        synthetic: say on the card that the images are drawn.
        notes: sentences on how the model and the data came to be.
        references: reference images a channel to keep with their heatmaps, by relevance and by activation each; 0 to
            keep none. Where the architecture has no honest heatmap none are kept, and the card's last note says why.
        patches: patches of the fit images to keep at each of the two finest stages, for the map of where an image is
            unlike them; 0 to keep none. Where there can be none, the card's last note says why.
        quiz_images: small pictures to keep of the calibration images, and as many of the OOD images, for the quiz.
        sample: images of each part that the bundle keeps where there are more fit images than that.
        device: where to compute.
        observe: makes a bank of a dataset, on other machines where it is not ``observe_images``.
        on_progress: told (stage, done, total).
        on_left_out: told what each folder holds that is not read, where there is such a thing.

    Raises:
        BundleError: ``out`` holds something that is not a bundle, or cannot be written.
        CalibrationError: more references or patches than a bundle may hold, a class without images, too few images,
            data that cannot be fitted, a sample that is too small, or OOD or held-out images that fitting, calibration
            or training have seen.
        CheckpointError: the checkpoint cannot be loaded.
        ImageError: an image cannot be decoded.
    """
    from nero_core.detectors.nero import NERO  # not before: it imports pytorch-ood

    report = on_progress or (lambda stage, done, total: None)
    check_place(Path(out))
    _check_title(title)
    _check_references(references)
    _check_patches(patches)
    classifier, model_card = load_checkpoint(checkpoint, pick_device(device))
    images = read_folder(data, model_card.classes)
    ood_images = None if ood is None else read_folder(ood)
    if ood_images is not None:
        check_ood_classes(ood_images, model_card.classes)
    test_images = None if test is None else read_folder(test)
    if test_images is not None:
        check_test_classes(test_images, model_card.classes)
    tell_each((images, ood_images, test_images), on_left_out)
    digests, ood_digests, test_digests = read_digests((images, ood_images, test_images), report)
    images, digests = without_training_images(images, digests, model_card)
    if ood_images is not None:
        check_unseen("OOD", ood_images, ood_digests, {*digests, *model_card.training.digests})
    if test_images is not None:
        check_unseen("held-out", test_images, test_digests, {*digests, *model_card.training.digests})
    parts = split(images.labels, digests, (1 - CALIBRATION_SHARE, CALIBRATION_SHARE), seed, images.classes)
    fit_images, calibration_images = (images.select(part) for part in parts)
    fit_digests, calibration_digests = ([digests[index] for index in part] for part in parts)
    drawn_from: dict[str, int] | None = None
    if len(fit_images) > sample:
        classes = max(len(images.classes), 0 if ood_images is None else len(ood_images.classes))
        check_sample(sample, len(fit_images), classes, most_columns(classifier.head, stage_channels(classifier.model)))
        drawn_from = {"fit": len(fit_images), "calibration": len(calibration_images)}
        calibration_images = sampled(calibration_images, calibration_digests, sample, seed)
        if ood_images is not None:
            drawn_from["ood"] = len(ood_images)
            ood_images = sampled(ood_images, ood_digests, sample, seed)
    threshold_at(torch.zeros(len(calibration_images)), tpr)  # refuses what it would refuse of the real scores later
    _check_fit_size(NERO(classifier.head), len(fit_images), allow_reduced_rank)

    if half:
        round_to_half(classifier.model)
    state: State | None = None
    if drawn_from is None:
        banks = {"fit": observe(classifier, fit_images, "fit images", report, half=half_features)}
    else:
        rows = stratified_sample(fit_images.labels, fit_digests, sample, seed)
        room = room_beside(Path(out))
        bank, state = fit_on_all(classifier, fit_images, rows, room, report, half_features, observe)
        banks, fit_images = {"fit": bank}, fit_images.select(rows)
    banks["calibration"] = observe(classifier, calibration_images, "calibration images", report, True, half_features)
    if ood_images is not None:
        banks["ood"] = observe(classifier, ood_images, "OOD images", report, True, half_features)
    detectors = {name: fitted_detector(name, classifier.head, banks["fit"], state) for name in _SCORED}
    thresholds = {
        name: threshold_at(bank_scores(name, detector, banks["calibration"]), tpr)
        for name, detector in detectors.items()
    }
    numbers = {} if test_images is None else held_out_figures(classifier, detectors, test_images, report)
    nero = detectors["nero"]
    assert isinstance(nero, NERO)
    reference_maps: References | None = None
    if references > 0:
        try:
            reference_maps = _references(classifier, nero, fit_images, banks["fit"], references, report)
        except RelevanceError as error:
            notes = (*notes, f"No reference images with heatmaps are kept. {error}")
    patch_model: PatchModel | None = None
    if patches > 0:
        try:
            patch_model = make_patches(classifier, fit_images, calibration_images, seed, report, patches)
        except CalibrationError as error:
            notes = (*notes, f"There is no map of where an image is unlike. {error}")
    training = model_card.training.model_copy(update={"digests": ()})
    card = BundleCard(
        schema_version=SCHEMA_VERSION if drawn_from is None else SAMPLED_VERSION,
        drawn_from=drawn_from,
        title=title or f"{Path(data).resolve().name} · {model_card.arch}"[:MAX_TITLE],
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
                "least": nero.k,
                "bias_scale": float(nero.bias_scale),
            },
            **{name: dict(DETECTORS[name].defaults) for name in banks["calibration"].scores},
        },
        numbers=numbers,
        counts={
            **({} if model_card.training.images is None else {"training": model_card.training.images}),
            **{name: len(bank) for name, bank in banks.items()},
            **{f"fit {name}": count for name, count in _per_class(fit_images).items()},
            **{f"calibration {name}": count for name, count in _per_class(calibration_images).items()},
        },
        seed=seed,
        made_with=versions(_LIBRARIES),
        notes=notes,
    )
    pictured = dict(zip(banks["fit"].ids, fit_images.paths, strict=True))
    for name, others in (("calibration", calibration_images), ("ood", ood_images)):
        if others is not None and quiz_images > 0:
            chosen = np.linspace(0, len(others) - 1, min(quiz_images, len(others))).astype(int)
            pictured |= {banks[name].ids[place]: others.paths[place] for place in chosen}
    report("thumbnails", 0, len(pictured))
    with ThreadPoolExecutor(2, thread_name_prefix="decode") as pool:
        pictures = list(pool.map(lambda path: small_picture(decode_image(path)), pictured.values()))
    thumbnails = list(zip(pictured, pictures, strict=True))
    report("thumbnails", len(pictured), len(pictured))
    return save_bundle(
        Path(out), card, classifier, banks, thumbnails, half, reference_maps, half_features, patch_model, state
    )


def _check_title(title: str | None) -> None:
    if title is not None and len(title) > MAX_TITLE:
        raise CalibrationError(f"Expected a title of at most {MAX_TITLE} characters. Found {len(title)}. Shorten it.")


def _check_references(count: int) -> None:
    if not 0 <= count <= MAX_REFERENCES:
        raise CalibrationError(
            f"Expected 0 to {MAX_REFERENCES} reference images a channel. Found {count}. Ask for fewer; 0 keeps none."
        )


def _check_patches(count: int) -> None:
    if not 0 <= count <= MAX_CORESET:
        raise CalibrationError(
            f"Expected 0 to {MAX_CORESET} patches a stage. Found {count}. Ask for fewer; 0 keeps none."
        )


def _check_fit_size(nero: "NERO", images: int, allow_reduced_rank: bool) -> None:
    needed = nero.components_wanted
    if images >= needed or allow_reduced_rank:
        return
    raise CalibrationError(
        f"Expected at least {needed} fit images, one for each of NERO's PCA components. Found {images}. "
        f"Add ID images (about {round(needed / (1 - CALIBRATION_SHARE))} in all), or accept fewer components with "
        "--allow-reduced-rank."
    )


def _references(
    classifier: Classifier, nero: "NERO", images: ImageFolder, bank: FeatureBank, count: int, report: Progress
) -> References:
    """The fit images once more, from their files, with the model as it will be stored."""
    attributor = Attributor(classifier.model, classifier.mean, classifier.std, device=classifier.device)
    features = bank.features.cpu()
    relevance, _ = neuron_relevance(float64(features), nero.head.to("cpu"), nero.epsilon)
    return make_references(
        attributor,
        iterate_batches(images, classifier.input_size, batch_size=8),
        bank.ids,
        relevance,
        features,
        count,
        lambda done, total: report("references", done, total),
    )


def _per_class(images: ImageFolder) -> Counter[str]:
    return Counter(images.classes[label] for label in images.labels)

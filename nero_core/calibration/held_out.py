"""Images that are measured on: they must be others than those that were trained, fitted and calibrated on."""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from nero_core.calibration.feature_bank import FeatureBank, detector_input, observe_bank, second_pass_scores
from nero_core.data.decode import file_name
from nero_core.data.folders import ImageFolder, file_digest, iterate_batches
from nero_core.detectors.detector import Detector
from nero_core.errors import CalibrationError
from nero_core.metrics import auroc, fpr_at_tpr
from nero_core.models.checkpoint import ModelCard
from nero_core.models.classifier import Classifier

Progress = Callable[[str, int, int], None]
Observe = Callable[..., FeatureBank]  # as observe_images


def held_out_figures(
    classifier: Classifier, detectors: Mapping[str, Detector], images: ImageFolder, report: Progress
) -> dict[str, float]:
    """Figures on held-out images, as shares in [0, 1]."""
    bank = observe_images(classifier, images, "held-out images", report)
    index = {name: label for label, name in enumerate(classifier.class_names)}
    truth = bank.labels.new_tensor([index.get(name, -1) for name in images.classes])[bank.labels]
    known = truth >= 0
    predicted = classifier.head.logits(bank.features).argmax(dim=1)
    numbers = {
        "held_out_id_images": float(known.sum()),
        "held_out_ood_images": float((~known).sum()),
        "id_accuracy": float((predicted == truth)[known].float().mean()),
    }
    for name, detector in detectors.items():
        scores = detector.predict_features(detector_input(detector, bank)).to(bank.labels.device)
        numbers[f"{name}_auroc"] = auroc(scores[known], scores[~known])
        numbers[f"{name}_fpr95_id_positive"] = fpr_at_tpr(scores[known], scores[~known])
        for label, class_name in enumerate(images.classes):
            if class_name not in index:
                numbers[f"{name}_auroc {class_name}"] = auroc(scores[known], scores[bank.labels == label])
    return numbers


def observe_images(
    classifier: Classifier,
    images: ImageFolder,
    stage: str,
    report: Progress,
    look_twice: bool = False,
    half: bool = False,
) -> FeatureBank:
    """One forward pass over a dataset; with ``look_twice``, the scores of methods that need the image as well."""
    batches = iterate_batches(images, classifier.input_size, batch_size=32)
    twice = second_pass_scores(classifier) if look_twice else {}
    bank = observe_bank(classifier, batches, lambda done: report(stage, done, len(images)), twice, half)
    return bank.to(classifier.device)


def read_digests(datasets: Sequence[ImageFolder | None], report: Progress) -> list[tuple[str, ...]]:
    """sha256 of each file of each dataset; none for None."""
    total = sum(len(images) for images in datasets if images is not None)
    done = 0
    digests = []
    for images in datasets:
        by_set = []
        for path in () if images is None else images.paths:
            by_set.append(file_digest(path))
            done += 1
            report("digests", done, total)
        digests.append(tuple(by_set))
    return digests


def without_training_images(
    images: ImageFolder, digests: Sequence[str], card: ModelCard
) -> tuple[ImageFolder, tuple[str, ...]]:
    """The images that training has not seen, each once, and their digests.

    Raises:
        CalibrationError: of a class there are none.
    """
    trained = set(card.training.digests)
    remaining: dict[str, int] = {}
    for index, digest in enumerate(digests):
        if digest not in trained:
            remaining.setdefault(digest, index)
    unseen = images.select(tuple(remaining.values()))
    present = set(unseen.labels)
    for label, name in enumerate(images.classes):
        if label not in present:
            raise CalibrationError(
                f"Expected images of {name} that training has not seen. Found none: all were trained on. "
                "Calibrate on other images than the classifier was trained on."
            )
    return unseen, tuple(remaining)


def check_unseen(kind: str, images: ImageFolder, digests: Sequence[str], seen: AbstractSet[str]) -> None:
    """See that none of these images was trained, fitted or calibrated on.

    Raises:
        CalibrationError: some were.
    """
    both = [path for path, digest in zip(images.paths, digests, strict=True) if digest in seen]
    if both:
        first = f"{file_name(both[0].parent.name)}/{file_name(both[0].name)}"
        raise CalibrationError(
            f"Expected {kind} images that training, fitting and calibration have not seen. "
            f"Found {len(both)} of {len(images)} that they have (first: {first}). Give other images."
        )


def check_ood_classes(images: ImageFolder, classes: Sequence[str]) -> None:
    """See that no OOD folder bears the name of an ID class.

    Raises:
        CalibrationError: one does.
    """
    both = sorted(set(images.classes) & set(classes))
    if both:
        raise CalibrationError(
            f"Expected OOD class folders that the classifier was not trained on. Found {both[0]}, which is one of its "
            "classes. Leave it out of the OOD folder."
        )


def check_test_classes(images: ImageFolder, classes: Sequence[str]) -> None:
    """See that the held-out images have every ID class and at least one other.

    Raises:
        CalibrationError: one is missing.
    """
    missing = sorted(set(classes) - set(images.classes))
    if missing or set(images.classes) == set(classes):
        actual = f"no {missing[0]}" if missing else "no OOD class"
        raise CalibrationError(
            f"Expected held-out images of every ID class and of at least one other class. Found {actual}. "
            "Add the class folder."
        )

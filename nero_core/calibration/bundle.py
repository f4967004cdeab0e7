"""A bundle: what ``calibrate`` makes and everything else loads. safetensors, JSON and WebP, a sha256 for each file.

Layout of the folder::

    bundle.json         the card: what the bundle is, and the digest of every other file
    model.safetensors   weights of the classifier
    banks.safetensors   features, labels and ids of the fit, calibration and (optional) OOD images
    references.safetensors  optional: for each channel the fit images that use it most, and where in them
    patches.safetensors     optional: what the patches of an image are compared with, to show where it is unlike
    comparison.json.gz      optional: how every method does on the bundle's own ID and OOD images
    fitted.safetensors      where the banks hold a sample: what the methods that need only sums found on all images
    thumbnails/…webp    one small picture of each fit image, named by the sha256 of the image's file; and, for the
                        quiz, of some calibration and OOD images
"""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import torch

from nero_core.calibration.card import (
    BANKS,
    COMPARISON,
    FITTED,
    PATCHES,
    REFERENCES,
    THUMBNAILS,
    BundleCard,
    most_bytes,
    read_card,
    unreadable,
)
from nero_core.calibration.feature_bank import FeatureBank, fitted_detector
from nero_core.calibration.feature_bank_file import unpack_banks
from nero_core.calibration.fitted_file import unpack_fitted
from nero_core.calibration.patches_file import unpack_patches
from nero_core.calibration.references import References
from nero_core.calibration.references_file import unpack_references
from nero_core.detectors.catalog import DETECTORS
from nero_core.detectors.detector import Detector, State
from nero_core.detectors.patches import PatchModel
from nero_core.errors import BundleError, CheckpointError
from nero_core.models.checkpoint import WEIGHTS, build_classifier, unpack_weights
from nero_core.models.classifier import Classifier
from nero_core.models.stages import stage_channels, stage_names
from nero_core.models.tensor_file import FileTooLargeError, read_once


@dataclass(frozen=True, slots=True)
class Bundle:
    """A loaded bundle. Thumbnails are read when they are asked for.

    Attributes:
        path: its folder.
        card: what it is.
        classifier: the plain model.
        fit: bank that detectors are fitted on.
        calibration: bank that thresholds and p-values come from.
        ood: bank of OOD images for the histogram, or None.
        digest: sha256 of the card, which holds the digests of all other files: it names the bundle.
        references: reference images of every channel, or None where the bundle keeps none.
        patches: what the patches of an image are compared with, or None where the bundle keeps none.
        comparison: bytes of the file that says how every method does on the bundle's own images, which
            ``nero_core.benchmark.stored_comparison`` reads; None where the bundle keeps none.
        fitted: where the banks hold a sample, what the methods of ``STREAMED`` found on all images, on the CPU.
    """

    path: Path
    card: BundleCard
    classifier: Classifier
    fit: FeatureBank
    calibration: FeatureBank
    ood: FeatureBank | None
    digest: str
    references: References | None = None
    patches: PatchModel | None = None
    comparison: bytes | None = None
    fitted: State | None = None

    @property
    def fit_size(self) -> int:
        """Number of fit images."""
        return len(self.fit)

    @property
    def calibration_size(self) -> int:
        """Number of calibration images."""
        return len(self.calibration)

    @property
    def ood_size(self) -> int:
        """Number of images in the OOD bank."""
        return 0 if self.ood is None else len(self.ood)

    def fitted_detector(self, name: str) -> Detector:
        """A method as this bundle has it: fitted on all images where it needs only sums, else on the fit bank.

        Raises:
            CalibrationError: the method cannot fit the bank.
            NeroError: no such method.
        """
        return fitted_detector(name, self.classifier.head, self.fit, self.fitted, **self.card.hyper(name))

    def has_thumbnail(self, image_id: str) -> bool:
        """Whether there is a small picture of an image of the banks."""
        return f"{THUMBNAILS}/{image_id}.webp" in self.card.files

    def thumbnail(self, reference_id: str) -> bytes:
        """The WebP picture of a fit image, or of another image that ``has_thumbnail``.

        Raises:
            BundleError: the bundle has no picture of this id, or the file was altered.
        """
        name = f"{THUMBNAILS}/{reference_id}.webp"
        if name not in self.card.files:
            raise BundleError(
                f"Expected the id of a fit image. Found {reference_id[:12]!r}, which {self.path.name} has no picture "
                "of. Reload the page."
            )
        return _read_checked(self.path, name, self.card)

    @staticmethod
    def load(folder: str | Path, device: torch.device | str = "cpu") -> "Bundle":
        """Load a bundle after checking its schema, the digest of every file, and that its parts fit together.

        Each file is opened once, and the bytes whose digest was checked are those that are used: the folder may be
        replaced meanwhile.

        Raises:
            BundleError: anything of this does not hold; the message says which file.
        """
        path = Path(folder)
        card, digest = read_card(path)
        for name in card.files:
            if name.startswith(THUMBNAILS):  # small, and read again, as checked, when somebody looks at one
                _read_checked(path, name, card)
        try:
            weights = unpack_weights(_read_checked(path, WEIGHTS, card), path / WEIGHTS, card.model)
            classifier = build_classifier(weights, path / WEIGHTS, card.model, device)
            del weights
        except CheckpointError as error:
            raise BundleError(f"The model of {path.name} cannot be loaded. {error}") from error
        data = _read_checked(path, BANKS, card)
        banks = unpack_banks(data, classifier.head.neurons, len(card.class_names), len(card.ood_class_names))
        banks = {
            name: _with_current_scores(_in_order(bank, classifier), card).to(classifier.device)
            for name, bank in banks.items()
        }
        references = None
        if REFERENCES in card.files:
            reference_bytes = _read_checked(path, REFERENCES, card)
            references = unpack_references(reference_bytes, classifier.head.neurons, len(banks["fit"]))
        patches = None
        if PATCHES in card.files:
            names, channels = stage_names(classifier.model), stage_channels(classifier.model)
            patches = unpack_patches(_read_checked(path, PATCHES, card), names, channels).to(classifier.device)
        fitted = None
        if FITTED in card.files:
            stages = {name: means.shape[1] for name, means in banks["fit"].stages.items()}
            fitted = unpack_fitted(_read_checked(path, FITTED, card), classifier.head, stages, card.nero.epsilon)
        return Bundle(
            path,
            card,
            classifier,
            banks["fit"],
            banks["calibration"],
            banks.get("ood"),
            digest,
            references,
            patches,
            _read_checked(path, COMPARISON, card) if COMPARISON in card.files else None,
            fitted,
        )


def _in_order(bank: FeatureBank, classifier: Classifier) -> FeatureBank:
    """The bank with the stages in the order of its network; a file keeps none. A bank of schema 1 has no stages.

    Raises:
        BundleError: the stages are those of another network.
    """
    expected = stage_names(classifier.model)
    if bank.stages and set(bank.stages) != set(expected):
        raise BundleError(
            f"Expected channel means of {', '.join(expected) or 'no stage'} in the banks. "
            f"Found {', '.join(bank.stages)}. The bank belongs to another model: make the bundle again."
        )
    return replace(bank, stages=MappingProxyType({name: bank.stages[name] for name in expected if bank.stages}))


def _with_current_scores(bank: FeatureBank, card: BundleCard) -> FeatureBank:
    """The bank without scores that were made with other settings than the catalog's: they compare with nothing."""
    scores = {
        name: values
        for name, values in bank.scores.items()
        if name in DETECTORS and card.detectors.get(name) == dict(DETECTORS[name].defaults)
    }
    return replace(bank, scores=MappingProxyType(scores))


def _read_checked(folder: Path, name: str, card: BundleCard) -> bytes:
    """The bytes of a file, whose digest is the card's."""
    try:
        if not (folder / name).is_file():
            raise BundleError(f"Expected {name} in {folder}. Found no such file. Copy the whole bundle again.")
        data = read_once(folder / name, most_bytes(name))
    except FileTooLargeError as error:
        raise BundleError(
            f"Expected {name} of at most {most_bytes(name)} bytes. Found {error.size}. Copy the whole bundle again."
        ) from error
    except OSError as error:
        raise unreadable(folder / name, error) from error
    expected, actual = card.files[name], hashlib.sha256(data).hexdigest()
    if actual != expected:
        raise BundleError(
            f"Expected sha256 {expected[:12]}… for {name} in {folder}. Found {actual[:12]}…: the file was altered or "
            "cut short. Copy the whole bundle again."
        )
    return data

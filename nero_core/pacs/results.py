"""What is sent back about an image, and the identifiers under which it is sent."""

import uuid
import warnings
from dataclasses import dataclass
from typing import Literal

from pydicom.dataset import Dataset
from pydicom.uid import UID

from nero_core.process_wide import PROCESS_WIDE
from nero_core.types import Verdict

with PROCESS_WIDE:  # its remarks on names of persons repeat the names
    warnings.filterwarnings("ignore", category=UserWarning, module=r"highdicom\.")

MANUFACTURER = "NERO Dashboard"
Review = Verdict | Literal["agree", ""]
_OF_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")


@dataclass(frozen=True, slots=True)
class ResultContext:
    """What all results of a study have in common.

    Attributes:
        bundle: title of the bundle.
        bundle_digest: sha256 of its card, which names the bundle.
        model: architecture of the classifier.
        model_digest: sha256 of its weights.
        version: of this software.
        tpr: share of ID images that the threshold was set to accept.
    """

    bundle: str
    bundle_digest: str
    model: str
    model_digest: str
    version: str
    tpr: float


@dataclass(frozen=True, slots=True)
class ImageResult:
    """One image of a study and its verdict.

    Attributes:
        source: the instance it was read from, without its pixels.
        frame: counted from 1; None where the instance has one.
        method: by which it was scored.
        score: higher = more OOD.
        threshold: score above which it is called OOD.
        p_value: conformal p-value.
        verdict: ``like``, ``borderline`` or ``unlike``.
        predicted: class that the classifier predicts.
        confidence: softmax probability of that class.
        review: ``agree``, or the verdict that a reader put in the place of this one; empty where nobody has read it.
    """

    source: Dataset
    frame: int | None
    method: str
    score: float
    threshold: float
    p_value: float
    verdict: Verdict
    predicted: str
    confidence: float
    review: Review = ""


def without_pixels(dataset: Dataset) -> Dataset:
    """The same instance without its pixels, so that a whole study may be at hand."""
    header = Dataset({tag: dataset.get_item(tag) for tag in dataset.keys() if tag.group != 0x7FE0})
    if hasattr(dataset, "file_meta"):
        header.file_meta = dataset.file_meta
    return header


def is_own(dataset: Dataset) -> bool:
    """Whether an instance was sent by this software: results are not scored once more."""
    return str(dataset.get("Manufacturer", "")) == MANUFACTURER


def has_pixels(dataset: Dataset) -> bool:
    """Whether an instance holds an image."""
    return any(name in dataset for name in _OF_PIXELS)


def own_uid(*parts: object) -> UID:
    """An identifier that follows from these parts: what is sent twice comes as the same instance, not as a second."""
    return UID(f"2.25.{uuid.uuid5(uuid.NAMESPACE_URL, chr(0).join(map(str, parts))).int}")


def result_key(result: ImageResult, context: ResultContext) -> tuple[object, ...]:
    """What makes a result this one and no other."""
    return (
        str(result.source.SOPInstanceUID),
        result.frame or 0,
        result.method,
        context.tpr,
        context.bundle_digest,
        context.version,
    )

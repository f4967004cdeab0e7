"""A bundle: what ``calibrate`` makes and everything else loads. safetensors, JSON and WebP, a sha256 for each file.

Layout of the folder::

    bundle.json         the card: what the bundle is, and the digest of every other file
    model.safetensors   weights of the classifier
    banks.safetensors   features, labels and ids of the fit, calibration and (optional) OOD images
    thumbnails/…webp    one small picture of each fit image, named by the sha256 of the image's file
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from nero_core.calibration.bank import Bank
from nero_core.errors import BundleError, CheckpointError
from nero_core.models.checkpoint import MAX_WEIGHT_BYTES, WEIGHTS, ModelCard, load_weights, save_weights
from nero_core.models.classifier import Classifier

SCHEMA_VERSION = 1
CARD = "bundle.json"
BANKS = "banks.safetensors"
THUMBNAILS = "thumbnails"
MAX_CARD_BYTES = 64 * 2**20
_FILE = re.compile(rf"{re.escape(WEIGHTS)}|{re.escape(BANKS)}|{THUMBNAILS}/[0-9a-f]{{64}}\.webp")
_BANK_NAMES = ("fit", "calibration", "ood")


class BundleCard(BaseModel):
    """What ``bundle.json`` holds.

    Attributes:
        schema_version: layout of the folder.
        title: name for the screen.
        model: architecture, classes and preprocessing; training facts without the digests of the training images.
        class_names: the ID classes, in the order of the head.
        ood_class_names: classes of the OOD bank, empty where there is none.
        synthetic: True when the images are drawn, not taken.
        tpr: ID acceptance that the thresholds on the card were set for.
        thresholds: threshold of each detector at ``tpr``.
        detectors: hyper-parameters of each detector, as recorded.
        numbers: figures measured on held-out images, by name.
        counts: how many images each part has.
        seed: seed of the split.
        made_with: versions of the libraries.
        notes: sentences on how the bundle was made.
        files: sha256 of every other file of the folder.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = SCHEMA_VERSION
    title: str = Field(min_length=1, max_length=200)
    model: ModelCard
    ood_class_names: tuple[str, ...] = ()
    synthetic: bool = False
    tpr: float = Field(gt=0, lt=1)
    thresholds: dict[str, float] = Field(default_factory=dict)
    detectors: dict[str, dict[str, Any]] = Field(default_factory=dict)
    numbers: dict[str, float] = Field(default_factory=dict)
    counts: dict[str, int] = Field(default_factory=dict)
    seed: int = 0
    made_with: dict[str, str] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()
    files: dict[str, str] = Field(default_factory=dict)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The ID classes, in the order of the head."""
        return self.model.classes

    @property
    def arch(self) -> str:
        """timm's name of the architecture."""
        return self.model.arch


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
    """

    path: Path
    card: BundleCard
    classifier: Classifier
    fit: Bank
    calibration: Bank
    ood: Bank | None
    digest: str

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

    def thumbnail(self, reference_id: str) -> bytes:
        """The WebP picture of a fit image.

        Raises:
            BundleError: the bundle has no picture of this id, or the file was altered.
        """
        name = f"{THUMBNAILS}/{reference_id}.webp"
        if name not in self.card.files:
            raise BundleError(
                f"Expected the id of a fit image. Found {reference_id[:12]!r}, which {self.path.name} has no picture "
                "of. Reload the page."
            )
        return _read_checked(self.path, name, self.card.files[name])

    @staticmethod
    def load(folder: str | Path, device: torch.device | str = "cpu") -> "Bundle":
        """Load a bundle after checking its schema, the digest of every file, and that its parts fit together.

        Raises:
            BundleError: anything of this does not hold; the message says which file.
        """
        path = Path(folder)
        card, digest = read_card(path)
        for name, expected in card.files.items():
            _check_digest(path, name, expected)
        try:
            classifier = load_weights(path / WEIGHTS, card.model, device)
        except CheckpointError as error:
            raise BundleError(f"The model of {path.name} cannot be loaded. {error}") from error
        banks = _read_banks(path, classifier, card)
        return Bundle(path, card, classifier, banks["fit"], banks["calibration"], banks.get("ood"), digest)


def read_card(folder: Path) -> tuple[BundleCard, str]:
    """A bundle's card and its digest, without loading the model: for lists of bundles.

    Raises:
        BundleError: the folder or its card is missing, of another schema, or not valid.
    """
    source = folder / CARD
    if not source.is_file():
        found = f"no {CARD} in it" if folder.is_dir() else "no such folder"
        raise BundleError(f"Expected a bundle folder at {folder}. Found {found}. Make one with nero calibrate.")
    if source.stat().st_size > MAX_CARD_BYTES:
        raise BundleError(
            f"Expected {source} of at most {MAX_CARD_BYTES} bytes. Found {source.stat().st_size}. Make the bundle anew."
        )
    data = source.read_bytes()
    try:
        version = _SchemaVersion.model_validate_json(data).schema_version
        if version != SCHEMA_VERSION:
            raise BundleError(
                f"Expected schema version {SCHEMA_VERSION} in {source}. Found {version}. "
                "Make the bundle anew with nero calibrate, or use the version of this program that made it."
            )
        card = BundleCard.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole file"
        raise BundleError(
            f"Expected {source} to be a bundle card. Found in {where}: {first['msg']}. Make the bundle anew."
        ) from error
    strange = [name for name in card.files if not _FILE.fullmatch(name)]
    lacking = [name for name in (WEIGHTS, BANKS) if name not in card.files]
    if strange or lacking:
        raise BundleError(
            f"Expected {source} to list {WEIGHTS}, {BANKS} and thumbnails. "
            f"Found {f'the name {strange[0]!r}' if strange else f'no {lacking[0]}'}. Make the bundle anew."
        )
    return card, hashlib.sha256(data).hexdigest()


def find_bundles(folder: str | Path) -> tuple[Path, ...]:
    """The folders directly in ``folder`` (or ``folder`` itself) that hold a card, sorted by name."""
    folder = Path(folder)
    if (folder / CARD).is_file():
        return (folder,)
    return tuple(sorted(path.parent for path in folder.glob(f"*/{CARD}")))


def save_bundle(
    folder: Path,
    card: BundleCard,
    classifier: Classifier,
    banks: Mapping[str, Bank],
    thumbnails: Iterable[tuple[str, bytes]],
    half: bool = False,
) -> Bundle:
    """Write a bundle folder, the card last, and load it again, so that what is returned is what others will read.

    Args:
        folder: where to; made if missing.
        card: everything but ``files``.
        classifier: the model.
        banks: ``fit``, ``calibration`` and, optionally, ``ood``.
        thumbnails: id and WebP bytes of each fit image.
        half: store kernels and matrices as float16.

    Raises:
        BundleError: the folder holds something that is not a bundle.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / CARD).is_file():
        raise BundleError(
            f"Expected an empty folder or an older bundle at {folder}. Found other files. Choose another."
        )
    (folder / THUMBNAILS).mkdir(parents=True, exist_ok=True)
    (folder / CARD).unlink(missing_ok=True)
    for old in (folder / THUMBNAILS).glob("*.webp"):
        old.unlink()
    save_weights(folder / WEIGHTS, classifier.model, half)
    tensors = {}
    for name, bank in banks.items():
        tensors[f"{name}.features"] = bank.features.float().cpu().contiguous()
        tensors[f"{name}.labels"] = bank.labels.cpu().contiguous()
        tensors[f"{name}.ids"] = torch.tensor([list(bytes.fromhex(one)) for one in bank.ids], dtype=torch.uint8)
    save_file(tensors, folder / BANKS)
    for reference_id, data in thumbnails:
        (folder / THUMBNAILS / f"{reference_id}.webp").write_bytes(data)
    names = [WEIGHTS, BANKS, *sorted(f"{THUMBNAILS}/{path.name}" for path in (folder / THUMBNAILS).glob("*.webp"))]
    files = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
    whole = card.model_copy(update={"files": files})
    (folder / CARD).write_text(whole.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return Bundle.load(folder, classifier.device)


class _SchemaVersion(BaseModel):
    schema_version: int


def _check_digest(folder: Path, name: str, expected: str) -> None:
    source = folder / name
    if not source.is_file():
        raise BundleError(f"Expected {name} in {folder}. Found no such file. Copy the whole bundle again.")
    if source.stat().st_size > MAX_WEIGHT_BYTES:
        raise BundleError(f"Expected {name} of at most {MAX_WEIGHT_BYTES} bytes. Found more. Copy the bundle again.")
    with source.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        raise BundleError(_altered(folder, name, expected, found))


def _read_checked(folder: Path, name: str, expected: str) -> bytes:
    data = (folder / name).read_bytes() if (folder / name).is_file() else b""
    found = hashlib.sha256(data).hexdigest()
    if found != expected:
        raise BundleError(_altered(folder, name, expected, found))
    return data


def _altered(folder: Path, name: str, expected: str, found: str) -> str:
    return (
        f"Expected sha256 {expected[:12]}… for {name} in {folder}. Found {found[:12]}…: the file was altered or cut "
        "short. Copy the whole bundle again."
    )


def _read_banks(folder: Path, classifier: Classifier, card: BundleCard) -> dict[str, Bank]:
    try:
        tensors: dict[str, Tensor] = load_file(folder / BANKS)
    except (SafetensorError, ValueError) as error:
        raise BundleError(f"Expected {BANKS} to be a safetensors file. Found {error}. Make the bundle anew.") from error
    banks = {}
    for name in _BANK_NAMES:
        parts = [tensors.get(f"{name}.{part}") for part in ("features", "labels", "ids")]
        features, labels, ids = parts
        if features is None or labels is None or ids is None:
            if name == "ood" and features is labels is ids is None:
                continue
            raise BundleError(f"Expected the {name} bank's features, labels and ids in {BANKS}. Found not all three.")
        classes = len(card.ood_class_names if name == "ood" else card.class_names)
        _check_bank(name, features, labels, ids, classifier.head.neurons, classes)
        hexes = tuple(bytes(row).hex() for row in ids.tolist())
        banks[name] = Bank(features.float(), labels.long(), hexes).to(classifier.device)
    return banks


def _check_bank(name: str, features: Tensor, labels: Tensor, ids: Tensor, neurons: int, classes: int) -> None:
    if features.ndim != 2 or features.shape[1] != neurons:
        raise BundleError(
            f"Expected a {name} bank with {neurons} neurons, as the model's head has. "
            f"Found shape {tuple(features.shape)}. The bank belongs to another model: make the bundle anew."
        )
    images = len(features)
    if images == 0 or labels.shape != (images,) or ids.shape != (images, 32) or ids.dtype != torch.uint8:
        raise BundleError(
            f"Expected a label and a 32-byte id for each of {images} images of the {name} bank, and at least one. "
            f"Found shapes {tuple(labels.shape)} and {tuple(ids.shape)}. Make the bundle anew."
        )
    if not bool(((labels >= 0) & (labels < classes)).all()):
        raise BundleError(
            f"Expected labels of the {name} bank from 0 to {classes - 1}, one class name for each. "
            f"Found {int(labels.min())} to {int(labels.max())}. Make the bundle anew."
        )
    if not bool(torch.isfinite(features).all()):
        raise BundleError(f"Expected finite features in the {name} bank. Found NaN or infinity. Make the bundle anew.")

"""The card of a bundle, ``bundle.json``: what the bundle is, and the digest of every other file of its folder."""

import hashlib
import re
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, field_validator

from nero_core.detectors import STREAMED
from nero_core.errors import BundleError
from nero_core.models.checkpoint import MAX_WEIGHT_BYTES, WEIGHTS, ModelCard
from nero_core.models.tensor_file import FileTooLargeError, read_once

SCHEMA_VERSION = 2  # 1: the banks hold no stages
SAMPLED_VERSION = 3  # the banks hold a sample, and what was fitted on all images stands beside them
_READ = (1, 2, 3)
CARD = "bundle.json"
BANKS = "banks.safetensors"
REFERENCES = "references.safetensors"
PATCHES = "patches.safetensors"
COMPARISON = "comparison.json.gz"
FITTED = "fitted.safetensors"
PARTS = (
    WEIGHTS,
    BANKS,
    REFERENCES,
    PATCHES,
    COMPARISON,
    FITTED,
)  # the files of a bundle besides its card and thumbnails
THUMBNAILS = "thumbnails"
MAX_CARD_BYTES = 64 * 2**20
MAX_TITLE = 200  # characters
MAX_THUMBNAIL_BYTES = 256 * 2**10  # a hundred times what one of 96 pixels takes
MAX_PATCHES_BYTES = 64 * 2**20  # thirty times what those of a ResNet take
MAX_REFERENCES_BYTES = 64 * 2**20  # fifteen times what four of each of 2048 channels take
MAX_COMPARISON_BYTES = 2 * 2**20  # a hundred times what 30 methods on five classes take
_FILE = re.compile(rf"{'|'.join(re.escape(name) for name in PARTS)}|{THUMBNAILS}/[0-9a-f]{{64}}\.webp")


class NeroSettings(BaseModel):
    """What the card records of NERO. It is fitted again with ``epsilon`` and ``least``; the others say what came out.

    Attributes:
        epsilon: ε of the LRP rule, in units of a logit.
        components_wanted: PCA components that the method keeps.
        components: PCA components that the fit images gave.
        k: number of channels of least relevance.
        bias_scale: λ.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    epsilon: FiniteFloat = Field(ge=0)
    components_wanted: int | None = Field(default=None, ge=1)
    components: int | None = Field(default=None, ge=0)
    k: int | None = Field(default=None, ge=1, alias="least")  # the name in every bundle.json
    bias_scale: float | None = Field(default=None, ge=0)


class Origin(BaseModel):
    """Where a bundle comes from that was calibrated anew.

    Attributes:
        parent: digest of the bundle whose classifier, fit images and OOD images it has.
        parent_title: its title.
        images: reviewed images that thresholds and p-values come from.
        earlier: calibration images of the parent that count beside them.
        readers: how many people reviewed them.
        by: who had it made.
        at: when, as ISO 8601 in UTC.
        is_selected: whether it was made although what was reviewed differs from what was not.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    parent: str = Field(pattern="^[0-9a-f]{64}$")
    parent_title: str
    images: int = Field(ge=1)
    earlier: int = Field(ge=0)
    readers: int = Field(ge=1)
    by: str
    at: str
    is_selected: bool


class BundleCard(BaseModel):
    """What ``bundle.json`` holds.

    Attributes:
        schema_version: layout of the folder.
        title: name for the screen.
        model: architecture, classes and preprocessing; training facts without the digests of the training images.
        class_names: the ID classes, in the order of the head.
        ood_class_names: classes of the OOD bank, empty where there is none.
        synthetic: True when the images are drawn, not taken.
        tpr: share of ID images that pass the thresholds on the card.
        thresholds: threshold of each detector at ``tpr``.
        detectors: hyper-parameters of each detector, as recorded; those of NERO are checked, see ``nero``.
        numbers: figures measured on held-out images, by name.
        counts: how many images each part has.
        seed: seed of the split.
        made_with: versions of the libraries.
        notes: sentences on how the bundle was made.
        files: sha256 of every other file of the folder.
        origin: of a bundle that was calibrated anew; None, and not in the file, of others.
        drawn_from: where the banks hold a sample, how many images there were of each part (``fit``, ``calibration``,
            ``ood``); None, and not in the file, where they hold all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = SCHEMA_VERSION
    title: str = Field(min_length=1, max_length=MAX_TITLE)
    model: ModelCard
    ood_class_names: tuple[str, ...] = ()
    synthetic: bool = False
    tpr: float = Field(gt=0, lt=1)
    thresholds: dict[str, float] = Field(default_factory=dict)
    detectors: dict[str, dict[str, Any]] = Field(default_factory=dict, validate_default=True)
    numbers: dict[str, float] = Field(default_factory=dict)
    counts: dict[str, int] = Field(default_factory=dict)
    seed: int = 0
    made_with: dict[str, str] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()
    files: dict[str, str] = Field(default_factory=dict)
    origin: Origin | None = None
    drawn_from: dict[str, int] | None = None

    @field_validator("detectors")
    @classmethod
    def _know_how_nero_was_fitted(cls, detectors: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        if "nero" not in detectors:
            raise ValueError("no settings of nero")
        try:
            NeroSettings.model_validate(detectors["nero"])
        except ValidationError as error:
            first = error.errors()[0]
            raise ValueError(f"nero.{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
        return detectors

    @property
    def nero(self) -> NeroSettings:
        """``detectors["nero"]``, typed."""
        return NeroSettings.model_validate(self.detectors["nero"])

    def hyper(self, method: str) -> dict[str, Any]:
        """The hyper-parameters that this bundle's ``method`` is built with; the catalog's own for all but NERO."""
        return {"epsilon": self.nero.epsilon, "least": self.nero.k} if method == "nero" else {}

    @property
    def sample_sentence(self) -> str:
        """What was fitted on all images and what on a sample; empty where the banks hold all."""
        if self.drawn_from is None:
            return ""
        return (
            f"{', '.join(STREAMED[:-1])} and {STREAMED[-1]} are fitted on all {self.drawn_from['fit']:,} fit images; "
            f"the other methods on a sample of {self.counts['fit']:,}, which is what this bundle keeps."
        )

    @property
    def class_names(self) -> tuple[str, ...]:
        """The ID classes, in the order of the head."""
        return self.model.classes

    @property
    def arch(self) -> str:
        """timm's name of the architecture."""
        return self.model.arch


def read_card(folder: Path) -> tuple[BundleCard, str]:
    """A bundle's card and its digest, without loading the model: for lists of bundles.

    Raises:
        BundleError: the folder or its card is missing, of another schema, or not valid.
    """
    source = folder / CARD
    try:
        if not source.is_file():
            actual = f"no {CARD} in it" if folder.is_dir() else "a file" if folder.exists() else "no such folder"
            raise BundleError(f"Expected a bundle folder at {folder}. Found {actual}. Make one with nero calibrate.")
        data = read_once(source, MAX_CARD_BYTES)
    except FileTooLargeError as error:
        raise BundleError(
            f"Expected {source} of at most {MAX_CARD_BYTES} bytes. Found {error.size}. Make the bundle again."
        ) from error
    except OSError as error:
        raise unreadable(source, error) from error
    return parse_card(data, str(source))


def parse_card(data: bytes, source: str) -> tuple[BundleCard, str]:
    """The card in a file's bytes, and its digest.

    Args:
        data: the file.
        source: what it is called in a message.

    Raises:
        BundleError: it is of another schema, or not valid.
    """
    try:
        version = _SchemaVersion.model_validate_json(data).schema_version
        if version not in _READ:
            raise BundleError(
                f"Expected schema version {' or '.join(map(str, _READ))} in {source}. Found {version}. "
                "Make the bundle again with nero calibrate, or use the version of this program that made it."
            )
        card = BundleCard.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole file"
        raise BundleError(
            f"Expected {source} to be a bundle card. Found in {where}: {first['msg']}. Make the bundle again."
        ) from error
    strange = [name for name in card.files if not _FILE.fullmatch(name)]
    lacking = [name for name in (WEIGHTS, BANKS) if name not in card.files]
    if strange or lacking:
        raise BundleError(
            f"Expected {source} to list {WEIGHTS}, {BANKS}, thumbnails and at most {', '.join(PARTS[2:])} "
            f"besides. Found {f'the name {strange[0]!r}' if strange else f'no {lacking[0]}'}. Make the bundle again."
        )
    is_sampled = version == SAMPLED_VERSION
    if {is_sampled, card.drawn_from is not None, FITTED in card.files} != {is_sampled} or (
        is_sampled and not {"fit"} <= (card.drawn_from or {}).keys() & card.counts.keys()
    ):
        raise BundleError(
            f"Expected {source} to name {FITTED} and the images that a sample was drawn from in schema version "
            f"{SAMPLED_VERSION}, and neither in another. Found version {version}. Make the bundle again."
        )
    return card, hashlib.sha256(data).hexdigest()


def find_bundles(folder: str | Path) -> tuple[Path, ...]:
    """The folders directly in ``folder`` (or ``folder`` itself) that hold a card, sorted by name.

    Raises:
        BundleError: the folder may not be read.
    """
    folder = Path(folder)
    try:
        if (folder / CARD).is_file():
            return (folder,)
        folders = sorted(path.parent for path in folder.glob(f"*/{CARD}"))
    except OSError as error:
        raise unreadable(folder, error) from error
    return tuple(path for path in folders if not path.name.startswith("."))  # hidden: half written


def most_bytes(name: str) -> int:
    """The largest size that a file of a bundle may have."""
    if name.startswith(THUMBNAILS):
        return MAX_THUMBNAIL_BYTES
    limits = {REFERENCES: MAX_REFERENCES_BYTES, PATCHES: MAX_PATCHES_BYTES, COMPARISON: MAX_COMPARISON_BYTES}
    return limits.get(name, MAX_WEIGHT_BYTES)


def unreadable(path: Path, error: OSError) -> BundleError:
    """The error for a file or folder of a bundle that the system does not let us read."""
    return BundleError(f"Expected {path} to be readable. Found: {error.strerror or error}. Check the right to read it.")


class _SchemaVersion(BaseModel):
    schema_version: int

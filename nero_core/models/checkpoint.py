"""A checkpoint folder: ``model.safetensors`` (weights) and ``model.json`` (what the weights are). Never pickle."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, field_validator
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from nero_core.atomic import new_file, part_of, write_bytes
from nero_core.errors import CheckpointError
from nero_core.models.classifier import IMAGENET_MEAN, IMAGENET_STD, Classifier, build_model
from nero_core.models.tensor_file import FileTooLargeError, Header, read_header, read_once
from nero_core.spelling import same_name

WEIGHTS = "model.safetensors"
CARD = "model.json"
_NAMES = (WEIGHTS, CARD)
FILES = frozenset({*_NAMES, *(part_of(Path(name), alone=True).name for name in _NAMES)})  # also what a kill may leave
MAX_WEIGHT_BYTES = 4 * 2**30  # above any classifier of timm with one linear head
MAX_CARD_BYTES = 64 * 2**20  # a digest for each of half a million training images
_FLOATS = ("F16", "BF16", "F32", "F64")  # safetensors' names
_INTEGERS = ("I64", "I32")  # num_batches_tracked of batch norm, and tables of positions

Side = Annotated[int, Field(ge=16, le=4096)]  # pixels; what nero train takes
Deviation = Annotated[FiniteFloat, Field(gt=0)]


class TrainingFacts(BaseModel):
    """How a checkpoint came to be.

    ``digests`` are the sha256 of the training images: calibration must not see them again.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int | None = None
    epochs: int | None = None
    images: int | None = None
    validation_accuracy: float | None = Field(default=None, ge=0, le=1)
    settings: dict[str, Any] = Field(default_factory=dict)
    digests: tuple[str, ...] = ()


class ModelCard(BaseModel):
    """What ``model.json`` holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    arch: str = Field(min_length=1, max_length=200)
    classes: tuple[str, ...] = Field(min_length=2, max_length=100_000)
    input_size: tuple[Side, Side] = (224, 224)
    mean: tuple[FiniteFloat, FiniteFloat, FiniteFloat] = IMAGENET_MEAN
    std: tuple[Deviation, Deviation, Deviation] = IMAGENET_STD
    training: TrainingFacts = TrainingFacts()

    @field_validator("classes")
    @classmethod
    def _name_each_class_once(cls, classes: tuple[str, ...]) -> tuple[str, ...]:
        classes = tuple(map(same_name, classes))
        if not all(name.strip() for name in classes):
            raise ValueError("an empty class name")
        name, count = Counter(classes).most_common(1)[0]
        if count > 1:
            raise ValueError(f"the class name {name!r} {count} times")
        return classes

    @field_validator("mean", "std")
    @classmethod
    def _count_pixels_from_0_to_1(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if max(values) > 1:
            raise ValueError(
                f"{max(values):g}, as for pixels from 0 to 255; here they go from 0 to 1, so divide by 255"
            )
        return values


def save_checkpoint(folder: Path, model: nn.Module, card: ModelCard, half: bool = False) -> None:
    """Write a checkpoint folder; ``half`` stores matrices and kernels as float16, vectors stay float32.

    A checkpoint that is there is replaced once both files are written beside theirs. Its card goes first and the new
    one comes last: whoever reads, or a kill, in between finds no card rather than weights under another's card.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with new_file(folder / CARD, alone=True) as described, new_file(folder / WEIGHTS, alone=True) as weights:
        weights.write_bytes(_packed(model, half))
        described.write_text(card.model_dump_json(indent=1) + "\n", encoding="utf-8")
        (folder / CARD).unlink(missing_ok=True)  # now the weights move, then the card: the inner block ends first


def save_weights(path: Path, model: nn.Module, half: bool = False) -> None:
    """Write a model's state as safetensors, whole or not at all."""
    write_bytes(path, _packed(model, half))  # safetensors' own save_file makes files that only their owner may read


def round_to_half(model: nn.Module) -> None:
    """Give a model the values that ``save_weights(..., half=True)`` will store."""
    for tensor in model.state_dict().values():
        if _is_stored_half(tensor):
            tensor.copy_(tensor.half())


def load_checkpoint(folder: str | Path, device: torch.device | str = "cpu") -> tuple[Classifier, ModelCard]:
    """The classifier in a checkpoint folder, in float32 whatever precision the file has.

    torchvision's ``resnet18`` state dict has timm's keys, so such a file loads as well.

    Raises:
        CheckpointError: the folder is incomplete, the card is not valid, or the weights are not the card's model.
    """
    folder = Path(folder)
    for name in (CARD, WEIGHTS):
        if not (folder / name).is_file():
            raise CheckpointError(
                f"Expected a checkpoint folder with {WEIGHTS} and {CARD}. Found no {name} in {folder}. "
                "Make one with nero train."
            )
    card = read_model_card(folder / CARD)
    weights = unpack_weights(_read_weights(folder / WEIGHTS), folder / WEIGHTS, card)
    return build_classifier(weights, folder / WEIGHTS, card, device), card


def unpack_weights(data: bytes, path: Path, card: ModelCard) -> dict[str, Tensor]:
    """The tensors in the bytes of a safetensors file, which share no memory with them.

    Names, shapes and dtypes are compared first, with a model that takes no memory: weights that do not fit are never
    unpacked, whatever architecture the card names.

    Args:
        data: the file.
        path: its name, for messages.
        card: of the model whose weights these are.

    Raises:
        CheckpointError: the bytes are not safetensors, or their names, shapes and dtypes are not the card's model.
    """
    try:
        header = read_header(data)
    except ValueError as error:
        raise _no_safetensors(path, error) from error
    with torch.device("meta"):
        wanted = build_model(card.arch, len(card.classes), card.input_size).state_dict()
    check_header(path, header, wanted, card.arch, len(card.classes))
    try:
        weights: dict[str, Tensor] = load(data)
    except (SafetensorError, ValueError) as error:
        raise _no_safetensors(path, error) from error
    return weights


def build_classifier(
    weights: Mapping[str, Tensor], path: Path, card: ModelCard, device: torch.device | str = "cpu"
) -> Classifier:
    """The card's classifier with weights of any floating-point precision, which become float32.

    Raises:
        CheckpointError: a weight is not finite in float32, or the model's head is not its last step.
    """
    model = build_model(card.arch, len(card.classes), card.input_size)
    model.load_state_dict(weights)
    check_finite(path, model.state_dict())
    classifier = Classifier(model, card.classes, card.input_size, card.mean, card.std, "cpu")
    classifier.check_head()  # on the CPU, whose float32 is float32
    return Classifier(model, card.classes, card.input_size, card.mean, card.std, device)


def read_model_card(path: Path) -> ModelCard:
    """The card of a checkpoint, a ``model.json``.

    Raises:
        CheckpointError: it cannot be read, or is no such card.
    """
    try:
        if path.stat().st_size > MAX_CARD_BYTES:
            raise CheckpointError(
                f"Expected {path.name} of at most {MAX_CARD_BYTES} bytes. Found {path.stat().st_size}. "
                "Write the card again with nero train."
            )
        return ModelCard.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole file"
        raise CheckpointError(
            f"Expected {path} to be a model card (arch, classes, input_size, mean, std, training). "
            f"Found in {where}: {first['msg']}. Correct the file, or make it with nero train."
        ) from error
    except OSError as error:
        raise _unreadable(path, error) from error


def check_header(path: Path, header: Header, wanted: Mapping[str, Tensor], arch: str, classes: int) -> None:
    """See that the names, shapes and dtypes of a file are those of the model.

    Raises:
        CheckpointError: they are not; the message names the first.
    """
    missing = sorted(wanted.keys() - header.keys())
    surplus = sorted(header.keys() - wanted.keys())
    if missing or surplus:
        raise CheckpointError(
            f"Expected in {path.name} the {len(wanted)} tensors of {arch}. "
            f"Found {len(missing)} missing (first: {missing[:1]}) and {len(surplus)} unknown (first: {surplus[:1]}). "
            "Name the architecture that was trained."
        )
    for name, tensor in sorted(wanted.items()):
        dtype, shape = header[name]
        if shape != tensor.shape:
            raise CheckpointError(
                f"Expected {name} of shape {tuple(tensor.shape)} for {arch} with {classes} classes. "
                f"Found {shape}. Name the architecture, the classes and the input size that were trained."
            )
        allowed = _FLOATS if tensor.is_floating_point() else _INTEGERS
        if dtype not in allowed:
            raise CheckpointError(
                f"Expected {name} in {path.name} as {' or '.join(allowed)}. Found {dtype}. Export it unquantised."
            )


def check_finite(path: Path, state: Mapping[str, Tensor]) -> None:
    """See that no weight is NaN or infinite.

    Raises:
        CheckpointError: one is.
    """
    broken = sorted(name for name, tensor in state.items() if not bool(torch.isfinite(tensor).all()))
    if broken:
        raise CheckpointError(
            f"Expected finite weights in {path.name}. Found NaN or infinity in {broken[0]}. Train or export it again."
        )


def _packed(model: nn.Module, half: bool) -> bytes:
    return save(
        {
            name: (tensor.half() if half and _is_stored_half(tensor) else tensor).contiguous().cpu()
            for name, tensor in model.state_dict().items()
        }
    )


def _is_stored_half(tensor: Tensor) -> bool:
    """Matrices and kernels are; vectors (biases, batch-norm statistics) are small, and need their range."""
    return tensor.is_floating_point() and tensor.ndim > 1


def _read_weights(path: Path) -> bytes:
    try:
        return read_once(path, MAX_WEIGHT_BYTES)
    except FileTooLargeError as error:
        raise CheckpointError(
            f"Expected weights of at most {MAX_WEIGHT_BYTES} bytes. Found {error.size} in {path.name}. "
            "Store the classifier alone, without optimiser state."
        ) from error
    except OSError as error:
        raise _unreadable(path, error) from error


def _no_safetensors(path: Path, error: Exception) -> CheckpointError:
    return CheckpointError(
        f"Expected {path.name} to be a safetensors file. Found something else ({error}). "
        "Save the state dict with safetensors.torch.save_file; pickled files are never opened."
    )


def _unreadable(path: Path, error: OSError) -> CheckpointError:
    return CheckpointError(
        f"Expected a file that can be read at {path}. Found: {error.strerror or error}. Check the right to read it."
    )

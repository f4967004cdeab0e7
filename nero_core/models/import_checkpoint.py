"""``import_checkpoint``: a state dict of torchvision, timm or a training program in, a checkpoint folder out."""

import hashlib
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import timm
import torch
from pydantic import ValidationError
from torch import Tensor

from nero_core.errors import CheckpointError
from nero_core.models.checkpoint import (
    CARD,
    MAX_WEIGHT_BYTES,
    WEIGHTS,
    ModelCard,
    TrainingFacts,
    check_finite,
    check_header,
    save_checkpoint,
)
from nero_core.models.classifier import IMAGENET_MEAN, IMAGENET_STD, Classifier, build_model
from nero_core.models.weight_file import header_of, read_weights
from nero_core.models.weight_names import head_names, timm_names

DEFAULT_SIZE = 224  # pixels; what nero train takes
IMPORTED = "imported"  # where the training settings of the card say what was imported


def import_checkpoint(
    file: Path,
    arch: str,
    classes: Sequence[str],
    out: Path,
    *,
    size: int | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    unsafe_pickle: bool = False,
    by_order: bool = False,
    overwrite: bool = False,
) -> ModelCard:
    """Make a checkpoint folder of a state dict. Nothing is written before every check has passed.

    Weights only are taken over; what else makes the network (ε of batch norm, padding) is timm's for ``arch``. Which
    images the weights were trained on stays unknown: calibration cannot leave them out by itself.

    Args:
        file: ``.safetensors``, or ``.pth`` and ``.pt`` with nothing but tensors; bare or wrapped, see ``read_weights``
            and ``timm_names``.
        arch: name of a timm architecture.
        classes: one name for each output of the head, in its order.
        out: checkpoint folder to make; it must not be there, or be empty.
        size: height and width of the input, in pixels; None is timm's for an architecture of one fixed size, else 224.
        mean: RGB mean of the training's normalisation, for pixels in [0, 1]; None is timm's for ``arch``.
        std: RGB deviation, likewise.
        unsafe_pickle: open pickles of any kind, such as whole modules. **This runs whatever code the file names.**
        by_order: match tensors by their place in the file, not by name.
        overwrite: replace the checkpoint that ``out`` holds; never anything else.

    Raises:
        CheckpointError: the file cannot be read or is not this architecture with these classes, a weight is not finite,
            an option is out of its range, or ``out`` is taken.
    """
    file, out = Path(file), Path(out)
    card = _describe(arch, classes, size, mean, std)
    _check_place(out, overwrite)
    with torch.device("meta"):  # names and shapes take no memory
        empty = build_model(arch, len(card.classes), card.input_size)
        Classifier(empty, card.classes, card.input_size, card.mean, card.std, "meta")  # refuses other heads
    wanted: Mapping[str, Tensor] = empty.state_dict()
    if sum(tensor.nbytes for tensor in wanted.values()) > MAX_WEIGHT_BYTES:
        raise CheckpointError(
            f"Expected an architecture of at most {MAX_WEIGHT_BYTES} bytes of weights. Found more in {arch}. "
            "Choose a smaller one."
        )
    state = timm_names(read_weights(file, unsafe_pickle), empty, arch, file.name, by_order)
    _check_outputs(state, head_names(empty), len(card.classes))
    check_header(file, header_of(state), wanted, arch, len(card.classes))
    state = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in state.items()}
    check_finite(file, state)
    model = build_model(arch, len(card.classes), card.input_size)
    model.load_state_dict(state)
    Classifier(model, card.classes, card.input_size, card.mean, card.std).check_head()
    imported = {"file": file.name, "sha256": _digest(file), "by_order": by_order}
    card = card.model_copy(update={"training": TrainingFacts(settings={IMPORTED: imported})})
    _write(out, model, card)
    return card


def _describe(
    arch: str,
    classes: Sequence[str],
    size: int | None,
    mean: Sequence[float] | None,
    std: Sequence[float] | None,
) -> ModelCard:
    """The card, before there are weights; its validation is the check of the options."""
    if not timm.is_model(arch):
        raise CheckpointError(
            f"Expected the name of an architecture that timm {timm.__version__} knows. Found {arch!r}. "
            "Look the name up with timm.list_models()."
        )
    config = timm.get_pretrained_cfg(arch)
    side = size or (config.input_size[-1] if config and config.fixed_input_size else DEFAULT_SIZE)
    given = {
        "arch": arch,
        "classes": tuple(classes),
        "input_size": (side, side),
        "mean": tuple(mean or (config.mean if config else IMAGENET_MEAN)),
        "std": tuple(std or (config.std if config else IMAGENET_STD)),
    }
    try:
        return ModelCard.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise CheckpointError(
            "Expected two or more different class names, a size of 16 to 4096 pixels, and three finite numbers each "
            f"for mean and std (above 0). Found in {where}: {first['msg']}. Give another value."
        ) from error


def _check_outputs(state: Mapping[str, Tensor], head: tuple[str, ...], classes: int) -> None:
    rows = next((len(state[name]) for name in head if name in state and state[name].ndim), classes)
    if rows != classes:
        raise CheckpointError(
            f"Expected one class name for each of the head's {rows} outputs. Found {classes} names. "
            "List the classes in the order of training."
        )


def _check_place(out: Path, overwrite: bool) -> None:
    try:
        names = {path.name for path in out.iterdir()} if out.is_dir() else set()
        is_file = out.exists() and not out.is_dir()
    except OSError as error:
        raise _unwritable(out, error) from error
    if is_file or not names <= {CARD, WEIGHTS} or (names and not overwrite):
        found = "a file" if is_file else "a checkpoint" if names <= {CARD, WEIGHTS} else "other files"
        remedy = ", or give --force to replace it" if found == "a checkpoint" else ""
        raise CheckpointError(f"Expected {out} to be empty or not there. Found {found}. Name another folder{remedy}.")


def _write(out: Path, model: torch.nn.Module, card: ModelCard) -> None:
    """The folder beside its place, then there in one move: a kill leaves a hidden folder at most."""
    place = out.resolve()
    part, older = (place.with_name(f".{place.name}.{os.getpid()}.{kind}") for kind in ("part", "older"))
    try:
        for left in (part, older):
            shutil.rmtree(left, ignore_errors=True)
        part.parent.mkdir(parents=True, exist_ok=True)
        save_checkpoint(part, model, card)
        if place.exists():
            place.rename(older)
        part.rename(place)
    except OSError as error:
        raise _unwritable(out, error) from error
    finally:
        if older.exists() and not place.exists():
            older.rename(place)
        for left in (part, older):
            shutil.rmtree(left, ignore_errors=True)


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _unwritable(out: Path, error: OSError) -> CheckpointError:
    return CheckpointError(
        f"Expected to write a checkpoint at {out}. Found: {error.strerror or error}. Choose another folder."
    )

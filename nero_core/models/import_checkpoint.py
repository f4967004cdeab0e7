"""``import_checkpoint``: a state dict of torchvision, timm or a training program in, a checkpoint folder out."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import timm
import torch
from pydantic import ValidationError
from torch import Tensor

from nero_core.atomic import new_folder
from nero_core.errors import CheckpointError
from nero_core.models.checkpoint import (
    FILES,
    MAX_WEIGHT_BYTES,
    ModelCard,
    TrainingFacts,
    check_finite,
    check_header,
    save_checkpoint,
)
from nero_core.models.classifier import IMAGENET_MEAN, IMAGENET_STD, Classifier, build_model
from nero_core.models.weight_file import header_of, read_weights
from nero_core.models.weight_names import are_torchvisions, head_names, timm_names

DEFAULT_SIZE = 224  # pixels; what nero train takes
IMPORTED = "imported"  # where the training settings of the card say what was imported
LEFT_OUT = "left_out"  # there, the names of tensors of the file that play no part in the network
_MOST_NAMES = 200  # of these on the card


def import_checkpoint(
    file: str | Path,
    arch: str,
    classes: Sequence[str],
    out: str | Path,
    *,
    size: int | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    unsafe_pickle: bool = False,
    by_order: bool = False,
    overwrite: bool = False,
) -> ModelCard:
    """Make a checkpoint folder of a state dict. Nothing is written before every check has passed.

    A new folder gets there in one move. An older checkpoint's two files are replaced as ``save_checkpoint`` does it: a
    kill in between leaves weights without a card, which nothing loads, and the same call makes them whole.

    Weights only are taken over; what else makes the network (ε of batch norm, padding) is timm's for ``arch``. Which
    images the weights were trained on stays unknown: calibration cannot leave them out by itself. Tensors that programs
    save beside a network's own (weights of a loss, states of metrics, counters) are left out; the card names them.

    Args:
        file: ``.safetensors``, or ``.pth`` and ``.pt`` with nothing but tensors; bare or wrapped, see ``read_weights``
            and ``timm_names``.
        arch: name of a timm architecture.
        classes: one name for each output of the head, in its order.
        out: checkpoint folder to make; it must not be there, or be empty.
        size: height and width of the input, in pixels; None is timm's for an architecture of one fixed size, else 224.
        mean: RGB mean of the training's normalisation, for pixels in [0, 1]; None is ImageNet's where the names are
            torchvision's and not timm's, else timm's for ``arch``.
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
    given = read_weights(file, unsafe_pickle)
    named = timm_names(given, empty, arch, file.name, by_order)
    state: Mapping[str, Tensor] = named.tensors
    if are_torchvisions(given, empty):
        mean, std = IMAGENET_MEAN if mean is None else mean, IMAGENET_STD if std is None else std
        card = _describe(arch, classes, size, mean, std)
    _check_outputs(state, head_names(empty), len(card.classes))
    check_header(file, header_of(state), wanted, arch, len(card.classes))
    state = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in state.items()}
    check_finite(file, state)
    model = build_model(arch, len(card.classes), card.input_size)
    model.load_state_dict(state)
    Classifier(model, card.classes, card.input_size, card.mean, card.std).check_head()
    imported: dict[str, object] = {"file": file.name, "sha256": _digest(file), "by_order": by_order}
    if named.left_out:
        imported[LEFT_OUT] = named.left_out[:_MOST_NAMES]
    card = card.model_copy(update={"training": TrainingFacts(settings={IMPORTED: imported})})
    _write(out, model, card, overwrite)
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
    side = config.input_size[-1] if config and config.fixed_input_size else DEFAULT_SIZE
    side = side if size is None else size
    given = {
        "arch": arch,
        "classes": tuple(classes),
        "input_size": (side, side),
        "mean": tuple((config.mean if config else IMAGENET_MEAN) if mean is None else mean),
        "std": tuple((config.std if config else IMAGENET_STD) if std is None else std),
    }
    try:
        return ModelCard.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise CheckpointError(
            "Expected two or more different class names, a size of 16 to 4096 pixels, and three finite numbers each "
            f"for mean and std (above 0, for pixels from 0 to 1). Found in {where}: {first['msg']}. Give another value."
        ) from error


def _check_outputs(state: Mapping[str, Tensor], head: tuple[str, ...], classes: int) -> None:
    rows = next((len(state[name]) for name in head if name in state and state[name].ndim), classes)
    if rows != classes:
        raise CheckpointError(
            f"Expected one class name for each of the head's {rows} outputs. Found {classes} names. "
            "List the classes in the order of training."
        )


def _check_place(out: Path, overwrite: bool) -> bool:
    """Whether there is an older checkpoint to replace."""
    try:
        names = {path.name for path in out.iterdir()} if out.is_dir() else set()
        is_file = out.exists() and not out.is_dir()
    except OSError as error:
        raise _unwritable(out, error) from error
    if is_file or not names <= FILES or (names and not overwrite):
        actual = "a file" if is_file else "a checkpoint" if names <= FILES else "other files"
        remedy = ", or give --force to replace it" if actual == "a checkpoint" else ""
        raise CheckpointError(f"Expected {out} to be empty or not there. Found {actual}. Name another folder{remedy}.")
    return bool(names)


def _write(out: Path, model: torch.nn.Module, card: ModelCard, overwrite: bool) -> None:
    """Over the older checkpoint, or as a folder beside its place that gets there in one move.

    The move fails where anything but an empty folder has come to the place meanwhile.
    """
    place = out.resolve()
    try:
        if _check_place(out, overwrite):  # again, since reading weights takes time
            save_checkpoint(place, model, card)
            return
        with new_folder(place) as part:
            save_checkpoint(part, model, card)
    except OSError as error:
        raise _unwritable(out, error) from error


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _unwritable(out: Path, error: OSError) -> CheckpointError:
    return CheckpointError(
        f"Expected to write a checkpoint at {out}. Found: {error.strerror or error}. Choose another folder."
    )

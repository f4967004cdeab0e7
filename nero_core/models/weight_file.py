"""A file of weights made elsewhere, read as name → tensor. It is hostile until checked.

Safetensors, and pickles of nothing but tensors, run no code of the file. Other pickles do; they are
opened on request only.
"""

import io
import pickletools
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from nero_core.errors import CheckpointError
from nero_core.models.checkpoint import MAX_WEIGHT_BYTES
from nero_core.models.tensor_file import Header
from nero_core.zip_reader import ZipError, ZipLimits, open_zip

_DTYPES = {  # torch's name → safetensors' name
    torch.float16: "F16", torch.bfloat16: "BF16", torch.float32: "F32", torch.float64: "F64",
    torch.int64: "I64", torch.int32: "I32",
}  # fmt: skip

# Where training programs keep the weights within what they save; the first that is there is taken, so that averaged
# weights are taken only where there are no others.
WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "network", "model_ema", "state_dict_ema", "ema")


LIMITS = ZipLimits(max_members=200_000, max_directory_bytes=64 * 2**20)  # of what torch.save writes: one a tensor
MAX_PICKLE_BYTES = 64 * 2**20  # of names and shapes, some 200 bytes a tensor; the numbers lie beside them
_LEGACY_PICKLES = 5  # magic number, version, system, content, keys: what torch.save wrote before it wrote zips

# What tensors and the figures of a training are made of, as "module name". torch allows more, of which some, such as
# bytearray, make as much memory as a few bytes of the file ask for.
_HARMLESS = re.compile(
    r"collections (OrderedDict|Counter)|(builtins|__builtin__) (set|complex)|torch (Size|device|[a-z]\w*)"
    r"|torch(\.cuda)? [A-Z]\w*Storage|torch\.nn\.parameter Parameter|torch\.serialization _get_layout"
    r"|torch\._utils _rebuild_(tensor|tensor_v2|parameter|parameter_with_state|sparse_tensor|meta_tensor_no_storage)"
)


def read_weights(path: Path, unsafe_pickle: bool = False) -> dict[str, Tensor]:
    """The tensors of a ``.safetensors`` file, or of a ``.pth`` or ``.pt`` file, by the names that they have there.

    The entries of ``WRAPPERS`` are undone. Every tensor is a plain one in memory; sizes and values are the file's.

    Args:
        path: the file.
        unsafe_pickle: open pickles of any kind. **This runs whatever code the file names**: only for files whose maker
            is trusted. A module found in it gives its state dict.

    Raises:
        CheckpointError: there is no such file, it is too large, not a file of weights, or a pickle that names more than
            tensors.
    """
    _check_size(path)
    if path.suffix == ".safetensors":
        content: object = _read_safetensors(path)
    else:
        content = _unpickle(path) if unsafe_pickle else _read_tensors(path)
    content = _unwrap(content)
    if isinstance(content, nn.Module):
        content = content.state_dict()
    if (
        not isinstance(content, Mapping)
        or not content
        or not all(isinstance(value, Tensor) for value in content.values())
    ):
        actual = _contents(content)
        raise CheckpointError(
            f"Expected {path.name} to be a state dict, name → tensor, bare or under {', '.join(WRAPPERS)}. "
            f"Found {actual}. Save model.state_dict()."
        )
    for name, tensor in content.items():
        if tensor.layout != torch.strided or tensor.device.type != "cpu" or tensor.is_quantized:
            raise CheckpointError(
                f"Expected plain tensors in {path.name}. Found {name}, which is sparse, quantised or without values. "
                "Save the state dict of the plain model."
            )
    return {str(name): tensor.detach() for name, tensor in content.items()}


def header_of(state: Mapping[str, Tensor]) -> Header:
    """Dtype and shape of each tensor, in the words of safetensors where it has them."""
    return {name: (_DTYPES.get(tensor.dtype, str(tensor.dtype)), tuple(tensor.shape)) for name, tensor in state.items()}


def _check_size(path: Path) -> None:
    if not path.is_file():
        raise CheckpointError(f"Expected a file of weights. Found none at {path}. Check the path.")
    try:
        size = path.stat().st_size
        if zipfile.is_zipfile(path):  # what torch.save writes; its entries may be packed
            with path.open("rb") as file, open_zip(file, LIMITS) as archive:
                size = max(size, sum(entry.file_size for entry in archive.infolist()))
    except ZipError as fault:
        actual = "cut short or damaged" if fault.kind == "cut" else "a zip of more files than any classifier has"
        raise _no_file(path, actual) from fault
    except (OSError, ValueError) as error:
        raise _no_file(path, str(error)) from error
    if size > MAX_WEIGHT_BYTES:
        raise CheckpointError(
            f"Expected weights of at most {MAX_WEIGHT_BYTES} bytes. Found {size} in {path.name}. "
            "Save the classifier alone, without optimiser state."
        )


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        tensors: dict[str, Tensor] = load_file(path)
    except Exception as error:  # besides its own, safetensors raises those of torch and of the system
        raise CheckpointError(
            f"Expected {path.name} to be a safetensors file. Found something else ({type(error).__name__}). "
            "Save the state dict with safetensors.torch.save_file."
        ) from error
    return tensors


def _read_tensors(path: Path) -> object:
    try:
        _check_globals(path)
        return torch.load(path, "cpu", weights_only=True)
    except UnpicklingError as error:  # torch refused to run what the file names, or there is no pickle in it
        raise CheckpointError(
            f"Expected {path.name} to hold nothing but tensors. Found a file that is no such pickle, or one that would "
            "run code, such as a whole module: save model.state_dict() instead or, only if you trust whoever made the "
            "file, use nero import-checkpoint with --unsafe-pickle."
        ) from error
    except Exception as error:  # a file that is broken makes torch raise nearly anything
        raise _no_weights(path, error) from error


def _check_globals(path: Path) -> None:
    """See that the pickle names nothing but the parts of tensors, before a step of it is taken.

    Raises:
        UnpicklingError: it names something else, or is no pickle.
    """
    with path.open("rb") as file:
        is_zip = file.read(4) == b"PK\x03\x04"  # torch's own test
        file.seek(0)
        if is_zip:  # opened by torch's reader, so that both see the same entry
            content = torch._C.PyTorchFileReader(str(path)).get_record("data.pkl")
            if len(content) > MAX_PICKLE_BYTES:
                raise UnpicklingError(f"a pickle of {len(content)} bytes")
            _check_pickle(io.BytesIO(content))
        else:
            for _ in range(_LEGACY_PICKLES):
                _check_pickle(file)


def _check_pickle(content: io.BufferedIOBase) -> None:
    try:
        for operation, argument, _ in pickletools.genops(content):  # type: ignore[arg-type]
            is_named = operation.name == "GLOBAL" and _HARMLESS.fullmatch(str(argument))
            if not is_named and operation.name in ("GLOBAL", "STACK_GLOBAL", "INST"):
                raise UnpicklingError(f"{operation.name} {argument}")
    except ValueError as error:
        raise UnpicklingError(str(error)) from error


def _unpickle(path: Path) -> object:
    try:
        return torch.load(path, "cpu", weights_only=False)
    except (ImportError, AttributeError) as error:
        raise CheckpointError(
            f"Expected to have the code that {path.name} was pickled with. Found: {error}. Install the package that "
            "defines the model, or save model.state_dict() where the model was made."
        ) from error
    except Exception as error:  # unpickling raises nearly anything
        raise _no_weights(path, error) from error


def _no_file(path: Path, actual: str) -> CheckpointError:
    return CheckpointError(f"Expected a file of weights that can be read. Found {path.name}: {actual}. Copy it again.")


def _no_weights(path: Path, error: Exception) -> CheckpointError:
    return CheckpointError(
        f"Expected {path.name} to be a state dict: .safetensors, or .pth with nothing but tensors. "
        f"Found something else ({type(error).__name__}). Save model.state_dict() with safetensors."
    )


def _unwrap(content: Any) -> object:  # noqa: ANN401  # whatever a file holds
    for _ in WRAPPERS:  # no more than once each: a dict may hold itself
        if not isinstance(content, dict):
            break
        wrapped = (content[key] for key in WRAPPERS if isinstance(content.get(key), Mapping | nn.Module))
        inner = next(wrapped, None)
        if inner is None:
            break
        content = inner
    return content


def _contents(content: object) -> str:
    if not isinstance(content, Mapping):
        return f"a {type(content).__name__}"
    if not content:
        return "nothing in it"
    name, value = next((name, value) for name, value in content.items() if not isinstance(value, Tensor))
    return f"{str(name)[:60]!r}, a {type(value).__name__}"

"""A file of weights made elsewhere, read as name → tensor. It is hostile until checked.

Safetensors, and pickles of nothing but tensors, run no code of the file. Other pickles do; they are
opened on request only.
"""

import io
import pickletools
import re
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from nero_core.errors import CheckpointError
from nero_core.models.checkpoint import MAX_WEIGHT_BYTES
from nero_core.models.tensor_file import Header
from nero_core.models.weight_kind import ZIP, WeightKind, refused, weight_kind, zip_contents
from nero_core.models.weight_wrappers import WRAPPERS, contents, unwrapped
from nero_core.zip_reader import ZipError, ZipLimits, open_zip, pieces

__all__ = ["WRAPPERS", "header_of", "read_weights"]

_DTYPES = {  # torch's name → safetensors' name
    torch.float16: "F16", torch.bfloat16: "BF16", torch.float32: "F32", torch.float64: "F64",
    torch.int64: "I64", torch.int32: "I32",
}  # fmt: skip

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
    kind = _checked_kind(path)
    if kind == "safetensors":
        content: object = _read_safetensors(path)
    elif path.suffix.lower() == ".safetensors":
        raise refused(path, "a pickle under the name of a safetensors file", "Name it .pth, or save it as safetensors.")
    else:
        content = _unpickle(path) if unsafe_pickle else _read_tensors(path)
    content = unwrapped(content)
    if isinstance(content, nn.Module):
        content = content.state_dict()
    if (
        not isinstance(content, Mapping)
        or not content
        or not all(isinstance(value, Tensor) for value in content.values())
    ):
        raise CheckpointError(
            f"Expected {path.name} to be a state dict, name → tensor, bare or under {', '.join(WRAPPERS)}. "
            f"Found {contents(content)}. Save model.state_dict()."
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


def _checked_kind(path: Path) -> WeightKind:
    """The kind of the file, which is within the limits and, as far as it holds checksums, whole."""
    if not path.is_file():
        raise CheckpointError(f"Expected a file of weights. Found none at {path}. Check the path.")
    try:
        _check_size(path, path.stat().st_size)
        kind = weight_kind(path)
        if kind == "zip":
            _check_zip(path)
    except ZipError as fault:
        actual = {
            "cut": "cut short or damaged",
            "members": "a zip of more files than any classifier has",
            "directory": "a zip of more files than any classifier has",
        }.get(fault.kind, f"damaged in its part {fault.member[:80]!r}, whose checksum is another")
        raise _no_file(path, actual) from fault
    except OSError as error:
        raise _no_file(path, str(error)) from error
    return kind


def _check_zip(path: Path) -> None:
    """Refuse a zip that is too large once unpacked, none of torch's, or damaged: torch itself checks no checksum."""
    with path.open("rb") as file, open_zip(file, LIMITS) as archive:
        entries = archive.infolist()
        _check_size(path, sum(entry.file_size for entry in entries))
        zip_contents(path, archive)
        if not any(entry.CRC for entry in entries):  # written under torch.serialization.set_crc32_options(False)
            return
        for entry in entries:
            for _ in pieces(archive, entry, entry.file_size):
                pass


def _check_size(path: Path, size: int) -> None:
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
    except _NamesMoreError as error:
        raise CheckpointError(
            f"Expected {path.name} to hold nothing but tensors. Found {error} in it, which would run code, as a "
            "whole module does: save model.state_dict() instead or, only if you trust whoever made the file, use nero "
            "import-checkpoint with --unsafe-pickle."
        ) from error
    except UnpicklingError as error:
        raise CheckpointError(
            f"Expected {path.name} to hold nothing but tensors. Found a pickle that is none of torch.save, is cut "
            "short or is damaged. Copy it again, or save model.state_dict() with torch.save."
        ) from error
    except Exception as error:  # a file that is broken makes torch raise nearly anything
        raise _no_weights(path, error) from error


class _NamesMoreError(UnpicklingError):
    """A pickle names more than the parts of tensors; it is what it names."""


def _check_globals(path: Path) -> None:
    """See that the pickle names nothing but the parts of tensors, before a step of it is taken.

    Raises:
        _NamesMoreError: it names something else.
        UnpicklingError: it is no pickle, or a longer one than any classifier has.
    """
    with path.open("rb") as file:
        is_zip = file.read(4) == ZIP
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
                raise _NamesMoreError(str(argument or "a name that it computes").replace(" ", ".")[:80])
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

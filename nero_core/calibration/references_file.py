"""References as the bytes of ``references.safetensors``: tensors ``relevance.images``, ``relevance.heatmaps``,
``relevance.scales``, the same of ``activation``, and the composite's name in the header.
"""

import json
import re
from typing import get_args

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from nero_core.calibration.feature_bank_file import no_safetensors
from nero_core.calibration.references import By, ReferenceMaps, References
from nero_core.errors import BundleError
from nero_core.models.tensor_file import Header, read_header
from nero_core.relevance.coarse import CELLS

MAX_REFERENCES = 64  # images a channel and kind; the screen shows a handful
_DTYPES = {"images": "I32", "heatmaps": "I8", "scales": "F32"}  # safetensors' names
_COMPOSITE = re.compile(r"[a-z0-9_]{1,60}")


def pack_references(references: References) -> bytes:
    """The file's bytes."""
    tensors = {}
    for kind in get_args(By):
        maps: ReferenceMaps = getattr(references, kind)
        tensors[f"{kind}.images"] = maps.images.int().contiguous()
        tensors[f"{kind}.heatmaps"] = maps.heatmaps.contiguous()
        tensors[f"{kind}.scales"] = maps.scales.float().contiguous()
    return save(tensors, metadata={"composite": references.composite})


def unpack_references(data: bytes, neurons: int, images: int) -> References:
    """The references in the file's bytes.

    Args:
        data: the file.
        neurons: of the model's head.
        images: of the fit bank.

    Raises:
        BundleError: tensors that are no references of such a model and fit bank.
    """
    try:
        _check_header(read_header(data), neurons)
        tensors = load(data)
        length = int.from_bytes(data[:8], "little")
        metadata = json.loads(data[8 : 8 + length]).get("__metadata__")  # may be null
        composite = str(metadata.get("composite", "")) if isinstance(metadata, dict) else ""
    except (SafetensorError, ValueError) as error:
        raise no_safetensors(str(error), "the references") from error
    if not _COMPOSITE.fullmatch(composite):
        raise BundleError(
            f"Expected the composite's name in the references. Found {composite[:60]!r}. Make the bundle again."
        )
    by_kind = {}
    for kind in get_args(By):
        rows, maps, scales = (tensors[f"{kind}.{part}"] for part in _DTYPES)
        _check_values(kind, rows.long(), scales, images)
        by_kind[kind] = ReferenceMaps(rows.long(), maps, scales)
    return References(composite, by_kind["relevance"], by_kind["activation"])


def _check_header(header: Header, neurons: int) -> None:
    known = {f"{kind}.{part}" for kind in get_args(By) for part in _DTYPES}
    different = sorted(header.keys() ^ known)
    if different:
        actual = f"no {different[0]}" if different[0] in known else repr(different[0][:80])
        raise BundleError(
            f"Expected references by {' and '.join(get_args(By))}. Found {actual}. Make the bundle again."
        )
    for kind in get_args(By):
        for part, wanted in _DTYPES.items():
            dtype = header[f"{kind}.{part}"][0]
            if dtype != wanted:
                raise BundleError(f"Expected {kind}.{part} as {wanted}. Found {dtype}. Make the bundle again.")
        rows, maps, scales = (header[f"{kind}.{part}"][1] for part in _DTYPES)
        if len(rows) != 2 or rows[0] != neurons or not 1 <= rows[1] <= MAX_REFERENCES:
            raise BundleError(
                f"Expected 1 to {MAX_REFERENCES} references of each of {neurons} neurons, as the model's head has. "
                f"Found {kind}.images of shape {rows}. The references belong to another model: make the bundle again."
            )
        if maps != (*rows, CELLS, CELLS) or scales != rows:
            raise BundleError(
                f"Expected a heatmap of {CELLS}×{CELLS} and a scale for each of the references by {kind}, of shape "
                f"{rows}. Found shapes {maps} and {scales}. Make the bundle again."
            )


def _check_values(kind: str, rows: Tensor, scales: Tensor, images: int) -> None:
    if not bool(((rows >= -1) & (rows < images)).all()):
        raise BundleError(
            f"Expected references by {kind} among the {images} fit images, or -1 for none. Found "
            f"{int(rows.min())} to {int(rows.max())}. Make the bundle again."
        )
    ordered = rows.sort(dim=1).values
    if bool(((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)).any()):
        raise BundleError(
            f"Expected each fit image once among a channel's references by {kind}. Found one twice. "
            "Make the bundle again."
        )
    largest = scales * 127  # what an int8 makes of it
    if not bool((largest.isfinite() & (scales >= 0)).all()):
        raise BundleError(
            f"Expected scales ≥ 0 that give finite heatmaps by {kind}. Found others. Make the bundle again."
        )

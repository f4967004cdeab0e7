"""Patches as the bytes of ``patches.safetensors``: of each stage the tensors ``STAGE.whitening``, ``STAGE.places``,
``STAGE.layout``, ``STAGE.coreset``, ``STAGE.usual``, ``STAGE.limits`` and ``STAGE.excess``, and ``reading``: level,
usual share, colour limit. The colour of the image stands as a stage of its own. Files that were made before it was
compared have none, and those that were made before there was a layout have none of that, at no stage. They are read as
then.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from nero_core.calibration.feature_bank_file import no_safetensors
from nero_core.detectors.patch_fit import CORESET, LAYOUT, WIDEST
from nero_core.detectors.patches import PatchModel, PatchStage, coarse_grid
from nero_core.errors import BundleError
from nero_core.models.colour import COLOUR, COLOUR_CHANNELS
from nero_core.models.stages import PATCH_STAGES
from nero_core.models.tensor_file import Header, read_header

MAX_CORESET = 5 * CORESET  # patches a stage
MAX_LAYOUT = 4 * LAYOUT  # directions a stage
_DTYPES = {
    "whitening": "F16",
    "places": "F16",
    "layout": "F16",
    "coreset": "F16",
    "usual": "F32",
    "limits": "F32",
    "excess": "F32",
}
_READING = "reading"
_LAYOUT = "layout"


def pack_patches(patches: PatchModel) -> bytes:
    """The file's bytes."""
    tensors = {_READING: torch.tensor([patches.level, patches.usual, patches.limit], dtype=torch.float64)}
    for name, stage in patches.stages.items():
        for part in _DTYPES:
            values: Tensor = getattr(stage, part).cpu()
            if part != _LAYOUT or len(values):
                tensors[f"{name}.{part}"] = (values.half() if _DTYPES[part] == "F16" else values.float()).contiguous()
    return save(tensors)


def unpack_patches(data: bytes, stages: Sequence[str], channels: Mapping[str, int]) -> PatchModel:
    """The patches in the file's bytes.

    Args:
        data: the file.
        stages: of the model, from the finest, whose patches they must be.
        channels: of these stages.

    Raises:
        BundleError: tensors that are no patches of such a model.
    """
    try:
        header = read_header(data)
        stages = stages[:PATCH_STAGES]
        if any(name.startswith(f"{COLOUR}.") for name in header):
            stages = (*stages, COLOUR)
        _check_header(header, stages, {**channels, COLOUR: COLOUR_CHANNELS})
        tensors = load(data)
    except (SafetensorError, ValueError) as error:
        raise no_safetensors(str(error), "the patches") from error
    for name, values in tensors.items():
        if not bool(values.isfinite().all()):
            raise BundleError(f"Expected finite numbers in {name} of the patches. Found others. Make the bundle again.")
    level, usual, limit = tensors[_READING].tolist()
    spreads = [tensors[f"{name}.usual"][1].min() for name in stages] + [
        tensors[f"{name}.excess"].min() for name in stages
    ]
    if level < 0 or not 0 <= usual <= 1 or limit <= 0 or min(map(float, spreads)) <= 0:
        raise BundleError(
            "Expected a level ≥ 0, a share from 0 to 1, and a colour limit, deviations and excesses > 0 in the "
            f"patches. Found {level:g}, {usual:g}, {limit:g} and {min(map(float, spreads)):g}. Make the bundle again."
        )
    for name in stages:
        places = tensors[f"{name}.places"]
        tensors.setdefault(f"{name}.{_LAYOUT}", torch.zeros(0, *coarse_grid(places.shape[:2]), places.shape[2]))
    made = {
        name: PatchStage(**{part: tensors[f"{name}.{part}"].float() for part in _DTYPES}, is_unit=name != COLOUR)
        for name in stages
    }
    return PatchModel(MappingProxyType(made), level, usual, limit)


def _check_header(header: Header, stages: Sequence[str], channels: Mapping[str, int]) -> None:
    parts = _DTYPES if any(name.endswith(f".{_LAYOUT}") for name in header) else _DTYPES.keys() - {_LAYOUT}
    known = {_READING, *(f"{name}.{part}" for name in stages for part in parts)}
    different = sorted(header.keys() ^ known)
    if different:
        actual = f"no {different[0]}" if different[0] in known else repr(different[0][:80])
        raise BundleError(
            f"Expected patches of {' and '.join(stages) or 'no stage'}, as the model has. Found {actual}. "
            "The patches belong to another model: make the bundle again."
        )
    if header[_READING] != ("F64", (3,)):
        raise BundleError(
            f"Expected three numbers as F64 in {_READING}. Found {header[_READING]}. Make the bundle again."
        )
    for name in stages:
        for part in parts:
            dtype, wanted = header[f"{name}.{part}"][0], _DTYPES[part]
            if dtype != wanted:
                raise BundleError(f"Expected {name}.{part} as {wanted}. Found {dtype}. Make the bundle again.")
        _check_shapes(name, {part: header[f"{name}.{part}"][1] for part in parts}, channels[name])


def _check_shapes(name: str, shapes: Mapping[str, tuple[int, ...]], channels: int) -> None:
    directions = min(channels, WIDEST)
    places, coreset = shapes["places"], shapes["coreset"]
    grid = places[:2]
    wanted = {
        "whitening": (channels, directions),
        "places": (*grid, directions),
        "layout": (*shapes.get("layout", ())[:1], *coarse_grid(grid or (0, 0)), directions),
        "coreset": (*coreset[:1], directions),
        "usual": (2, *grid),
        "limits": (2,),
        "excess": (2,),
    }
    different = [part for part, shape in shapes.items() if shape != wanted[part]]
    different += ["coreset"] if not 1 <= coreset[0] <= MAX_CORESET else []
    different += ["layout"] if not 1 <= shapes.get("layout", (1,))[0] <= MAX_LAYOUT else []
    different += ["places"] if min(grid) < 1 else []
    if different:
        part = different[0]
        raise BundleError(
            f"Expected {name}.{part} of shape {wanted[part]}, with {channels} channels, 1 to {MAX_CORESET} patches and "
            f"1 to {MAX_LAYOUT} directions of the layout. "
            f"Found {shapes[part]}. The patches belong to another model: make the bundle again."
        )

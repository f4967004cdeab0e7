"""Banks as the bytes of ``banks.safetensors``: tensors ``fit.features``, ``fit.labels``, ``fit.ids``, and so on.

A method that looks at the image once more has its scores beside them: ``calibration.scores.odin``. The channel means of
the stages before the features are float16, ``fit.stages.layer2``; a file of schema 1 has none.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from nero_core.calibration.feature_bank import FeatureBank
from nero_core.device import float64
from nero_core.errors import BundleError
from nero_core.models.tensor_file import Header, read_header

BANK_NAMES = ("fit", "calibration", "ood")
_DTYPES = {"features": ("F16", "BF16", "F32"), "labels": ("I64", "I32"), "ids": ("U8",)}  # safetensors' names
_ID_BYTES = 32  # of a sha256
_SCORES = re.compile(rf"({'|'.join(BANK_NAMES)})\.scores\.([a-z_]{{1,40}})")
_STAGES = re.compile(rf"({'|'.join(BANK_NAMES)})\.stages\.([A-Za-z0-9_.]{{1,80}})")
MAX_STAGES = 16
MAX_STAGE_CHANNELS = 8192


def pack_banks(banks: Mapping[str, FeatureBank], half: bool = False) -> bytes:
    """The file's bytes; with ``half``, features as float16, which they must have been rounded to."""
    tensors = {}
    for name, bank in banks.items():
        features = bank.features.half() if half else bank.features.float()
        tensors[f"{name}.features"] = features.cpu().contiguous()
        tensors[f"{name}.labels"] = bank.labels.cpu().contiguous()
        tensors[f"{name}.ids"] = torch.tensor([list(bytes.fromhex(digest)) for digest in bank.ids], dtype=torch.uint8)
        for method, scores in bank.scores.items():
            tensors[f"{name}.scores.{method}"] = float64(scores).cpu().contiguous()
        for stage, means in bank.stages.items():
            tensors[f"{name}.stages.{stage}"] = means.half().cpu().contiguous()
    return save(tensors)


def unpack_banks(data: bytes, neurons: int, classes: int, ood_classes: int) -> dict[str, FeatureBank]:
    """The banks in the file's bytes, ``ood`` only where it is there. They share no memory with the file.

    Args:
        data: the file.
        neurons: of the model's head.
        classes: number of ID classes; the fit bank has images of each.
        ood_classes: number of classes of the OOD bank.

    Raises:
        BundleError: tensors that are no banks of such a model, or a fit bank that shares images with calibration.
    """
    try:
        _check_header(read_header(data), neurons)
        tensors = load(data)
    except (SafetensorError, ValueError) as error:
        raise no_safetensors(str(error)) from error
    banks = {}
    for name in BANK_NAMES:
        if f"{name}.features" in tensors:
            features, labels = tensors[f"{name}.features"].float(), tensors[f"{name}.labels"].long()
            _check_values(name, features, labels, ood_classes if name == "ood" else classes)
            ids = tuple(bytes(row).hex() for row in tensors[f"{name}.ids"].tolist())
            banks[name] = FeatureBank(features, labels, ids, _scores(name, tensors), _stages(name, tensors))
    present = banks["fit"].labels.unique().numel()
    if present != classes:
        raise BundleError(
            f"Expected fit images of each of the {classes} classes. Found {present} classes in the fit bank. "
            "Make the bundle again with images of every class."
        )
    shared = set(banks["fit"].ids) & set(banks["calibration"].ids)
    if shared:
        raise BundleError(
            "Expected fit and calibration images that have none in common, else thresholds are too low. "
            f"Found {len(shared)} in both. Make the bundle again."
        )
    return banks


def _check_header(header: Header, neurons: int) -> None:
    known = {f"{name}.{part}" for name in BANK_NAMES for part in _DTYPES}
    strange = sorted(name for name in header.keys() - known if not (_SCORES.fullmatch(name) or _STAGES.fullmatch(name)))
    if strange:
        raise BundleError(f"Expected banks named {', '.join(BANK_NAMES)}. Found {strange[0]!r}. Make the bundle again.")
    for name in BANK_NAMES:
        parts = [part for part in _DTYPES if f"{name}.{part}" in header]
        if name == "ood" and not parts:
            continue
        if len(parts) < len(_DTYPES):
            raise BundleError(
                f"Expected the {name} bank's features, labels and ids in the banks. Found not all three. "
                "Make the bundle again."
            )
        for part, allowed in _DTYPES.items():
            dtype = header[f"{name}.{part}"][0]
            if dtype not in allowed:
                raise BundleError(
                    f"Expected {name}.{part} as {' or '.join(allowed)}. Found {dtype}. Make the bundle again."
                )
        features, labels, ids = (header[f"{name}.{part}"][1] for part in _DTYPES)
        if len(features) != 2 or features[1] != neurons:
            raise BundleError(
                f"Expected a {name} bank with {neurons} neurons, as the model's head has. Found shape {features}. "
                "The bank belongs to another model: make the bundle again."
            )
        images = features[0]
        if images == 0 or labels != (images,) or ids != (images, _ID_BYTES):
            raise BundleError(
                f"Expected a label and a {_ID_BYTES}-byte id for each of {images} images of the {name} bank, and at "
                f"least one. Found shapes {labels} and {ids}. Make the bundle again."
            )

    for name, (dtype, shape) in header.items():
        match = _SCORES.fullmatch(name)
        if match and (dtype != "F64" or shape != (header.get(f"{match[1]}.features", ("", (0,)))[1][0],)):
            raise BundleError(
                f"Expected {name} as one F64 score for each image of the {match[1]} bank. Found {dtype} of shape "
                f"{shape}. Make the bundle again."
            )
    _check_stages(header)


def _check_stages(header: Header) -> None:
    """See that every bank has the same stages, float16, one row an image."""
    widths: dict[str, dict[str, int]] = {name: {} for name in BANK_NAMES if f"{name}.features" in header}
    for name, (dtype, shape) in header.items():
        match = _STAGES.fullmatch(name)
        if match is None:
            continue
        images = header.get(f"{match[1]}.features", ("", (0,)))[1][0]
        if dtype != "F16" or len(shape) != 2 or shape[0] != images or not 1 <= shape[1] <= MAX_STAGE_CHANNELS:
            raise BundleError(
                f"Expected {name} as F16 channel means, one row for each of {images} images. Found {dtype} of shape "
                f"{shape}. Make the bundle again."
            )
        widths[match[1]][match[2]] = shape[1]
    if any(stages != widths["fit"] for stages in widths.values()) or len(widths["fit"]) > MAX_STAGES:
        raise BundleError(
            f"Expected the same stages in every bank, {MAX_STAGES} at most. Found others. Make the bundle again."
        )


def _stages(name: str, tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """The stages of a bank, in any order."""
    stages = {}
    for key, means in tensors.items():
        match = _STAGES.fullmatch(key)
        if match and match[1] == name:
            if not bool(means.isfinite().all()):
                raise BundleError(f"Expected finite channel means in {key}. Found NaN or infinity. Make it again.")
            stages[match[2]] = means.float()
    return MappingProxyType(stages)


def _scores(name: str, tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    scores = {}
    for key, tensor in tensors.items():
        match = _SCORES.fullmatch(key)
        if match and match[1] == name:
            if not bool(tensor.isfinite().all()):
                raise BundleError(f"Expected finite scores in {key}. Found NaN or infinity. Make the bundle again.")
            scores[match[2]] = tensor
    return MappingProxyType(scores)


def _check_values(name: str, features: Tensor, labels: Tensor, classes: int) -> None:
    if not bool(((labels >= 0) & (labels < classes)).all()):
        raise BundleError(
            f"Expected labels of the {name} bank from 0 to {classes - 1}, one class name for each. "
            f"Found {int(labels.min())} to {int(labels.max())}. Make the bundle again."
        )
    if not bool(torch.isfinite(features).all()):
        raise BundleError(f"Expected finite features in the {name} bank. Found NaN or infinity. Make the bundle again.")


def no_safetensors(actual: str, what: str = "the banks") -> BundleError:
    """The error for bytes that are no safetensors file."""
    return BundleError(f"Expected {what} to be a safetensors file. Found {actual}. Make the bundle again.")

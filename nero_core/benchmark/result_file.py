"""``results.json``: everything that a benchmark measured, the scores included, hostile until checked.

The digest catches accidents. It proves nothing about who wrote the file: whoever edits it can compute another.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from nero_core.atomic import write_bytes
from nero_core.benchmark.records import BenchmarkResult, Figures
from nero_core.errors import NeroError
from nero_core.metrics import auroc, fpr_at_tpr

RESULTS = "results.json"
KIND = "nero benchmark"
SCHEMA_VERSION = 1
MAX_RESULT_BYTES = 2**27  # 128 MiB: 130,000 images of every method of the catalog
SCORE_BYTES = 32  # of one score at most, with its line
TOLERANCE = 1e-9  # of a figure computed again: counts of images are exact, quotients nearly
_RESULT = TypeAdapter(BenchmarkResult)
_ENVELOPE = ("kind", "schema_version", "digest")  # what the file holds beside the record


def write_result(result: BenchmarkResult, path: Path) -> None:
    """Write a result as JSON, whole or not at all.

    Raises:
        NeroError: it is larger than ``read_result`` would read.
    """
    content = {"kind": KIND, "schema_version": SCHEMA_VERSION, **_RESULT.dump_python(result)}
    if result.tiers is None:  # as before there were image lists, so that older programs read it
        del content["tiers"]
        for method in content["methods"]:
            del method["lists"], method["tiers"]
    content["digest"] = _digest(content)
    data = f"{json.dumps(content, allow_nan=False, indent=1)}\n".encode()
    if len(data) > MAX_RESULT_BYTES:
        raise _too_large(f"a result of {len(data)} bytes")
    write_bytes(path, data)


def check_size(images: int, methods: int) -> None:
    """See, before anything is computed, that the scores will fit in a file.

    Raises:
        NeroError: they will not.
    """
    if images * methods * SCORE_BYTES > MAX_RESULT_BYTES:
        raise _too_large(f"{images * methods} scores")


def read_result(path: str | Path) -> BenchmarkResult:
    """A result that ``nero benchmark`` wrote; ``path`` is its ``results.json`` or the folder that holds it.

    Raises:
        NeroError: the file is missing, too large, damaged or something else, or its AUROC or FPR95 over all OOD images
            are not those of its scores.
    """
    source = Path(path)
    source = source / RESULTS if source.is_dir() else source
    try:
        with source.open("rb") as stream:
            data = stream.read(MAX_RESULT_BYTES + 1)
        if len(data) > MAX_RESULT_BYTES:
            raise _strange(source, f"more than {MAX_RESULT_BYTES >> 20} MiB")
        content = json.loads(data)
    except OSError as error:
        raise NeroError(
            f"Expected a result of nero benchmark at {source}. Found: {error.strerror or error}. Check the path."
        ) from error
    except (ValueError, RecursionError) as error:
        raise _strange(source, "no JSON, or a file that was cut short") from error
    if not isinstance(content, dict) or content.get("kind") != KIND:
        raise _strange(source, "another kind of file")
    if content.get("schema_version") != SCHEMA_VERSION:
        raise _strange(source, f"schema version {str(content.get('schema_version'))[:20]}, not {SCHEMA_VERSION}")
    try:
        result = _RESULT.validate_python({name: part for name, part in content.items() if name not in _ENVELOPE})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])[:100] or "the whole file"
        raise _strange(source, f"in {where}: {first['msg']}") from error
    digest = _digest({name: value for name, value in content.items() if name != "digest"})
    if digest != content.get("digest"):
        raise _strange(source, "other values than were written: it was damaged or edited")
    _check_figures(source, result)
    return result


def is_result(path: Path) -> bool:
    """Whether a file is, by its own word, one that ``write_result`` wrote: it may be replaced."""
    try:
        with path.open("rb") as file:
            return f'"kind": "{KIND}"'.encode() in file.read(100)
    except OSError:
        return False


def _check_figures(source: Path, result: BenchmarkResult) -> None:
    """See that AUROC and both FPR95 over all OOD images, and those of each image list, are those of the scores."""
    for method in result.methods:
        if not method.has_scores:
            raise _strange(source, f"no scores of {method.method[:40]}")
        _check_values(source, f"in {method.method[:40]}", method.pooled, method.id_scores, method.ood_scores)
        if result.tiers is None:
            continue
        plain = method.id_scores[: result.id_list_size]
        shifted = method.id_scores[result.id_list_size :].split([result.id_classes[name] for name in result.tiers.csid])
        oods = [method.ood_scores[result.ood_labels == label] for label in range(len(result.ood_classes))]
        for name, scores in zip((*result.tiers.csid, *result.ood_classes), (*shifted, *oods), strict=True):
            _check_values(source, f"in {method.method[:40]}, {name[:40]}", method.lists[name], plain, scores)


def _check_values(source: Path, where: str, figures: Figures, ids: Tensor, oods: Tensor) -> None:
    computed = {
        "auroc": auroc(ids, oods),
        "fpr95_id_positive": fpr_at_tpr(ids, oods, positive="id"),
        "fpr95_ood_positive": fpr_at_tpr(ids, oods, positive="ood"),
    }
    for name, value in computed.items():
        if abs(dict(figures.items())[name].value - value) > TOLERANCE:
            raise _strange(source, f"{where}: another {name} than that of its scores")


def _digest(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _too_large(actual: str) -> NeroError:
    return NeroError(
        f"Expected results of at most {MAX_RESULT_BYTES >> 20} MiB. Found {actual}. Give fewer images or methods."
    )


def _strange(source: Path, actual: str) -> NeroError:
    return NeroError(f"Expected {source} to be a result of nero benchmark. Found {actual}. Run nero benchmark again.")

"""The comparison of all methods on a bundle's own images, as the bundle keeps it: figures without scores and times.

Times would make another bundle of the same images each time.
"""

import gzip
import json
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import torch
from pydantic import TypeAdapter, ValidationError

from nero_core.benchmark.compare import check_methods, compare_banks, set_digest
from nero_core.benchmark.records import BenchmarkResult
from nero_core.benchmark.sets import first_places
from nero_core.calibration.bundle import Bundle
from nero_core.calibration.bundle_files import add_part
from nero_core.calibration.card import COMPARISON, MAX_COMPARISON_BYTES
from nero_core.calibration.held_out import Progress
from nero_core.errors import BundleError, CalibrationError, NeroError
from nero_core.inspector import Inspector

KIND = "nero comparison"
SCHEMA_VERSION = 1
MAX_TEXT_BYTES = 16 * 2**20  # unpacked
_NO_SCORES = torch.empty(0, dtype=torch.float64)
_RESULT = TypeAdapter(BenchmarkResult)


def add_comparison(
    folder: str | Path,
    result: BenchmarkResult | None = None,
    *,
    device: str = "auto",
    on_progress: Progress | None = None,
) -> Bundle:
    """Keep in a bundle how every method does on its own ID and OOD images.

    Args:
        folder: the bundle; an older comparison in it goes.
        result: the comparison, where it is made already; it is made now where None.
        device: where to compute.
        on_progress: told ("methods", done, total).

    Raises:
        BundleError: the bundle cannot be loaded or written, or the result is of other images than its own.
        CalibrationError: the bundle has no OOD images, no method fits it, or the result is larger than a bundle may
            hold.
        NeroError: the result is of some of the methods only.
    """
    inspector = Inspector.load(folder, device)
    result = compare_banks(inspector, on_progress=on_progress) if result is None else result
    _check_own(inspector.bundle, result)
    there = {method.method for method in result.methods} | {method.method for method in result.skipped}
    lacking = set(check_methods(inspector, None)) - there
    if lacking:
        raise NeroError(
            f"Expected a comparison of all methods to keep in the bundle. Found none of {min(lacking)}. "
            "Compare them all."
        )
    methods = tuple(
        replace(method, id_scores=_NO_SCORES, ood_scores=_NO_SCORES, fit_seconds=None, seconds_per_image=None)
        for method in result.methods
    )
    record = _RESULT.dump_python(replace(result, methods=methods, device=""))
    del record["bundle_title"], record["bundle_digest"]  # of the bundle that holds it
    content = {"kind": KIND, "schema_version": SCHEMA_VERSION, **record}
    text = json.dumps(content, allow_nan=False, separators=(",", ":")).encode()
    data = gzip.compress(text, mtime=0)
    if len(data) > MAX_COMPARISON_BYTES or len(text) > MAX_TEXT_BYTES:
        raise CalibrationError(
            f"Expected a comparison of at most {MAX_TEXT_BYTES} bytes. Found {len(text)}: too many OOD images or "
            "classes to keep it in the bundle."
        )
    return add_part(Path(folder), COMPARISON, data)


def stored_comparison(bundle: Bundle) -> BenchmarkResult | None:
    """The comparison that a bundle keeps; None where it keeps none. Its methods have figures and no scores.

    Raises:
        BundleError: the file is no comparison, or one of other images.
    """
    if bundle.comparison is None:
        return None
    try:
        content = json.loads(_unpacked(bundle.comparison))
        if not isinstance(content, dict) or (content.pop("kind", None), content.pop("schema_version", None)) != (
            KIND,
            SCHEMA_VERSION,
        ):
            raise _strange("another kind of file, or another version of it")
        own = {"bundle_title": bundle.card.title, "bundle_digest": bundle.digest}
        result = _RESULT.validate_python({**content, **own})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])[:100] or "the whole file"
        raise _strange(f"in {where}: {first['msg']}") from error
    except (ValueError, RecursionError, zlib.error) as error:
        raise _strange("no JSON in gzip's form, or too much") from error
    _check_own(bundle, result)
    return result


def with_scores(inspector: Inspector, result: BenchmarkResult, methods: Sequence[str]) -> BenchmarkResult:
    """The result in which these methods have their scores, computed again where the bundle keeps none.

    A method that no longer fits the bundle stays without.
    """
    if all(method.has_scores for method in result.methods if method.method in methods):
        return result
    bundle = inspector.bundle
    assert bundle.ood is not None  # a comparison of its own images has some
    rows, ood_rows = first_places(bundle.calibration.ids), first_places(bundle.ood.ids)
    changed = []
    for method in result.methods:
        scores = None
        if method.method in methods:
            with suppress(NeroError):
                scores = inspector.reference_scores(method.method)
        if scores is not None and scores.ood is not None:
            ids, oods = scores.calibration.cpu()[rows], scores.ood.cpu()[ood_rows]
            method = replace(method, id_scores=ids, ood_scores=oods)
        changed.append(method)
    return replace(result, methods=tuple(changed))


def _unpacked(data: bytes) -> bytes:
    """What was packed by gzip, within the limit: a cut text is no JSON."""
    return zlib.decompressobj(wbits=31).decompress(data, MAX_TEXT_BYTES)


def _check_own(bundle: Bundle, result: BenchmarkResult) -> None:
    ood_ids = () if bundle.ood is None else bundle.ood.ids
    own = (set_digest(set(bundle.calibration.ids)), set_digest(set(ood_ids)))
    if (result.id_digest, result.ood_digest) != own or result.tiers is not None:
        raise BundleError(
            f"Expected a comparison on the calibration and OOD images of {bundle.path.name}. Found one on other "
            "images. Make it with nero benchmark BUNDLE --keep."
        )


def _strange(actual: str) -> BundleError:
    return BundleError(
        f"Expected {COMPARISON} to be a comparison of methods. Found {actual}. Make it again with nero "
        "benchmark BUNDLE --keep."
    )

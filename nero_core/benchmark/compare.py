"""``compare_banks``: every method fitted on one bank, scored over ID and OOD images, with figures and intervals."""

import hashlib
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from types import MappingProxyType
from typing import Any

import torch
from jaxtyping import Float, Int
from pytorch_ood.api import FeaturesDetector
from torch import Tensor

from nero_core.benchmark.bootstrap import Resamples, rank
from nero_core.benchmark.records import BenchmarkResult, MethodResult, Skipped
from nero_core.calibration.bank import Bank, bank_scores
from nero_core.detectors.catalog import DETECTORS, build_detector
from nero_core.errors import CalibrationError, NeroError
from nero_core.inspector import Inspector

Progress = Callable[[str, int, int], None]

REPEATS = 5  # timings of a method; the median counts
LONG = 1.0  # seconds; a method that takes longer is timed once
LIBRARIES = ("nero-dashboard", "torch", "torchvision", "timm", "pytorch-ood", "pillow", "numpy")


def compare_banks(
    inspector: Inspector,
    *,
    id_bank: Bank | None = None,
    ood_bank: Bank | None = None,
    ood_classes: Sequence[str] | None = None,
    methods: Sequence[str] | None = None,
    replicates: int = 1000,
    seed: int = 0,
    on_progress: Progress | None = None,
    id_name: str = "the bundle's calibration bank",
    ood_name: str = "the bundle's OOD bank",
) -> BenchmarkResult:
    """Fit every method on the bundle's fit bank, and measure how well it separates the ID bank from the OOD bank.

    No OOD image is fitted on. A method that cannot fit this bundle is left out with its reason; it stops no other.

    Args:
        inspector: holds the bundle.
        id_bank: ID images with their class indices; the bundle's calibration bank where None.
        ood_bank: OOD images with indices into ``ood_classes``; the bundle's OOD bank where None.
        ood_classes: names of the OOD classes; needed with ``ood_bank``.
        methods: names of ``DETECTORS``; all of them where None.
        replicates: number of bootstrap resamples.
        seed: of the resamples.
        on_progress: told ("methods", done, total).
        id_name: where the ID images come from, in words.
        ood_name: the same of the OOD images.

    Raises:
        NeroError: an unknown method.
        CalibrationError: the bundle has no OOD bank and none is given, or no method can fit it.
    """
    if replicates < 1:
        raise ValueError(f"replicates: expected at least 1; found {replicates}")
    report = on_progress or (lambda stage, done, total: None)
    bundle = inspector.bundle
    chosen = check_methods(inspector, methods)
    id_bank = bundle.calibration if id_bank is None else id_bank.to(inspector.device)
    ood_bank, ood_classes = _ood(inspector, ood_bank, ood_classes)
    id_labels, ood_labels = id_bank.labels.cpu(), ood_bank.labels.cpu()
    resamples = Resamples(len(id_bank), ood_labels, replicates, seed)
    results: list[MethodResult] = []
    skipped: list[Skipped] = []
    report("methods", 0, len(chosen))
    for done, name in enumerate(chosen, 1):
        scored = _score(inspector, name, id_bank, ood_bank)
        if isinstance(scored, Skipped):
            skipped.append(scored)
        else:
            results.append(_result(scored, resamples, ood_labels, ood_classes))
        report("methods", done, len(chosen))
    if not results:
        raise CalibrationError(
            f"Expected a method that fits this bundle. Found none of {len(chosen)}; {skipped[0].method}: "
            f"{skipped[0].reason}"
        )
    places = rank([one.pooled for one in results])
    ranked = sorted((replace(one, rank=place) for one, place in zip(results, places, strict=True)), key=_place)
    predicted = bundle.classifier.head.logits(id_bank.features).argmax(dim=1).cpu()
    return BenchmarkResult(
        bundle_title=bundle.card.title,
        bundle_digest=bundle.digest,
        arch=bundle.card.arch,
        fit_images=len(bundle.fit),
        id_name=id_name,
        ood_name=ood_name,
        id_digest=_set_digest(id_bank.ids),
        ood_digest=_set_digest(ood_bank.ids),
        id_classes=_present(_class_counts(id_labels, bundle.card.class_names)),
        ood_classes=MappingProxyType(_class_counts(ood_labels, ood_classes)),
        ood_labels=ood_labels,
        id_accuracy=float((predicted == id_labels).double().mean()),
        seed=seed,
        replicates=replicates,
        device=inspector.device_name,
        methods=tuple(ranked),
        skipped=tuple(skipped),
        made_with=MappingProxyType({name: version(name) for name in LIBRARIES}),
    )


def check_methods(inspector: Inspector, methods: Sequence[str] | None) -> tuple[str, ...]:
    """The methods to compare, each once.

    Raises:
        NeroError: one is not in the catalog, or there is none.
    """
    chosen = tuple(DETECTORS) if methods is None else tuple(dict.fromkeys(methods))
    if not chosen:
        raise NeroError(f"Expected a method among {', '.join(DETECTORS)}. Found none. Name one, or all.")
    for name in chosen:
        if name not in DETECTORS:
            build_detector(name, inspector.bundle.classifier.head)  # raises the one error for an unknown name
    return chosen


@dataclass(frozen=True, slots=True)
class _Scored:
    """A fitted method's scores, and how long it took."""

    name: str
    hyper: Mapping[str, Any]
    fit_seconds: float
    seconds_per_image: float | None
    id_scores: Float[Tensor, " id"]
    ood_scores: Float[Tensor, " ood"]


def _score(inspector: Inspector, name: str, id_bank: Bank, ood_bank: Bank) -> _Scored | Skipped:
    bundle, spec = inspector.bundle, DETECTORS[name]
    recorded = bundle.card.hyper(name)
    try:
        start = time.perf_counter()
        detector = build_detector(name, bundle.classifier.head, **recorded)
        detector.fit_features(bundle.fit.features, bundle.fit.labels)
        _wait(inspector.device)
        fit_seconds = time.perf_counter() - start
        scores = [bank_scores(name, detector, bank) for bank in (id_bank, ood_bank)]
        seconds = None if spec.needs == "image" else _seconds_per_image(detector, id_bank, inspector.device)
    except (NeroError, RuntimeError) as error:  # RuntimeError: no memory left, or a decomposition that fails
        return Skipped(name, str(error) or type(error).__name__)
    for kind, values in zip(("ID", "OOD"), scores, strict=True):
        strange = int((~values.isfinite()).sum())
        if strange:
            reason = f"Expected finite scores. Found {strange} of {len(values)} {kind} images without one."
            return Skipped(name, f"{reason} Use another method.")
    return _Scored(name, MappingProxyType({**spec.defaults, **recorded}), fit_seconds, seconds, *scores)


def _result(
    scored: _Scored, resamples: Resamples, ood_labels: Int[Tensor, " ood"], ood_classes: Sequence[str]
) -> MethodResult:
    members = {name: torch.nonzero(ood_labels == label).flatten() for label, name in enumerate(ood_classes)}
    return MethodResult(
        method=scored.name,
        family=DETECTORS[scored.name].family,
        hyper=scored.hyper,
        pooled=resamples.figures(scored.id_scores, scored.ood_scores),
        per_class=MappingProxyType(
            {
                name: resamples.figures(scored.id_scores, scored.ood_scores, chosen)
                for name, chosen in members.items()
                if len(chosen)
            }
        ),
        rank=1,
        fit_seconds=scored.fit_seconds,
        seconds_per_image=scored.seconds_per_image,
        id_scores=scored.id_scores,
        ood_scores=scored.ood_scores,
    )


def _seconds_per_image(detector: FeaturesDetector, bank: Bank, device: torch.device) -> float:
    times: list[float] = []
    while len(times) < REPEATS and (not times or times[0] < LONG):
        start = time.perf_counter()
        detector.predict_features(bank.features)
        _wait(device)
        times.append(time.perf_counter() - start)
    return statistics.median(times) / len(bank)


def _wait(device: torch.device) -> None:
    """An accelerator's answers come later than its calls return."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def _ood(inspector: Inspector, bank: Bank | None, classes: Sequence[str] | None) -> tuple[Bank, tuple[str, ...]]:
    if bank is not None:
        if classes is None:
            raise ValueError("ood_classes: expected the names of the OOD bank's classes; found none")
        return bank.to(inspector.device), tuple(classes)
    bundle = inspector.bundle
    if bundle.ood is None:
        raise CalibrationError(
            f"Expected OOD images. Found none given, and none in {bundle.card.title!r}. Give a folder of them (--ood)."
        )
    return bundle.ood, bundle.card.ood_class_names


def _class_counts(labels: Int[Tensor, " images"], names: Sequence[str]) -> dict[str, int]:
    return dict(zip(names, torch.bincount(labels, minlength=len(names)).tolist(), strict=True))


def _present(counts: Mapping[str, int]) -> Mapping[str, int]:
    return MappingProxyType({name: count for name, count in counts.items() if count})


def _set_digest(ids: Sequence[str]) -> str:
    """sha256 over the sorted digests: the same images in another order are the same set."""
    return hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()


def _place(result: MethodResult) -> tuple[int, str]:
    return result.rank, result.method

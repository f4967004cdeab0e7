"""``compare_banks``: every method fitted on one bank, scored over ID and OOD images, with figures and intervals."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import torch
from jaxtyping import Int
from torch import Tensor

from nero_core.benchmark.bootstrap import Resamples, rank
from nero_core.benchmark.records import LIBRARIES, BenchmarkResult, MethodResult, Skipped, Tiers
from nero_core.benchmark.scoring import Scored, score_method
from nero_core.benchmark.sets import check_separate, distinct
from nero_core.benchmark.tiers import tier_figures
from nero_core.calibration.feature_bank import FeatureBank
from nero_core.calibration.held_out import Progress
from nero_core.detectors.catalog import METHODS, build_detector, family_of_method
from nero_core.device import float64, statistics_device
from nero_core.errors import CalibrationError, NeroError
from nero_core.inspector import Inspector
from nero_core.version import versions


def compare_banks(
    inspector: Inspector,
    *,
    id_bank: FeatureBank | None = None,
    ood_bank: FeatureBank | None = None,
    ood_classes: Sequence[str] | None = None,
    methods: Sequence[str] | None = None,
    replicates: int = 1000,
    seed: int = 0,
    on_progress: Progress | None = None,
    id_name: str = "the bundle's calibration bank",
    ood_name: str = "the bundle's OOD bank",
    tiers: Tiers | None = None,
) -> BenchmarkResult:
    """Fit every method on the bundle's fit bank, and measure how well it separates the ID bank from the OOD bank.

    No OOD image is fitted on. Exact copies within a bank count once. A method that cannot fit this bundle is left out
    with its reason; it stops no other.

    Args:
        inspector: holds the bundle.
        id_bank: ID images with their class indices; the bundle's calibration bank where None.
        ood_bank: OOD images with indices into ``ood_classes``; the bundle's OOD bank where None.
        ood_classes: names of the OOD classes; needed with ``ood_bank``.
        methods: names of ``METHODS``: the verdict by two tests, and all of the catalog; all of them where None.
        replicates: number of bootstrap resamples.
        seed: of the resamples.
        on_progress: told ("methods", done, total).
        id_name: where the ID images come from, in words.
        ood_name: the same of the OOD images.
        tiers: of the image lists that both banks come from, where they do. The labels of covariate-shifted ID images
            go on behind the bundle's classes, one a list, and ``ood_classes`` are the near and then the far lists.

    Raises:
        NeroError: an unknown method, an OOD bank without names of its classes, or more resamples than memory holds.
        CalibrationError: the bundle has no OOD bank and none is given, two of the three banks share an image, or no
            method can fit the bundle.
    """
    report = on_progress or (lambda stage, done, total: None)
    bundle = inspector.bundle
    chosen = check_methods(inspector, methods)
    id_bank = distinct(bundle.calibration if id_bank is None else id_bank.to(inspector.device))
    ood_bank, ood_classes = _ood(inspector, ood_bank, ood_classes)
    ood_bank = distinct(ood_bank)
    check_separate(bundle.fit, id_bank, ood_bank)
    id_labels, ood_labels = id_bank.labels.cpu(), ood_bank.labels.cpu()
    # 0 for the ID images themselves, then 1, 2, … for the lists of covariate-shifted ones, in this order
    id_lists = (id_labels - len(bundle.card.class_names) + 1).clamp_min(0)
    if bool((id_lists.diff() < 0).any()):
        raise NeroError("Expected images of covariate-shifted lists behind all others. Found others. Sort the ID bank.")
    resamples = Resamples(len(id_bank), ood_labels, replicates, seed, id_lists)
    results: list[MethodResult] = []
    skipped: list[Skipped] = []
    report("methods", 0, len(chosen))
    for done, name in enumerate(chosen, 1):
        scored = score_method(inspector, name, id_bank, ood_bank)
        if isinstance(scored, Skipped):
            skipped.append(scored)
        else:
            result = _result(scored, resamples, ood_labels, ood_classes)
            results.append(result if tiers is None else _with_tiers(result, resamples, tiers, id_lists, ood_labels))
        report("methods", done, len(chosen))
    if not results:
        raise CalibrationError(
            f"Expected a method that fits this bundle. Found none of {len(chosen)}; {skipped[0].method}: "
            f"{skipped[0].reason}"
        )
    places = rank([result.pooled for result in results])
    ranked = sorted((replace(result, rank=place) for result, place in zip(results, places, strict=True)), key=_place)
    predicted = bundle.classifier.head.logits(id_bank.features).argmax(dim=1).cpu()
    id_classes = (*bundle.card.class_names, *(() if tiers is None else tiers.csid))
    return BenchmarkResult(
        bundle_title=bundle.card.title,
        bundle_digest=bundle.digest,
        arch=bundle.card.arch,
        fit_images=len(bundle.fit),
        id_name=id_name,
        ood_name=ood_name,
        id_digest=set_digest(id_bank.ids),
        ood_digest=set_digest(ood_bank.ids),
        id_classes=_present(_class_counts(id_labels, id_classes)),
        ood_classes=MappingProxyType(_class_counts(ood_labels, ood_classes)),
        ood_labels=ood_labels,
        id_accuracy=float(float64(predicted == id_labels)[id_lists == 0].mean()),
        seed=seed,
        replicates=replicates,
        device=_where_timed(inspector),
        methods=tuple(ranked),
        skipped=tuple(skipped),
        made_with=versions(LIBRARIES),
        tiers=tiers,
    )


def check_methods(inspector: Inspector, methods: Sequence[str] | None) -> tuple[str, ...]:
    """The methods to compare, each once.

    Raises:
        NeroError: one is not in the catalog, or there is none.
    """
    chosen = METHODS if methods is None else tuple(dict.fromkeys(methods))
    if not chosen:
        raise NeroError(f"Expected a method among {', '.join(METHODS)}. Found none. Name one, or all.")
    for name in chosen:
        if name not in METHODS:
            build_detector(name, inspector.bundle.classifier.head)  # raises the one error for an unknown name
    return chosen


def _result(
    scored: Scored, resamples: Resamples, ood_labels: Int[Tensor, " ood"], ood_classes: Sequence[str]
) -> MethodResult:
    members = {name: torch.nonzero(ood_labels == label).flatten() for label, name in enumerate(ood_classes)}
    return MethodResult(
        method=scored.name,
        family=family_of_method(scored.name),
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


def _with_tiers(
    result: MethodResult,
    resamples: Resamples,
    tiers: Tiers,
    id_lists: Int[Tensor, " id"],
    ood_lists: Int[Tensor, " ood"],
) -> MethodResult:
    lists, means = tier_figures(resamples, tiers, result.id_scores, result.ood_scores, id_lists, ood_lists)
    return replace(result, lists=lists, tiers=means)


def _ood(
    inspector: Inspector, bank: FeatureBank | None, classes: Sequence[str] | None
) -> tuple[FeatureBank, tuple[str, ...]]:
    if bank is not None:
        if classes is None:
            raise NeroError("Expected names of the OOD bank's classes. Found none. Give ood_classes with ood_bank.")
        return bank.to(inspector.device), tuple(classes)
    bundle = inspector.bundle
    if bundle.ood is None:
        raise CalibrationError(
            f"Expected OOD images. Found none given, and none in {bundle.card.title!r}. Give a folder of them (--ood)."
        )
    return bundle.ood, bundle.card.ood_class_names


def _where_timed(inspector: Inspector) -> str:
    """The device in words, with the number of threads where the CPU computes."""
    device, name = inspector.device, inspector.device_name
    if statistics_device(device).type != "cpu":
        return name
    threads = torch.get_num_threads()
    shared = name if device.type == "cpu" else f"{name} and CPU"
    return f"{shared}, {threads} thread{'' if threads == 1 else 's'}"


def _class_counts(labels: Int[Tensor, " images"], names: Sequence[str]) -> dict[str, int]:
    return dict(zip(names, torch.bincount(labels, minlength=len(names)).tolist(), strict=True))


def _present(counts: Mapping[str, int]) -> Mapping[str, int]:
    return MappingProxyType({name: count for name, count in counts.items() if count})


def set_digest(ids: Collection[str]) -> str:
    """sha256 over the sorted digests: the same images in another order are the same set."""
    return hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()


def _place(result: MethodResult) -> tuple[int, str]:
    return result.rank, result.method

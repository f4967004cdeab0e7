"""``run_benchmark``: folders in, every method compared, ``results.json`` out."""

from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Protocol, runtime_checkable

from nero_core.benchmark.bootstrap import check_resamples
from nero_core.benchmark.cache import ObservationCache, observe_cached
from nero_core.benchmark.compare import check_methods, compare_banks
from nero_core.benchmark.records import BenchmarkResult
from nero_core.benchmark.result_file import RESULTS, check_size, is_result, write_result
from nero_core.benchmark.sets import check_sets, check_source, each_once, read_id_set, read_ood_set, tell_copies
from nero_core.benchmark.tiers import read_listed
from nero_core.calibration.bundle import Bundle
from nero_core.calibration.feature_bank import FeatureBank, second_pass_scores
from nero_core.calibration.held_out import Progress, read_digests
from nero_core.data.archive import unpacked
from nero_core.data.decode import file_name
from nero_core.data.folders import ImageFolder, tell_each
from nero_core.data.left_out import LeftOut, Tell, tell_nobody
from nero_core.errors import NeroError
from nero_core.inspector import Inspector

CACHE = "cache"  # folder below ``out``; nothing is lost with it but time
REPORTS = ("results.csv", "results.md", "results.html")  # written beside RESULTS by nero_core.report


@runtime_checkable
class Ahead(Protocol):
    """Fills the cache before a set is observed, on other machines.

    Attributes:
        device: where, in words.
    """

    @property
    def device(self) -> str:
        """See above."""

    def __call__(
        self,
        bundle: Bundle,
        images: ImageFolder,
        digests: Sequence[str],
        cache: ObservationCache,
        image_scores: Collection[str],
        stage: str,
        report: Progress,
    ) -> None:
        """Observe what the cache does not have, and save it there; the arguments are those of ``observe_cached``."""


def run_benchmark(
    bundle: str | Path,
    id: str | Path | None = None,
    ood: str | Path | None = None,
    out: str | Path | None = None,
    *,
    lists: str | Path | None = None,
    data: str | Path | None = None,
    methods: Sequence[str] | None = None,
    seed: int = 0,
    replicates: int = 1000,
    device: str = "auto",
    ahead: Ahead | None = None,
    on_progress: Progress | None = None,
    on_left_out: Tell = tell_nobody,
) -> BenchmarkResult:
    """Observe each set once, compare every method on it, and write ``out/results.json``.

    Observed features are kept in ``out/cache``: killed at any moment, the same call goes on from there. Exact copies
    count once. Sets that would give a false figure are refused before the first forward pass.

    Args:
        bundle: bundle folder.
        id: ID images, one subfolder a class, or a .zip of that; the bundle's calibration bank where None.
        ood: OOD images in the same form; the bundle's OOD bank where None.
        out: folder to write to; ``default_out(bundle)`` where None.
        lists: in place of ``id`` and ``ood``, a folder of image lists (``test_*.txt``) as OpenMIBOOD has them; the
            result then has its tiers, see ``nero_core.benchmark.tiers``.
        data: folder that the paths of the lists begin in.
        methods: as of ``compare_banks``; all of them where None.
        seed: of the resamples.
        replicates: number of bootstrap resamples.
        device: where to compute.
        ahead: what fills the cache before this process looks into it; nothing where None.
        on_progress: told (stage, done, total).
        on_left_out: told what each set holds that is not read, where there is such a thing.

    Raises:
        BundleError: the bundle cannot be loaded.
        DatasetError: image lists that are wrong, or that name no images.
        CalibrationError: a set that is empty, whose classes are on the wrong side, or that shares images with the fit
            or calibration bank or with the other set; or no method that fits the bundle.
        ImageError: an image cannot be decoded.
        NeroError: an unknown method or device, a bad archive, more images than the resamples or the result file may
            have, or a folder with files that are not of a benchmark.
    """
    report = on_progress or (lambda stage, done, total: None)
    folder = Path(out) if out is not None else default_out(bundle)
    _check_out(folder)
    check_source(id, ood, lists, data)
    inspector = Inspector.load(bundle, device)
    chosen = check_methods(inspector, methods)
    loaded = inspector.bundle
    names = loaded.card.class_names
    banks: dict[str, FeatureBank] = {}
    told: list[LeftOut] = []

    def tell(left_out: LeftOut) -> None:
        told.append(left_out)
        on_left_out(left_out)

    with ExitStack() as stack:
        tiers, images = (
            None,
            (
                _opened(stack, id, lambda root: read_id_set(root, names), "unpacking ID images", report, on_left_out),
                _opened(
                    stack, ood, lambda root: read_ood_set(root, names), "unpacking OOD images", report, on_left_out
                ),
            ),
        )
        if lists is not None and data is not None:
            listed = read_listed(lists, data, names, tell)
            tiers, images = listed.tiers, (listed.ids, listed.ood)
        tell_each(images, on_left_out)
        sets = [
            None if given is None else each_once(given, digests)
            for given, digests in zip(images, read_digests(images, report), strict=True)
        ]
        tell_copies(images, sets, tell)
        own = (loaded.calibration, loaded.ood)
        ids = [
            frozenset(bank.ids if bank is not None else ()) if given is None else frozenset(given[1])
            for given, bank in zip(sets, own, strict=True)
        ]
        check_sets(sets[0], sets[1], {*loaded.fit.ids, *loaded.calibration.ids}, ids[0], ids[1])
        images_in_all = len(ids[0]) + len(ids[1])
        check_resamples(images_in_all, replicates)
        check_size(images_in_all, len(chosen))
        used = [bank for bank, given in zip(own, sets, strict=True) if given is None and bank is not None]
        wanted = {
            name: score
            for name, score in second_pass_scores(loaded.classifier).items()
            if name in chosen and all(name in bank.scores for bank in used)  # else it is left out, at no cost
        }
        cache = ObservationCache.for_bundle(folder / CACHE, loaded, None if ahead is None else ahead.device)
        for stage, given in zip(("ID images", "OOD images"), sets, strict=True):
            if given is not None:
                if ahead is not None:
                    ahead(loaded, *given, cache, wanted, stage, report)
                banks[stage] = observe_cached(loaded, *given, cache, wanted, stage, report)
    ood_images = images[1]
    id_source, ood_source = (id, ood) if lists is None else (lists, lists)
    result = compare_banks(
        inspector,
        id_bank=banks.get("ID images"),
        ood_bank=banks.get("OOD images"),
        ood_classes=None if ood_images is None else ood_images.classes,
        methods=chosen,
        replicates=replicates,
        seed=seed,
        on_progress=report,
        tiers=None if tiers is None else replace(tiers, left_out=tuple(map(str, told))),
        **{} if id_source is None else {"id_name": file_name(str(Path(id_source).resolve()))},
        **{} if ood_source is None else {"ood_name": file_name(str(Path(ood_source).resolve()))},
    )
    folder.mkdir(parents=True, exist_ok=True)
    write_result(result, folder / RESULTS)
    return result


def default_out(bundle: str | Path) -> Path:
    """Where a benchmark of this bundle goes unless told: ``<bundle's name>-benchmark`` in the current folder."""
    return Path(f"{Path(bundle).resolve().name}-benchmark")


def _opened(
    stack: ExitStack,
    source: str | Path | None,
    read: Callable[[Path], ImageFolder],
    stage: str,
    report: Progress,
    on_left_out: Tell,
) -> ImageFolder | None:
    if source is None:
        return None
    if Path(source).is_dir():
        return read(Path(source))
    report(stage, 0, 1)
    folder = stack.enter_context(unpacked(Path(source), on_left_out=on_left_out))
    report(stage, 1, 1)
    return read(folder)


def _check_out(folder: Path) -> None:
    """See that nothing of somebody else's is written over.

    Raises:
        NeroError: it is a file, or has results of another program.
    """
    if folder.exists() and not folder.is_dir():
        raise NeroError(f"Expected a folder to write to. Found a file at {folder}. Name another --out.")
    there = [name for name in (RESULTS, *REPORTS) if (folder / name).exists()]
    if there and not is_result(folder / RESULTS):
        raise NeroError(
            f"Expected {folder} to be empty or to hold an older benchmark. Found {there[0]}, which is of another "
            "program. Name another --out."
        )

"""How the figures came to be, in words, and how they are written: the same on every page and in every table."""

from nero_core.benchmark.records import BenchmarkResult, Interval

FIGURE_NAMES = {  # field of Figures → heading
    "auroc": "AUROC",
    "fpr95_id_positive": "FPR95 (ID positive)",
    "fpr95_ood_positive": "FPR95 (OOD positive)",
    "aupr_in": "AUPR-in",
    "aupr_out": "AUPR-out",
}
TIER_NAMES = {"csid": "covariate-shifted ID", "near": "near-OOD", "far": "far-OOD"}
TIER_FIGURES = ("auroc", "fpr95_ood_positive")  # which OpenMIBOOD's tables show
TIER_WORDS = (
    "Each image list against the ID list alone, and a tier is the mean of its lists, each counting once. "
    "Covariate-shifted images are measured as if they were to be found: an AUROC of 50 is no reaction to the shift. "
    "Everywhere else on this page they count as ID."
)
FEW = 20  # images of a class: below it one image is more than the 5 % that an interval leaves out
FALLING = frozenset({"fpr95_id_positive", "fpr95_ood_positive"})  # lower is better
MEANINGS = {
    "auroc": "the probability that an OOD image scores above an ID image, ties counting half; 50 is guessing.",
    "fpr95_id_positive": "the share of OOD images accepted at the threshold that accepts 95 % of the ID images; lower "
    "is better. NERO's paper reports this one.",
    "fpr95_ood_positive": "the share of ID images rejected at the threshold that rejects 95 % of the OOD images; lower "
    "is better. Papers call both FPR95: compare like with like.",
    "aupr_in": "the area under precision over recall with ID as the positive class; guessing gives the share of ID "
    "images, so compare it between methods, not between sets.",
    "aupr_out": "the same with OOD as the positive class.",
}


def percent(interval: Interval) -> str:
    """``76.0 (72.4–79.7)``, in percent."""
    return f"{100 * interval.value:.1f} ({100 * interval.low:.1f}–{100 * interval.high:.1f})"


def microseconds(seconds: float | None) -> str:
    """Time per image in µs with three digits; a dash where it was not measured."""
    if seconds is None:
        return "–"
    value = 1e6 * seconds
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def protocol(result: BenchmarkResult) -> tuple[tuple[str, str], ...]:
    """Heading and sentence of each part of the protocol."""
    id_counts = ", ".join(f"{name} {count}" for name, count in result.id_classes.items())
    ood_counts = ", ".join(f"{name} {count}" for name, count in result.ood_classes.items())
    versions = ", ".join(f"{name} {number}" for name, number in result.made_with.items())
    small = ", ".join(name for name, count in result.ood_classes.items() if 0 < count < FEW)
    few = f" Intervals of OOD classes of under {FEW} images are rough: {small}." if small else ""
    sentences = {
        "Classifier": f"{result.bundle_title} ({result.arch}); bundle sha256 {result.bundle_digest}. It names the "
        f"class of {result.id_accuracy:.1%} of the ID images.",
        "Fit": f"Every method is fitted on the {result.fit_images} ID images of the bundle's fit bank, with its "
        "settings in the catalog (nero_core/detectors/catalog.py says where each comes from) or those the bundle "
        "records. No OOD image is used in any fit.",
        "ID images": f"{result.id_size} from {result.id_name}: {id_counts}. Set sha256 {result.id_digest}.",
        "OOD images": f"{result.ood_size} from {result.ood_name}: {ood_counts}. Set sha256 {result.ood_digest}.",
        **({"Tiers": _tiers(result)} if result.tiers else {}),
        "Separation": "Neither set shares an image file with the fit bank or with the other set; exact copies count "
        "once. Images that the classifier was trained on are not known to a bundle: to give others is up to whoever "
        "runs it.",
        "Intervals": f"Brackets hold the bootstrap 95 % percentile interval over {result.replicates} resamples (seed "
        f"{result.seed}); ID images and each OOD class are drawn separately, the same draws for every method. They "
        "tell what other images of these classes might give, not another training or another fit. A figure of exactly "
        "0 or 100 % can have an interval without width, since resampling cannot show what the images lack." + few,
        "Time": f"Time to score one observed image on {result.device}: all ID images at once, over their number, the "
        "median of five runs or one run where that takes over a second; without the forward pass that all methods "
        "share. A dash: the method needs a second pass, which is not timed here.",
        "Versions": f"{versions}.",
    }
    return tuple(sentences.items())


def _tiers(result: BenchmarkResult) -> str:
    assert result.tiers is not None
    named = "; ".join(f"{TIER_NAMES[tier]}: {', '.join(lists)}" for tier, lists in result.tiers.items())
    return (
        f"The ID list has {result.id_list_size} images, which the accuracy is of. {named}. {TIER_WORDS} Each list is "
        f"drawn separately in a resample. {' '.join(result.tiers.left_out) or 'The lists were read whole.'}"
    )

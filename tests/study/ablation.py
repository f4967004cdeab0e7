"""From NERO to NERO+, one step at a time: ``python -m tests.study.ablation [--polyps FOLDER]``.

Every variant is fitted on the fit bank alone and measured on the cases of ``tests.study.cases``. The figures of the
ResNet-18 and of the frozen backbone chose between variants while NERO+ was made; those of DeiT chose nothing.
"""

import argparse
import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from nero_core.benchmark.cache import ObservationCache, observe_cached
from nero_core.benchmark.run import CACHE
from nero_core.benchmark.sets import each_once, read_id_set, read_ood_set
from nero_core.calibration.bundle import Bundle
from nero_core.calibration.held_out import read_digests
from nero_core.detectors import build_detector
from nero_core.detectors.components import principal_components
from nero_core.errors import CalibrationError
from nero_core.metrics import auroc, fpr_at_tpr
from nero_core.relevance.head import output_gain
from nero_core.types import Head
from tests.study.cases import Case, cases
from tests.study.tables import write

Gain = Callable[[Tensor, Head], Tensor]


@dataclass(frozen=True, slots=True)
class Banks:
    """What a variant sees of a case: float64, on the CPU."""

    head: Head
    fit: Float[Tensor, "fit neurons"]
    labels: Int[Tensor, " fit"]
    id: Float[Tensor, "id neurons"]
    ood: Float[Tensor, "ood neurons"]


# Gain g of each output, so that r = a ⊙ gW; see nero_core.relevance.head.
GAINS: dict[str, Gain] = {
    "softmax": lambda logits, head: output_gain(logits, logits.softmax(dim=1), 1e-6),
    "softmax, ε = 0.1": lambda logits, head: output_gain(logits, logits.softmax(dim=1), 0.1),
    "predicted class's softmax": lambda logits, head: output_gain(
        logits, _one_hot(logits) * logits.softmax(dim=1), 1e-6
    ),
    "logits weighted by softmax": lambda logits, head: logits.softmax(dim=1),
    "predicted class's logit": lambda logits, head: _one_hot(logits),
}
NORMS: dict[str, Callable[[Tensor], Tensor]] = {
    "none": lambda r: r,
    "L1": lambda r: r / r.abs().sum(dim=1, keepdim=True).clamp_min(1e-300),
    "L2": lambda r: functional.normalize(r, dim=1, eps=1e-300),
    "signed root, then L2": lambda r: functional.normalize(r.sign() * r.abs().sqrt(), dim=1, eps=1e-300),
}


@dataclass(frozen=True, slots=True)
class Variant:
    """One way from features to a score."""

    gain: str = "predicted class's logit"
    norm: str = "L2"
    metric: str = "pseudo-inverse"
    share: float = 2 / 3  # of PCA components, where the metric has a PCA
    nearest: str = "class"

    def scores(self, banks: Banks) -> tuple[Tensor, Tensor]:
        """Scores of the ID and of the OOD images."""
        fit, id_, ood = (self._vectors(x, banks.head) for x in (banks.fit, banks.id, banks.ood))
        means = torch.stack([fit[banks.labels == label].mean(dim=0) for label in banks.labels.unique()])
        project, order = self._metric(fit, banks.labels, means)
        if self.nearest == "image":
            bank = project(fit)
            return tuple(torch.cdist(project(x), bank, p=order).kthvalue(10, dim=1).values for x in (id_, ood))
        return tuple(torch.cdist(project(x), project(means), p=order).amin(dim=1) for x in (id_, ood))

    def _vectors(self, x: Tensor, head: Head) -> Tensor:
        if self.gain == "features":
            return NORMS[self.norm](x)
        logits = head.logits(x)
        return NORMS[self.norm](x * (GAINS[self.gain](logits, head) @ head.weight))

    def _metric(self, fit: Tensor, labels: Tensor, means: Tensor) -> tuple[Callable[[Tensor], Tensor], float]:
        if self.metric == "shrunk covariance":
            covariance, _ = shrunk_covariance(fit - means[labels])
            values, vectors = torch.linalg.eigh(covariance)
            whiten = vectors / values.sqrt()
            return lambda x: x @ whiten, 2.0
        if self.metric == "shrunk correlation":  # towards the diagonal, whatever the scale of each neuron
            centred = fit - means[labels]
            deviation = centred.std(dim=0)
            scale = deviation.where(deviation > 1e-12 * deviation.max(), torch.inf)
            values, vectors = torch.linalg.eigh(shrunk_covariance(centred / scale)[0])
            whiten = (vectors / values.sqrt()) / scale[:, None]
            return lambda x: x @ whiten, 2.0
        if self.metric == "pseudo-inverse":
            centred = fit - means[labels]
            values, vectors = torch.linalg.eigh(centred.T @ centred / len(fit))
            retained = values > values[-1] * max(fit.shape) * torch.finfo(values.dtype).eps
            whiten = vectors[:, retained] / values[retained].sqrt()
            return lambda x: x @ whiten, 2.0
        if self.metric == "L1 without PCA":
            return lambda x: x, 1.0
        components = principal_components(fit, int(self.share * fit.shape[1] + 1e-9))
        return lambda x: x @ components.T, 1.0 if self.metric == "L1" else 2.0


STEPS = {  # the ablation of the page: each line says what differs from NERO+
    "NERO's relevance, PCA and L1, without bias and ratio": Variant("softmax", "none", "L1"),
    "+ unit length": Variant("softmax", "L2", "L1"),
    "+ start at the predicted class's logit": Variant(metric="L1"),
    "+ tied covariance for PCA and L1 = **NERO+**": Variant(),
    "NERO+ without unit length": Variant(norm="none"),
    "NERO+ with L1 length": Variant(norm="L1"),
    "NERO+ with signed root": Variant(norm="signed root, then L2"),
    "NERO+ from the softmax, ε = 10⁻⁶": Variant("softmax"),
    "NERO+ from the softmax, ε = 0.1": Variant("softmax, ε = 0.1"),
    "NERO+ from the predicted class's softmax": Variant("predicted class's softmax"),
    "NERO+ from all logits, weighted by softmax": Variant("logits weighted by softmax"),
    "NERO+ on features instead of relevance = Mahalanobis++": Variant("features"),
    "the same without unit length = Mahalanobis": Variant("features", "none"),
    "NERO+ with the covariance shrunk to the identity (Ledoit-Wolf)": Variant(metric="shrunk covariance"),
    "the same on features": Variant("features", metric="shrunk covariance"),
    "NERO+ with the covariance shrunk to its diagonal": Variant(metric="shrunk correlation"),
    "PCA and L1, a third of the components": Variant(metric="L1", share=1 / 3),
    "PCA and L1, all components": Variant(metric="L1", share=1.0),
    "PCA and L2": Variant(metric="L2"),
    "L1 without PCA": Variant(metric="L1 without PCA"),
    "PCA and L1, tenth nearest fit image for the centroid": Variant(metric="L1", nearest="image"),
}
PEERS = ("nero", "nero_plus", "knn", "vim", "mahalanobis", "mahalanobis_pp", "relative_mahalanobis", "energy", "msp")


def main() -> None:
    """Measure every variant on every case and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--polyps", type=Path, help="folder with one subfolder of real colonoscopy frames")
    results: dict[str, dict[str, tuple[float, float]]] = defaultdict(dict)
    for case in cases(parser.parse_args().polyps):
        banks, bundle = observed(case)
        key = f"{case.family}-{case.seed}"
        for name, variant in STEPS.items():
            results[name][key] = figures(*variant.scores(banks))
        for name in PEERS:
            detector = build_detector(name, bundle.classifier.head)
            try:
                detector.fit_features(bundle.fit.features, bundle.fit.labels)
            except CalibrationError as error:
                print(f"{key}: {name} is left out. {error}", flush=True)
                continue
            scores = (detector.predict_features(x.float()).double() for x in (banks.id, banks.ood))
            results[f"`{name}`"][key] = figures(*scores)
        print(key, *(f"{name} {results[name][key][0]:.1f}" for name in ("`nero`", "`nero_plus`", "`knn`")), flush=True)
    write("ablation", table(results))


def observed(case: Case) -> tuple[Banks, Bundle]:
    """The features of a case, from the cache of its benchmark."""
    bundle = Bundle.load(case.bundle)
    cache = ObservationCache.for_bundle(case.out / CACHE, bundle)
    names = bundle.card.class_names
    sets = (read_id_set(case.id, names), read_ood_set(case.ood, names))
    silent = lambda stage, done, total: None  # noqa: E731
    id_bank, ood_bank = (
        observe_cached(bundle, *each_once(images, digests), cache, {}, "images", silent)
        for images, digests in zip(sets, read_digests(sets, silent), strict=True)
    )
    head = bundle.classifier.head.to(dtype=torch.float64)
    fit = bundle.fit
    return Banks(head, fit.features.double(), fit.labels, id_bank.features.double(), ood_bank.features.double()), bundle


def figures(id_scores: Tensor, ood_scores: Tensor) -> tuple[float, float]:
    """AUROC and FPR95 (ID positive), in percent."""
    return 100 * auroc(id_scores, ood_scores), 100 * fpr_at_tpr(id_scores, ood_scores)


def table(results: dict[str, dict[str, tuple[float, float]]]) -> str:
    """Mean AUROC / FPR95 over the families that were looked at, over those that were not, and over all."""
    cases_ = list(next(iter(results.values())))
    explored, held_out = [key for key in cases_ if not is_held_out(key)], [key for key in cases_ if is_held_out(key)]
    lines = [
        f"| Variant | explored ({_families(explored)} families) | held out ({_families(held_out)} families) | all |",
        "|---|---|---|---|",
    ]
    for name, by_case in results.items():
        cells = " | ".join(_mean(by_case, part) for part in (explored, held_out, cases_))
        lines.append(f"| {name} | {cells} |")
    return "\n".join([*lines, "", f"AUROC / FPR95 (ID positive) over {len(cases_)} cases; – where a case is missing."])


def is_held_out(key: str) -> bool:
    """Whether no decision was taken on the case's family: the classifier is a DeiT."""
    return "deit" in key


def _families(keys: Sequence[str]) -> int:
    return len({key.rpartition("-")[0] for key in keys})


def _mean(by_case: dict[str, tuple[float, float]], keys: Sequence[str]) -> str:
    """Seeds first, then families; a mean over fewer cases would not compare."""
    if not keys or any(key not in by_case for key in keys):
        return "–"
    families: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for key in keys:
        families[key.rpartition("-")[0]].append(by_case[key])
    means = [[statistics.fmean(column) for column in zip(*values, strict=True)] for values in families.values()]
    return " / ".join(f"{statistics.fmean(column):.1f}" for column in zip(*means, strict=True))


def shrunk_covariance(
    centred: Float[Tensor, "batch neurons"],
) -> tuple[Float[Tensor, "neurons neurons"], float]:
    """Ledoit and Wolf's covariance ``(1 − s) S + s m I`` and its share ``s``, for rows of mean 0.

    With ``S = XᵀX / n``, ``m = tr S / D`` and Frobenius norms::

        s = min(1, b² / d²)      d² = ‖S − m I‖²      b² = Σ_x ‖x xᵀ − S‖² / n² = (Σ_x ‖x‖⁴ / n − ‖S‖²) / n
    """
    images, neurons = centred.shape
    covariance = centred.T @ centred / images
    mean = covariance.diagonal().mean()
    identity = torch.eye(neurons, dtype=covariance.dtype, device=covariance.device)
    spread = (covariance - mean * identity).square().sum()
    noise = (centred.square().sum(dim=1).square().mean() - covariance.square().sum()) / images
    share = float((noise / spread).clamp(0, 1)) if spread > 0 else 1.0
    return (1 - share) * covariance + share * mean * identity, share


def _one_hot(logits: Tensor) -> Tensor:
    return functional.one_hot(logits.argmax(dim=1), logits.shape[1]).to(logits)


if __name__ == "__main__":
    main()

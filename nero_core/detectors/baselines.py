"""The detectors of pytorch-ood, one maker each, with the parts mended that do not hold for every head and bank."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from pytorch_ood.detector import (
    ASH,
    DICE,
    GEN,
    LTS,
    NCI,
    SCALE,
    SHE,
    Entropy,
    KLMatching,
    MaxLogit,
    NNGuide,
    ReAct,
    TemperatureScaling,
)
from pytorch_ood.detector import EnergyBased as Energy
from pytorch_ood.detector import MaxSoftmax as Softmax
from pytorch_ood.detector import fDBD as LibraryFDBD
from torch import Tensor, nn

from nero_core.detectors.vim import CheckedViM
from nero_core.types import Head

_TEMPERATURES = (0.1, 10.0)  # a head is rarely over- or underconfident by more


@dataclass(frozen=True, slots=True)
class MapsHead:
    """Logits of feature maps of one pixel; a feature of 0 that a method scaled by 0/0 stays 0."""

    head: Head

    def __call__(self, maps: Float[Tensor, "batch neurons 1 1"]) -> Float[Tensor, "batch classes"]:
        """``W a + b``."""
        return self.head.logits(maps.flatten(1).nan_to_num(0.0))


class ExactEntropy(Entropy):
    """Entropy of the softmax, in nats.

    Differs:
        pytorch-ood clips probabilities at 10⁻⁷, so that all images more confident than that tie.
    """

    def predict_logits(self, logits: Float[Tensor, "batch classes"]) -> Float[Tensor, " batch"]:
        """Scores in [0, log C]; higher = more OOD."""
        scores: Tensor = torch.special.entr(logits.softmax(dim=1)).sum(dim=1)
        return scores


class ExactGEN(GEN):
    """Generalised entropy: the mean of ``p^γ (1 − p)^γ`` over the M largest probabilities.

    Differs:
        pytorch-ood clips probabilities at 10⁻⁷, where with γ = 0.1 each class still counts 0.2; here they are as small
        as they are, with ``1 − p`` taken from the logarithm.
    """

    def predict_logits(self, logits: Float[Tensor, "batch classes"]) -> Float[Tensor, " batch"]:
        """Scores ≥ 0; higher = more OOD."""
        log_p = logits.log_softmax(dim=1)
        if self.M is not None:
            log_p = log_p.topk(min(self.M, log_p.shape[1]), dim=1).values
        return (log_p.exp() * -log_p.expm1()).pow(self.gamma).mean(dim=1)


class BoundedTemperature(TemperatureScaling):
    """Temperature scaling: the log-odds against the predicted class at the temperature T of least loss on the fit bank.

    ``S = logsumexp_{c≠ŷ}(l_c/T) − l_ŷ/T``, an increasing function of ``−max_c softmax(l/T)``, which ties where the
    softmax is 1 to the last digit. The loss is convex in 1/T, so its minimum is found by bisection.

    Differs:
        pytorch-ood takes 50 steps of L-BFGS with a step length of 0.01, which end far from the minimum (1.2 where it is
        3) or, for a bank without an error, at negative temperatures. Such a bank has its minimum at T → 0; here T is
        kept in [0.1, 10].
    """

    @property
    def fitted_settings(self) -> Mapping[str, float]:
        """T."""
        return {"temperature": float(self.t)}

    def fit_logits(self, logits: Float[Tensor, "batch classes"], labels: Int[Tensor, " batch"]) -> "BoundedTemperature":
        """Fit T.

        Raises:
            ValueError: there is one class.
        """
        if logits.shape[1] < 2:
            raise ValueError("a head of one class has no odds")
        right = logits.gather(1, labels[:, None])
        low, high = 1 / _TEMPERATURES[1], 1 / _TEMPERATURES[0]
        for _ in range(64):  # halvings: to the last digit
            middle = (low + high) / 2
            slope = ((logits * middle).softmax(dim=1) * (logits - right)).sum()
            low, high = (middle, high) if float(slope) < 0 else (low, middle)
        self.t = 2 / (low + high)
        self._is_fitted = True
        return self

    def predict_logits(self, logits: Float[Tensor, "batch classes"]) -> Float[Tensor, " batch"]:
        """Scores of any sign; higher = more OOD."""
        largest = (logits / self.t).sort(dim=1, descending=True).values
        scores: Tensor = largest[:, 1:].logsumexp(dim=1) - largest[:, 0]
        return scores


class MatrixDICE(DICE):
    """DICE: energy of the logits that the weights of largest mean contribution make.

    Differs:
        The masked logits are a matrix product; pytorch-ood builds batch × C × D products first.
    """

    def predict_features(self, x: Float[Tensor, "batch neurons"]) -> Float[Tensor, " batch"]:
        """Scores of any sign; higher = more OOD."""
        scores: Tensor = self.detector(x @ self.masked_w.to(x).T + self.bias.to(x))
        return scores


class FDBD(LibraryFDBD):
    """fDBD: mean distance to the decision boundaries, over the distance to the mean of the fit features.

    Differs:
        Distances between weight rows are taken without the C × C × D differences of pytorch-ood. Rows that are the
        same have no boundary between them; pytorch-ood divides by 0 there.
    """

    def _precompute_denom_matrix(self) -> None:
        weight = self.head.weight.data
        if len(weight) < 2:
            raise ValueError("a head of one class has no boundary")
        distance = torch.cdist(weight, weight, compute_mode="donot_use_mm_for_euclid_dist")
        self._denom_matrix = distance.where(distance > 0, torch.inf)


class GuardedLTS(LTS):
    """LTS: energy of the logits, scaled by how little of the feature's mass its largest entries hold.

    Differs:
        A feature with no positive entry has scale 1; pytorch-ood divides 0 by 0.
    """

    @staticmethod
    def scaling_factor(z: Float[Tensor, "batch neurons"], p: float) -> Float[Tensor, " batch"]:
        """``(Σ⁺ / Σ⁺ over the largest share p)²``, ≥ 1."""
        factor: Tensor = LTS.scaling_factor(z, p)
        return factor.nan_to_num(1.0)


class GuardedNCI(NCI):
    """NCI: how little the feature, less the mean of the fit features, points along its class's weight row.

    Differs:
        A feature equal to the mean scores 0; pytorch-ood divides 0 by 0.
    """

    def _cos(self, centered_features: Tensor, class_weight_vectors: Tensor) -> Tensor:
        cosine: Tensor = super()._cos(centered_features, class_weight_vectors)
        return cosine.nan_to_num(0.0)


def msp(head: Head, temperature: float = 1.0) -> Softmax:
    """Negative largest softmax probability; in [−1, −1/C]."""
    return Softmax(None, t=temperature)


def max_logit(head: Head) -> MaxLogit:
    """Negative largest logit."""
    return MaxLogit(None)


def energy(head: Head, temperature: float = 1.0) -> Energy:
    """``−T·logsumexp(l/T)``."""
    return Energy(None, t=temperature)


def entropy(head: Head) -> ExactEntropy:
    """Entropy of the softmax."""
    return ExactEntropy(None)


def temperature(head: Head) -> BoundedTemperature:
    """Softmax of the predicted class, as log-odds, at the temperature of least loss on the fit bank."""
    return BoundedTemperature(None)


def gen(head: Head, gamma: float = 0.1, most: int | None = None) -> ExactGEN:
    """Generalised entropy with exponent ``gamma`` over the ``most`` largest probabilities; None = all."""
    return ExactGEN(None, gamma=gamma, M=most)


def kl_matching(head: Head) -> KLMatching:
    """KL divergence to the nearest mean softmax of a predicted class."""
    return KLMatching(None)


def vim(head: Head, dimension: int | None = None) -> CheckedViM:
    """ViM with a principal space of ``dimension``; None = D/2, and 512 for D ≥ 768."""
    published = 512 if head.neurons >= 768 else head.neurons // 2
    return CheckedViM(head, published if dimension is None else dimension)


def react(head: Head, percentile: float = 0.9) -> ReAct:
    """Energy of features clipped at the ``percentile`` (a share) of the fit features."""
    return ReAct(None, MapsHead(head), percentile=percentile)


def scale(head: Head, percentile: float = 0.85) -> SCALE:
    """Energy of features scaled by ``exp(Σ a / Σ of the largest 1 − percentile)``."""
    return SCALE(None, MapsHead(head), percentile=percentile)


def ash(head: Head, percentile: float = 0.9) -> ASH:
    """Energy of features of which the smallest ``percentile`` (a share) are 0 and the others scaled up (ASH-S)."""
    return ASH(None, MapsHead(head), variant="ash-s", percentile=percentile)


def lts(head: Head, share: float = 0.05) -> GuardedLTS:
    """Energy of logits scaled by the ``share`` of the largest features."""
    return GuardedLTS(None, head.logits, p=share)


def dice(head: Head, sparsity: float = 0.9) -> MatrixDICE:
    """Energy with the ``sparsity`` share of weights of least contribution masked out."""
    return MatrixDICE(None, head.weight, head.bias, p=sparsity)


def nnguide(head: Head, k: int = 10) -> NNGuide:
    """Negative energy times mean similarity to the ``k`` nearest fit features."""
    return NNGuide(None, head.logits, k=k)


def fdbd(head: Head) -> FDBD:
    """Distance to the decision boundaries."""
    return FDBD(None, _linear(head))


def nci(head: Head, alpha: float = 0.0) -> GuardedNCI:
    """Alignment with the class's weight row, plus ``alpha`` times the feature's L1 length."""
    return GuardedNCI(None, _linear(head), alpha=alpha)


def she(head: Head) -> SHE:
    """Negative inner product with the mean feature of the predicted class."""
    return SHE(None, head.logits)


def _linear(head: Head) -> nn.Linear:
    linear = nn.Linear(head.neurons, head.classes, device="meta").to_empty(device=head.weight.device)
    linear.load_state_dict({"weight": head.weight, "bias": head.bias})
    return linear.requires_grad_(False)

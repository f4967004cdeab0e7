"""Every method by name, in one explicit dict."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, Literal

import torch
from jaxtyping import Float
from pytorch_ood.api import Detector, FeaturesDetector
from torch import Tensor

from nero_core.detectors import baselines
from nero_core.detectors.baseline import Baseline
from nero_core.detectors.gradnorm import GradNorm
from nero_core.detectors.grood import GROOD
from nero_core.detectors.knn import KNN
from nero_core.detectors.line import LINe
from nero_core.detectors.mahalanobis import RelativeMahalanobis, TiedMahalanobis, UnitMahalanobis
from nero_core.detectors.neco import NECO
from nero_core.detectors.nero import NERO
from nero_core.detectors.nero_plus import NeroPlus
from nero_core.detectors.odin import EPSILON, TEMPERATURE, odin, perturbed_features
from nero_core.errors import NeroError
from nero_core.models.classifier import Classifier
from nero_core.types import Head, ImageBatch

Needs = Literal["features", "logits", "image"]
SecondPass = Callable[[Classifier, ImageBatch], Float[Tensor, "batch neurons"]]

_COMPARISON = "NERO's published comparison (Chhetri et al., MICCAI 2025)"
_NONE = "no hyper-parameter"


@dataclass(frozen=True, slots=True)
class DetectorSpec:
    """One method.

    Attributes:
        name: its key in ``DETECTORS``.
        family: what its score is made of.
        paper: authors, venue, year.
        year: of the paper.
        needs: what the score is computed from; ``image`` = features that only ``second_pass`` gives.
        build: makes an unfitted detector for a head; keywords are the method's hyper-parameters.
        defaults: hyper-parameters used unless given; None = chosen from the head or the bank, as the docstring says.
        source: where the defaults come from.
        second_pass: makes the features that ``predict_features`` wants instead of the plain ones, from a classifier and
            its images; None for every method that takes the plain ones.
    """

    name: str
    family: str
    paper: str
    year: int
    needs: Needs
    build: Callable[..., FeaturesDetector]
    defaults: Mapping[str, Any]
    source: str
    second_pass: SecondPass | None = None


def _library(
    make: Callable[..., Detector], every_class: bool = False, dtype: torch.dtype = torch.float64
) -> Callable[..., FeaturesDetector]:
    """A builder of pytorch-ood's detector that ``make`` makes for a head."""
    return lambda head, **hyper: Baseline(partial(make, **hyper), head, every_class, dtype)


def _tied(head: Head) -> TiedMahalanobis:
    return TiedMahalanobis(None)


def _unit(head: Head) -> UnitMahalanobis:
    return UnitMahalanobis(None)


def _relative(head: Head) -> RelativeMahalanobis:
    return RelativeMahalanobis(None)


# name, family, paper, year, needs, build, defaults, source
_SPECS = (
    DetectorSpec(
        "nero",
        "relevance",
        "Chhetri et al., MICCAI 2025",
        2025,
        "features",
        NERO,
        MappingProxyType({"epsilon": 1e-6, "component_share": 2 / 3, "least": None}),
        "the paper; ε is ours, which the published code has at 0",
    ),
    DetectorSpec(
        "nero_plus",
        "relevance",
        "this project, 2026",
        2026,
        "features",
        NeroPlus,
        MappingProxyType({}),
        _NONE,
    ),
    DetectorSpec(
        "line",
        "relevance",
        "Ahn et al., CVPR 2023",
        2023,
        "features",
        LINe,
        MappingProxyType({"weight_percentile": None, "activation_percentile": None, "clip": None}),
        "the paper, by the number of classes; the clip is the 90 % quantile of the fit features",
    ),
    DetectorSpec(
        "grood",
        "gradient",
        "ElAraby et al., TMLR 2025",
        2025,
        "features",
        GROOD,
        MappingProxyType({"ood_prototype": None, "synthesis": "mixup", "noise_features": None, "mixup": 0.9}),
        "the published code, whose share of mixup is above 0.7",
    ),
    DetectorSpec(
        "neco",
        "subspace",
        "Ben Ammar et al., ICLR 2024",
        2024,
        "features",
        NECO,
        MappingProxyType({"components": None, "max_logit": False}),
        _COMPARISON,
    ),
    DetectorSpec(
        "msp",
        "logits",
        "Hendrycks & Gimpel, ICLR 2017",
        2017,
        "logits",
        _library(baselines.msp),
        MappingProxyType({"temperature": 1.0}),
        "the paper",
    ),
    DetectorSpec(
        "max_logit",
        "logits",
        "Hendrycks et al., ICML 2022",
        2022,
        "logits",
        _library(baselines.max_logit),
        MappingProxyType({}),
        _NONE,
    ),
    DetectorSpec(
        "energy",
        "logits",
        "Liu et al., NeurIPS 2020",
        2020,
        "logits",
        _library(baselines.energy),
        MappingProxyType({"temperature": 1.0}),
        "the paper",
    ),
    DetectorSpec(
        "entropy",
        "logits",
        "Chan et al., ICCV 2021",
        2021,
        "logits",
        _library(baselines.entropy),
        MappingProxyType({}),
        _NONE,
    ),
    DetectorSpec(
        "temperature",
        "logits",
        "Guo et al., ICML 2017",
        2017,
        "logits",
        _library(baselines.temperature),
        MappingProxyType({}),
        "the temperature is fitted on the fit bank",
    ),
    DetectorSpec(
        "gen",
        "logits",
        "Liu et al., CVPR 2023",
        2023,
        "logits",
        _library(baselines.gen),
        MappingProxyType({"gamma": 0.1, "most": None}),
        "the paper, which keeps 100 of ImageNet's 1000 classes",
    ),
    DetectorSpec(
        "kl_matching",
        "logits",
        "Hendrycks et al., ICML 2022",
        2022,
        "logits",
        _library(baselines.kl_matching),
        MappingProxyType({}),
        _NONE,
    ),
    DetectorSpec(
        "odin",
        "logits",
        "Liang et al., ICLR 2018",
        2018,
        "image",
        odin,
        MappingProxyType({"temperature": TEMPERATURE, "epsilon": EPSILON}),
        _COMPARISON,
        perturbed_features,
    ),
    DetectorSpec(
        "mahalanobis",
        "distance",
        "Lee et al., NeurIPS 2018",
        2018,
        "features",
        _library(_tied),
        MappingProxyType({}),
        _COMPARISON,
    ),
    DetectorSpec(
        "mahalanobis_pp",
        "distance",
        "Müller & Hein, ICML 2025",
        2025,
        "features",
        _library(_unit),
        MappingProxyType({}),
        _NONE,
    ),
    DetectorSpec(
        "relative_mahalanobis",
        "distance",
        "Ren et al., arXiv 2021",
        2021,
        "features",
        _library(_relative),
        MappingProxyType({}),
        _NONE,
    ),
    DetectorSpec(
        "knn",
        "distance",
        "Sun et al., ICML 2022",
        2022,
        "features",
        KNN,
        MappingProxyType({"k": None}),
        "the paper's share of the bank, one image in a thousand",
    ),
    DetectorSpec(
        "she",
        "distance",
        "Zhang et al., ICLR 2023",
        2023,
        "features",
        _library(baselines.she, every_class=True),
        MappingProxyType({}),
        _NONE,
    ),
    DetectorSpec(
        "vim",
        "features and logits",
        "Wang et al., CVPR 2022",
        2022,
        "features",
        _library(baselines.vim),
        MappingProxyType({"dimension": None}),
        _COMPARISON,
    ),
    DetectorSpec(
        "nnguide",
        "features and logits",
        "Park et al., ICCV 2023",
        2023,
        "features",
        _library(baselines.nnguide, dtype=torch.float32),
        MappingProxyType({"k": 10}),
        "pytorch-ood 0.4.0",
    ),
    DetectorSpec(
        "fdbd",
        "features and logits",
        "Liu & Qin, ICML 2024",
        2024,
        "features",
        _library(baselines.fdbd, dtype=torch.float32),
        MappingProxyType({}),
        _NONE,
    ),
    DetectorSpec(
        "nci",
        "features and logits",
        "Liu & Qin, CVPR 2025",
        2025,
        "features",
        _library(baselines.nci, dtype=torch.float32),
        MappingProxyType({"alpha": 0.0}),
        "pytorch-ood 0.4.0; the paper tunes α on OOD data, which a fit must not see",
    ),
    DetectorSpec(
        "react",
        "activation shaping",
        "Sun et al., NeurIPS 2021",
        2021,
        "features",
        _library(baselines.react),
        MappingProxyType({"percentile": 0.9}),
        _COMPARISON + ", ResNet-18; 0.99 for DeiT",
    ),
    DetectorSpec(
        "scale",
        "activation shaping",
        "Xu et al., ICLR 2024",
        2024,
        "features",
        _library(baselines.scale),
        MappingProxyType({"percentile": 0.85}),
        "the paper",
    ),
    DetectorSpec(
        "ash",
        "activation shaping",
        "Djurisic et al., ICLR 2023",
        2023,
        "features",
        _library(baselines.ash),
        MappingProxyType({"percentile": 0.9}),
        "the paper, ASH-S on ImageNet",
    ),
    DetectorSpec(
        "lts",
        "activation shaping",
        "Djurisic et al., Machine Vision and Applications 2025",
        2025,
        "features",
        _library(baselines.lts),
        MappingProxyType({"share": 0.05}),
        "the paper",
    ),
    DetectorSpec(
        "dice",
        "activation shaping",
        "Sun & Li, ECCV 2022",
        2022,
        "features",
        _library(baselines.dice),
        MappingProxyType({"sparsity": 0.9}),
        "the paper, CIFAR; 0.7 for ImageNet",
    ),
    DetectorSpec(
        "gradnorm",
        "gradient",
        "Huang et al., NeurIPS 2021",
        2021,
        "features",
        GradNorm,
        MappingProxyType({"temperature": 1.0}),
        _COMPARISON + ": the last layer",
    ),
)

DETECTORS: Mapping[str, DetectorSpec] = MappingProxyType({spec.name: spec for spec in _SPECS})


def build_detector(name: str, head: Head, **hyper: Any) -> FeaturesDetector:  # noqa: ANN401 (each method has its own)
    """An unfitted detector of the catalog for a head.

    Args:
        name: a key of ``DETECTORS``.
        head: the classifier's last linear layer.
        hyper: the method's hyper-parameters, by keyword.

    Raises:
        NeroError: the name is not in the catalog, or the method has no such hyper-parameter.
    """
    if name not in DETECTORS:
        raise NeroError(f"Expected a method among {', '.join(DETECTORS)}. Found {name!r}. Choose one of these.")
    try:
        return DETECTORS[name].build(head, **hyper)
    except TypeError as error:
        raise NeroError(
            f"Expected hyper-parameters that {name} has. Found {', '.join(hyper)} ({error}). Its docstring lists them."
        ) from error

"""Every method by name, in one explicit dict."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from types import MappingProxyType
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from nero_core.detectors.detector import Detector
from nero_core.detectors.odin import EPSILON, TEMPERATURE, odin, perturbed_features
from nero_core.errors import NeroError
from nero_core.types import VERDICT, Head

Needs = Literal["features", "logits", "stages", "image"]
SecondPass = Callable[..., Float[Tensor, "batch neurons"]]  # of a classifier, its images, and hyper-parameters

_COMPARISON = "NERO's published comparison (Chhetri et al., MICCAI 2025)"


@dataclass(frozen=True, slots=True)
class DetectorSpec:
    """One method.

    Attributes:
        name: its key in ``DETECTORS``.
        family: what its score is made of.
        paper: authors, venue, year.
        needs: what the score is computed from; ``stages`` = the channel means of the stages before the features as
            well, ``image`` = features that only ``second_pass`` gives.
        build: makes an unfitted detector for a head; keywords are the method's hyper-parameters.
        defaults: hyper-parameters used unless given; None = chosen from the head or the bank, as the docstring says.
        source: where the defaults come from.
        second_pass: makes the features that ``predict_features`` wants instead of the plain ones, from a classifier and
            its images; None for every method that takes the plain ones.
        title: how a sentence or a figure writes it; as its name where empty.
    """

    name: str
    family: str
    paper: str
    needs: Needs
    build: Callable[..., Detector]
    defaults: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    source: str = "no hyper-parameter"
    second_pass: SecondPass | None = None
    title: str = ""


# Both import a module by its name when the first detector is built: pytorch-ood, which all of them need, takes as long
# to import as PyTorch itself.


def _own(name: str) -> Callable[..., Detector]:
    """A builder of a class of ours, named ``module.Class``."""

    def build(head: Head, **hyper: Any) -> Detector:  # noqa: ANN401 (each method has its own)
        detector: Detector = _imported(name)(head, **hyper)
        return detector

    return build


def _library(
    name: str, kind: str, every_class: bool = False, dtype: torch.dtype = torch.float64
) -> Callable[..., Detector]:
    """A builder of pytorch-ood's detector that the function ``module.function`` makes for a head, as a ``kind``."""

    def build(head: Head, **hyper: Any) -> Detector:  # noqa: ANN401
        from nero_core.detectors.baseline import named_baseline

        return named_baseline(kind)(partial(_imported(name), **hyper), head, every_class, dtype)

    return build


def _imported(name: str) -> Callable[..., Any]:
    module, _, member = name.partition(".")
    builder: Callable[..., Any] = getattr(import_module(f"nero_core.detectors.{module}"), member)
    return builder


_SPECS = (
    DetectorSpec(
        name="nero",
        family="relevance",
        paper="Chhetri et al., MICCAI 2025",
        needs="features",
        build=_own("nero.NERO"),
        defaults=MappingProxyType({"epsilon": 1e-6, "component_share": 2 / 3, "least": None}),
        source="the paper; ε is ours, which the published code has at 0",
        title="NERO",
    ),
    DetectorSpec(
        name="nero_plus",
        family="relevance",
        paper="this project, 2026",
        needs="features",
        build=_own("nero_plus.NeroPlus"),
        defaults=MappingProxyType({"with_features": True, "shrinkage": None}),
        source="α is the likeliest for ID images that are left out",
        title="NERO+",
    ),
    DetectorSpec(
        name="nero_deep",
        family="relevance",
        paper="this project, 2026",
        needs="stages",
        build=_own("nero_deep.NeroDeep"),
        source="no hyper-parameter; the α of each stage is the likeliest for ID images that are left out",
        title="NERO, all depths",
    ),
    DetectorSpec(
        name="line",
        family="relevance",
        paper="Ahn et al., CVPR 2023",
        needs="features",
        build=_own("line.LINe"),
        defaults=MappingProxyType({"weight_percentile": None, "activation_percentile": None, "clip": None}),
        source="the paper, by the number of classes; the clip is the 90 % quantile of the fit features",
    ),
    DetectorSpec(
        name="grood",
        family="gradient",
        paper="ElAraby et al., TMLR 2025",
        needs="features",
        build=_own("grood.GROOD"),
        defaults=MappingProxyType({"ood_prototype": None, "synthesis": "mixup", "noise_features": None, "mixup": 0.9}),
        source="the published code, whose share of mixup is above 0.7",
    ),
    DetectorSpec(
        name="neco",
        family="subspace",
        paper="Ben Ammar et al., ICLR 2024",
        needs="features",
        build=_own("neco.NECO"),
        defaults=MappingProxyType({"components": None, "max_logit": False}),
        source=_COMPARISON,
    ),
    DetectorSpec(
        name="msp",
        family="logits",
        paper="Hendrycks & Gimpel, ICLR 2017",
        needs="logits",
        build=_library("baselines.msp", "MSP"),
        defaults=MappingProxyType({"temperature": 1.0}),
        source="the paper",
    ),
    DetectorSpec(
        name="max_logit",
        family="logits",
        paper="Hendrycks et al., ICML 2022",
        needs="logits",
        build=_library("baselines.max_logit", "MaxLogit"),
    ),
    DetectorSpec(
        name="energy",
        family="logits",
        paper="Liu et al., NeurIPS 2020",
        needs="logits",
        build=_library("baselines.energy", "Energy"),
        defaults=MappingProxyType({"temperature": 1.0}),
        source="the paper",
    ),
    DetectorSpec(
        name="entropy",
        family="logits",
        paper="Chan et al., ICCV 2021",
        needs="logits",
        build=_library("baselines.entropy", "Entropy"),
    ),
    DetectorSpec(
        name="temperature",
        family="logits",
        paper="Guo et al., ICML 2017",
        needs="logits",
        build=_library("baselines.temperature", "Temperature"),
        source="the temperature is fitted on the fit bank",
    ),
    DetectorSpec(
        name="gen",
        family="logits",
        paper="Liu et al., CVPR 2023",
        needs="logits",
        build=_library("baselines.gen", "GEN"),
        defaults=MappingProxyType({"gamma": 0.1, "most": None}),
        source="the paper, which keeps 100 of ImageNet's 1000 classes",
    ),
    DetectorSpec(
        name="kl_matching",
        family="logits",
        paper="Hendrycks et al., ICML 2022",
        needs="logits",
        build=_library("baselines.kl_matching", "KLMatching"),
    ),
    DetectorSpec(
        name="odin",
        family="logits",
        paper="Liang et al., ICLR 2018",
        needs="image",
        build=odin,
        defaults=MappingProxyType({"temperature": TEMPERATURE, "epsilon": EPSILON}),
        source=_COMPARISON,
        second_pass=perturbed_features,
    ),
    DetectorSpec(
        name="mahalanobis",
        family="distance",
        paper="Lee et al., NeurIPS 2018",
        needs="features",
        build=_library("mahalanobis.tied", "Mahalanobis"),
        source=_COMPARISON,
    ),
    DetectorSpec(
        name="mahalanobis_pp",
        family="distance",
        paper="Müller & Hein, ICML 2025",
        needs="features",
        build=_library("mahalanobis.unit", "MahalanobisPP"),
    ),
    DetectorSpec(
        name="relative_mahalanobis",
        family="distance",
        paper="Ren et al., arXiv 2021",
        needs="features",
        build=_library("mahalanobis.relative", "RelativeMahalanobis"),
    ),
    DetectorSpec(
        name="mds_ensemble",
        family="distance",
        paper="Lee et al., NeurIPS 2018",
        needs="stages",
        build=_own("mds_ensemble.MDSEnsemble"),
        defaults=MappingProxyType({"weights": None}),
        source="pytorch-ood 0.4.0: all stages count 1; the paper learns weights on OOD data, which a fit must not see",
    ),
    DetectorSpec(
        name="knn",
        family="distance",
        paper="Sun et al., ICML 2022",
        needs="features",
        build=_own("knn.KNN"),
        defaults=MappingProxyType({"k": None}),
        source="the paper's share of the bank, one image in a thousand",
    ),
    DetectorSpec(
        name="she",
        family="distance",
        paper="Zhang et al., ICLR 2023",
        needs="features",
        build=_library("baselines.she", "SHE", every_class=True),
    ),
    DetectorSpec(
        name="vim",
        family="features and logits",
        paper="Wang et al., CVPR 2022",
        needs="features",
        build=_library("baselines.vim", "ViM"),
        defaults=MappingProxyType({"dimension": None}),
        source=_COMPARISON,
    ),
    DetectorSpec(
        name="residual",
        family="subspace",
        paper="Wang et al., CVPR 2022",
        needs="features",
        build=_own("residual.Residual"),
        defaults=MappingProxyType({"dimension": None}),
        source="as vim; OpenMIBOOD has 128, or the best on OOD data, which a fit must not see",
    ),
    DetectorSpec(
        name="nnguide",
        family="features and logits",
        paper="Park et al., ICCV 2023",
        needs="features",
        build=_library("baselines.nnguide", "NNGuide", dtype=torch.float32),
        defaults=MappingProxyType({"k": 10}),
        source="pytorch-ood 0.4.0",
    ),
    DetectorSpec(
        name="fdbd",
        family="features and logits",
        paper="Liu & Qin, ICML 2024",
        needs="features",
        build=_library("baselines.fdbd", "FDBD", dtype=torch.float32),
    ),
    DetectorSpec(
        name="nci",
        family="features and logits",
        paper="Liu & Qin, CVPR 2025",
        needs="features",
        build=_library("baselines.nci", "NCI", dtype=torch.float32),
        defaults=MappingProxyType({"alpha": 0.0}),
        source="pytorch-ood 0.4.0; the paper tunes α on OOD data, which a fit must not see",
    ),
    DetectorSpec(
        name="react",
        family="activation shaping",
        paper="Sun et al., NeurIPS 2021",
        needs="features",
        build=_library("baselines.react", "ReAct"),
        defaults=MappingProxyType({"percentile": 0.9}),
        source=_COMPARISON + ", ResNet-18; 0.99 for DeiT",
    ),
    DetectorSpec(
        name="scale",
        family="activation shaping",
        paper="Xu et al., ICLR 2024",
        needs="features",
        build=_library("baselines.scale", "SCALE"),
        defaults=MappingProxyType({"percentile": 0.85}),
        source="the paper",
    ),
    DetectorSpec(
        name="ash",
        family="activation shaping",
        paper="Djurisic et al., ICLR 2023",
        needs="features",
        build=_library("baselines.ash", "ASH"),
        defaults=MappingProxyType({"percentile": 0.9}),
        source="the paper, ASH-S on ImageNet",
    ),
    DetectorSpec(
        name="lts",
        family="activation shaping",
        paper="Djurisic et al., Machine Vision and Applications 2025",
        needs="features",
        build=_library("baselines.lts", "LTS"),
        defaults=MappingProxyType({"share": 0.05}),
        source="the paper",
    ),
    DetectorSpec(
        name="dice",
        family="activation shaping",
        paper="Sun & Li, ECCV 2022",
        needs="features",
        build=_library("baselines.dice", "DICE"),
        defaults=MappingProxyType({"sparsity": 0.9}),
        source="the paper, CIFAR; 0.7 for ImageNet",
    ),
    DetectorSpec(
        name="gradnorm",
        family="gradient",
        paper="Huang et al., NeurIPS 2021",
        needs="features",
        build=_own("gradnorm.GradNorm"),
        defaults=MappingProxyType({"temperature": 1.0}),
        source=_COMPARISON + ": the last layer",
    ),
)

DETECTORS: Mapping[str, DetectorSpec] = MappingProxyType({spec.name: spec for spec in _SPECS})
#: the methods of our own, as sentences and figures write them
OURS: Mapping[str, str] = MappingProxyType({spec.name: spec.title for spec in _SPECS if spec.title})


#: What an image may be scored by: the verdict by two tests, and every method of the catalog.
METHODS = (VERDICT, *DETECTORS)


def family_of_method(name: str) -> str:
    """What the score of one of ``METHODS`` is made of."""
    return "p-values" if name == VERDICT else DETECTORS[name].family


def build_detector(
    name: str,
    head: Head,
    *,
    encoder: Callable[[Tensor], Tensor] | None = None,
    **hyper: Any,  # noqa: ANN401 (each method has its own)
) -> Detector:
    """An unfitted detector of the catalog for a head.

    Args:
        name: a key of ``DETECTORS``.
        head: the classifier's last linear layer.
        encoder: makes the features of a batch of images, for ``fit(loader)``, ``predict(images)`` and pytorch-ood's
            benchmarks; see ``image_encoder``. Not needed for ``fit_features`` and ``predict_features``.
        hyper: the method's hyper-parameters, by keyword.

    Raises:
        NeroError: the name is not in the catalog, or the method has no such hyper-parameter.
    """
    spec = find_spec(name)
    try:
        detector = spec.build(head, **hyper)
    except TypeError as error:
        raise NeroError(
            f"Expected hyper-parameters that {name} has. Found {', '.join(hyper)} ({error}). Its docstring lists them."
        ) from error
    if encoder is not None:
        detector.encoder = encoder
    return detector


def find_spec(name: str) -> DetectorSpec:
    """The method of the catalog that has this name.

    Raises:
        NeroError: there is none.
    """
    if name not in DETECTORS:
        raise NeroError(f"Expected a method among {', '.join(DETECTORS)}. Found {name!r}. Choose one of these.")
    return DETECTORS[name]

"""The same work by what a user would pick instead: pytorch-ood through its loaders, zennit-crp, Captum."""

import logging
import math
import warnings
from collections.abc import Iterator
from copy import deepcopy

import torch
from crp.attribution import CondAttribution
from crp.concepts import ChannelConcept
from pytorch_ood.detector import Mahalanobis, ViM
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset
from zennit.composites import EpsilonPlusFlat
from zennit.rules import ZPlus
from zennit.types import Convolution

from nero_core import Inspector, build_detector
from nero_core.models.canonizers_resnet import MergeBatchNorm, ResidualSum
from nero_core.phantom.drawing import ID_CLASSES, write_phantoms
from nero_core.relevance.concept import conditions
from nero_core.relevance.heatmap import Attributor
from nero_core.types import ImageBatch
from tests.bench.record import Row, timed
from tests.bench.setting import Setting
from tests.bench.timing import paired

PRINCIPAL = 32  # dimensions of ViM: fewer than the images that are fitted on
SCORED = 16  # images
CONCEPTS = 8


def pytorch_ood_rows(setting: Setting) -> Iterator[Row]:
    """Mahalanobis and ViM, fitted on 48 images and scoring 16: one forward pass for both, or one for each."""
    inspector = setting.inspector
    classifier = inspector.bundle.classifier
    files = write_phantoms(setting.folder / "rivals", 16, seed=96, classes=ID_CLASSES)
    batch, some = inspector.decode(files), inspector.decode(files[:SCORED])
    labels = torch.tensor([classifier.class_names.index(file.parent.name) for file in files])
    pixels = normalised(inspector, batch.pixels)
    fit = DataLoader(TensorDataset(pixels, labels), batch_size=32)
    new = DataLoader(TensorDataset(pixels[:SCORED], labels[:SCORED]), batch_size=32)
    hyper = {"mahalanobis": {}, "vim": {"dimension": PRINCIPAL}}

    def ours() -> dict[str, Tensor]:
        bank, seen = inspector.observe(batch).features, inspector.observe(some).features
        return {
            name: build_detector(name, classifier.head, **given).fit_features(bank, labels).predict_features(seen)
            for name, given in hyper.items()
        }

    @torch.no_grad()
    def encoder(images: Tensor) -> Tensor:
        return classifier.model.forward_head(classifier.model.forward_features(images), pre_logits=True)

    def theirs() -> dict[str, Tensor]:
        head = classifier.head
        detectors = {"mahalanobis": Mahalanobis(encoder), "vim": ViM(encoder, PRINCIPAL, head.weight, head.bias)}
        scores = {}
        for name, detector in detectors.items():
            detector.to(inspector.device).fit(fit)
            scores[name] = torch.cat([detector.predict(images.to(inspector.device)) for images, _ in new])
        return scores

    logging.getLogger("pytorch_ood").setLevel(logging.ERROR)
    torch.testing.assert_close(ours()["vim"].float(), theirs()["vim"].float(), rtol=1e-2, atol=1e-2)
    step = (
        f"Mahalanobis and ViM, fit on {len(files)} images and score of {SCORED} ÷ pytorch-ood's own through its loaders"
    )
    yield timed(f"{step}, ResNet-18", paired(ours, theirs, min(3, setting.rounds)), 1)


def crp_rows(setting: Setting) -> Iterator[Row]:
    """The same eight conditional heatmaps, by the same rules."""
    inspector = setting.inspector
    batch, attributor = inspector.decode(setting.files[:1]), inspector.attributor("epsilon_plus")
    relevance = inspector.channels(batch).relevance
    channels = relevance.abs().topk(CONCEPTS).indices.tolist()
    initial_relevance = conditions(relevance, channels)
    model = deepcopy(inspector.bundle.classifier.model)
    composite = EpsilonPlusFlat(canonizers=[ResidualSum(), MergeBatchNorm()])
    composite.layer_map = [(Convolution, _ZPlusWithoutBiases()), *composite.layer_map]
    probabilities = inspector.observe(batch).probabilities

    def theirs() -> Tensor:
        data = normalised(inspector, batch.pixels).requires_grad_()
        asked = [{"layer4": [channel]} for channel in channels]
        result = CondAttribution(model)(
            data, asked, composite, init_rel=probabilities.expand(CONCEPTS, -1), mask_map=ChannelConcept.mask
        )
        return result.heatmap

    def ours() -> Tensor:
        return attributor.heatmaps(batch.pixels, initial_relevance).maps

    largest = float(theirs().abs().max())
    torch.testing.assert_close(ours() / largest, theirs() / largest, rtol=0, atol=1e-3)
    step = f"{CONCEPTS} conditional heatmaps ÷ the same by zennit-crp's `CondAttribution`, ResNet-18"
    yield timed(step, paired(ours, theirs, setting.rounds), 1)


def captum_rows(setting: Setting) -> Iterator[Row]:
    """One class heatmap by LRP on each architecture.

    Captum has no rule for some layers of each, and asks for one: they get its ε rule, as its other layers have. What
    its maps are worth then, the row says: they should sum to the logit.
    """
    try:
        from captum.attr import LRP
        from captum.attr._core.lrp import SUPPORTED_LAYERS_WITH_RULES, SUPPORTED_NON_LINEAR_LAYERS
        from captum.attr._utils.lrp_rules import EpsilonRule
    except ImportError:
        yield Row(step="a class heatmap ÷ Captum's LRP", note="not measured: Captum is not installed")
        return
    known = {*SUPPORTED_LAYERS_WITH_RULES, *SUPPORTED_NON_LINEAR_LAYERS}
    for inspector, arch in (
        (setting.inspector, "ResNet-18"),
        (setting.usual, "EfficientNet-Lite0"),
        (setting.vit, "DeiT-tiny"),
    ):
        batch, attributor = inspector.decode(setting.files[:1]), inspector.attributor()
        relevance, data = inspector.channels(batch).relevance[None], normalised(inspector, batch.pixels)
        logits, model = inspector.observe(batch).logits[0], deepcopy(inspector.bundle.classifier.model)
        unknown = [layer for layer in model.modules() if not any(layer.children()) and type(layer) not in known]
        target = int(logits.argmax())

        def theirs(
            model: nn.Module = model,
            unknown: list[nn.Module] = unknown,
            data: Tensor = data,
            target: int = target,
        ) -> Tensor:
            for layer in unknown:
                layer.rule = EpsilonRule()  # each call takes them off again
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of hooks on modules without a gradient
                return LRP(model).attribute(data.clone().requires_grad_(), target=target)

        def ours(attributor: Attributor = attributor, batch: ImageBatch = batch, r: Tensor = relevance) -> Tensor:
            return attributor.heatmaps(batch.pixels, r).maps

        kinds = ", ".join(sorted({type(layer).__name__ for layer in unknown}))
        step = f"a class heatmap ÷ Captum's LRP, {arch}, with its ε rule for {kinds}"
        try:
            conserved = float(theirs().detach().sum() / logits[target])
        except (KeyError, RuntimeError, TypeError) as error:
            yield Row(step=step, note=f"Captum stops: {' '.join(str(error).split())[:120]}")
            continue
        sums = f"{conserved:.1e}" if math.isfinite(conserved) else "NaN"
        yield timed(f"{step}; its map sums to {sums} of the logit", paired(ours, theirs, setting.rounds))


class _ZPlusWithoutBiases(ZPlus):
    """zennit's z+ whose biases take no relevance, as later versions of zennit have it and the engine does."""

    def __init__(self) -> None:
        super().__init__()
        self.param_modifiers = [
            lambda param, name: param.clamp(min=0) if name == "weight" else 0 * param,
            lambda param, name: param.clamp(max=0) if name == "weight" else 0 * param,
        ]


def normalised(inspector: Inspector, pixels: Tensor) -> Tensor:
    """Pixels as the model takes them, on its device."""
    classifier = inspector.bundle.classifier
    mean, std = (
        torch.tensor(values, device=inspector.device).view(1, 3, 1, 1) for values in (classifier.mean, classifier.std)
    )
    return ((pixels.to(inspector.device) - mean) / std).contiguous(memory_format=torch.channels_last)

"""A bundle of any size, made of another one: for what must stay fluid with 512 channels and 2,000 images."""

import hashlib
from pathlib import Path
from types import MappingProxyType

import torch

from nero_core.calibration.bundle import Bundle
from nero_core.calibration.bundle_files import save_bundle
from nero_core.calibration.feature_bank import FeatureBank


def write_large_bundle(source: Path, out: Path, fit: int = 2_000, seed: int = 0) -> Path:
    """Write a bundle with ``fit`` fit images whose features are those of the source's images, each a little changed.

    The calibration and OOD banks, the classifier and the pictures are the source's own.
    """
    bundle = Bundle.load(source)
    generator = torch.Generator().manual_seed(seed)
    rows = torch.arange(fit) % bundle.fit_size
    changed = 1 + 0.1 * torch.randn(fit, bundle.fit.features.shape[1], generator=generator)
    ids = tuple(hashlib.sha256(f"{seed} {row}".encode()).hexdigest() for row in range(fit))
    stages = MappingProxyType({name: means[rows].contiguous() for name, means in bundle.fit.stages.items()})
    features = (bundle.fit.features[rows] * changed).contiguous()
    bank = FeatureBank(features, bundle.fit.labels[rows], ids, stages=stages)
    banks = {"fit": bank, "calibration": bundle.calibration}
    if bundle.ood is not None:
        banks["ood"] = bundle.ood
    pictures = [(name, bundle.thumbnail(bundle.fit.ids[row])) for name, row in zip(ids, rows.tolist(), strict=True)]
    counts = bundle.card.counts | {"fit": fit}
    card = bundle.card.model_copy(update={"title": f"{bundle.card.title}, {fit} images", "counts": counts, "files": {}})
    save_bundle(out, card, bundle.classifier, banks, pictures)
    return out

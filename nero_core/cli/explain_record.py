"""What ``explanation.json`` holds."""

from importlib.metadata import version
from typing import Any

from nero_core.cli.explain import concept_name
from nero_core.inspector import Inspector
from nero_core.types import Concept, Detection, Explanation


def explanation_record(
    file: str, inspector: Inspector, detection: Detection, explanation: Explanation
) -> dict[str, Any]:
    """Every number of an explanation. A concept's ``heatmap`` is the name of its picture."""
    names = inspector.bundle.card.class_names
    terms = detection.terms
    return {
        "file": file,
        "sha256": explanation.id,
        "predicted": names[int(detection.predicted[0])],
        "confidence": float(detection.confidence[0]),
        "method": detection.detector,
        "score": float(detection.score[0]),
        "threshold": detection.threshold,
        "is_ood": bool(detection.is_ood[0]),
        "p_value": float(detection.p_value[0]),
        "verdict": detection.verdict(0),
        "tpr": detection.tpr,
        "calibration_size": detection.calibration_size,
        "terms": {name: float(terms[name][0]) for name in ("distance", "bias", "scale")},
        "nearest_class": names[explanation.channels.nearest],
        "explained_class": names[explanation.explained_class],
        "conservation": {
            "heatmap": explanation.conservation,
            "evidence": explanation.evidence_conservation,
            "concepts": explanation.concept_conservation,
        },
        "concepts": [_concept(inspector, rank, concept) for rank, concept in enumerate(explanation.concepts, 1)],
        "bundle": {"title": inspector.bundle.card.title, "digest": inspector.bundle.digest},
        "versions": _versions(),
    }


def _concept(inspector: Inspector, rank: int, concept: Concept) -> dict[str, Any]:
    return {
        "channel": concept.channel,
        "relevance": concept.relevance,
        "centroid": concept.centroid,
        "share": concept.share,
        "over_used": concept.over_used,
        "heatmap": concept_name(rank, concept.channel),
        "references": [
            {"id": reference, "class": inspector.reference_class(reference), "relevance": relevance}
            for reference, relevance in zip(concept.references, concept.reference_relevance, strict=True)
        ],
    }


def _versions() -> dict[str, str]:
    return {name: version(name) for name in ("nero-dashboard", "torch", "timm", "pytorch-ood", "zennit", "zennit-crp")}

"""What ``explanation.json`` holds."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from nero_core.data.decode import Picture
from nero_core.inspector import Inspector
from nero_core.types import BlockConservation, Channels, Concept, Detection, Explanation, Unlikeness
from nero_core.version import PROGRAM, versions


def explanation_record(
    file: str,
    inspector: Inspector,
    picture: Picture,
    detection: Detection,
    channels: Channels,
    explanation: Explanation | None,
    blocks: Sequence[BlockConservation] = (),
    reason: str = "",
    form: str = "png",
    deep: Detection | None = None,
) -> dict[str, Any]:
    """Every number of an explanation. A ``heatmap`` is the name of its picture in the first format that was asked for,
    or None where there is none, and then ``reason`` says why. ``distance_shares`` says what NERO's distance is made of,
    and what is less than usual at each stage of NERO at all depths, of which ``deep`` is the answer where there is
    one."""
    names = inspector.bundle.card.class_names
    terms = detection.terms
    return {
        "file": file,
        "sha256": picture.id,
        "note": picture.note,
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
        "nearest_class": names[channels.nearest],
        "distance_shares": {
            **asdict(channels.distance_shares),
            "less_by_stage": {} if deep is None else {stage: float(less[0]) for stage, less in deep.stage_less.items()},
        },
        **(_without_heatmap(reason) if explanation is None else _with_heatmap(inspector, explanation, blocks, form)),
        "figure": f"figure3.{form}",
        "bundle": {"title": inspector.bundle.card.title, "digest": inspector.bundle.digest},
        "versions": _versions(),
    }


def _with_heatmap(
    inspector: Inspector, explanation: Explanation, blocks: Sequence[BlockConservation], form: str
) -> dict[str, Any]:
    return {
        "explained_class": inspector.bundle.card.class_names[explanation.explained_class],
        "heatmap": f"heatmap.{form}",
        "composite": explanation.composite,
        "concept_composite": explanation.concept_composite,
        "logit": None
        if explanation.path is None
        else {"blurred": explanation.path.blurred, "image": explanation.path.image},
        "reason": None,
        "conservation": {
            "heatmap": explanation.conservation,
            "evidence": explanation.evidence_conservation,
            "concepts": explanation.concept_conservation,
            "heatmap_cancellation": explanation.cancellation,
            "evidence_cancellation": explanation.evidence_cancellation,
            "blocks": [asdict(block) for block in blocks],
        },
        "unlike": _unlike(explanation.unlike),
        "concepts": [_concept(inspector, rank, concept, form) for rank, concept in enumerate(explanation.concepts, 1)],
    }


def _unlike(unlike: Unlikeness | None) -> dict[str, Any] | None:
    """Where the image is unlike the reference images, in numbers; None where the bundle keeps no patches."""
    if unlike is None:
        return None
    return {"share": unlike.share, "usual_share": unlike.usual, "level": unlike.level, "stages": list(unlike.stages)}


def _without_heatmap(reason: str) -> dict[str, Any]:
    return {
        "explained_class": None,
        "heatmap": None,
        "composite": None,
        "concept_composite": None,
        "logit": None,
        "reason": reason,
        "conservation": None,
        "unlike": None,
        "concepts": [],
    }


def _concept(inspector: Inspector, rank: int, concept: Concept, form: str) -> dict[str, Any]:
    return {
        "channel": concept.channel,
        "relevance": concept.relevance,
        "centroid": concept.centroid,
        "share": concept.contribution,
        "over_used": concept.over_used,
        "conservation": concept.conservation,
        "cancellation": concept.cancellation,
        "heatmap": concept_name(rank, concept.channel, form),
        "references": [
            {"id": reference, "class": inspector.reference_class(reference), "relevance": relevance}
            for reference, relevance in zip(concept.references, concept.reference_relevance, strict=True)
        ],
    }


def _versions() -> dict[str, str]:
    return versions((PROGRAM, "torch", "timm", "pytorch-ood", "zennit", "zennit-crp"))


def concept_name(rank: int, channel: int, form: str = "png") -> str:
    """The file of a concept's overlay; ranks count from 1."""
    return f"concept-{rank}-channel-{channel}.{form}"

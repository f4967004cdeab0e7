"""The engine: decode, observe, detect, explain. It knows no screen.

Names are imported when they are first used, so that ``nero --help`` does not wait for PyTorch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nero_core.benchmark import BenchmarkResult, MethodResult, compare_banks, read_result
    from nero_core.calibration import find_bundles
    from nero_core.calibration.bundle_archive import pack_bundle, unpack_bundle
    from nero_core.data.archive import check_archive
    from nero_core.data.decode import Picture, decode_image
    from nero_core.detectors import DETECTORS, build_detector
    from nero_core.device import pick_device
    from nero_core.errors import NeroError
    from nero_core.explorer import Explorer
    from nero_core.figures.bars import bar_figure
    from nero_core.figures.channel_bars import channel_bars_figure, image_pair_figure, least_relevant_figure
    from nero_core.figures.depth import channel_classes_figure, faithfulness_figure, relevance_map_figure
    from nero_core.figures.grid import Panel, panels_figure
    from nero_core.figures.map_core import map_core
    from nero_core.figures.mean_relevance import mean_relevance_figure
    from nero_core.figures.methods import class_heat_figure, method_scores_figure, roc_figure
    from nero_core.figures.origin import short_id, with_origin
    from nero_core.figures.panels import concepts_figure, evidence_figure, heatmap_figure, image_figure
    from nero_core.figures.plots import channel_figure, class_scores_figure, histogram_figure
    from nero_core.figures.relevance_domain import relevance_domain
    from nero_core.figures.score_domain import score_domain
    from nero_core.figures.sheet import figure_sheet
    from nero_core.figures.style import figure_bytes, label
    from nero_core.figures.verdict import verdict_figure
    from nero_core.figures.wording import (
        HEADLINE,
        MUCH_CANCELLATION,
        SIGNS_CANCEL,
        channel_use,
        here_and_usual,
        kept,
        kept_briefly,
        mean_of_few,
        own_limit,
    )
    from nero_core.inspector import Inspector
    from nero_core.models.import_checkpoint import import_checkpoint
    from nero_core.phantom.perturb import FILLS, LESIONS, PERTURBATIONS, Lesion, Perturbation, Rectangle, perturb
    from nero_core.phantom.quiz import QuizCase, can_be_quizzed, quiz_case
    from nero_core.relevance.composites import COMPOSITES
    from nero_core.types import Head

__all__ = [
    "COMPOSITES",
    "DETECTORS",
    "FILLS",
    "HEADLINE",
    "LESIONS",
    "MUCH_CANCELLATION",
    "PERTURBATIONS",
    "SIGNS_CANCEL",
    "BenchmarkResult",
    "Explorer",
    "Head",
    "Inspector",
    "Lesion",
    "MethodResult",
    "NeroError",
    "Panel",
    "Perturbation",
    "Picture",
    "QuizCase",
    "Rectangle",
    "bar_figure",
    "build_detector",
    "can_be_quizzed",
    "channel_bars_figure",
    "channel_classes_figure",
    "channel_figure",
    "channel_use",
    "check_archive",
    "class_heat_figure",
    "class_scores_figure",
    "compare_banks",
    "concepts_figure",
    "decode_image",
    "evidence_figure",
    "faithfulness_figure",
    "figure_bytes",
    "figure_sheet",
    "find_bundles",
    "heatmap_figure",
    "here_and_usual",
    "histogram_figure",
    "image_figure",
    "image_pair_figure",
    "import_checkpoint",
    "kept",
    "kept_briefly",
    "label",
    "least_relevant_figure",
    "map_core",
    "mean_of_few",
    "mean_relevance_figure",
    "method_scores_figure",
    "own_limit",
    "pack_bundle",
    "panels_figure",
    "perturb",
    "pick_device",
    "quiz_case",
    "read_result",
    "relevance_domain",
    "relevance_map_figure",
    "roc_figure",
    "score_domain",
    "short_id",
    "unpack_bundle",
    "verdict_figure",
    "with_origin",
]

_HOMES = {
    "BenchmarkResult": "nero_core.benchmark",
    "COMPOSITES": "nero_core.relevance.composites",
    "DETECTORS": "nero_core.detectors",
    "Explorer": "nero_core.explorer",
    "FILLS": "nero_core.phantom.perturb",
    "HEADLINE": "nero_core.figures.wording",
    "Head": "nero_core.types",
    "Inspector": "nero_core.inspector",
    "Lesion": "nero_core.phantom.perturb",
    "LESIONS": "nero_core.phantom.perturb",
    "MethodResult": "nero_core.benchmark",
    "MUCH_CANCELLATION": "nero_core.figures.wording",
    "NeroError": "nero_core.errors",
    "Panel": "nero_core.figures.grid",
    "Perturbation": "nero_core.phantom.perturb",
    "PERTURBATIONS": "nero_core.phantom.perturb",
    "Picture": "nero_core.data.decode",
    "QuizCase": "nero_core.phantom.quiz",
    "Rectangle": "nero_core.phantom.perturb",
    "SIGNS_CANCEL": "nero_core.figures.wording",
    "bar_figure": "nero_core.figures.bars",
    "build_detector": "nero_core.detectors",
    "can_be_quizzed": "nero_core.phantom.quiz",
    "channel_bars_figure": "nero_core.figures.channel_bars",
    "channel_classes_figure": "nero_core.figures.depth",
    "channel_figure": "nero_core.figures.plots",
    "channel_use": "nero_core.figures.wording",
    "check_archive": "nero_core.data.archive",
    "class_heat_figure": "nero_core.figures.methods",
    "class_scores_figure": "nero_core.figures.plots",
    "compare_banks": "nero_core.benchmark",
    "concepts_figure": "nero_core.figures.panels",
    "decode_image": "nero_core.data.decode",
    "evidence_figure": "nero_core.figures.panels",
    "faithfulness_figure": "nero_core.figures.depth",
    "figure_bytes": "nero_core.figures.style",
    "figure_sheet": "nero_core.figures.sheet",
    "find_bundles": "nero_core.calibration",
    "heatmap_figure": "nero_core.figures.panels",
    "here_and_usual": "nero_core.figures.wording",
    "histogram_figure": "nero_core.figures.plots",
    "image_figure": "nero_core.figures.panels",
    "image_pair_figure": "nero_core.figures.channel_bars",
    "import_checkpoint": "nero_core.models.import_checkpoint",
    "kept": "nero_core.figures.wording",
    "kept_briefly": "nero_core.figures.wording",
    "label": "nero_core.figures.style",
    "least_relevant_figure": "nero_core.figures.channel_bars",
    "map_core": "nero_core.figures.map_core",
    "mean_of_few": "nero_core.figures.wording",
    "mean_relevance_figure": "nero_core.figures.mean_relevance",
    "method_scores_figure": "nero_core.figures.methods",
    "own_limit": "nero_core.figures.wording",
    "pack_bundle": "nero_core.calibration.bundle_archive",
    "panels_figure": "nero_core.figures.grid",
    "perturb": "nero_core.phantom.perturb",
    "pick_device": "nero_core.device",
    "quiz_case": "nero_core.phantom.quiz",
    "read_result": "nero_core.benchmark",
    "relevance_domain": "nero_core.figures.relevance_domain",
    "relevance_map_figure": "nero_core.figures.depth",
    "roc_figure": "nero_core.figures.methods",
    "short_id": "nero_core.figures.origin",
    "unpack_bundle": "nero_core.calibration.bundle_archive",
    "verdict_figure": "nero_core.figures.verdict",
    "with_origin": "nero_core.figures.origin",
    "score_domain": "nero_core.figures.score_domain",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value

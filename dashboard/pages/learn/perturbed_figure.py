"""The image as it is and as it is perturbed, side by side for a paper: drawn outside the page, when it is saved."""

from typing import TYPE_CHECKING

from dashboard import resources, words
from dashboard.resources import Perturbed, Source
from nero_core import Inspector
from nero_core.figures import Kind, Panel, heat_limit, overlay, panels_figure, smooth
from nero_core.phantom import PERTURBATIONS, Perturbation

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OPACITY = 0.7


def perturbed_figure(
    inspector: Inspector,
    item: Source,
    perturbation: Perturbation,
    original: Perturbed,
    shown: Perturbed,
    with_heatmap: bool,
) -> "Figure":
    """Both pictures with their scores and what was done, and the heatmap of the perturbed one where it is wanted."""
    panels = [
        Panel((original.pixels,), "As it is", _scored(original)),
        Panel((shown.pixels,), "Perturbed", f"{told(perturbation)}\n{_scored(shown)}"),
    ]
    scale: tuple[Kind, float, str] | None = None
    if with_heatmap:
        why = resources.perturbed_explanation(inspector, item, perturbation, shown)
        explained, heatmap = inspector.bundle.card.class_names[why.explained_class], smooth(why.heatmap, why.sigma)
        limit = heat_limit(heatmap)
        title = f"Heatmap of {explained}"
        conservation = words.heatmap_conservation(why)
        panels.append(Panel((overlay(shown.pixels, heatmap, OPACITY, limit),), title, conservation))
        scale = ("signed", limit, f"relevance per pixel; green speaks for {explained}, purple against it")
    note = (
        f"Threshold {words.number(shown.detection.threshold)}: {words.percent(shown.detection.tpr)} of ID images pass."
    )
    return panels_figure([("", panels)], len(panels), scale, note)


def told(perturbation: Perturbation) -> str:
    """What was done to the image: ``Blur 3 px; polyps pasted``."""
    changes = [
        f"{spec.title} {words.number(perturbation.strengths[name], 2)} {spec.unit}".replace(" %", "\u00a0%")
        for name, spec in PERTURBATIONS.items()
        if perturbation.strengths.get(name, spec.neutral) != spec.neutral
    ]
    if perturbation.lesion is not None:
        changes.append(f"{perturbation.lesion.label} pasted")
    if perturbation.occluded is not None:
        changes.append(f"rectangle hidden, {perturbation.fill}")
    return "; ".join(changes) or "Nothing was changed."


def _scored(perturbed: Perturbed) -> str:
    score, p = float(perturbed.detection.score[0]), float(perturbed.detection.p_value[0])
    distance = words.number(float(perturbed.detection.terms["distance"][0]))
    verdict = perturbed.detection.verdict(0)
    return f"NERO score {words.number(score)}, p = {words.number(p, 2)}: {verdict}\ndistance {distance}"

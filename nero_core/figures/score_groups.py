"""The scores of the banks in the groups in which they are drawn, on the screen and on paper."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from nero_core.types import ReferenceScores

Kind = Literal["ID", "OOD"]
Scores = Float[np.ndarray, " _"]


def bank_scores(reference: ReferenceScores) -> dict[str, Scores]:
    """Scores of the calibration images, which are ID, and of the OOD bank where there is one with images."""
    groups: dict[str, Scores] = {"ID": np.asarray(reference.calibration, dtype=np.float64)}
    if reference.ood is not None and len(reference.ood):
        groups["OOD"] = np.asarray(reference.ood, dtype=np.float64)
    return groups


def class_scores(
    reference: ReferenceScores, class_names: Sequence[str], ood_class_names: Sequence[str] = ()
) -> list[tuple[Kind, str, Scores]]:
    """ID or OOD, name and scores of each class that has images, ID before OOD.

    Args:
        reference: scores and class indices of the banks.
        class_names: of the ID classes.
        ood_class_names: of the OOD classes.
    """
    banks: list[tuple[Kind, object, object, Sequence[str]]] = [
        ("ID", reference.calibration, reference.calibration_labels, class_names)
    ]
    if reference.ood is not None and reference.ood_labels is not None:
        banks.append(("OOD", reference.ood, reference.ood_labels, ood_class_names))
    rows = [
        (bank, name, np.asarray(scores, dtype=np.float64)[np.asarray(labels) == index])
        for bank, scores, labels, names in banks
        for index, name in enumerate(names)
    ]
    return [row for row in rows if len(row[2])]


def histogram_counts(values: Scores, edges: Float[np.ndarray, " edges"]) -> Int[np.ndarray, " bins"]:
    """How many values lie in each bin; the first and the last hold what lies beyond them."""
    counts: Int[np.ndarray, " bins"] = np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0]
    return counts

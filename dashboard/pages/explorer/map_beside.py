"""What is drawn on the map beside the reference images: the set's own OOD images, and several uploaded images."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import streamlit as st
from jaxtyping import Float

from dashboard import resources, state
from dashboard.components.image_at_hand import files
from dashboard.components.link_values import link_values, switch
from dashboard.resources import Source
from dashboard.theme import OOD
from nero_core import Inspector
from nero_core.errors import NeroError
from nero_core.figures import data_uri, fit_within
from nero_core.types import OodOnMap, RelevanceMap

MOST_OWN = 60  # uploaded images: each takes a forward pass the first time
SIDE = 96  # pixels of the picture under the pointer

Points = Float[np.ndarray, "images 2"]


@dataclass(frozen=True, slots=True)
class Beside:
    """Further points on the map.

    Attributes:
        ood: the reference set's OOD images, or None where they are not shown.
        own: uploaded images besides the one at hand.
        own_points: where they lie.
    """

    ood: OodOnMap | None = None
    own: tuple[Source, ...] = ()
    own_points: Points = field(default_factory=lambda: np.zeros((0, 2)))

    @property
    def points(self) -> Points:
        """Where all of them lie: the OOD images first."""
        return (
            self.own_points if self.ood is None else np.concatenate([np.asarray(self.ood.coordinates), self.own_points])
        )

    @property
    def key(self) -> str:
        """What tells one such choice from another."""
        return f"{self.ood is not None} {' '.join(item.id for item in self.own)}"


NOTHING = Beside()


def map_beside(inspector: Inspector, item: Source | None, laid: RelevanceMap) -> Beside:
    """The switches, and what they ask for; what cannot be placed is left out and said."""
    others = [each for each in files() if item is None or each.id != item.id]
    with st.container(horizontal=True, key="map_beside"):
        wants_ood = False
        if inspector.bundle.ood is not None:
            with link_values({state.explorer.MAP_OOD: switch("switch to OOD images")}):
                wants_ood = st.toggle(
                    f"OOD images of the reference set ({inspector.bundle.ood_size})",
                    value=True,
                    key=state.explorer.MAP_OOD,
                    bind="query-params",
                )
        wants_own = bool(others) and st.toggle(
            f"Your other uploaded images ({len(others)})", value=True, key=state.explorer.MAP_OWN
        )
    ood = None
    if wants_ood:
        try:
            ood = resources.ood_on_map(inspector, laid.kind)
        except NeroError as error:  # another map is being laid out
            st.caption(f"The OOD images are not shown. {error}")
    return _with_own(inspector, others[:MOST_OWN] if wants_own else [], len(others), laid, ood)


def _with_own(
    inspector: Inspector, others: list[Source], count: int, laid: RelevanceMap, ood: OodOnMap | None
) -> Beside:
    placed, points, faults = [], [], []
    bar = st.empty()
    for done, each in enumerate(others):
        if len(others) > 1:
            bar.progress(done / len(others), text=f"Looking for the places of your images, {done + 1} of {len(others)}")
        try:
            points.append(np.asarray(resources.place(inspector, each, laid.kind).here))
            placed.append(each)
        except NeroError as error:
            faults.append(str(error))
    bar.empty()
    if faults:
        st.caption(f"{len(faults)} of your images are not on the map. The first: {faults[0]}")
    if others and count > len(others):
        st.caption(f"The first {len(others)} of your {count} other images are on the map.")
    return Beside(ood, tuple(placed), np.asarray(points).reshape(-1, 2))


def beside_data(
    inspector: Inspector, beside: Beside, low: Float[np.ndarray, " 2"], span: Float[np.ndarray, " 2"]
) -> dict[str, Any]:
    """What the browser draws of it, in the units of the other points."""
    ood, names = beside.ood, inspector.bundle.card.ood_class_names
    labels = [] if ood is None else ood.labels.tolist()
    said = [
        f"{names[label]}, OOD image {image_id[:8]}"
        for label, image_id in zip(labels, ood.ids if ood else (), strict=True)
    ]
    return {
        "points": np.round((beside.points - low) / span, 4).tolist(),
        "said": [*said, *(f"{item.name}, your image" for item in beside.own)],
        "pictures": [*[""] * len(said), *(_picture(item) for item in beside.own)],
        "oods": len(said),
        "colour": OOD,
    }


def _picture(item: Source) -> str:
    return data_uri(fit_within(resources.picture(item), SIDE), "webp")

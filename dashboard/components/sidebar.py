"""The side bar: reference set, its facts, research options, and the way to the other pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from dashboard import resources, state, theme, words
from nero_core import DETECTORS, Inspector
from nero_core.errors import BundleError


@dataclass(frozen=True, slots=True)
class Options:
    """What the research options hold.

    Attributes:
        method: of the score, a name in the catalog.
        tpr: ID acceptance of the threshold.
        order: what picks the concepts: ``share`` or ``relevance``.
        concepts: how many.
        download: ``png`` or ``svg``.
    """

    method: str
    tpr: float
    order: str
    concepts: int
    download: str


def frame(pages: Sequence[st.Page]) -> None:
    """Everything that does not wait for a reference set, and the place that pages fill above it."""
    with st.sidebar:
        state.keep_side(st.container())
        st.divider()
        for page in pages:
            st.page_link(page, width="stretch")
        if st.toggle("Large type", key=state.LARGE_TYPE, bind="query-params"):
            st.html(theme.LARGE_TYPE)
        st.caption("Research and teaching. Not a medical device.")


def reference_set() -> Inspector:
    """The chosen reference set, its facts, and the device.

    Raises:
        BundleError: there is none, or the chosen one cannot be used.
    """
    paths = resources.bundle_paths()
    with state.side():
        if not paths:
            raise BundleError(
                f"Expected at least one reference set. Found none in {resources.BUNDLES}. "
                "Make the demo with: make demo-bundle, or start with: nero dashboard --bundle FOLDER."
            )
        asked = state.asked_bundle()
        name = st.selectbox("Reference set", list(paths), key=state.BUNDLE, bind="query-params")
        if asked is not None and asked not in paths:
            st.warning(
                f"The link names the reference set {words.plain(asked)}, which is not here. This is another one."
            )
        facts = st.container()
    inspector = resources.inspector(Path(paths[name]))
    with facts:
        _facts(inspector)
    return inspector


def research_options(inspector: Inspector) -> Options:
    """Settings that a clinician never touches."""
    with state.side(), st.expander("Research options", icon=":material/tune:"):
        method = st.selectbox(
            "Method of the score", list(DETECTORS), key=state.METHOD, bind="query-params", help="NERO explains its own."
        )
        accept = st.slider(
            "Accept of reference images",
            min_value=90,
            max_value=99,
            value=min(99, max(90, round(100 * inspector.bundle.card.tpr))),
            format="%d %%",
            key=state.ACCEPT,
            bind="query-params",
            help="The threshold is set so that this part of the calibration images lies at or below it.",
        )
        order = st.segmented_control(
            "Concepts by",
            ["share", "relevance"],
            default="share",
            required=True,
            key=state.ORDER,
            bind="query-params",
            help="Share of the distance: what made the score. Relevance: what made the prediction.",
        )
        concepts = st.slider(
            "Number of concepts", min_value=4, max_value=16, value=8, key=state.CONCEPTS, bind="query-params"
        )
        download = st.segmented_control(
            "Download charts as", ["png", "svg"], default="png", required=True, key=state.DOWNLOAD
        )
    return Options(method, accept / 100, order or "share", concepts, download or "png")


def _facts(inspector: Inspector) -> None:
    bundle = inspector.bundle
    st.caption(
        f"{words.plain(bundle.card.title)}  \n{len(bundle.card.class_names)} classes · {bundle.fit_size} fit · "
        f"{bundle.calibration_size} calibration"
        + ("  \nSynthetic images" if bundle.card.synthetic else "")
        + f"  \nDevice: {words.plain(inspector.device_name)}"
    )

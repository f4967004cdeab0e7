"""The side bar: reference set, its facts, research options, and the way to the other pages."""

from collections.abc import Sequence
from contextlib import suppress
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
            st.page_link(page, width="stretch", query_params=state.between_pages())
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
        asked = state.follow_bundle(list(paths))
        name = st.selectbox("Reference set", list(paths), key=state.BUNDLE, on_change=state.bundle_chosen)
        if asked is not None and asked not in paths:
            st.warning(
                f"The link names the reference set {words.plain(asked)}, which is not here. This is another one."
            )
        facts = st.container()
    inspector = resources.inspector(Path(paths[name]))
    with facts:
        _facts(inspector)
    return inspector


def reference_set_if_any() -> None:
    """The same on a page that does not need one, where a missing one is no error."""
    with suppress(BundleError):
        reference_set()


def chart_options(inspector: Inspector) -> tuple[float, str]:
    """ID acceptance of the thresholds, and ``png`` or ``svg`` for downloads."""
    with state.side(), st.expander("Research options", icon=":material/tune:"):
        return _acceptance(inspector), _download()


def research_options(inspector: Inspector) -> Options:
    """Settings that a clinician never touches."""
    with state.side(), st.expander("Research options", icon=":material/tune:"):
        method = st.selectbox(
            "Method of the score", list(DETECTORS), key=state.METHOD, bind="query-params", help="NERO explains its own."
        )
        accept = _acceptance(inspector)
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
        download = _download()
    return Options(method, accept, order or "share", concepts, download)


def acceptances(tpr: float, calibration_size: int) -> list[float]:
    """The acceptances to choose from: whole percents and the bundle's own.

    With n calibration images the largest score is the threshold that accepts n / (n + 1); more cannot be had.
    """
    most = calibration_size / (calibration_size + 1)
    whole = {share / 100 for share in range(90, 100) if share / 100 <= most and state.percents(tpr) != str(share)}
    return sorted(whole | {tpr})


def _acceptance(inspector: Inspector) -> float:
    bundle = inspector.bundle
    options = acceptances(bundle.card.tpr, bundle.calibration_size)
    is_stale = state.is_accept_of_another(bundle.digest)
    if len(options) == 1:
        st.caption(f"Accepts {words.percent(options[0])} of reference images: no more with so few calibration images.")
        return options[0]
    if is_stale:
        st.session_state[state.ACCEPT] = bundle.card.tpr
    return st.select_slider(
        "Accept of reference images, in %",
        options,
        value=None if is_stale else bundle.card.tpr,  # Streamlit warns of a default besides a value that was set
        format_func=state.percents,
        key=state.ACCEPT,
        bind="query-params",
        help="The threshold is set so that this part of the calibration images lies at or below it.",
    )


def _download() -> str:
    chosen = st.segmented_control(
        "Download charts as", ["png", "svg"], default="png", required=True, key=state.DOWNLOAD
    )
    return chosen or "png"


def _facts(inspector: Inspector) -> None:
    bundle = inspector.bundle
    st.caption(
        f"{words.plain(bundle.card.title)}  \n{len(bundle.card.class_names)} classes · {bundle.fit_size} fit · "
        f"{bundle.calibration_size} calibration"
        + ("  \nSynthetic images" if bundle.card.synthetic else "")
        + f"  \nDevice: {words.plain(inspector.device_name)}"
    )

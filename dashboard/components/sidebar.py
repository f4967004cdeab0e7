"""The side bar: reference set, its facts, research options, and the way to the other pages."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import streamlit as st

from dashboard import access, resources, state, theme, words
from dashboard.access import Visitor
from dashboard.components.link_values import choices, link_values, numbers, switch
from dashboard.options import Options, like_choices, tpr_choices, usual_like
from nero_core import VERDICT, Inspector
from nero_core.detectors import METHODS
from nero_core.errors import BundleError

ORDERS = ("contribution", "relevance")
CONCEPTS = (4, 16)  # the fewest and the most


def frame(pages: Sequence[st.Page], visitor: Visitor) -> None:
    """Everything that does not wait for a reference set, and the place that pages fill above it."""
    with st.sidebar:
        state.site.keep_side(st.container())
        st.divider()
        for page in pages:
            st.page_link(page, width="stretch", query_params=state.site.between_pages())
        with link_values({state.site.LARGE_TYPE: switch("switch to large type")}):
            is_large = st.toggle("Large type", key=state.site.LARGE_TYPE, bind="query-params")
        if is_large:
            st.html(theme.LARGE_TYPE)
        if visitor.name:
            access.log_out(f"{visitor.name} ({visitor.role})")
        st.caption(words.DISCLAIMER)
    st.html(f'<p class="nero-disclaimer">{words.DISCLAIMER}</p>')  # where the side bar is closed at first: on phones


def reference_set() -> Inspector:
    """The chosen reference set, its facts, and the device.

    Raises:
        BundleError: there is none, or the chosen one cannot be used.
    """
    paths = resources.bundle_paths()
    with state.site.side():
        if not paths:
            raise BundleError(
                f"Expected at least one reference set. Found none in {resources.bundles.BUNDLES}. "
                "Make the demo with: make demo-bundle, or start with: nero dashboard --bundle FOLDER."
            )
        state.site.refuse(state.site.BUNDLE, paths.__contains__)
        state.site.follow_bundle(list(paths))
        name = st.selectbox("Reference set", list(paths), key=state.site.BUNDLE, on_change=state.site.bundle_chosen)
        facts = st.container()
    for asked in state.site.refused(state.site.BUNDLE):  # on the page: on a narrow screen the side bar is closed
        st.warning(
            f"The link names the reference set {words.plain(asked)}, which is not here. Shown is {words.plain(name)}.",
            icon=":material/link_off:",
        )
    with st.spinner("Loading the reference set and its classifier …"):
        inspector = resources.inspector(Path(paths[name]))
    with facts:
        _facts(inspector)
    return inspector


def reference_set_if_any() -> None:
    """The same on a page that does not need one, where a missing one is no error."""
    with suppress(BundleError):
        reference_set()


def chart_options(inspector: Inspector) -> tuple[float, str]:
    """The tpr of the thresholds, and ``png`` or ``svg`` for downloads."""
    offered = _tpr_choices(inspector)
    with link_values({state.site.TPR: choices("share of images that should pass", offered)}), _research_options():
        return _tpr(inspector, offered), _download()


def research_options(inspector: Inspector) -> Options:
    """Settings that a clinician never touches. What a link asks of them and cannot have is
    said outside of the closed box."""
    offered, (fewest, most) = _tpr_choices(inspector), CONCEPTS
    offers = {
        state.site.METHOD: choices("method", METHODS),
        state.site.TPR: choices("share of images that should pass", offered),
        state.site.WITHIN_CLASS: switch("switch to compare within the predicted class"),
        state.screen.ORDER: choices("order of concepts", ORDERS),
        state.screen.CONCEPTS: numbers("number of concepts", fewest, most),
    }
    with link_values(offers), _research_options():
        method = st.selectbox(
            "Method of the score",
            METHODS,
            key=state.site.METHOD,
            format_func=lambda name: words.method(name) if name == VERDICT else name,
            bind="query-params",
            help="The explanations on this page are NERO's own.",
        )
        if sentence := inspector.bundle.card.sample_sentence:
            st.caption(sentence)
        tpr = _tpr(inspector, offered)
        like = _like(tpr)
        by_class = st.toggle(
            "Compare within the predicted class",
            key=state.site.WITHIN_CLASS,
            bind="query-params",
            help="The p-value counts only calibration images of which the classifier predicts the same class, so that "
            "the share that passes holds for each class by itself. It cannot be smaller than 1/(their number + 1).",
        )
        order = st.segmented_control(
            "Concepts by",
            ORDERS,
            default=ORDERS[0],
            required=True,
            key=state.screen.ORDER,
            bind="query-params",
            help="Contribution to the distance: what made the score. Relevance: what made the prediction.",
        )
        concepts = st.slider(
            "Number of concepts", fewest, most, value=8, key=state.screen.CONCEPTS, bind="query-params"
        )
        download = _download()
    note = inspector.no_verdict_because(tpr) if method == VERDICT else ""
    method = inspector.default_method(tpr) if note else method
    return Options(method, tpr, order or ORDERS[0], concepts, download, like, by_class, note)


@contextmanager
def _research_options() -> Iterator[None]:
    with state.site.side(), st.expander("Research options", icon=":material/tune:"):
        yield


def _tpr_choices(inspector: Inspector) -> dict[str, float]:
    """The values of tpr to choose from, each as it stands in the URL."""
    bundle = inspector.bundle
    return {state.site.percents(tpr): tpr for tpr in tpr_choices(bundle.card.tpr, bundle.calibration_size)}


def _tpr(inspector: Inspector, offered: dict[str, float]) -> float:
    usual = inspector.bundle.card.tpr
    state.site.follow_rate(state.site.TPR, offered, usual)
    if len(offered) == 1:
        st.caption(f"{words.percent(usual)} of reference images pass: no more with so few calibration images.")
        return usual
    says = "The threshold is set so that this part of the calibration images lies at or below it."
    return _rate("Share of reference images that should pass (%)", offered, state.site.TPR, usual, says)


def _like(tpr: float) -> float:
    offered, usual = {state.site.percents(share): share for share in like_choices(tpr)}, usual_like(tpr)
    with link_values({state.site.LIKE: choices("share of images to call like", offered)}):
        state.site.follow_rate(state.site.LIKE, offered, usual)
        says = "An image that passes, but would not at this lower rate, is called borderline."
        return _rate("Share of reference images to call like (%)", offered, state.site.LIKE, usual, says)


def _rate(label: str, offered: dict[str, float], key: str, usual: float, says: str) -> float:
    return st.select_slider(
        label,
        list(offered.values()),
        format_func=state.site.percents,
        key=key,
        on_change=state.site.rate_chosen,
        args=(key, usual),
        help=says,
    )


def _download() -> str:
    chosen = st.segmented_control(
        "Download charts as", ["png", "svg"], default="png", required=True, key=state.site.DOWNLOAD
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

"""What if: NERO's settings as sliders, scored again from the banks at once, beside the published setting."""

import json
from functools import partial
from importlib.metadata import PackageNotFoundError, version

import streamlit as st

from dashboard import charts, resources, state, words
from dashboard.components.figure_download import Origin, figure_download, origin
from dashboard.components.image_cards import end_of_card
from dashboard.components.link_values import choices, link_values, numbers, switch
from dashboard.options import epsilons, tpr_choices
from dashboard.plain_errors import plain_errors
from dashboard.resources import Source
from dashboard.theme import theme_of
from nero_core import Inspector
from nero_core.figures import histogram_figure
from nero_core.types import WhatIf, WhatIfSettings

NORMS = (1, 2)
PACKAGES = ("nero-dashboard", "torch", "timm", "pytorch-ood", "numpy")


def what_if_panel(inspector: Inspector, item: Source, download: str) -> None:
    """Behind a switch, so that nothing is computed for those who never ask."""
    with st.container(border=True, key="what_if"):
        _panel(inspector, item, download)
        end_of_card(item)


@st.fragment
def _panel(inspector: Inspector, item: Source, download: str) -> None:
    with plain_errors():
        with link_values({state.screen.WHAT_IF: switch("switch of the what-if panel")}):
            is_open = st.toggle("What if NERO had other settings?", key=state.screen.WHAT_IF, bind="query-params")
        if not is_open:
            return
        published = resources.explorer(inspector).settings
        settings_side, figures_side = st.columns([2, 5], gap="large")
        with settings_side:
            settings = _settings(inspector, published)
            st.button(
                "Reset",
                icon=":material/restart_alt:",
                key="what_if_reset",
                on_click=state.site.set_widgets,
                args=(_widgets(published, inspector),),
            )
        with figures_side, st.spinner("Scoring all images again …"):
            usual = resources.what_if(inspector, item, published)
            changed = resources.what_if(inspector, item, settings)
            _figures(usual, changed, download, origin(inspector, item))
        with settings_side:
            _take_along(inspector, item, usual, changed)


def _settings(inspector: Inspector, published: WhatIfSettings) -> WhatIfSettings:
    neurons, bundle = inspector.bundle.classifier.head.neurons, inspector.bundle
    usual = _widgets(published, inspector)
    offered_epsilons = epsilons(published.epsilon)
    options = tpr_choices(published.tpr, bundle.calibration_size)
    offers = {
        state.screen.WHAT_IF_K: numbers("k", 1, neurons),
        state.screen.WHAT_IF_COMPONENTS: numbers("number of principal components", 1, neurons),
        state.screen.WHAT_IF_EPSILON: choices("ε", {f"{value:g}": value for value in offered_epsilons}),
        state.screen.WHAT_IF_NORM: choices("norm", {str(value): value for value in NORMS}),
        state.screen.WHAT_IF_TPR: choices(
            "share of images that should pass", {state.site.percents(share): share for share in options}
        ),
    }
    counted = {
        state.screen.WHAT_IF_K: (
            "k, channels of least relevance",
            "The scale ρ is the part of the activity that lies in these channels.",
        ),
        state.screen.WHAT_IF_COMPONENTS: (
            f"Principal components, of {neurons}",
            "The distance is taken along these directions. The fit images may give fewer than are asked for.",
        ),
    }
    tpr = published.tpr
    with link_values(offers):
        k, components = (
            st.slider(label, 1, neurons, int(str(usual[key])), key=key, bind="query-params", help=says)
            for key, (label, says) in counted.items()
        )
        epsilon = st.select_slider(
            "ε of the LRP rule",
            offered_epsilons,
            published.epsilon,
            format_func=lambda value: f"{value:g}",
            key=state.screen.WHAT_IF_EPSILON,
            bind="query-params",
            help="Keeps relevance finite where a logit is near 0; the published code has 0.",
        )
        norm = st.segmented_control(
            "Norm of the distance",
            NORMS,
            default=published.norm,
            required=True,
            key=state.screen.WHAT_IF_NORM,
            bind="query-params",
            help="1 as published: the sum of differences. 2: the Euclidean length.",
        )
        if len(options) > 1:
            tpr = st.select_slider(
                "Share of reference images that should pass (%)",
                options,
                published.tpr,
                format_func=state.site.percents,
                key=state.screen.WHAT_IF_TPR,
                bind="query-params",
            )
    return WhatIfSettings(epsilon, components / neurons, k, norm or published.norm, tpr)


def _widgets(settings: WhatIfSettings, inspector: Inspector) -> dict[str, object]:
    """What each widget holds under these settings, by its key."""
    return {
        state.screen.WHAT_IF_K: settings.k,
        state.screen.WHAT_IF_COMPONENTS: round(settings.component_share * inspector.bundle.classifier.head.neurons),
        state.screen.WHAT_IF_EPSILON: settings.epsilon,
        state.screen.WHAT_IF_NORM: settings.norm,
        state.screen.WHAT_IF_TPR: settings.tpr,
    }


def _figures(usual: WhatIf, changed: WhatIf, download: str, footer: Origin) -> None:
    """The histogram of each setting, and their figures side by side."""
    theme = theme_of(st.context.theme.type)
    titled = (("usual", "As set", usual), ("found", "What if", changed))
    for side, (name, title, shown) in zip(st.columns(2, gap="medium"), titled, strict=True):
        with side:
            st.markdown(f"**{title}**")
            st.plotly_chart(
                charts.score_histogram(shown.reference, shown.score, theme),
                key=f"what_if_{name}",
                config=charts.toolbar("what-if-scores", download),
                alt=f"{title}: scores of the reference images; threshold {words.number(shown.threshold)}, this image "
                f"{words.number(shown.score)}",
            )
            saved = "what if scores" if name == "found" else "scores as set"
            make = partial(histogram_figure, shown.reference, shown.score)
            figure_download(saved, make, f"what_if_{name}", footer=footer)
    st.dataframe(figure_table(usual, changed), hide_index=True, alt="Figures of both settings")
    st.caption(
        f"“As set” lets {words.percent(usual.settings.tpr)} of reference images pass, as the reference set was made, "
        "whatever the side bar says. Read each histogram on its own scale: each setting has its own unit. AUROC and "
        "FPR95 compare the calibration images with the OOD images of this reference set. A setting chosen because it "
        "does best here is fitted to these images."
    )


def figure_table(usual: WhatIf, changed: WhatIf) -> charts.Table:
    """One row a figure: as it is set, what if, and how that differs."""
    rows = (
        ("verdict", usual.detection.verdict(0), changed.detection.verdict(0)),
        ("score", words.number(usual.score), words.number(changed.score)),
        ("threshold", words.number(usual.threshold), words.number(changed.threshold)),
        ("p", words.number(usual.p_value, 2), words.number(changed.p_value, 2)),
        ("AUROC", _share(usual.auroc), _share(changed.auroc)),
        ("FPR95 (ID positive)", _share(usual.fpr95), _share(changed.fpr95)),
        ("components kept", str(usual.components), str(changed.components)),
        ("λ of the bias term", words.number(usual.bias_scale), words.number(changed.bias_scale)),
    )
    names, before, after = zip(*rows, strict=True)
    return {"": list(names), "as set": list(before), "what if": list(after)}


def _share(value: float) -> str:
    return f"{100 * value:.1f}\u00a0%" if value == value else "no OOD bank"


def _take_along(inspector: Inspector, item: Source, usual: WhatIf, what_if: WhatIf) -> None:
    """The setting as a link and as a file."""
    st.download_button(
        "Setting as JSON",
        json.dumps(setting_record(inspector, item, what_if), indent=2),
        file_name="nero-what-if.json",
        mime="application/json",
        icon=":material/download:",
        key="what_if_json",
        on_click="ignore",
    )
    changed = {
        name: value
        for name, value in _widgets(what_if.settings, inspector).items()
        if value != _widgets(usual.settings, inspector)[name]
    }
    if state.screen.WHAT_IF_TPR in changed:
        changed[state.screen.WHAT_IF_TPR] = state.site.percents(what_if.settings.tpr)
    if state.screen.WHAT_IF_EPSILON in changed:
        changed[state.screen.WHAT_IF_EPSILON] = f"{what_if.settings.epsilon:g}"
    st.code(
        state.site.link({state.screen.WHAT_IF: "true"} | {name: str(value) for name, value in changed.items()}),
        language=None,
        wrap_lines=True,
    )
    st.caption(
        "This link opens the same setting"
        + (" and sample." if state.images.sample() else "; it does not hold the image.")
    )


def setting_record(inspector: Inspector, item: Source, what_if: WhatIf) -> dict[str, object]:
    """Everything that somebody needs to come to the same figures. The image is named by its digest alone."""
    settings = what_if.settings
    return {
        "bundle": {"title": inspector.bundle.card.title, "sha256": inspector.bundle.digest},
        "image": {"sha256": item.id},
        "settings": {
            "epsilon": settings.epsilon,
            "component_share": settings.component_share,
            "components": what_if.components,
            "least": settings.k,
            "norm": settings.norm,
            "tpr": settings.tpr,
            "bias_scale": what_if.bias_scale,
        },
        "score": what_if.score,
        "threshold": what_if.threshold,
        "p_value": what_if.p_value,
        "is_ood": what_if.is_ood,
        "auroc": what_if.auroc if what_if.auroc == what_if.auroc else None,
        "fpr95_id_positive": what_if.fpr95 if what_if.fpr95 == what_if.fpr95 else None,
        "versions": {name: _version(name) for name in PACKAGES},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"

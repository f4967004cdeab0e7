"""The steps: one sentence, one control, the formula with this image's numbers, one plot each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import charts, resources, state, words
from dashboard.components.figure_download import origin
from dashboard.components.link_values import choices, link_values, numbers
from dashboard.options import epsilons
from dashboard.pages.learn.lesson_plot import lesson_theme, plotted
from dashboard.pages.learn.lesson_verdicts import depths_step, verdict_step
from dashboard.resources import Source
from nero_core import Inspector
from nero_core.figures import bar_figure, channel_bars_figure, least_relevant_figure
from nero_core.types import WhatIf

if TYPE_CHECKING:
    pass

RELEVANCE = "relevance (parts of 1)"


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Attributes:
        title: what comes in and what comes out.
        says: the step in two short sentences.
        draw: control, formula and numbers where it is called, and the plot in the place it is given beside them; from
            the reference set, the image, and NERO as it is set.
    """

    title: str
    says: str
    draw: Callable[[Inspector, Source, WhatIf, DeltaGenerator], None]


def _features(inspector: Inspector, item: Source, usual: WhatIf, plot: DeltaGenerator) -> None:
    features = resources.observation(inspector, item).features[0].cpu().double().numpy()
    strongest = np.argsort(-features, kind="stable")
    with link_values({state.learn.LESSON_CHANNEL: numbers("channel", 0, len(features) - 1)}):
        channel = st.slider(
            "Channel",
            0,
            len(features) - 1,
            int(strongest[0]),
            key=state.learn.LESSON_CHANNEL,
            bind="query-params",
        )
    rank = int(np.flatnonzero(strongest == channel)[0]) + 1
    st.latex(
        rf"a = \mathrm{{pool}}\,F(x) \in \mathbb{{R}}^{{{len(features)}}} \qquad\allowbreak "
        rf"a_{{{channel}}} = {words.tex(float(features[channel]))}"
    )
    bank = inspector.bundle.fit.features[:, channel].cpu().double().mean()
    st.markdown(
        f"Channel {channel} is number **{rank}** of {len(features)} in this image. "
        f"Over the reference images its mean is {words.number(float(bank))}."
    )
    figure = charts.channel_bars(features, lesson_theme(), "activation", strongest, channel)
    shown = charts.lesson_channels(strongest, channel)
    make = partial(channel_bars_figure, features, shown, "activation", "strongest first", channel)
    alt = f"The strongest features; channel {channel} is marked"
    plotted(
        plot, origin(inspector, item), figure, "features", alt, "The strongest channels, the chosen one in blue.", make
    )


def _logits(inspector: Inspector, item: Source, usual: WhatIf, plot: DeltaGenerator) -> None:
    observation = resources.observation(inspector, item)
    names = inspector.bundle.card.class_names
    logits, probabilities = observation.logits[0].cpu().double(), observation.probabilities[0].cpu().double()
    with link_values({state.learn.LESSON_CLASS: choices("class", names)}):
        chosen = st.selectbox("Class", names, int(logits.argmax()), key=state.learn.LESSON_CLASS, bind="query-params")
    place = names.index(chosen)
    weight = observation.head.weight[place].cpu().double()
    bias = float(observation.head.bias[place])
    parts = observation.features[0].cpu().double() * weight
    st.latex(
        r"\ell_c = \sum_j a_j W_{cj} + b_c"
        rf" = {words.tex(float(parts.sum()))} + ({words.tex(bias)}) = {words.tex(float(logits[place]))}"
    )
    st.latex(rf"p_c = e^{{\ell_c}} / \textstyle\sum_i e^{{\ell_i}} = {words.tex(float(probabilities[place]))}")
    top = parts.argsort(descending=True)[:3].tolist()
    told = words.listed([f"channel {value} with {words.number(float(parts[value]))}" for value in top])
    st.markdown(f"What speaks most for {words.plain(chosen)}: {told}.")
    texts = [
        f"{words.number(float(value))}  ({words.percent(float(p))})"
        for value, p in zip(logits, probabilities, strict=True)
    ]
    unit = "logit (probability in brackets)"
    figure = charts.class_bars(logits, names, lesson_theme(), unit, place, texts)
    make = partial(bar_figure, names, logits, unit, texts, (place,))
    says = "The largest logit is the prediction. The classes share 100 %, even where none of them fits."
    plotted(plot, origin(inspector, item), figure, "logits", "Logit and probability of a class", says, make)


def _relevance(inspector: Inspector, item: Source, usual: WhatIf, plot: DeltaGenerator) -> None:
    settings = usual.settings
    with link_values(
        {state.learn.LESSON_EPSILON: choices("ε", {f"{value:g}": value for value in epsilons(settings.epsilon)})}
    ):
        epsilon = st.select_slider(
            "ε",
            epsilons(settings.epsilon),
            settings.epsilon,
            format_func=lambda value: f"{value:g}",
            key=state.learn.LESSON_EPSILON,
            bind="query-params",
        )
    changed = resources.what_if(inspector, item, replace(settings, epsilon=epsilon))
    total, bias = float(changed.channels.relevance.sum()), float(changed.detection.terms["bias_relevance"][0])
    st.latex(
        r"r_j = a_j \sum_i \frac{p_i\,W_{ij}}{\ell_i + \varepsilon\,\mathrm{sign}\,\ell_i} \qquad\allowbreak"
        rf"{{\sum_j r_j + r_\beta}} = {words.tex(total)} + ({words.tex(bias)}) = {words.tex(total + bias)}"
    )
    conserved = total + bias
    lost = f"ε holds back {words.percent(1 - conserved)}" if conserved < 0.995 else "nothing is lost"
    st.markdown(f"The probabilities, 1 in all, are passed back to the channels and the bias: {lost}.")
    order = np.argsort(-np.abs(usual.channels.relevance.numpy()), kind="stable")
    values, means = changed.channels.relevance, usual.channels.relevance
    means_name = f"with ε = {settings.epsilon:g}, the setting of this reference set"
    figure = charts.channel_bars(values, lesson_theme(), RELEVANCE, order, means=means, means_name=means_name)
    shown, by = charts.lesson_channels(order), f"largest |relevance| first; ε = {epsilon:g}"
    make = partial(channel_bars_figure, values, shown, RELEVANCE, by, None, means, means_name)
    says = "Above zero a channel speaks for the prediction, below against it. A large ε makes all of them small."
    plotted(plot, origin(inspector, item), figure, "relevance", "The channels of largest relevance", says, make)


def _centroid(inspector: Inspector, item: Source, usual: WhatIf, plot: DeltaGenerator) -> None:
    card, channels = inspector.bundle.card, usual.channels
    with link_values({state.learn.LESSON_CENTROID: choices("class", card.class_names)}):
        chosen = st.selectbox(
            "Class", card.class_names, channels.nearest, key=state.learn.LESSON_CENTROID, bind="query-params"
        )
    place = card.class_names.index(chosen)
    mean = channels.centroids[place]
    size = int((inspector.bundle.fit.labels == place).sum())
    gap = (channels.relevance - mean).abs()
    st.latex(
        rf"m_c = \frac{{1}}{{n_c}} \sum_{{x \in c}} r(x) \qquad\allowbreak n_c = {size} \qquad\allowbreak"
        rf"\sum_j |r_j - m_{{cj}}| = {words.tex(float(gap.sum()))}"
    )
    widest = int(gap.argmax())
    here, usually = (words.number(float(values[widest])) for values in (channels.relevance, mean))
    st.markdown(f"Furthest from {words.plain(chosen)} is channel **{widest}**: {here} here, {usually} in the class.")
    order = np.argsort(-gap.numpy(), kind="stable")
    values, means_name = channels.relevance, f"{chosen}, mean"
    figure = charts.channel_bars(values, lesson_theme(), RELEVANCE, order, means=mean, means_name=means_name)
    shown, by = charts.lesson_channels(order), "largest difference first"
    make = partial(channel_bars_figure, values, shown, RELEVANCE, by, None, mean, means_name)
    says = "Bars: this image. Marks: the class. The channels that differ most come first."
    plotted(
        plot,
        origin(inspector, item),
        figure,
        "centroid",
        f"Channels of this image against the mean of {chosen}",
        says,
        make,
    )


def _distance(inspector: Inspector, item: Source, usual: WhatIf, plot: DeltaGenerator) -> None:
    names, neurons = inspector.bundle.card.class_names, len(usual.channels.relevance)
    most = resources.what_if(inspector, item, replace(usual.settings, component_share=1.0)).components
    with link_values({state.learn.LESSON_COMPONENTS: numbers("number of principal components", 1, most)}):
        components = st.slider(
            "Principal components", 1, most, usual.components, key=state.learn.LESSON_COMPONENTS, bind="query-params"
        )
    changed = resources.what_if(inspector, item, replace(usual.settings, component_share=components / neurons))
    distances, nearest = changed.detection.terms["distances"][0], changed.channels.nearest
    st.latex(
        rf"d = \min_c \lVert P\,(r - m_c) \rVert_{changed.settings.norm} = {words.tex(float(distances[nearest]))}"
        rf"\qquad\allowbreak {{P: \mathbb{{R}}^{{{neurons}}} \to \mathbb{{R}}^{{{changed.components}}}}}"
    )
    st.markdown(
        f"With {changed.components} of {most} directions this image is nearest to **{words.plain(names[nearest])}**. "
        "Directions come in the order in which the reference images differ most."
    )
    texts = [words.number(float(value)) for value in distances]
    unit = "distance to the centroid"
    figure = charts.class_bars(distances, names, lesson_theme(), unit, nearest, texts)
    make = partial(bar_figure, names, distances, unit, texts, (nearest,))
    says = "The shortest bar counts, in blue: the distance to the nearest class."
    plotted(plot, origin(inspector, item), figure, "distance", "Distance to the centroid of every class", says, make)


def _scale(inspector: Inspector, item: Source, usual: WhatIf, plot: DeltaGenerator) -> None:
    features = resources.observation(inspector, item).features[0].cpu().double().abs()
    with link_values({state.learn.LESSON_K: numbers("k", 1, len(features))}):
        k = st.slider("k", 1, len(features), usual.settings.k, key=state.learn.LESSON_K, bind="query-params")
    changed = resources.what_if(inspector, item, replace(usual.settings, k=k))
    scale, total = float(changed.detection.terms["scale"][0]), float(features.sum())
    st.latex(
        rf"\rho = \frac{{\sum_{{j \in K}} |a_j|}}{{\sum_j |a_j|}} = \frac{{{words.tex(scale * total)}}}"
        rf"{{{words.tex(total)}}} = {words.tex(scale)}"
    )
    st.markdown(
        f"**{words.percent(scale)}** of the activity lies in the {k} channels that matter least to the prediction. "
        "In OOD images that part is often large."
    )
    figure = charts.least_relevant(features, changed.channels.relevance, k, lesson_theme())
    make = partial(least_relevant_figure, features, changed.channels.relevance, k)
    alt = f"Activation of all channels, the {k} of least relevance marked"
    plotted(
        plot,
        origin(inspector, item),
        figure,
        "scale",
        alt,
        "Each bar is a channel. ρ is the blue part of the whole.",
        make,
    )


#: The steps by the name that stands in the URL, in order.
STEPS: Mapping[str, Step] = MappingProxyType(
    {
        "features": Step(
            "image → features",
            "The network turns the picture into a list of numbers, the **features**. "
            "Each tells how strongly one channel found its pattern.",
            _features,
        ),
        "logits": Step(
            "features → logits",
            "One linear layer weighs the features for each class. The result is a **logit** a class, "
            "and softmax turns them into probabilities.",
            _logits,
        ),
        "relevance": Step(
            "logits → relevance",
            "Now backwards: which channels carried the prediction? **Relevance** (LRP-ε) passes each probability "
            "back to the channels, in proportion to what each of them gave.",
            _relevance,
        ),
        "centroid": Step(
            "relevance → centroid",
            "Images of one class use the channels in a similar way. Their mean relevance is the class's **centroid**.",
            _centroid,
        ),
        "distance": Step(
            "centroid → distance",
            "How far is this image from the nearest class? The **distance** is taken along the directions in which "
            "reference images differ.",
            _distance,
        ),
        "scale": Step(
            "distance → scale",
            "An unfamiliar image excites channels that the prediction does not need. The **scale** ρ is their part of "
            "the activity.",
            _scale,
        ),
        "verdict": Step(
            "scale → verdict",
            "Distance and bias term, times scale, make the **score**. Above the threshold the image is called unlike "
            "the reference images.",
            verdict_step,
        ),
        "depths": Step(
            "verdict → all depths",
            "So far this was NERO as published. Other pages also ask how unusual the image is at **every depth** of "
            "the network, and judge both tests together.",
            depths_step,
        ),
    }
)

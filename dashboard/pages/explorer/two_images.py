"""Two images side by side: what NERO says of each, how they use the channels, and one channel in both."""

from functools import partial

import streamlit as st

from dashboard import charts, resources, state, words
from dashboard.components import marks
from dashboard.components.figure_download import figure_download
from dashboard.components.image_at_hand import files
from dashboard.components.samples import sample_paths
from dashboard.pages.explorer.channel_field import channel_field
from dashboard.pages.explorer.channel_pictures import OPACITY, SIDE, legend
from dashboard.pages.explorer.two_images_figures import (
    Heatmap,
    image_text,
    named,
    pair_channels_figure,
    pair_panels_figure,
)
from dashboard.plain_errors import plain_errors
from dashboard.resources import Source
from dashboard.theme import theme_of
from nero_core import Inspector
from nero_core.errors import NeroError
from nero_core.figures import fit_within, overlay, own_limit, scale_limits, smooth
from nero_core.types import Channels, Explanation

NEAREST = 8  # reference images to choose from: the nearest to the image at hand
_REFERENCE = "reference "  # before the id of each


def two_images(inspector: Inspector, item: Source | None) -> None:
    """The image at hand and a second one."""
    with plain_errors():
        if item is None:
            st.info("Choose an image above first; then a second one to compare it with.", icon=":material/compare:")
            return
        second = _second(inspector, item)
        if second is None:
            st.caption("Choose a second image: another sample, another upload, or a reference image near the first.")
            return
        channel = channel_field(inspector, "Channel to show", placeholder="the one that differs most", width=260)
        first_channels, second_channels = _channels(inspector, item), _channels(inspector, second)
        shown = charts.pair_order(first_channels, second_channels)[0] if channel is None else channel
        _panels(inspector, (item, second), (first_channels, second_channels), int(shown))
        with st.container(border=True, key="image_pair"):
            st.subheader("Channel by channel", anchor=False)
            names = (item.name, second.name)
            st.plotly_chart(
                charts.image_pair(first_channels, second_channels, names, theme_of(st.context.theme.type), int(shown)),
                key="image_pair_plot",
                config=charts.toolbar("two-images"),
                alt=f"Relevance of {charts.PAIR_TOP} channels in both images",
            )
            st.caption(
                f"The {charts.PAIR_TOP} channels whose relevance differs most between the two images, on one axis. "
                "A number in bold is the channel that is shown above."
            )
            with st.container(horizontal=True):
                with st.popover("Data table", icon=":material/table:", type="tertiary"):
                    table = charts.pair_table(first_channels, second_channels, names)
                    st.dataframe(table, hide_index=True, alt="Relevance of all channels in both images")
                make = partial(pair_channels_figure, first_channels, second_channels, named((item, second)), int(shown))
                figure_download("two images by channel", make, "image_pair")


def _second(inspector: Inspector, item: Source) -> Source | None:
    """The second image, from uploads, samples and the reference images nearest to the first."""
    choices: dict[str, str] = {}
    for file in files():
        if file.id != item.id:
            choices[f"upload {file.key}"] = f"Upload: {file.name}"
    inside, outside = sample_paths(inspector)
    choices |= {f"sample {path.stem}": f"Sample: {path.stem}" for path in inside + outside if path.name != item.name}
    with st.spinner("Looking for the nearest reference images …"):
        place = resources.place(inspector, item, "pca")
    for rank, reference_id in enumerate(place.nearest[:NEAREST], 1):
        name = inspector.reference_class(reference_id)
        choices[f"reference {reference_id}"] = f"Reference {rank} of the nearest: {name}"
    asked = state.explorer.second()
    if asked is not None and asked not in choices:
        asked = _further(inspector, asked, choices)
    state.explorer.follow_second(asked, choices)
    chosen = st.selectbox(
        "Second image",
        list(choices),
        index=None,
        format_func=choices.__getitem__,
        key=state.explorer.SECOND_IMAGE,
        on_change=state.explorer.choose_second,
        placeholder="another image",
        width=420,
    )
    return None if chosen is None else _source(inspector, chosen, choices[chosen])


def _further(inspector: Inspector, asked: str, choices: dict[str, str]) -> str | None:
    """A reference image that the URL names but that is not among the nearest; anything else is not here."""
    kind, _, name = asked.partition(" ")
    if kind == "reference" and name in inspector.bundle.fit.ids:
        choices[asked] = f"Reference: {inspector.reference_class(name)}, {name[:8]}"
        return asked
    st.warning("The link names a second image that is not here. Choose another one.", icon=":material/link_off:")
    return None


def _source(inspector: Inspector, chosen: str, says: str) -> Source:
    kind, _, name = chosen.partition(" ")
    if kind == "upload":
        return next(candidate for candidate in files() if candidate.key == name)
    if kind == "sample":
        inside, outside = sample_paths(inspector)
        path = next(candidate for candidate in inside + outside if candidate.stem == name)
        return resources.source(f"sample {name} {path.stat().st_mtime_ns}", path.name, path.read_bytes())
    # under the digest of the small picture: the file that it was made of may be uploaded, and has its own results
    return resources.source(chosen, says.partition(": ")[2], inspector.thumbnail(name))


def _is_reference(item: Source) -> bool:
    return item.key.startswith(_REFERENCE)


def _channels(inspector: Inspector, item: Source) -> Channels:
    """Of a reference image from the bank, since the bundle keeps only a small picture of it."""
    if not _is_reference(item):
        return resources.channels(inspector, item)
    return resources.reference_channels(inspector, item.key.removeprefix(_REFERENCE))


def _panels(inspector: Inspector, items: tuple[Source, Source], pair: tuple[Channels, Channels], channel: int) -> None:
    names = inspector.bundle.card.class_names
    why = ""
    traced: list[Explanation | None] = []
    with st.spinner(f"Tracing channel {channel} in both images …"):
        for item in items:
            try:
                traced.append(resources.concepts(inspector, item, 1, "contribution", (channel,)))
            except NeroError as error:
                traced.append(None)
                why = str(error)
    maps, limit = _maps(traced)
    texts = [image_text(inspector, item, channels, channel) for item, channels in zip(items, pair, strict=True)]
    for place, item, channels, heatmap in zip(st.columns(2, gap="medium"), items, pair, maps, strict=True):
        with place, st.container(border=True, height="stretch"):
            st.subheader(words.plain(item.name), anchor=False)
            pixels = fit_within(resources.picture(item), SIDE)
            shown = [marks.picture(pixels, f"The image {item.name}")]
            if heatmap is not None:
                drawn = overlay(pixels, heatmap.values, OPACITY, heatmap.limit)
                shown.append(marks.picture(drawn, f"Channel {channel} on {item.name}"))
            st.html(f'<div class="nero-depth">{"".join(f"<figure>{panel}</figure>" for panel in shown)}</div>')
            st.markdown(words.plain(words.channel(channels, channel, names)))
            if heatmap is not None:
                st.caption(heatmap.keeps)
            if _is_reference(item):
                st.caption(
                    "A reference image: its numbers are those of the fit bank. The bundle keeps only a small picture "
                    "of it, so the heatmap shows the place roughly."
                )
            else:
                detection = resources.detection(inspector, item, "nero", inspector.bundle.card.tpr)
                headline = words.HEADLINE[detection.verdict(0)]
                st.markdown(
                    f"{words.SYMBOL[detection.verdict(0)]} {headline}. {words.plain(words.threshold(detection, 0))}."
                )
                if inspector.bundle.card.synthetic:
                    st.caption(words.SYNTHETIC)
    if why:
        st.info(words.plain(why))
    else:
        st.html(legend(limit))
        st.caption(f"Channel {channel} in both images, with one colour limit unless a map says otherwise.")
    make = partial(pair_panels_figure, items, maps, limit, channel, texts)
    figure_download(f"two images channel {channel}", make, "image_panels")


def _maps(traced: list[Explanation | None]) -> tuple[list[Heatmap | None], float]:
    """The channel's map in each image as it is shown, with what is said of it, and the limit of the scale below."""
    smoothed = [smooth(why.concepts[0].heatmap, why.sigma) for why in traced if why is not None]
    shared, limits = scale_limits(smoothed, [why.concepts[0].cancellation for why in traced if why is not None])
    left, heatmaps = iter(zip(smoothed, limits, strict=True)), list[Heatmap | None]()
    for why in traced:
        if why is None:
            heatmaps.append(None)
            continue
        (values, limit), concept = next(left), why.concepts[0]
        own = own_limit(limit, shared)
        keeps = words.conservation(
            concept.conservation, cancellation=concept.cancellation, own=own, explained="relevance"
        )
        heatmaps.append(Heatmap(values, limit, keeps))
    return heatmaps, shared

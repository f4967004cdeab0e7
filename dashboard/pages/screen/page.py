"""Screen an image: image, words, number, why."""

import streamlit as st

from dashboard import resources, words
from dashboard.components.chooser import choose, title
from dashboard.components.figure_download import origin
from dashboard.components.samples import sample, sample_strip
from dashboard.components.sidebar import reference_set, research_options
from dashboard.components.uploader import upload
from dashboard.components.verdict import verdict_card
from dashboard.pages.screen.channel_card import channel_card
from dashboard.pages.screen.concept_gallery import concept_gallery
from dashboard.pages.screen.empty_state import empty_state
from dashboard.pages.screen.image_card import image_card
from dashboard.pages.screen.report_download import report_download
from dashboard.pages.screen.score_histogram import score_histogram_card
from dashboard.pages.screen.similar_cases import similar_cases
from dashboard.pages.screen.video_card import video_cards
from dashboard.pages.screen.what_if import what_if_panel
from dashboard.plain_errors import plain_errors
from nero_core import VERDICT

st.title("Screen an image", anchor=False)
inspector = reference_set()
options = research_options(inspector)
files_side, samples_side = st.columns([4, 7], gap="medium")
with samples_side:
    sample_strip(inspector)
with files_side:
    files, videos = upload(beside=samples_side)
video_cards(inspector, videos, options)

shown = choose(files, sample(inspector))
guide = st.empty()  # what it holds goes at once when an image comes, and not when the page is done
if shown is None:
    if not videos:
        with guide:
            empty_state(inspector)
    st.stop()

with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", key="title_row"):
    title(shown, resources.note(shown))
    with st.container(horizontal=True, width="content"):
        report, sheet = st.container(width="content"), st.container(width="content")
image_side, verdict_side = st.columns([5, 6], gap="medium")
closer_look = st.container()
scores_side, channels_side = st.columns(2, gap="medium")
open_channel = st.container()

# a method that cannot fit this reference set leaves the rest of the page standing
detection = None
with verdict_side, plain_errors(), resources.TURNS.verdict():
    with st.spinner(words.comparing(resources.many_wait(inspector))):
        rates = (options.tpr, options.like, options.by_class)
        detection = resources.detection(inspector, shown, options.method, *rates)
        of_class = int(detection.predicted[0]) if options.by_class else None
        reference = inspector.reference_scores(options.method, options.tpr, of_class)
        nearest = resources.channels(inspector, shown).nearest
        card = inspector.bundle.card
        nero = resources.detection(inspector, shown, "nero", *rates) if options.method == VERDICT else None
        verdict_card(
            detection,
            reference,
            card.class_names,
            nearest,
            card.synthetic,
            footer=origin(inspector, shown),
            nero=nero,
            note=options.note,
            item=shown,
            unlike=resources.share_unlike(inspector, shown, detection),
            picture=words.picture_notes(
                resources.picture_check(inspector, shown),
                resources.sides(shown),
                inspector.bundle.classifier.input_size,
                inspector.bundle.fit_size,
            ),
            drawn=resources.drawn_text(inspector, shown),
            best=words.served_best(resources.ranked(inspector), options.method, words.tests_disagree(detection, 0)),
        )
resources.TURNS.wait_for_verdicts()
if detection is not None:
    with scores_side, plain_errors():
        score_histogram_card(inspector, shown, detection, options.download)
with channels_side:
    channel_card(inspector, shown, options, open_channel)
with report, plain_errors():
    report_download(inspector, shown, options)
with image_side:
    image_card(inspector, shown, options, sheet, closer_look)
similar_cases(inspector, shown)
concept_gallery(inspector, shown, options)
what_if_panel(inspector, shown, options.download)

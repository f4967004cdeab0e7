"""An Inspector and an image → the description of a case."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from math import isfinite
from typing import TYPE_CHECKING

from nero_core.calibration.card import BundleCard
from nero_core.case_report.drawings import channel_plot, image_maps, score_plot
from nero_core.case_report.letters import spelled
from nero_core.case_report.records import Case, CaseReport, Facts, Overview, Review, Similar
from nero_core.case_report.similar import similar_cases
from nero_core.errors import CalibrationError, NeroError, RelevanceError
from nero_core.explorer import Explorer
from nero_core.figures.numbers import number
from nero_core.figures.verdict_words import advice, deciding, nearest_class, predicted, sentence, threshold, two_tests
from nero_core.figures.wording import DISCLAIMER, HEADLINE, SYNTHETIC
from nero_core.models.checkpoint import WEIGHTS
from nero_core.types import VERDICT, Channels, Detection, Explanation, Unlikeness
from nero_core.version import PROGRAM, UNKNOWN, versions

if TYPE_CHECKING:
    from nero_core.data.decode import Picture
    from nero_core.inspector import Inspector

MOST_CASES = 300  # each takes up to 2 MB
LONGEST_TEXT = 5000  # characters: a page and a half
MEANS = (
    "“Unlike” says that an image differs from the reference images, not what is on it; “like” does not say that "
    "nothing is. The maps show what the classifier used, not whether it was right."
)
_COUNTS = {"training": "training", "fit": "fit", "calibration": "calibration", "ood": "OOD"}  # on the card → here
_LIBRARIES = ("torch", "timm", "pytorch-ood", "zennit")


def describe_case(
    inspector: "Inspector",
    picture: "Picture",
    method: str | None = None,
    tpr: float | None = None,
    composite: str | None = None,
    text: str = "",
    reviews: Sequence[Review] = (),
    explorer: Explorer | None = None,
    borderline: float | None = None,
    by_class: bool = False,
) -> Case:
    """Everything that the report of one image says. It computes all of it anew, one image a batch, so that whoever asks
    gets the same.

    Args:
        inspector: of the reference set.
        picture: the image, decoded.
        method: ``verdict`` or a detector; the bundle's default where None.
        tpr: share of ID images that should pass; the bundle's own where None.
        composite: how the class heatmap is made; the architecture's own where None.
        text: free text, printed as it stands.
        reviews: what readers made of it.
        explorer: of the inspector, which several cases share; a new one where None.
        borderline: as for ``Inspector.detect``.
        by_class: as for ``Inspector.detect``.

    Raises:
        NeroError: the text is too long; an unknown method; a method, tpr or composite that does not suit the bundle.
    """
    check_text(text)
    method = method or inspector.default_method(tpr)
    observation = inspector.observe(inspector.decode([picture]))
    decides = method
    detection = inspector.detect(observation, (method,), tpr, borderline, by_class)[method]
    if not isfinite(score := float(detection.score[0])):
        raise CalibrationError(f"Expected a finite score of {method}. Found {score}. Check the image.")
    if method == VERDICT:
        decides = deciding(detection, 0)
    tested = detection
    if decides != method:
        tested = inspector.detect(observation, (decides,), tpr, borderline, by_class)[decides]
    channels = inspector.channels(observation)
    why, reason = None, ""
    if composite is not None and composite not in inspector.composites:
        inspector.attributor(composite)  # raises where it does not suit the architecture: no reason to go without
    try:
        why = inspector.explain(observation, concepts=0, composite=composite)
    except RelevanceError as error:
        reason = str(error)
    unlike = why.unlike if why is not None else None
    if unlike is None and not inspector.no_unlikeness_because:
        unlike = inspector.unlikeness(observation)
    similar = similar_cases(explorer or Explorer(inspector), observation)
    case = _case(inspector, picture, detection, tested, channels, why, reason, unlike, similar)
    return replace(case, text=text, reviews=tuple(reviews))


def describe_report(
    inspector: "Inspector",
    cases: Sequence[Case],
    made_on: date | None = None,
    left_out: Facts = (),
    overview: Overview | None = None,
) -> CaseReport:
    """The cases with what answered and its limits.

    Args:
        inspector: that the cases were described with.
        cases: at least one, unless there is an overview.
        made_on: the date to print; None = undated. Nothing else in the report says when it was made.
        left_out: files that are in no case, with the reason.
        overview: of a worklist.

    Raises:
        NeroError: there is no case, or too many for one file.
    """
    if not (0 if overview else 1) <= len(cases) <= MOST_CASES:
        raise NeroError(
            f"Expected 1 to {MOST_CASES} images for one report. Found {len(cases)}. "
            + ("Make several reports." if cases else "Name images that can be read.")
        )
    card = inspector.bundle.card
    limits = (DISCLAIMER, SYNTHETIC, MEANS) if card.synthetic else (DISCLAIMER, MEANS)
    return CaseReport(tuple(cases), _model(card, inspector.bundle.digest), limits, made_on, left_out, overview)


def _case(
    inspector: "Inspector",
    picture: "Picture",
    detection: Detection,
    tested: Detection,
    channels: Channels,
    why: Explanation | None,
    reason: str,
    unlike: Unlikeness | None,
    similar: Similar,
) -> Case:
    card, verdict = inspector.bundle.card, detection.verdict(0)
    is_alone = tested.by_class is not None and tested.limits(0).calibration_size > 0
    of_class = int(tested.predicted[0]) if is_alone else None
    reference = inspector.reference_scores(tested.detector, tested.tpr, of_class)
    in_figures = tuple(spelled(name) for name in card.class_names)
    share = 1.0 if unlike is None else unlike.share
    height, width = picture.pixels.shape[:2]
    note = f" {picture.note}" if picture.note else ""
    return Case(
        name=picture.name,
        image_id=picture.id,
        verdict=verdict,
        headline=HEADLINE[verdict],
        advice=advice(detection, 0, card.synthetic, share),
        predicted=card.class_names[int(detection.predicted[0])],
        p_value=number(float(detection.p_value[0]), 2),
        facts=_facts(detection, channels, card),
        maps=image_maps(
            picture.pixels, f"{width} × {height} pixels.{note}", why, unlike, card.class_names, reason,
            inspector.no_unlikeness_because,
        ),
        histogram=score_plot(reference, float(tested.score[0])),
        channels=channel_plot(channels, in_figures),
        similar=similar,
    )  # fmt: skip


def _facts(detection: Detection, channels: Channels, card: BundleCard) -> Facts:
    """As the verdict card of the screen has them."""
    tests = two_tests(detection, 0) if detection.detector == VERDICT else []
    return (
        *tests,
        ("Decision", sentence(detection, 0, card.class_names)),
        ("Score", f"{threshold(detection, 0)}."),
        ("Method", detection.detector if detection.detector != VERDICT else "verdict, by two tests"),
        ("Predicted", predicted(detection, 0, card.class_names)),
        ("Nearest class", nearest_class(card.class_names[channels.nearest])),
    )


def _model(card: BundleCard, digest: str) -> Facts:
    counts = ", ".join(f"{card.counts[name]} {said}" for name, said in _COUNTS.items() if name in card.counts)
    found = versions((PROGRAM, *_LIBRARIES))
    program = ", ".join(f"{name} {version}" for name, version in found.items() if version != UNKNOWN)
    return (
        ("Reference set", card.title),
        ("Bundle, sha256", digest),
        ("Classifier", f"{card.arch}; classes {', '.join(card.class_names)}"),
        ("Weights, sha256", card.files.get(WEIGHTS, "not on the card")),
        ("Images", counts or "not on the card"),
        ("Made with", program),
    )


def check_text(text: str) -> None:
    """Refuse free text that is too long."""
    if len(text) > LONGEST_TEXT:
        raise NeroError(f"Expected at most {LONGEST_TEXT} characters of text. Found {len(text)}. Shorten it.")

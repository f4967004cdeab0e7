"""A case whose picture is gone: what the store holds of it."""

from typing import TYPE_CHECKING

from nero_core.case_report.drawings import score_plot
from nero_core.case_report.overview import moment
from nero_core.case_report.records import Case, Facts
from nero_core.detectors.catalog import OURS
from nero_core.figures.numbers import number, percent
from nero_core.figures.verdict_words import ADVICE, p_value
from nero_core.figures.wording import HEADLINE, SYNTHETIC
from nero_core.store import Item, Result
from nero_core.types import TESTS, VERDICT, ReferenceScores, Verdict
from nero_core.worklist import item_name

if TYPE_CHECKING:
    from nero_core.inspector import Inspector


def stored_case(inspector: "Inspector", item: Item, tpr: float | None, missing: str) -> Case:
    """Verdict and numbers as they were saved, and where the score lies.

    Args:
        inspector: of the bundle that it was scored with.
        item: scored.
        tpr: share of ID images that should pass; the bundle's own where None.
        missing: why there is no picture.
    """
    result = item.result
    assert result is not None and result.verdict is not None and result.score is not None and result.p_value is not None
    decides, score = _deciding(result)
    reference = inspector.reference_scores(decides, tpr)
    return Case(
        name=item_name(item),
        image_id=item.digest,
        verdict=result.verdict,
        headline=HEADLINE[result.verdict],
        advice=_advice(result.verdict, inspector.bundle.card.synthetic),
        predicted=result.predicted,
        p_value=number(result.p_value, 2),
        facts=_facts(item, result, inspector.reference_scores(result.method, tpr)),
        maps=(),
        histogram=score_plot(reference, score),
        channels=None,
        similar=None,
        missing=missing,
    )


def _advice(verdict: Verdict, is_synthetic: bool) -> str:
    """As ``verdict_words.advice``; whether it is another kind of picture cannot be told any more."""
    if not is_synthetic:
        return ADVICE[verdict]
    return SYNTHETIC if verdict == "like" else f"{ADVICE[verdict]} {SYNTHETIC}"


def _deciding(result: Result) -> tuple[str, float]:
    """The test of the verdict with the smaller p-value, the first where both are the same; and its score."""
    tests = [name for name in TESTS if name in result.parts]
    if result.method != VERDICT or not tests:
        return result.method, float(result.score or 0.0)
    decides = min(tests, key=lambda name: float(result.parts[name]["p_value"]))
    return decides, float(result.parts[decides]["score"])


def _facts(item: Item, result: Result, reference: ReferenceScores) -> Facts:
    tests = tuple((OURS[name], f"p {number(part['p_value'], 2)}") for name, part in result.parts.items())
    side = "above" if result.verdict == "unlike" else "at or below"
    score = f"{number(result.score or 0)}, {side} the threshold {number(result.threshold or 0)}"
    return (
        *tests,
        ("Decision", p_value(float(result.p_value or 0), len(reference.calibration))),
        ("Score", f"{score}, which {percent(reference.tpr)} of reference images pass."),
        ("Method", result.method if result.method != VERDICT else "verdict, by two tests"),
        ("Predicted", f"{result.predicted}, probability {result.confidence or 0:.2f}"),
        ("In the worklist", f"no. {item.position + 1}, scored {moment(result.at)} by nero-dashboard {result.code}"),
    )

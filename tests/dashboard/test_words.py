import math
from dataclasses import replace

import pytest
import torch

from dashboard import words
from nero_core.types import Detection, Verdict


def test_a_p_value_says_what_it_counts():
    assert words.p_value(6 / 301, 300) == "p = 0.020: 5 of the 300 calibration images scored as high or higher."


def test_the_smallest_p_value_says_that_it_is_the_smallest():
    sentence = words.p_value(1 / 301, 300)
    assert sentence.startswith("p = 0.0033: none of the 300 calibration images")
    assert "1/301 is the smallest p" in sentence


@pytest.mark.parametrize(
    ("relevance", "centroid", "expected"),
    [
        (0.31, 0.1, "used 3.1 times more than usual"),
        (0.04, 0.1, "used 0.40 times as much as usual"),
        (0.001, 0.1, "missing"),
        (-0.1, 0.1, "argues against this class here"),
        (0.2, 0.0, "used only here"),
        (0.2, -0.1, "used only here"),
        (-0.3, -0.1, "argues against this class"),
        (0.101, 0.1, "used a little more than usual"),
        (0.1, 0.1, "used as usual"),
    ],
)
def test_the_use_of_a_channel_is_said_in_words(relevance: float, centroid: float, expected: str):
    assert words.use(relevance, centroid) == expected


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0"),
        (3.41, "3.41"),
        (0.0304, "0.0304"),
        (-12.345, "−12.3"),
        (9.996, "10.0"),  # as in a saved figure
        (1549.4, "1549"),
        (0.0000107, "1.07 × 10⁻⁵"),
        (math.nan, "not defined"),
    ],
)
def test_numbers_are_written_for_reading(value: float, shown: str):
    assert words.number(value) == shown


@pytest.mark.parametrize(
    ("share", "shown"),
    [(0.95, "95"), (0.975, "97.5"), (0.995, "99.5"), (0.8, "80"), (0.0304, "3.04"), (0, "0"), (1, "100")],
)
def test_a_share_is_not_rounded_to_whole_percents(share: float, shown: str):
    assert words.percent(share) == f"{shown}\u00a0%"
    assert words.percent(-0.025) == "−2.5\u00a0%"


@pytest.mark.parametrize(
    ("share", "shown"),
    [(-7.25e-7, "nearly 0"), (1e-12, "nearly 0"), (0.0, "0"), (1e-4, "0.01"), (-1e-4, "−0.01"), (1234.5, "1.23 × 10⁵")],
)
def test_a_share_is_never_written_as_a_machine_does(share: float, shown: str):
    assert words.percent(share) == f"{shown}\u00a0%"


def test_plain_keeps_the_space_that_does_not_break():
    assert words.plain(f" {words.percent(0.95)} of\n\u2028 all ") == "95\u00a0% of all"


def test_hostile_names_lose_their_markdown():
    hostile = "![x](http://evil/x.png) <b> :red[a] $x$ [link](http://evil)\n# head"
    shown = words.plain(hostile)
    for mark in "![(<:$#":
        assert mark not in shown.replace(f"\\{mark}", "")
    assert "\n" not in shown


def test_every_verdict_has_a_symbol_words_and_a_colour():
    from dashboard.theme import VERDICT_COLOUR

    assert set(words.SYMBOL) == set(words.HEADLINE) == set(words.ADVICE) == set(VERDICT_COLOUR)
    assert len(set(words.SYMBOL.values())) == len(set(VERDICT_COLOUR.values())) == 3


FAMILIES = {"nero": "relevance", "line": "relevance", "msp": "logits", "energy": "logits", "knn": "distance"}


ALL_BUT_LINE = dict.fromkeys(("msp", "energy", "knn"), "unlike")


@pytest.mark.parametrize(
    ("verdicts", "counted", "told"),
    [
        ({}, "No method can answer for this image.", ""),
        ({"msp": "like"}, "The one method says like.", ""),
        (dict.fromkeys(FAMILIES, "unlike"), "All 5 methods say unlike.", ""),
        (
            ALL_BUT_LINE | {"nero": "like", "line": "borderline"},
            "Of 5 methods, 3 say unlike, 1 says borderline and 1 says like.",
            " NERO says like. Of the 3 that disagree with NERO, most (2) are logits methods.",
        ),
        (
            ALL_BUT_LINE | {"nero": "unlike", "knn": "like"},
            "Of 4 methods, 3 say unlike and 1 says like.",
            " NERO says unlike. Only knn disagrees with NERO (distance).",
        ),
        (
            {"nero": "borderline", "msp": "unlike", "energy": "unlike", "knn": "like"},
            "Of 4 methods, 2 say unlike, 1 says borderline and 1 says like.",
            " NERO says borderline. Both that disagree with NERO are logits methods.",
        ),
        (
            {"nero": "like", "msp": "unlike", "knn": "unlike"},
            "Of 3 methods, 2 say unlike and 1 says like.",
            " NERO says like. The 2 that disagree with NERO are of 2 families.",
        ),
        (
            {"nero": "like", "msp": "borderline"},
            "Of 2 methods, 1 says borderline and 1 says like.",
            " NERO says like.",
        ),
        (
            {"msp": "like", "knn": "unlike", "energy": "like"},
            "Of 3 methods, 1 says unlike and 2 say like.",
            " Only knn says otherwise (distance).",
        ),
    ],
)
def test_where_methods_disagree_is_said_in_words(verdicts: dict[str, Verdict], counted: str, told: str):
    assert words.agreement(verdicts, FAMILIES) == counted + told


def test_who_is_best_is_not_called_settled_when_intervals_overlap():
    ranked = {"knn": (1, (0.9, 0.85, 0.95)), "vim": (2, (0.84, 0.8, 0.86)), "nero": (3, (0.7, 0.65, 0.75))}
    assert words.standing(ranked).replace("\u00a0", " ") == (
        "knn separates them best, with AUROC 90.0 % (85.0 to 95.0). 1 other's interval reaches into its own, so the "
        "order is not settled. NERO is number 3 of 3, with 70.0 % (65.0 to 75.0)."
    )
    assert words.standing({"nero": (1, (0.9, 0.85, 0.95))}).startswith("NERO separates them best")
    assert "NERO is number" not in words.standing({"nero": (1, (0.9, 0.85, 0.95))})
    assert words.standing({}) == "No method could be compared."


def test_the_method_that_served_best_is_said_where_it_matters():
    ranked = {
        "nero_plus": (1, (0.82, 0.79, 0.85)),
        "verdict": (2, (0.797, 0.77, 0.825)),
        "nero": (3, (0.76, 0.72, 0.797)),
    }
    own = "On this reference set's own OOD images, "
    said = {
        (chosen, disagree): words.served_best(ranked, chosen, disagree).replace("\u00a0", " ")
        for chosen in (*ranked, "msp")
        for disagree in (False, True)
    }
    assert said == {
        ("nero_plus", False): "",
        ("nero_plus", True): f"The two tests disagree. {own}NERO+ serves best: AUROC 82 %.",
        ("verdict", False): "",  # its interval reaches the best
        ("verdict", True): (
            f"The two tests disagree. {own}NERO+ serves best: AUROC 82 % (this verdict: 79.7 %, no clear difference)."
        ),
        ("nero", False): f"{own}NERO+ serves best: AUROC 82 % (this verdict: 76 %).",
        ("nero", True): f"The two tests disagree. {own}NERO+ serves best: AUROC 82 % (this verdict: 76 %).",
        ("msp", False): "",
        ("msp", True): "The two tests disagree.",
    }
    assert words.served_best({}, "verdict", False) == ""


@pytest.mark.parametrize(
    ("p_nero", "p_deep", "disagree"),
    [(0.4, 0.003, True), (0.05, 0.5, True), (0.003, 0.01, False), (0.08, 0.01, False), (0.4, 0.5, False)],
)
def test_two_tests_disagree_where_one_says_unlike_and_the_other_usual(p_nero: float, p_deep: float, disagree: bool):
    unit = torch.ones(1).double()
    terms = {"p_nero": p_nero * unit, "p_deep": p_deep * unit}
    detection = Detection("verdict", unit, 3.0, unit > 3, unit, torch.tensor([0]), unit, 300, 0.95, terms)
    assert words.tests_disagree(detection, 0) == disagree
    assert not words.tests_disagree(replace(detection, terms={}), 0)


def test_a_set_of_images_is_told_by_class():
    assert words.contents({"a": 2, "b": 1}, 0) == "3 images of 2 classes: a 2 and b 1."
    assert words.contents({"a": 1}, 1) == "1 image of 1 class: a 1. 1 other file is left out."
    assert words.listed([str(number) for number in range(10)]).endswith("7 and 2 more")


def test_a_job_says_what_it_does_and_why_it_waits():
    assert words.stage("fit images", 3, 9, 75).replace("\u00a0", " ") == "Fit images: 3 of 9, for 1 min"
    assert words.stage("", 0, 0, 3).replace("\u00a0", " ") == "Starting, for 3 s"
    assert words.duration(2 * 3600 + 300).replace("\u00a0", " ") == "2 h 5 min"
    assert words.waiting(2, 2).endswith("after one that was asked for earlier.")
    assert words.waiting(4, 2).endswith("after 3 that were asked for earlier.")
    assert words.waiting(1, 2) == "It is about to start."
    assert words.queued(0).endswith("This begins after the next one ends.")
    assert words.queued(1).endswith("This begins after 1 that was asked for earlier.")
    assert words.queued(3).endswith("This begins after 3 that were asked for earlier.")
    assert words.queued(0, is_held_up=True).endswith("or with ending one. This begins after it.")


def test_a_link_that_asks_in_vain_is_told_what_it_gets():
    assert words.not_offered("page", "99", "1") == "The link's page 99 is not available here; this is 1."
    assert words.not_offered("channel", "x" * 99, "").endswith("xxx is not available here; none is chosen.")
    assert len(words.not_offered("channel", "x" * 99, "")) < 100


def test_no_sentence_diagnoses_or_speaks_of_ai():
    spoken = " ".join([*words.HEADLINE.values(), *words.ADVICE.values(), words.DIMMED, *words.MEANING.values()]).lower()
    assert not any(word in spoken.split() for word in ("ai", "anomaly", "disease", "diagnosis", "healthy", "abnormal"))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("nero_plus_auroc polyps", "NERO+ AUROC, polyps"),
        ("nero_plus_fpr95_id_positive", "NERO+ FPR95 (ID positive)"),
        ("nero_auroc", "NERO AUROC"),
        ("msp_auroc", "MSP AUROC"),
    ],
)
def test_figures_of_the_card_are_named(name: str, shown: str):
    assert words.figure(name) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.5, "0.500"), (-2.0, "-2.00"), (1.234e-7, r"1.23 \cdot 10^{-7}"), (4e6, r"4.00 \cdot 10^{6}"), (0.0, "0")],
)
def test_numbers_stand_in_formulas_as_tex(value: float, shown: str):
    assert words.tex(value) == shown


def test_a_number_that_is_none_is_said_in_a_formula():
    assert words.tex(float("nan")) == r"\text{not defined}"


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        (0.41, 1.8, "0.410 → 1.80, 4.4 times as high"),
        (1.8, 0.9, "1.80 → 0.900, 0.50 of what it was"),
        (1.0, 1.0, "1.00 → 1.00, unchanged"),
        (1.0, 1.001, "1.00 → 1.00, hardly changed"),
        (0.0, 1.0, "0 → 1.00"),
    ],
)
def test_a_change_of_score_is_told_by_its_ratio(before: float, after: float, shown: str):
    assert words.change(before, after) == shown


@pytest.mark.parametrize(
    ("auroc", "says"),
    [
        (0.95, "Alone it well separates ID from OOD images, most of which have more of it (AUROC 0.95"),
        (0.3, "Alone it partly separates ID from OOD images, most of which have less of it (AUROC 0.70"),
        (0.45, "Alone it hardly separates ID from OOD images (AUROC 0.55"),
    ],
)
def test_a_channel_that_tells_ood_images_apart_says_in_which_direction(auroc: float, says: str):
    assert says in words.channel_in_set("polyps", 0.1, 0.2, auroc, has_ood=True)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (0.01, 0.4, "With the blur NERO no longer calls the image unlike (p 0.010 → 0.40, now like)."),
        (0.4, 0.01, "With the blur NERO calls the image unlike, and before it did not (p 0.40 → 0.010)."),
        (0.01, 0.02, "With the blur NERO still calls the image unlike (p 0.010 → 0.020)."),
        (0.4, 0.08, "With the blur NERO still lets the image pass (p 0.40 → 0.080)."),
    ],
)
def test_an_experiment_says_what_its_two_answers_show(before: float, after: float, expected: str):
    unit = torch.ones(1).double()
    answers = [
        Detection("nero", unit, 3.0, p * unit <= 0.05, p * unit, torch.tensor([0]), unit, 300, 0.95)
        for p in (before, after)
    ]
    assert words.experiment("the blur", *answers).startswith(expected)

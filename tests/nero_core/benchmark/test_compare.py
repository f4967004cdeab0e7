"""``compare_banks`` on a real, small bundle."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from nero_core.benchmark.compare import compare_banks
from nero_core.calibration.feature_bank import FeatureBank
from nero_core.detectors.catalog import DETECTORS, METHODS
from nero_core.errors import CalibrationError, NeroError
from nero_core.inspector import Inspector
from nero_core.metrics import aupr, auroc, fpr_at_tpr
from nero_core.types import VERDICT

FEW = ("msp", "nero", "energy")


@pytest.fixture(scope="module")
def inspector(tiny_inspector: Inspector) -> Inspector:
    return tiny_inspector


def test_scores_are_those_of_the_inspector_and_figures_those_of_the_metrics(inspector: Inspector) -> None:
    result = compare_banks(inspector, methods=FEW, replicates=50)
    assert {method.method for method in result.methods} == set(FEW)
    for method in result.methods:
        reference = inspector.reference_scores(method.method)
        assert reference.ood is not None
        assert torch.equal(method.id_scores, reference.calibration)
        assert torch.equal(method.ood_scores, reference.ood)
        id_scores, ood_scores = reference.calibration, reference.ood
        assert method.pooled.auroc.value == pytest.approx(auroc(id_scores, ood_scores))
        assert method.pooled.aupr_in.value == pytest.approx(aupr(id_scores, ood_scores, "id"))
        assert method.pooled.aupr_out.value == pytest.approx(aupr(id_scores, ood_scores, "ood"))
        assert method.pooled.fpr95_id_positive.value == pytest.approx(fpr_at_tpr(id_scores, ood_scores))
        for label, name in enumerate(inspector.bundle.card.ood_class_names):
            part = ood_scores[result.ood_labels == label]
            assert method.per_class[name].auroc.value == pytest.approx(auroc(id_scores, part))
        for _, interval in method.pooled.items():
            assert 0 <= interval.low <= interval.high <= 1


def test_methods_stand_by_rank_and_each_has_its_time(inspector: Inspector) -> None:
    result = compare_banks(inspector, methods=FEW, replicates=20)
    values = [method.pooled.auroc.value for method in result.methods]
    assert values == sorted(values, reverse=True)
    assert result.methods[0].rank == 1
    for method in result.methods:
        assert method.rank == 1 + sum(value > method.pooled.auroc.value for value in values)
        assert method.fit_seconds is not None and method.fit_seconds > 0
        assert method.seconds_per_image is not None
        assert method.seconds_per_image > 0


def test_the_verdict_by_two_tests_is_compared_with_the_methods_where_the_bundle_has_it(
    verdict_bundle: Path, inspector: Inspector
) -> None:
    two_tests = Inspector.load(verdict_bundle, "cpu")
    result = compare_banks(two_tests, methods=[VERDICT, "nero"], replicates=20)
    verdict = next(method for method in result.methods if method.method == VERDICT)
    reference = two_tests.reference_scores(VERDICT)
    assert torch.equal(verdict.id_scores, reference.calibration)
    assert reference.ood is not None and torch.equal(verdict.ood_scores, reference.ood)
    assert verdict.hyper == {"tests": "nero, nero_deep"} and verdict.family == "p-values"
    assert verdict.seconds_per_image is not None and verdict.seconds_per_image > 0
    bank = two_tests.bundle.ood  # as a bank of ID images that are not the calibration images
    assert bank is not None
    as_id = replace(bank, labels=bank.labels.clamp(max=2))
    other = compare_banks(
        two_tests, id_bank=as_id, ood_bank=two_tests.bundle.calibration, ood_classes="abc", methods=[VERDICT]
    )
    assert torch.equal(other.methods[0].id_scores, reference.ood)
    alone = compare_banks(inspector, methods=[VERDICT, "nero"], replicates=5)
    assert [(each.method, each.reason) for each in alone.skipped] == [(VERDICT, inspector.no_verdict_because())]


def test_nero_is_fitted_with_what_the_bundle_records(tiny_inspector: Inspector) -> None:
    card = tiny_inspector.bundle.card
    changed = card.model_copy(update={"detectors": {"nero": {**card.detectors["nero"], "least": 3}}})
    altered = Inspector(replace(tiny_inspector.bundle, card=changed), torch.device("cpu"))
    result = compare_banks(altered, methods=("nero",), replicates=5).methods[0]
    assert result.hyper["least"] == 3
    assert torch.equal(result.id_scores, altered.reference_scores("nero").calibration)
    assert not torch.equal(result.id_scores, tiny_inspector.reference_scores("nero").calibration)


def test_every_method_of_the_catalog_has_its_row_or_its_reason(inspector: Inspector) -> None:
    told: list[tuple[str, int, int]] = []
    result = compare_banks(inspector, replicates=5, on_progress=lambda *step: told.append(step))
    names = [method.method for method in result.methods] + [method.method for method in result.skipped]
    assert sorted(names) == sorted(METHODS)
    assert all(method.reason for method in result.skipped)
    assert {"nero", "msp"} <= {method.method for method in result.methods}
    assert told[-1] == ("methods", len(METHODS), len(METHODS))


def test_a_method_that_cannot_fit_is_left_out_with_its_reason_and_stops_no_other(tiny_inspector: Inspector) -> None:
    card = tiny_inspector.bundle.card
    changed = card.model_copy(update={"detectors": {"nero": {**card.detectors["nero"], "least": 10_000}}})
    altered = Inspector(replace(tiny_inspector.bundle, card=changed), torch.device("cpu"))
    result = compare_banks(altered, methods=("nero", "msp"), replicates=5)
    assert [method.method for method in result.methods] == ["msp"]
    assert result.skipped[0].method == "nero"
    assert "10000" in result.skipped[0].reason


def test_scores_that_the_image_gave_are_taken_from_the_bank(inspector: Inspector) -> None:
    name = next((name for name, spec in DETECTORS.items() if spec.needs == "image"), None)
    assert name is not None
    bundle = inspector.bundle
    assert bundle.ood is not None
    given = torch.linspace(0, 1, len(bundle.calibration), dtype=torch.float64)
    id_bank = replace(bundle.calibration, scores={name: given})
    ood_bank = replace(bundle.ood, scores={name: 2 + torch.arange(len(bundle.ood), dtype=torch.float64)})
    classes = bundle.card.ood_class_names
    method = compare_banks(
        inspector, id_bank=id_bank, ood_bank=ood_bank, ood_classes=classes, methods=[name], replicates=5
    ).methods[0]
    assert torch.equal(method.id_scores, given)
    assert method.pooled.auroc.value == 1.0
    assert method.seconds_per_image is None
    without = replace(id_bank, scores={})
    result = compare_banks(
        inspector, id_bank=without, ood_bank=ood_bank, ood_classes=classes, methods=[name, "msp"], replicates=5
    )
    assert [method.method for method in result.skipped] == [name]


def test_a_seed_gives_the_same_intervals_again(inspector: Inspector) -> None:
    first, again, other = (compare_banks(inspector, methods=["msp"], replicates=30, seed=seed) for seed in (1, 1, 2))
    assert first.methods[0].pooled == again.methods[0].pooled
    assert first.methods[0].pooled != other.methods[0].pooled


def test_sets_are_counted_and_named(inspector: Inspector) -> None:
    result = compare_banks(inspector, methods=["msp"], replicates=5)
    bundle = inspector.bundle
    assert (result.id_size, result.ood_size) == (bundle.calibration_size, bundle.ood_size)
    assert set(result.ood_classes) == {"esophagitis", "polyps"}
    assert result.bundle_digest == bundle.digest
    assert len(result.id_digest) == len(result.ood_digest) == 64
    assert 0 <= result.id_accuracy <= 1


def test_an_unknown_method_is_named(inspector: Inspector) -> None:
    with pytest.raises(NeroError, match="Found 'nerro'"):
        compare_banks(inspector, methods=["msp", "nerro"])


def test_a_bundle_without_ood_images_asks_for_some(inspector: Inspector) -> None:
    alone = Inspector(replace(inspector.bundle, ood=None), torch.device("cpu"))
    with pytest.raises(CalibrationError, match="--ood"):
        compare_banks(alone, methods=["msp"])


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [("fit", "ID", "fit and ID"), ("fit", "OOD", "fit and OOD"), ("ID", "OOD", "ID and OOD")],
)
def test_an_image_in_two_banks_is_refused(inspector: Inspector, first: str, second: str, message: str) -> None:
    bundle = inspector.bundle
    assert bundle.ood is not None
    banks = {"fit": bundle.fit, "ID": bundle.calibration, "OOD": bundle.ood}
    shared = banks[first].ids[3]
    banks[second] = replace(banks[second], ids=(shared, *banks[second].ids[1:]))
    with pytest.raises(CalibrationError, match=rf"Expected {message} images .* Found 1 .*{shared[:12]}.*Leave"):
        compare_banks(
            inspector,
            id_bank=banks["ID"],
            ood_bank=banks["OOD"],
            ood_classes=bundle.card.ood_class_names,
            methods=["msp"],
        )
    own = Inspector(replace(bundle, calibration=banks["ID"], ood=banks["OOD"]), torch.device("cpu"))
    with pytest.raises(CalibrationError, match=f"Expected {message} images"):
        compare_banks(own, methods=["msp"])


def test_exact_copies_within_a_bank_count_once(inspector: Inspector) -> None:
    bank = inspector.bundle.calibration
    index = [*range(len(bank)), 0, 1, 1]
    copied = FeatureBank(
        bank.features[index],
        bank.labels[index],
        tuple(bank.ids[row] for row in index),
        {name: values[index] for name, values in bank.scores.items()},
    )
    once, twice = (
        compare_banks(inspector, id_bank=id_bank, methods=["msp", "odin"], replicates=5) for id_bank in (bank, copied)
    )
    assert twice.id_size == len(bank)
    assert twice.id_digest == once.id_digest
    assert [method.pooled for method in twice.methods] == [method.pooled for method in once.methods]


def test_an_ood_bank_without_names_of_its_classes_is_refused(inspector: Inspector) -> None:
    with pytest.raises(NeroError, match="Give ood_classes"):
        compare_banks(inspector, ood_bank=inspector.bundle.ood, methods=["msp"])


def test_no_resample_is_refused(inspector: Inspector) -> None:
    with pytest.raises(NeroError, match="at least 1 resample"):
        compare_banks(inspector, methods=["msp"], replicates=0)


def test_the_device_is_told_with_the_threads_of_the_cpu(inspector: Inspector) -> None:
    threads = torch.get_num_threads()
    try:
        for number, expected in ((1, "CPU, 1 thread"), (2, "CPU, 2 threads")):
            torch.set_num_threads(number)
            assert compare_banks(inspector, methods=["msp"], replicates=5).device == expected
    finally:
        torch.set_num_threads(threads)


def test_no_method_left_is_an_error_that_says_why(inspector: Inspector) -> None:
    bank = inspector.bundle.calibration
    broken = FeatureBank(torch.full_like(bank.features, float("nan")), bank.labels, bank.ids)
    with pytest.raises(CalibrationError, match="msp: Expected"):
        compare_banks(inspector, id_bank=broken, methods=["msp"], replicates=5)

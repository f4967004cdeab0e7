"""The tiers of OpenMIBOOD on a small tree in its format, against scikit-learn's curves as its code reads them."""

import csv
import io
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import auc, precision_recall_curve, roc_curve
from torch import Tensor

from nero_core.benchmark.bootstrap import Resamples
from nero_core.benchmark.records import BenchmarkResult, Tiers
from nero_core.benchmark.result_file import read_result, write_result
from nero_core.benchmark.run import run_benchmark
from nero_core.benchmark.tiers import read_listed, tier_figures
from nero_core.data.left_out import LeftOut
from nero_core.errors import CalibrationError, DatasetError, NeroError
from nero_core.inspector import Inspector
from nero_core.metrics import auroc
from nero_core.report.page import page
from nero_core.report.protocol import protocol
from nero_core.report.tables import csv_table, markdown


@pytest.fixture(scope="module")
def result(
    tiny_bundle: Path, image_lists: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> BenchmarkResult:
    out = tmp_path_factory.mktemp("out")
    return run_benchmark(
        tiny_bundle,
        out=out,
        lists=image_lists[0],
        data=image_lists[1],
        methods=["msp", "nero", "mds_ensemble"],
        replicates=40,
    )


def theirs(ids: Tensor, oods: Tensor) -> dict[str, float]:
    """As their evaluator does: OOD is the positive class, and confidence is the score's negative."""
    conf = -torch.cat([ids, oods]).numpy()
    is_ood = np.concatenate([np.zeros(len(ids)), np.ones(len(oods))])
    fpr, tpr, _ = roc_curve(is_ood, -conf)
    precision_in, recall_in, _ = precision_recall_curve(1 - is_ood, conf)
    precision_out, recall_out, _ = precision_recall_curve(is_ood, -conf)
    return {
        "auroc": auc(fpr, tpr),
        "fpr95_ood_positive": fpr[np.argmax(tpr >= 0.95)],
        "aupr_in": auc(recall_in, precision_in),
        "aupr_out": auc(recall_out, precision_out),
    }


def by_list(result: BenchmarkResult, ids: Tensor, oods: Tensor) -> dict[str, Tensor]:
    sizes = [24, 12, 5]
    assert len(ids) == sum(sizes)
    shifted = dict(zip(("mini_1b", "mini_1c"), ids.split(sizes)[1:], strict=True))
    return {**shifted, **dict(zip(("mini_2", "mini_3", "mini_cells_far"), oods.split([9, 4, 7]), strict=True))}


def test_each_list_stands_against_the_id_list_alone_as_theirs(result: BenchmarkResult) -> None:
    assert result.tiers == Tiers(("mini_1b", "mini_1c"), ("mini_2", "mini_3"), ("mini_cells_far",))
    for method in result.methods:
        for name, scores in by_list(result, method.id_scores, method.ood_scores).items():
            figures = dict(method.lists[name].items())
            for figure, value in theirs(method.id_scores[:24], scores).items():
                assert figures[figure].value == pytest.approx(value, abs=1e-9), (method.method, name, figure)


def test_a_tier_is_the_mean_of_its_lists_each_counting_once(result: BenchmarkResult) -> None:
    for method in result.methods:
        for tier, lists in (("csid", ("mini_1b", "mini_1c")), ("near", ("mini_2", "mini_3"))):
            for figure, mean in method.tiers[tier].items():
                values = [dict(method.lists[name].items())[figure].value for name in lists]
                assert mean.value == pytest.approx(sum(values) / 2, abs=1e-12)
        assert method.tiers["far"] == method.lists["mini_cells_far"]


def test_its_interval_is_that_of_the_mean_over_the_lists_in_each_resample() -> None:
    generator = torch.Generator().manual_seed(0)
    id_lists, ood_lists = torch.tensor([0] * 9 + [1] * 6), torch.tensor([0] * 7 + [1] * 4)
    ids = torch.randn(15, generator=generator).double()
    oods = 0.5 + torch.randn(11, generator=generator).double()
    resamples = Resamples(15, ood_lists, 50, 3, id_lists)
    tiers = Tiers(("shifted",), ("one", "two"), ())
    _, means = tier_figures(resamples, tiers, ids, oods, id_lists, ood_lists)
    drawn = []
    for column in range(1, 51):
        plain = ids[:9].repeat_interleave(resamples.id[:9, column].long())
        assert len(plain) == 9  # each list is drawn by itself
        each = [oods[rows].repeat_interleave(resamples.ood[rows, column].long()) for rows in (slice(7), slice(7, 11))]
        drawn.append(sum(auroc(plain, scores) for scores in each) / 2)
    low, high = torch.tensor(drawn, dtype=torch.float64).quantile(torch.tensor([0.025, 0.975]).double()).tolist()
    assert (means["near"].auroc.low, means["near"].auroc.high) == pytest.approx((low, high))
    assert set(means) == {"csid", "near"}


def test_among_our_own_figures_covariate_shifted_images_count_as_id(result: BenchmarkResult) -> None:
    assert (result.id_size, result.id_list_size, result.ood_size) == (41, 24, 20)
    for method in result.methods:
        assert method.pooled.auroc.value == pytest.approx(theirs(method.id_scores, method.ood_scores)["auroc"])
        near = theirs(method.id_scores, method.ood_scores[:9])
        assert method.per_class["mini_2"].auroc.value == pytest.approx(near["auroc"])


def test_the_accuracy_is_that_of_the_id_list(
    result: BenchmarkResult, tiny_inspector: Inspector, image_lists: tuple[Path, Path]
) -> None:
    lines = [line.rsplit(" ", 1) for line in (image_lists[0] / "test_mini.txt").read_text().splitlines()]
    observed = tiny_inspector.observe(tiny_inspector.decode([image_lists[1] / path for path, _ in lines]))
    right = observed.predicted == torch.tensor([int(label) for _, label in lines])
    assert result.id_accuracy == pytest.approx(float(right.float().mean()))


def test_it_is_written_read_and_checked(result: BenchmarkResult, tmp_path: Path) -> None:
    write_result(result, tmp_path / "results.json")
    loaded = read_result(tmp_path)
    assert loaded.tiers == result.tiers
    for method, other in zip(loaded.methods, result.methods, strict=True):
        assert dict(method.tiers) == dict(other.tiers) and dict(method.lists) == dict(other.lists)
    first = result.methods[0]
    wrong = {**first.lists, "mini_1b": first.lists["mini_cells_far"]}
    write_result(replace(result, methods=(replace(first, lists=wrong), *result.methods[1:])), tmp_path / "results.json")
    with pytest.raises(NeroError, match=f"in {first.method}, mini_1b: another"):
        read_result(tmp_path)


def test_tiers_that_do_not_fit_the_images_make_no_result(result: BenchmarkResult) -> None:
    for tiers in (
        None,
        Tiers(("mini_1c", "mini_1b"), ("mini_2", "mini_3"), ("mini_cells_far",)),
        Tiers(("mini_1b", "mini_1c"), ("mini_2",), ("mini_cells_far",)),
        Tiers(("mini_1b", "mini_1c"), ("mini_2", "mini_3"), ("mini_3", "mini_cells_far")),
    ):
        with pytest.raises(ValueError, match="list"):
            replace(result, tiers=tiers)


def test_every_report_has_the_tiers(result: BenchmarkResult) -> None:
    text, html = markdown(result), page(result)
    assert "## Tiers, as OpenMIBOOD measures them" in text and "Tiers, as OpenMIBOOD measures them" in html
    for name in ("covariate-shifted ID", "near-OOD", "far-OOD"):
        assert name in text and name in html
    assert "mini_1b, mini_1c" in dict(protocol(result))["Tiers"]
    assert "The lists were read whole." in dict(protocol(result))["Tiers"]
    rows = list(csv.DictReader(io.StringIO(csv_table(result))))
    first = result.methods[0]
    near = next(row for row in rows if row["method"] == first.method and row["ood_class"] == "near")
    assert (near["ood"], near["id_images"], near["ood_images"]) == ("tier", "24", "13")
    assert float(near["auroc"]) == pytest.approx(100 * first.tiers["near"].auroc.value, abs=0.05)
    assert sum(row["ood"] == "list" for row in rows) == 5 * len(result.methods)


def test_missing_images_and_copies_are_told(tiny_bundle: Path, image_lists: tuple[Path, Path], tmp_path: Path) -> None:
    lists, data = tmp_path / "lists", image_lists[1]
    shutil.copytree(image_lists[0], lists)
    with (lists / "test_mini_2.txt").open("a") as file:
        file.write("near/2/gone.jpg 0\n")
    again = (lists / "test_mini_3.txt").read_text().splitlines()[0]
    with (lists / "test_mini_3.txt").open("a") as file:
        file.write(f"{again}\n")
    told: list[LeftOut] = []
    result = run_benchmark(
        tiny_bundle,
        out=tmp_path / "out",
        lists=lists,
        data=data,
        methods=["msp"],
        replicates=20,
        on_left_out=told.append,
    )
    assert [str(each) for each in told] == [
        "test_mini_2.txt: 9 images are read. Left out: 1 image of the list that is not there.",
        "OOD images: 20 images are read. Left out: 1 that is an exact copy of another.",
    ]
    assert result.ood_size == 20
    assert result.tiers is not None and result.tiers.left_out == tuple(map(str, told))
    assert "1 image of the list that is not there" in dict(protocol(result))["Tiers"]


def test_an_image_that_is_id_and_ood_or_a_list_of_copies_is_refused(
    tiny_bundle: Path, image_lists: tuple[Path, Path], tmp_path: Path
) -> None:
    lists = tmp_path / "lists"
    shutil.copytree(image_lists[0], lists)
    copied = (lists / "test_mini_1c.txt").read_text()
    (lists / "test_mini_9_near.txt").write_text(copied)
    with pytest.raises(CalibrationError, match=r"either ID or OOD\. Found 5 in both sets"):
        run_benchmark(
            tiny_bundle, out=tmp_path / "out", lists=lists, data=image_lists[1], methods=["msp"], replicates=20
        )
    (lists / "test_mini_9_near.txt").write_text((lists / "test_mini_2.txt").read_text())
    with pytest.raises(CalibrationError, match="Expected images of mini_9_near that are in no other class or list"):
        run_benchmark(
            tiny_bundle, out=tmp_path / "out", lists=lists, data=image_lists[1], methods=["msp"], replicates=20
        )


def test_a_list_of_the_name_of_a_class_is_refused(image_lists: tuple[Path, Path]) -> None:
    with pytest.raises(DatasetError, match=r"found test_mini_1b\.txt"):
        read_listed(*image_lists, ("a", "b", "mini_1b"), lambda _: None)

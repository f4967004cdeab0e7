"""The programs behind the tables measure what they say."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from nero_core import Head, Inspector, compare_banks
from nero_core.calibration.feature_bank import detector_input, fitted_detector
from nero_core.detectors.nero import NERO
from nero_core.detectors.nero_deep import NeroDeep
from nero_core.detectors.nero_plus import NeroPlus
from nero_core.types import Unlikeness
from tests.study import ablation, depth, evidence, faithfulness, tables
from tests.study.ablation import Banks, Variant


@pytest.fixture
def banks() -> Banks:
    generator = torch.Generator().manual_seed(0)
    centres = 2 * torch.rand(3, 16, generator=generator, dtype=torch.float64)
    labels = torch.arange(60) % 3

    def made(images: int, shift: float) -> torch.Tensor:
        noise = torch.randn(images, 16, generator=generator, dtype=torch.float64)
        return (centres[torch.arange(images) % 3] + shift + 0.3 * noise).relu()

    return Banks(Head(centres - 1, torch.zeros(3, dtype=torch.float64)), made(60, 0), labels, made(20, 0), made(25, 1))


def test_the_default_variant_is_the_first_form_of_nero_plus(banks: Banks) -> None:
    detector = NeroPlus(banks.head, with_features=False, shrinkage=0.0).fit_features(banks.fit, banks.labels)
    for scores, x in zip(Variant().scores(banks), (banks.id, banks.ood), strict=True):
        torch.testing.assert_close(scores.square(), detector.predict_features(x), rtol=1e-6, atol=1e-8)


def test_the_first_step_is_the_distance_of_nero(banks: Banks) -> None:
    detector = NERO(banks.head).fit_features(banks.fit, banks.labels)
    first = next(iter(ablation.STEPS.values()))
    for scores, x in zip(first.scores(banks), (banks.id, banks.ood), strict=True):
        torch.testing.assert_close(scores, detector.terms(x).distance)


@pytest.mark.parametrize("name", list(ablation.STEPS))
def test_every_variant_gives_finite_scores(banks: Banks, name: str) -> None:
    assert all(bool(scores.isfinite().all()) for scores in ablation.STEPS[name].scores(banks))


def test_a_variant_that_lacks_a_case_has_no_mean() -> None:
    results = {
        "one": {"a-0": (90.0, 40.0), "a-1": (80.0, 60.0), "b deit-0": (60.0, 90.0)},
        "two": {"a-0": (70.0, 50.0)},
    }
    lines = ablation.table(results).splitlines()
    assert lines[0] == "| Variant | explored (1 families) | held out (1 families) | all |"
    assert lines[2] == "| one | 85.0 / 50.0 | 60.0 / 90.0 | 72.5 / 70.0 |"
    assert lines[3] == "| two | – | – | – |"


def test_a_table_has_mean_and_deviation_over_seeds_and_says_what_was_left_out(tiny_inspector: Inspector) -> None:
    results = [compare_banks(tiny_inspector, methods=("msp", "vim"), replicates=100, seed=seed) for seed in (0, 1)]
    text = tables.table(results)
    auroc = 100 * results[0].methods[0].pooled.auroc.value
    assert f"| msp | logits | {auroc:.1f} ± 0.0 |" in text
    assert "Left out: vim. Expected a fit bank" in text


def test_a_table_goes_between_its_marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- table: one -->\nold\n<!-- end -->\n<!-- table: two -->\n<!-- end -->\n")
    monkeypatch.setattr(tables, "PAGE", page)
    tables.write("one", "new \\1")
    assert page.read_text() == (
        "before\n<!-- table: one -->\nnew \\1\n<!-- end -->\n<!-- table: two -->\n<!-- end -->\n"
    )
    with pytest.raises(SystemExit, match="table: three"):
        tables.write("three", "text")


def test_programs_side_by_side_lose_no_table_of_one_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    names = [f"table-{number}" for number in range(8)]
    page.write_text("\n".join(f"<!-- table: {name} -->\n<!-- end -->" for name in names))
    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(lambda name: [tables.write(name, f"{name} {turn}", page) for turn in range(10)], names))
    assert page.read_text() == "\n".join(f"<!-- table: {name} -->\n{name} 9\n<!-- end -->" for name in names)
    assert list(tmp_path.iterdir()) == [page]


def test_every_table_of_the_programs_has_its_place_on_the_page() -> None:
    page = (Path(__file__).parents[2] / "docs" / "benchmark.md").read_text(encoding="utf-8")
    for name in (
        "summary",
        "ablation",
        "depth",
        "phantom resnet18",
        "phantom deit",
        "mednist-a resnet18",
        "mednist-a frozen",
    ):
        assert f"<!-- table: {name} -->" in page


def test_shrinkage_goes_to_nothing_as_images_grow_and_to_all_for_white_noise() -> None:
    generator = torch.Generator().manual_seed(0)
    scale = torch.linspace(0.1, 2, 12, dtype=torch.float64)
    few, many = (
        ablation.shrunk_covariance(scale * torch.randn(n, 12, generator=generator, dtype=torch.float64))[1]
        for n in (20, 20_000)
    )
    white = ablation.shrunk_covariance(torch.randn(400, 12, generator=generator, dtype=torch.float64))[1]
    assert many < 0.01 < few < 1
    assert white > 0.5


def test_the_evidence_study_measures_where_the_maps_lie(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- table: tiny -->\n<!-- end -->\n")
    monkeypatch.setattr(evidence, "PAGE", page)
    monkeypatch.setattr("sys.argv", ["evidence", str(tiny_bundle), "--per-class", "2"])
    evidence.main()
    written = page.read_text()
    assert written.count(evidence.header(evidence.PLACED_HEADS)[0]) == 2
    assert "| **all** | 10 |" in written
    assert all(f"| {label} | 2 |" in written for label in evidence.OOD_CLASSES)


def test_the_faithfulness_study_writes_a_table_and_goes_on_where_it_was_stopped(
    tiny_bundle: Path, phantoms: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- table: tiny faithfulness -->\n<!-- end -->\n")
    monkeypatch.setattr(faithfulness, "PAGE", page)
    monkeypatch.setattr(faithfulness, "BUILD", tmp_path / "build")
    real = ("--real", str(phantoms / "ood"), "--frames", "1")
    chosen = ("--composites", "epsilon_plus", "integrated_gradients")
    monkeypatch.setattr("sys.argv", ["faithfulness", str(tiny_bundle), *real, "--per-class", "0", *chosen])
    faithfulness.main()
    kept = (tmp_path / "build" / "tiny.jsonl").read_text()
    assert len(kept.splitlines()) == 1
    monkeypatch.setattr("sys.argv", ["faithfulness", str(tiny_bundle), *real, "--per-class", "1", *chosen])
    monkeypatch.setattr(faithfulness, "ID_CLASSES", ("normal-cecum",))
    monkeypatch.setattr(faithfulness, "OOD_CLASSES", ())
    faithfulness.main()
    lines = (tmp_path / "build" / "tiny.jsonl").read_text().splitlines()
    assert len(lines) == 2 and lines[0] == kept.splitlines()[0]
    written = page.read_text()
    assert "1 phantoms and 1 real frames." in written
    assert written.count("| ε+ |") == written.count("| integrated gradients |") == 1
    assert written.count("| the plain gradient | – |") == 1


def test_a_row_of_the_faithfulness_table_counts_what_adds_up_and_what_is_weak() -> None:
    def figure(output: str, imputation: str, gain: float, conservation: float) -> faithfulness.Figure:
        return faithfulness.Figure("epsilon_plus", output, imputation, gain, 0.5, 0.4, conservation)

    figures = [
        figure(output, imputation, gain, conservation)
        for gain, conservation in ((0.45, 1.0), (2.0, 1.2), (3.0, 0.95), (0.3, 1.05))
        for output, imputation in (("logit", "blur"), ("probability", "blur"), ("probability", "linear"))
    ]
    figures += [figure("logit", "linear", -1.0, 1.0)]
    cells = [cell.strip() for cell in faithfulness.row("epsilon_plus", figures).strip("|").split("|")]
    assert cells == ["ε+", "77%", "+1.23 / -1.00", "50% / 0%", "50% / 50%", "75% / 0%"]


def test_the_evidence_study_puts_the_map_of_where_it_is_unlike_beside_the_older_one_and_the_bars(
    patched_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- table: patched unlike -->\n<!-- end -->\n")
    monkeypatch.setattr(evidence, "PAGE", page)
    monkeypatch.setattr("sys.argv", ["evidence", str(patched_bundle), "--per-class", "1", "--only-unlike"])
    evidence.main()
    written = page.read_text()
    assert written.count(evidence.header(evidence.UNLIKE_HEADS)[0]) == 1
    assert "| **all** | 5 |" in written and "| *bar* | | | ×2.50 | ×1.60 | 65% |" in written
    assert all(len(row.split("|")) == len(evidence.UNLIKE_HEADS) + 2 for row in written.splitlines()[1:-1])


def test_the_brightest_point_counts_where_it_lies_in_the_lesion() -> None:
    lesion = np.zeros((8, 8), dtype=np.bool_)
    lesion[1, 1] = lesion[6, 2] = True
    heatmap = torch.zeros(8, 8)
    heatmap[1, 1], heatmap[1, 6] = 3.0, 1.0
    unlike = Unlikeness("", heatmap, 0.1, 0.01, 0.0, 1.0, 0.0, ())
    assert evidence.find(unlike, lesion) == evidence.Unlike(inside=0.75, mirrored=0.25 / 3, peak=True, share=0.1)
    assert not evidence.find(replace(unlike, heatmap=heatmap.flip(0)), lesion).peak
    assert evidence.find(replace(unlike, heatmap=heatmap * 0), lesion) == evidence.Unlike(0.0, 0.0, False, 0.1)


def test_a_map_that_knows_nothing_has_the_lesions_area_and_one_that_knows_all_has_all() -> None:
    lesion = np.zeros((8, 8), dtype=np.bool_)
    lesion[:2, :4] = True
    assert evidence.share(np.ones((8, 8)), lesion) == lesion.mean()
    assert evidence.share(evidence.positive(np.where(lesion, 2.0, -1.0)), lesion) == 1
    assert evidence.share(np.zeros((8, 8)), lesion) == 0


def test_negative_over_positive_compares_the_two_parts_of_a_signed_map() -> None:
    assert evidence.negative_over_positive(np.array([[3.0, -1.0], [1.0, -5.0]])) == 1.5
    assert evidence.negative_over_positive(np.array([[-1.0, 0.0]])) == float("inf")
    assert evidence.negative_over_positive(np.ones((2, 2))) == evidence.negative_over_positive(np.zeros((2, 2))) == 0


def test_the_interval_of_the_study_is_that_of_the_normal_approximation() -> None:
    values = np.random.default_rng(0).normal(3, 2, 400)
    low, high = evidence.interval(lambda drawn: drawn.mean(axis=1), values)
    assert low == pytest.approx(values.mean() - 1.96 * values.std() / 20, abs=0.03)
    assert high == pytest.approx(values.mean() + 1.96 * values.std() / 20, abs=0.03)


@pytest.mark.parametrize(
    ("table", "heads", "count"),
    [
        ("phantom-resnet18", evidence.PLACED_HEADS, 2),
        ("phantom-deit", evidence.PLACED_HEADS, 2),
        ("phantom-efficientnet-lite0 faithfulness", faithfulness.HEADS, 1),
        ("phantom-resnet18 faithfulness", faithfulness.HEADS, 1),
        ("phantom-deit faithfulness", faithfulness.HEADS, 1),
    ],
)
def test_the_page_shows_the_tables_that_the_studies_write(table: str, heads: tuple[str, ...], count: int) -> None:
    page = (Path(__file__).parents[2] / "docs" / "evidence.md").read_text(encoding="utf-8")
    shown = page.split(f"<!-- table: {table} -->\n")[1].split("<!-- end -->")[0].splitlines()
    headers = [above for above, line in pairwise(shown) if set(line) == set("|-")]  # the rows above such a line
    assert headers == [evidence.header(heads)[0]] * count


def test_a_depth_of_the_study_is_that_of_the_detector(tiny_inspector: Inspector) -> None:
    bundle = tiny_inspector.bundle
    bank = bundle.ood
    assert bank is not None
    scores = depth.parts(bundle.classifier.head, bundle.fit, bank)
    detector = fitted_detector("nero_deep", bundle.classifier.head, bundle.fit)
    assert isinstance(detector, NeroDeep)
    terms = detector.terms(detector_input(detector, bank))
    torch.testing.assert_close(scores["all stages = `nero_deep`"], terms.score)
    torch.testing.assert_close(scores["last stage alone"], terms.parts["features"])
    torch.testing.assert_close(scores["stage 1 alone"], next(iter(terms.parts.values())))
    without = scores["all stages before the last"] + scores["last stage, features alone"]
    torch.testing.assert_close(scores["all stages, features alone"], without)


def test_the_depth_study_has_a_row_for_each_part_and_peer(
    tiny_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    depth.main(["--bundle", str(tiny_bundle), "--per-class", "2"])
    shown = capsys.readouterr().out
    for name in ("stage 1 alone", "all stages = `nero_deep`", "`mds_ensemble`", "`residual`", "`nero`"):
        assert f"| {name} | " in shown
    assert "6 ID phantoms and 10 of 5 lesions" in shown

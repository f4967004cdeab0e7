"""``nero benchmark``."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from nero_core.benchmark import read_result, stored_comparison
from nero_core.calibration import Bundle

Run = Callable[..., Result]
SOME = ("--methods", "msp,nero", "--replicates", 100, "--device", "cpu")


def test_benchmark_prints_a_table_and_writes_every_report(nero: Run, tiny_bundle: Path, tmp_path: Path):
    out = tmp_path / "out"
    result = nero("benchmark", tiny_bundle, "--out", out, "--progress", tmp_path / "progress", *SOME)
    assert result.exit_code == 0, result.output
    for expected in ("AUROC", "FPR95", "AUPR-in", "msp", "nero", "Page: "):
        assert expected in result.stdout
    assert sorted(path.name for path in out.iterdir()) == ["results.csv", "results.html", "results.json", "results.md"]
    assert {method.method for method in read_result(out).methods} == {"msp", "nero"}
    lines = [json.loads(line) for line in (tmp_path / "progress").read_text().splitlines()]
    assert lines[-1] == {"finished": True}
    assert {"stage": "methods", "done": 2, "total": 2} in lines


def test_all_is_every_method_and_those_left_out_are_told(nero: Run, tiny_bundle: Path, tmp_path: Path):
    result = nero("benchmark", tiny_bundle, "--out", tmp_path, "--methods", "all", "--replicates", 100)
    assert result.exit_code == 0, result.output
    comparison = read_result(tmp_path)
    assert len(comparison.methods) > 10
    for method in comparison.skipped:
        assert f"Left out: {method.method}" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--methods", "nerro"), "Found 'nerro'"),
        (("--ood", "nowhere"), "nowhere"),
        (("--id", "nowhere"), "nowhere"),
        (("--replicates", "5"), "--replicates"),
        (("--replicates", "10001"), "--replicates"),
        (("--device", "abacus"), "abacus"),
    ],
)
def test_bad_input_is_one_message_and_exit_status_two(
    nero: Run, tiny_bundle: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
):
    result = nero("benchmark", tiny_bundle, "--out", tmp_path / "out", *arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output


def test_an_error_is_the_last_line_of_the_progress_file(nero: Run, tiny_bundle: Path, tmp_path: Path):
    file = tmp_path / "progress"
    result = nero("benchmark", tiny_bundle, "--out", tmp_path / "o", "--methods", "nerro", "--progress", file)
    assert result.exit_code == 2
    last = json.loads(file.read_text().splitlines()[-1])
    assert "Found 'nerro'" in last["error"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--lists", "LISTS"), "Found --lists alone"),
        (("--data", "DATA"), "Found --data alone"),
        (("--lists", "LISTS", "--data", "DATA", "--ood", "DATA"), "Found both"),
        (("--lists", "DATA", "--data", "DATA"), "expected 2 to 100 lists"),
    ],
)
def test_lists_and_their_images_come_together(
    nero: Run,
    tiny_bundle: Path,
    image_lists: tuple[Path, Path],
    tmp_path: Path,
    arguments: tuple[str, ...],
    message: str,
) -> None:
    places = {"LISTS": image_lists[0], "DATA": image_lists[1]}
    result = nero("benchmark", tiny_bundle, "--out", tmp_path, *(places.get(each, each) for each in arguments))
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())


def test_the_command_prints_the_tiers(
    nero: Run, tiny_bundle: Path, image_lists: tuple[Path, Path], tmp_path: Path
) -> None:
    arguments = ("--lists", image_lists[0], "--data", image_lists[1], "--methods", "msp,nero", "--replicates", 100)
    result = nero("benchmark", tiny_bundle, "--out", tmp_path, *arguments, "--device", "cpu")
    assert result.exit_code == 0, result.output
    shown = " ".join(result.stdout.split())
    assert "Each list against the 24 images of the ID list" in shown
    assert json.loads((tmp_path / "results.json").read_text())["tiers"]["near"] == ["mini_2", "mini_3"]


def test_keep_leaves_the_figures_in_the_bundle(nero: Run, tiny_bundle: Path, tmp_path: Path):
    bundle = Path(shutil.copytree(tiny_bundle, tmp_path / "bundle"))
    result = nero("benchmark", bundle, "--keep", "--out", tmp_path / "out", "--replicates", 100, "--device", "cpu")
    assert result.exit_code == 0, result.output
    stored = stored_comparison(Bundle.load(bundle))
    assert stored is not None
    assert [method.pooled for method in stored.methods] == [
        method.pooled for method in read_result(tmp_path / "out").methods
    ]


@pytest.mark.parametrize("besides", [("--methods", "msp"), ("--ood", "images")])
def test_what_is_not_of_the_bundle_itself_is_not_kept_in_it(
    nero: Run, tiny_bundle: Path, tmp_path: Path, besides: tuple[str, str]
):
    result = nero("benchmark", tiny_bundle, "--keep", "--out", tmp_path / "out", *besides)
    assert result.exit_code == 2
    assert "Expected --keep with all methods on the bundle's own images" in result.output
    assert not (tmp_path / "out").exists()

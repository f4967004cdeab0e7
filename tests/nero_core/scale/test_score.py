"""Scores into a folder of Parquet parts, in one process: what the engines share."""

import json
import shutil
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet
from typer.testing import Result

from nero_core.errors import NeroError
from nero_core.inspector import Inspector
from nero_core.scale import OneProcess, PartSettings, Scored, score_into_parts
from nero_core.scale.engine import Engine
from nero_core.scale.scorer import Scorer
from nero_core.scale.units import Unit
from tests.nero_core.cli.conftest import nero as nero
from tests.nero_core.scale.conftest import rows_of, write_tar

Run = Callable[..., Result]
Score = Callable[..., Scored]


@pytest.fixture
def settings(tiny_inspector: Inspector) -> PartSettings:
    return PartSettings(tiny_inspector.bundle.digest, "0", "nero", 0.8)


@pytest.fixture
def score(tiny_bundle: Path, settings: PartSettings, tmp_path: Path) -> Score:
    def run(*paths: Path, engine: Engine | None = None, **options: object) -> Scored:
        given = {"size": 4, "settings": settings} | options
        return score_into_parts(tiny_bundle, paths, tmp_path / "out", engine=engine or OneProcess("cpu"), **given)

    return run


def errors_in(scored: Scored) -> dict[str, str]:
    assert scored.errors is not None
    lines = [json.loads(line) for line in scored.errors.read_text().splitlines()]
    assert len(lines) == scored.failed
    return {Path(line["file"]).name: line["error"] for line in lines}


def test_files_and_shards_have_one_row_an_image_with_the_scores_of_nero_score(
    nero: Run, tiny_bundle: Path, material: Path, tmp_path: Path
):
    options = ("--device", "cpu", "--method", "nero", "--tpr", 0.8)
    result = nero("score", tiny_bundle, material, *options, "--out", tmp_path / "out")
    assert result.exit_code == 1, result.output
    assert "24 images scored, 24 of them now" in result.stdout
    assert "2 could not be scored" in result.stderr
    rows = rows_of(tmp_path / "out")
    shard = str(material / "six.parquet")
    assert {name for name in rows if name.startswith(shard)} == {f"{shard}#row {row}" for row in range(7)}
    assert sum(name.startswith(str(material / "six.tar/")) for name in rows) == 6
    lines = nero("score", tiny_bundle, material / "files", *options, "--json").stdout.splitlines()
    assert len(lines) == 13
    for line in map(json.loads, lines):
        row = rows[line["file"]]
        for name in ("sha256", "predicted", "confidence", "score", "threshold", "p_value", "verdict", "error"):
            assert row[name] == line.get(name), (line["file"], name)


def test_the_verdict_has_both_parts_and_several_methods_need_a_folder_each(
    nero: Run, verdict_bundle: Path, material: Path, tmp_path: Path
):
    image, out = material / "files" / "00.jpg", tmp_path / "out"
    result = nero("score", verdict_bundle, image, "--device", "cpu", "--out", out)
    assert result.exit_code == 0, result.output
    [row] = rows_of(out).values()
    [line] = nero("score", verdict_bundle, image, "--device", "cpu", "--json").stdout.splitlines()
    for part, values in json.loads(line)["parts"].items():
        assert {name: row[f"{part}_{name}"] for name in values} == values
    refused = nero("score", verdict_bundle, image, "--out", out, "--method", "nero", "--method", "msp")
    assert refused.exit_code == 2
    assert "Found nero, msp" in refused.stderr


def test_what_is_written_is_not_scored_again_and_new_files_are(score: Score, material: Path, tmp_path: Path):
    first = score(material)
    parts = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("part-*.parquet")}
    shutil.copy(material / "files" / "00.jpg", material / "files" / "000.jpg")  # among the others
    (tmp_path / "out" / ".part-1.parquet.77.part").write_bytes(b"of a worker that was killed")
    second = score(material)
    assert (first.new, second.new) == (24, 1)
    assert (second.images, second.failed) == (25, 2)
    assert len(rows_of(tmp_path / "out")) == 27
    assert {path: path.stat().st_mtime_ns for path in parts} == parts
    assert not list((tmp_path / "out").glob(".part*"))


def test_a_part_that_is_cut_short_or_removed_is_made_again(score: Score, material: Path, tmp_path: Path):
    score(material)
    before = rows_of(tmp_path / "out")
    cut, gone = sorted((tmp_path / "out").glob("part-*.parquet"))[:2]
    cut.write_bytes(cut.read_bytes()[:50])
    gone.unlink()
    assert score(material).new > 0
    assert rows_of(tmp_path / "out") == before


def test_half_written_shards_give_what_is_whole_and_are_named_in_the_errors_file(
    score: Score, phantoms: Path, material: Path, tmp_path: Path
):
    whole, tar, table = ((material / name).read_bytes() for name in ("six.tar", "six.tar", "six.parquet"))
    images = sorted((phantoms / "id").glob("*/*.jpg"))[12:18]
    length = 512 * (2 + -(-images[0].stat().st_size // 512)) + 512  # an image and its label, with their headers
    shards = tmp_path / "shards"
    shards.mkdir()
    (shards / "between.tar").write_bytes(tar[:length])
    (shards / "within.tar").write_bytes(tar[: length + 1000])
    (shards / "half.parquet").write_bytes(table[:-100])
    (shards / "empty.tar").write_bytes(b"")
    parquet.write_table(pa.table({"a": [b"x"], "b": [b"y"]}), shards / "two.parquet")
    scored = score(shards)
    assert scored.images == 2
    errors = errors_in(scored)
    assert set(errors) == {"between.tar", "within.tar", "half.parquet", "empty.tar", "two.parquet"}
    assert "no end-of-archive mark" in errors["between.tar"]
    assert "found a, b. Name it by --image-column." in errors["two.parquet"]
    write_tar(shards / "between.tar", images)
    assert whole == (shards / "between.tar").read_bytes()
    mended = score(shards, again=True)
    assert mended.images == 7
    assert "between.tar" not in errors_in(mended)


def test_a_folder_without_images_and_one_row_too_large_stop_no_other(score: Score, material: Path, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    data = [(material / "files" / "00.jpg").read_bytes(), bytes(50 * 2**20 + 1)]
    parquet.write_table(pa.table({"image": data}), tmp_path / "large.parquet")
    scored = score(tmp_path / "large.parquet", tmp_path / "empty")
    assert scored.images == 1
    errors = errors_in(scored)
    assert "at most 50 MB" in errors["large.parquet#row 1"]
    assert "found none in it" in errors["empty"]


def test_a_full_disk_ends_the_run_with_the_parts_that_stand(
    score: Score, material: Path, tmp_path: Path, disk_with_room: Callable[[int], AbstractContextManager[None]]
):
    score(material / "files" / "00.jpg")
    with disk_with_room(2000), pytest.raises(NeroError, match="Make room, and give the same command again"):
        score(material)
    assert len(rows_of(tmp_path / "out")) == 1
    assert score(material).images == 24


class Deadly:
    """An engine whose workers never answer for one file, as when each that gets it is killed for want of memory."""

    device, threads = "cpu", 1

    def map(self, make, arguments, units):
        work = make(*arguments)
        for place, unit in enumerate(units):
            if not any(source.endswith("05.jpg") for source in unit.sources):
                yield place, work(unit)


def test_an_image_that_kills_its_workers_costs_no_other_its_score(score: Score, material: Path, tmp_path: Path):
    scored = score(material / "files", engine=Deadly())
    assert scored.images == 11
    assert set(errors_in(scored)) == {"05.jpg", "broken.jpg"}
    assert "want of memory" in errors_in(scored)["05.jpg"]
    assert score(material / "files").images == 12


def test_parts_of_other_settings_or_of_somebody_else_are_refused(
    score: Score, settings: PartSettings, material: Path, tmp_path: Path
):
    score(material / "files" / "00.jpg")
    with pytest.raises(NeroError, match=r"Expected a run with method msp in .* Found one with nero"):
        score(material, settings=replace(settings, method="msp"))
    shutil.rmtree(tmp_path / "out")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "letter.txt").write_text("mine")
    with pytest.raises(NeroError, match=r"Found letter\.txt"):
        score(material)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["letter.txt"]


def test_a_unit_that_is_done_twice_is_written_once(
    tiny_bundle: Path, settings: PartSettings, material: Path, tmp_path: Path
):
    work = Scorer(str(tiny_bundle), str(tmp_path), settings, None, "cpu", 1)
    unit = Unit("tar", (str(material / "six.tar"),))
    assert work(unit) == work(unit)
    assert len(rows_of(tmp_path)) == 6


def test_a_machine_with_another_bundle_is_refused(score: Score, settings: PartSettings, material: Path):
    with pytest.raises(NeroError, match="Expected the same bundle on every machine"):
        score(material, settings=replace(settings, bundle="another"))


def test_ray_that_is_not_installed_is_named_with_what_brings_it(
    nero: Run, tiny_bundle: Path, material: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "ray", None)
    result = nero("score", tiny_bundle, material, "--out", tmp_path / "out", "--engine", "ray")
    assert result.exit_code == 2
    assert 'Run pip install "nero-dashboard[scale]".' in result.stderr


def test_options_that_do_not_suit_are_refused(nero: Run, tiny_bundle: Path, material: Path, tmp_path: Path):
    without = nero("score", tiny_bundle, material, "--engine", "ray")
    assert (without.exit_code, without.stderr[:40]) == (2, "Error: Expected --out with --engine ray.")
    both = nero("score", tiny_bundle, material, "--out", tmp_path / "out", "--json")
    assert both.exit_code == 2
    assert not (tmp_path / "out").exists()

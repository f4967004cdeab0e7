"""Compare methods over the tiny bundle, without a browser."""

import io
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard import places, words
from dashboard.work import jobs
from nero_core import DETECTORS, BenchmarkResult
from nero_core.benchmark import add_comparison
from nero_core.benchmark.result_file import write_result
from nero_core.calibration import calibrate
from nero_core.calibration.bundle_files import add_part
from nero_core.calibration.card import COMPARISON
from nero_core.detectors import METHODS
from nero_core.store import add_job, claim_job, end_job
from tests.dashboard.material import asked, html, no_traceback, png, until

Start = Callable[..., AppTest]
PAGE = "pages/compare/page.py"


def compare(app: Start, **query: str) -> AppTest:
    running = app("compare", **query)
    no_traceback(running)
    for button in running.button:
        if button.key == "compare_now":
            button.click().run()
            break
    return until(running, lambda: running.dataframe or running.get("file_uploader"))


def zipped(folder: Path) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for file in sorted(folder.rglob("*.jpg")):
            archive.write(file, str(file.relative_to(folder)))
    return buffer.getvalue()


def test_every_method_has_a_row_or_a_reason(app: Start):
    running = compare(app)
    until(running, lambda: running.dataframe)
    rows = running.dataframe[0].value
    skipped = [text.value for text in running.markdown if "**" in text.value and "Expected" in text.value]
    assert len(rows) + "\n".join(skipped).count("- **") >= len(DETECTORS)
    assert "NERO" in list(rows["method"])
    assert any("separates them best" in text.value for text in running.markdown)
    assert len(running.get("plotly_chart")) == 3
    assert running.multiselect(key="methods").value[0] == "nero"
    assert len(running.multiselect(key="methods").value) == 3


def test_nothing_is_computed_before_somebody_asks_for_it(app: Start):
    running = app("compare", sample="polyps")
    no_traceback(running)
    assert not running.dataframe and not running.get("progress")
    offer = " ".join(text.value for text in running.markdown).replace("\\", "")
    assert f"{len(METHODS)} methods, some ten seconds" in offer
    assert 4 <= html(running).count('<th scope="row">') <= 6  # nor does the image ask for every method
    again = app("compare")
    assert again.button(key="compare_now")
    again.button(key="compare_now").click().run()
    until(again, lambda: again.dataframe)
    assert app("compare").dataframe  # for everybody, and after a reload


def test_what_the_reference_set_keeps_is_shown_at_once(
    app: Start, wide_bundle: Path, comparison: BenchmarkResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def unasked(*args: object, **more: object) -> None:
        pytest.fail("it is computed again")

    bundle = Path(shutil.copytree(wide_bundle, tmp_path / "compared"))
    add_comparison(bundle, comparison, device="cpu")
    monkeypatch.setenv("NERO_BUNDLES", str(bundle))
    monkeypatch.setattr("dashboard.resources.background_tasks.compare_banks", unasked)
    running = app("compare", bundle="compared", sample="polyps")
    no_traceback(running)
    rows = running.dataframe[0].value
    assert list(rows["rank"]) == [method.rank for method in comparison.methods]
    assert "time" not in rows  # which it does not keep
    assert len(running.get("plotly_chart")) == 3
    assert not [button for button in running.button if button.key == "compare_now"]
    best = words.method(comparison.methods[0].method)
    assert f'<th scope="row">{best}<small>' in html(running)  # beside ours, of this image


def test_a_comparison_that_cannot_be_read_is_said_and_can_be_made_anew(
    app: Start, wide_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    bundle = Path(shutil.copytree(wide_bundle, tmp_path / "odd"))
    add_part(bundle, COMPARISON, b"no gzip")
    monkeypatch.setenv("NERO_BUNDLES", str(bundle))
    running = app("compare", bundle="odd")
    no_traceback(running)
    assert any("to be a comparison of methods" in error.value.replace("\\", "") for error in running.error)
    assert running.button(key="compare_now")


def test_a_link_opens_the_chosen_methods_and_the_sample_gets_every_verdict(app: Start):
    running = compare(app, methods="msp", sample="polyps", every_method="true")
    until(running, lambda: running.dataframe)
    assert running.multiselect(key="methods").value == ["msp"]
    page = html(running)
    assert page.count('<th scope="row">') >= 20
    assert '<tr class="ours">' in page
    page_text = " ".join(text.value for text in running.markdown).replace("\\", "")
    assert "methods say" in page_text or "NERO says" in page_text
    assert "smallest" in " ".join(caption.value for caption in running.caption)


def test_the_verdict_by_two_tests_stands_beside_the_methods_where_the_reference_set_has_it(
    app: Start, verdict_bundle: Path, monkeypatch: pytest.MonkeyPatch
):
    row = "verdict, by two tests<small>p-values</small>"
    assert row not in html(compare(app, sample="polyps"))
    monkeypatch.setenv("NERO_BUNDLES", str(verdict_bundle))
    running = compare(app, sample="polyps", bundle=verdict_bundle.name)
    no_traceback(running)
    assert html(running).count(row) == 1


def test_the_p_values_are_sorted(app: Start):
    running = compare(app, sample="polyps", every_method="true")
    page = html(running)
    widths = [float(part.split("%")[0]) for part in page.split('<span class="nero-p"><i style="width:')[1:]]
    assert len(widths) >= 20
    assert widths == sorted(widths)


def test_an_uploaded_file_comes_along_from_the_first_page(app: Start):
    running = app()
    files = [(name, png(seed=seed), "image/png") for seed, name in enumerate(("frame_1.png", "frame_2.png"))]
    running.file_uploader(key="files").set_value(files)
    running.run()
    running.button(key="next_image").click().run()
    assert running.subheader[0].value.replace("\\", "") == "frame_2.png"
    running.switch_page(PAGE).run()
    no_traceback(running)
    shown = [heading.value.replace("\\", "") for heading in running.subheader]
    assert "frame_2.png" in shown
    assert '<tr class="ours">' in html(running)


def test_a_bundle_without_ood_images_offers_to_bring_some(
    app: Start, tiny_checkpoint: Path, phantoms: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    calibrate(tiny_checkpoint, phantoms / "id", tmp_path / "bare", allow_reduced_rank=True, references=0, device="cpu")
    app()
    monkeypatch.setenv("NERO_BUNDLES", str(tmp_path / "bare"))
    running = compare(app)
    assert any(heading.value == "Nothing to compare with yet" for heading in running.subheader)
    assert running.file_uploader(key="ood_zip")
    assert not running.get("plotly_chart")


@pytest.mark.slow
@pytest.mark.usefixtures("warm_jobs")
def test_a_zip_is_compared_in_a_process_and_found_again_by_its_address(app: Start, phantoms: Path):
    running = compare(app)
    running.file_uploader(key="ood_zip").set_value(("my set.zip", zipped(phantoms / "ood"), "application/zip"))
    running.run()
    no_traceback(running)
    assert any("8 images of 2 classes" in caption.value for caption in running.caption)
    running.button(key="start_run").click().run()
    no_traceback(running)
    run = asked(running, "run")
    until(running, lambda: any("my-set.zip" in heading.value.replace("\\", "") for heading in running.subheader))
    again = compare(app, run=run)
    until(again, lambda: any("On the OOD images of" in heading.value for heading in again.subheader), 240)
    until(again, lambda: again.dataframe)
    assert any("my-set" in caption.value.replace("\\", "") for caption in again.caption)
    again.button(key="leave_run").click().run()
    no_traceback(again)
    assert "run" not in again.query_params
    job = jobs.find(run, "benchmark")
    assert job is not None and not job.inputs.exists()


def test_a_bad_zip_is_refused_beside_its_field(app: Start):
    running = compare(app)
    for data, message in ((b"MZ no zip", "expected a folder or a .zip file"), (png(), "a PNG")):
        running.file_uploader(key="ood_zip").set_value(("set.zip", data, "application/zip"))
        running.run()
        no_traceback(running)
        assert any("set.zip: expected" in error.value.replace("\\", "") for error in running.error), message
        assert not [button for button in running.button if button.key == "start_run"]


def test_a_link_to_a_run_that_is_gone_says_so(app: Start):
    for name in ("A" * 22, "../../etc"):
        running = compare(app, run=name)
        assert any("not here" in warning.value for warning in running.warning)


def written() -> jobs.Job:
    """A job that waits, without a process that would begin it."""
    job = jobs.draft()
    job.write("job.json", {"facts": {"name": "set.zip"}})
    add_job(jobs.store(), "benchmark", "visitor", place=places.server_id(), token=job.id)
    return job


def begun(job: jobs.Job) -> str:
    """The claim of the process that would run it."""
    claim = claim_job(jobs.store(), job.id, place=places.server_id())
    assert claim is not None
    return claim.token


def test_a_run_whose_process_died_is_reported_and_can_be_forgotten(app: Start, monkeypatch: pytest.MonkeyPatch):
    app()
    job = written()
    begun(job)
    monkeypatch.setattr(jobs.store(), "clock", lambda: datetime.now(UTC) + timedelta(minutes=2))
    running = compare(app, run=job.id)
    assert any("ended without a message" in error.value for error in running.error)
    running.button(key="again_benchmark").click().run()
    no_traceback(running)
    assert not job.folder.exists()
    assert not any("ended without a message" in error.value for error in running.error)


def test_a_run_that_waits_says_for_how_many_and_one_that_was_told_to_stop_says_so(app: Start):
    app()
    first, _, job = (written() for _ in range(3))
    running = compare(app, run=job.id)
    (bar,) = [bar for bar in running.get("progress") if "Waiting" in bar.proto.text]
    assert bar.proto.text.endswith(
        "The server runs 2 jobs at once; this one starts after one that was asked for earlier."
    )
    begun(first)
    running = compare(app, run=first.id)
    running.button(key="stop_benchmark").click().run()
    no_traceback(running)
    assert jobs.is_stopping(first) and not jobs.is_stopping(job)
    assert running.button(key="stop_benchmark").disabled


def test_a_run_that_waits_is_stopped_at_once(app: Start):
    app()
    job = [written() for _ in range(3)][-1]
    running = compare(app, run=job.id)
    running.button(key="stop_benchmark").click().run()
    no_traceback(running)
    assert jobs.status(job).state == "stopped" and not job.inputs.exists()


def test_a_result_of_another_bundle_says_so(app: Start, comparison: BenchmarkResult):
    app()
    job = written()
    job.result.mkdir()
    write_result(replace(comparison, bundle_title="Another", bundle_digest="0" * 64), job.result / "results.json")
    assert end_job(jobs.store(), begun(job), "finished")
    running = compare(app, run=job.id)
    assert any("Another" in warning.value for warning in running.warning)
    assert any("On the OOD images of" in heading.value for heading in running.subheader)
    assert running.dataframe
    (job.result / "results.json").write_text("{}")
    st.cache_resource.clear()
    running.run()
    no_traceback(running)
    assert any("nero benchmark" in error.value for error in running.error)
    running.button(key="leave_run").click().run()
    no_traceback(running)
    assert not running.query_params.get("run")

"""Progress as a file that another program reads."""

import json
from pathlib import Path

import pytest

from nero_core.cli.progress import progress_bar
from nero_core.errors import NeroError


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_each_stage_has_its_first_and_last_line_and_the_end_is_told(tmp_path: Path) -> None:
    file = tmp_path / "progress"
    with progress_bar(file=file) as advance:
        for stage in ("reading", "fitting"):
            for done in range(101):
                advance(stage, done, 100)
                assert lines(file)[0] == {"stage": "reading", "done": 0, "total": 100}
    records = lines(file)
    assert records[-1] == {"finished": True}
    for stage in ("reading", "fitting"):
        assert {"stage": stage, "done": 0, "total": 100} in records
        assert {"stage": stage, "done": 100, "total": 100} in records
    assert len(records) < 60


def test_an_error_is_told_and_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "progress"
    with pytest.raises(NeroError), progress_bar(file=file) as advance:
        advance("reading", 0, 1)
        raise NeroError("Expected an é. Found none.")
    assert lines(file)[-1] == {"error": "Expected an é. Found none."}


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit(143)])
def test_a_stop_is_told(tmp_path: Path, stop: BaseException) -> None:
    with pytest.raises((KeyboardInterrupt, SystemExit)), progress_bar(file=tmp_path / "progress"):
        raise stop
    assert lines(tmp_path / "progress") == [{"error": "Stopped."}]


def test_a_second_run_appends(tmp_path: Path) -> None:
    for _ in range(2):
        with progress_bar(file=tmp_path / "progress"):
            pass
    assert lines(tmp_path / "progress") == [{"finished": True}] * 2


def test_without_a_file_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with progress_bar() as advance:
        advance("reading", 1, 1)
    assert list(tmp_path.iterdir()) == []

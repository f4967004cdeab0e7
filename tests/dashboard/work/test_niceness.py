"""The processes of jobs stand back behind verdicts, by as much as the operator says."""

import os
import re
import sys
from pathlib import Path

import pytest

from dashboard.work.niceness import NICE, niceness
from nero_core.errors import NeroError
from tests.dashboard.work.test_jobs import home, run, until
from tests.warm_process import ROOT, WarmProcesses

__all__ = ["home"]
TELLS = "import os, pathlib, sys; pathlib.Path(sys.argv[1]).write_text(str(os.nice(0))); import time; time.sleep(600)"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no nice")
@pytest.mark.parametrize(("said", "expected"), [(None, NICE), ("3", 3)])
def test_a_job_stands_back_by_as_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str | None, expected: int):
    monkeypatch.delenv("NERO_JOB_NICE", raising=False)
    if said is not None:
        monkeypatch.setenv("NERO_JOB_NICE", said)
    told = tmp_path / "told"
    run(TELLS, str(told))
    until(lambda: told.is_file() and told.read_text(), 240)
    assert int(told.read_text()) == min(19, os.nice(0) + expected)


@pytest.mark.parametrize("text", ["-5", "20", "low", "2.5"])
def test_what_is_no_such_number_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, text: str):
    monkeypatch.setenv("NERO_JOB_NICE", text)
    with pytest.raises(NeroError, match=rf"Expected NERO_JOB_NICE .* from 0 .* to 19\. Found '{re.escape(text)}'"):
        niceness()


def test_a_server_does_not_start_with_it(warm: WarmProcesses):
    done = warm.run("-m", "dashboard.server", "run", ROOT / "dashboard/app.py", env={"NERO_JOB_NICE": "low"})
    assert done.returncode == 1
    assert "Found 'low'. Leave it unset for 10." in done.stderr and "Traceback" not in done.stderr

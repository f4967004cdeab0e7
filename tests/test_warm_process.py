"""A process that is forked from a warm one does what a process of Python does."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.warm_process import ROOT, WarmProcesses

CODES = {
    "prints": "import sys; print('a'); print('b', file=sys.stderr)",
    "a status": "import sys; sys.exit(3)",
    "a sentence": "import sys; sys.exit('why')",
    "killed": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "where and what": "import os, sys; print(os.getcwd(), sys.argv, os.environ['TOLD'], sys.stdin.read())",
    "at its end": "import atexit; atexit.register(print, 'end')",
    "nothing of ours": "import sys; print([name for name in sys.modules if name.startswith(('nero', 'dashboard'))])",
    "its own module": "import sys; x = 1; print(sys.modules['__main__'].x, __name__)",
}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="is that process itself")
@pytest.mark.parametrize("name", CODES)
def test_it_prints_and_ends_as_a_real_one(warm: WarmProcesses, tmp_path: Path, name: str) -> None:
    command = ["-c", CODES[name], "one", "two words"]
    real = subprocess.run(
        [sys.executable, *command], cwd=tmp_path, env={**os.environ, "TOLD": "x"}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    done = warm.run(*command, cwd=tmp_path, env={"TOLD": "x"})
    assert (done.returncode, done.stdout, done.stderr) == (real.returncode, real.stdout, real.stderr)


def test_a_traceback_is_shown_and_is_status_1(warm: WarmProcesses) -> None:
    done = warm.run("-c", "1 / 0")
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback") and "ZeroDivisionError" in done.stderr


def test_it_runs_beside_the_tests_and_hears_signals(warm: WarmProcesses, tmp_path: Path) -> None:
    code = "import sys, time; open(sys.argv[1], 'x').close(); time.sleep(60)"
    with warm.start("-c", code, tmp_path / "runs") as process:
        assert process.poll() is None
        until = time.monotonic() + 60
        while not (tmp_path / "runs").exists() and time.monotonic() < until:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == process.poll() == -signal.SIGTERM


def test_what_others_have_made_is_imported(warm: WarmProcesses) -> None:
    assert warm.run("-c", "import sys; print('torch' in sys.modules)").stdout == f"{hasattr(os, 'fork')}\n"
    assert warm.run("-m", "nero_core.cli", "--version", cwd=ROOT).stdout.startswith("nero ")

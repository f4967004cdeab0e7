"""A process that is forked from a warm one does what a process of Python does."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
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
        wait_for((tmp_path / "runs").exists)
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == process.poll() == -signal.SIGTERM


def test_what_others_have_made_is_imported(warm: WarmProcesses) -> None:
    assert warm.run("-c", "import sys; print('torch' in sys.modules)").stdout == f"{hasattr(os, 'fork')}\n"
    assert warm.run("-m", "nero_core.cli", "--version", cwd=ROOT).stdout.startswith("nero ")


@pytest.mark.parametrize("name", CODES)
def test_started_by_a_command_line_it_does_the_same(warm: WarmProcesses, tmp_path: Path, name: str) -> None:
    command, environment = ["-c", CODES[name], "one"], {**os.environ, "TOLD": "x"}
    ends = [
        subprocess.run(
            [*python, *command], cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        for python in (warm.python(), [sys.executable])
    ]
    assert len({(end.returncode, end.stdout, end.stderr) for end in ends}) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_what_a_command_line_has_started_ends_with_it(
    warm: WarmProcesses, tmp_path: Path, number: signal.Signals
) -> None:
    code = "import os, sys, time; open(sys.argv[1], 'x').write(f'{os.getpid()}\\n'); time.sleep(60)"
    told = tmp_path / "told"
    with subprocess.Popen([*warm.python(), "-c", code, told]) as process:
        wait_for(lambda: told.exists() and told.read_text().endswith("\n"))
        process.send_signal(number)
        assert process.wait(120) == -number
    wait_for(lambda: not is_there(int(told.read_text())))


def wait_for(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.01)


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True

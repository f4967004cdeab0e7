"""Running ``nero`` in this process and as a process of its own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from nero_core.cli.app import app

Run = Callable[..., Result]


@pytest.fixture(scope="session")
def nero() -> Run:
    """``nero("score", bundle, …)`` in this process."""

    def run(*arguments: object) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return run


@pytest.fixture(scope="session")
def nero_process() -> Callable[..., subprocess.CompletedProcess[str]]:
    """The same as a real process."""

    def run(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "nero_core.cli", *map(str, arguments)],
            cwd=cwd,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run

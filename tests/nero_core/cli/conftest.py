"""Running ``nero`` in this process and as a process of its own."""

import subprocess
from collections.abc import Callable
from functools import partial

import pytest
from typer.testing import CliRunner, Result

from nero_core.cli.app import app
from tests.warm_process import WarmProcesses

Run = Callable[..., Result]


@pytest.fixture(scope="session")
def nero() -> Run:
    """``nero("score", bundle, …)`` in this process."""

    def run(*arguments: object) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return run


@pytest.fixture(scope="session")
def nero_process(warm: WarmProcesses) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The same as a process of its own."""
    return partial(warm.run, "-m", "nero_core.cli")

"""Whether the server can do its work: it scores an image, the database answers, the disk has room."""

import asyncio
import logging
import math
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Literal

from dashboard.starting import wait_for_imports

State = Literal["ok", "failed", "starting", "slow"]
KEPT = 10.0  # seconds for which an answer stands: many may ask, the image is scored once
LONGEST = 20.0  # seconds after which a check that has not ended counts as failed
LEAST_FREE = 512 * 2**20  # bytes of the disk below which uploads begin to fail
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Report:
    """What was found.

    Attributes:
        checks: by name: ``score``, ``database``, ``disk``.
    """

    checks: Mapping[str, State]

    @property
    def is_ready(self) -> bool:
        """Whether all is well."""
        return all(state == "ok" for state in self.checks.values())


class Readiness:
    """Runs the checks, one at a time, whoever asks; an answer stands for some seconds.

    Args:
        checks: by name; each raises where something is wrong.
        kept: seconds that an answer stands.
        longest: seconds that who asks waits for the checks. One that never ends keeps one thread, and all are told.
    """

    def __init__(
        self, checks: Mapping[str, Callable[[], object]], kept: float = KEPT, longest: float = LONGEST
    ) -> None:
        self._checks, self._kept, self._longest = checks, kept, longest
        self._report: Report | None = None
        self._until = 0.0
        self._task: asyncio.Task[Report] | None = None

    async def report(self) -> Report:
        """What the checks say now, or said some seconds ago."""
        if self._report is not None and time.monotonic() < self._until:
            return self._report
        if self._task is None:
            self._task = asyncio.create_task(asyncio.to_thread(self._check))
            self._task.add_done_callback(self._keep)
        try:
            return await asyncio.wait_for(asyncio.shield(self._task), self._longest)
        except TimeoutError:
            return Report(dict.fromkeys(self._checks, "slow"))

    def _keep(self, task: asyncio.Task[Report]) -> None:
        self._task = None
        if not task.cancelled():
            self._report, self._until = task.result(), time.monotonic() + self._kept

    def _check(self) -> Report:
        if not wait_for_imports(0):
            return Report(dict.fromkeys(self._checks, "starting"))
        states: dict[str, State] = {}
        for name, check in self._checks.items():
            try:
                check()
                states[name] = "ok"
            except Exception:
                states[name] = "failed"
                _log.exception("not ready", extra={"check": name})
        return Report(states)


def score_a_sample() -> None:
    """Decode and score one sample image with the reference set that is offered first.

    Raises:
        NeroError: it cannot be.
        ValueError: what was found is no score.
    """
    resources = import_module("dashboard.resources")
    model = resources.inspector(next(iter(resources.bundle_paths().values())))
    sample = min(path for path in resources.samples().iterdir() if path.suffix in (".jpg", ".png"))
    found = model.detect(model.observe(model.decode([sample])), (model.default_method(),))[model.default_method()]
    score, p_value = float(found.score[0]), float(found.p_value[0])
    if not (math.isfinite(score) and 0 < p_value <= 1):
        raise ValueError(f"Expected a finite score and a p-value in (0, 1]. Found {score} and {p_value}.")


def ask_the_database() -> None:
    """Read from the store.

    Raises:
        NeroError: it does not answer.
    """
    jobs, records = import_module("dashboard.work.jobs"), import_module("nero_core.store")
    records.find_job(jobs.store(), "")


def look_at_the_disk() -> None:
    """Find room for uploads.

    Raises:
        OSError: there is too little, or no folder.
    """
    places = import_module("dashboard.places")
    free = shutil.disk_usage(places.make_private(places.home())).free
    if free < LEAST_FREE:
        raise OSError(f"Expected {LEAST_FREE} bytes of free disk. Found {free}. Make room.")


CHECKS = {"score": score_a_sample, "database": ask_the_database, "disk": look_at_the_disk}

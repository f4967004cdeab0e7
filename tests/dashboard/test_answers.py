"""Health, readiness and request numbers, asked of a small app behind the real middleware."""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from dashboard import health, places
from dashboard.answers import Answers
from dashboard.health import Readiness
from dashboard.operations.logs import current_event
from dashboard.work import jobs
from nero_core.errors import StoreError


async def number(request: Request) -> PlainTextResponse:
    return PlainTextResponse(current_event().number)


def client(**checks: Callable[[], object]) -> TestClient:
    readiness = Readiness(checks, kept=30.0, longest=0.5)
    routes = [Route("/{path:path}", number)]
    return TestClient(Starlette(routes=routes, middleware=[Middleware(Answers, readiness=readiness)]))


def fail() -> None:
    raise StoreError("Expected an answer of db.clinic.example. Found none.")


def test_health_answers_at_once_and_readiness_says_what_is_wrong_and_nothing_else():
    asked = client(score=lambda: None, database=fail)
    assert (asked.get("/healthz").status_code, asked.get("/healthz").text) == (200, "ok")
    answer = asked.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"ready": False, "checks": {"score": "ok", "database": "failed"}}
    assert answer.headers["cache-control"] == "no-store"
    assert client(score=lambda: None).get("/readyz").json() == {"ready": True, "checks": {"score": "ok"}}


def test_an_answer_stands_for_a_while_however_many_ask():
    asked = []
    ask = client(score=lambda: asked.append(1))
    assert {ask.get("/readyz").status_code for _ in range(3)} == {200}
    assert len(asked) == 1


def test_a_check_that_never_ends_takes_one_thread_and_all_who_ask_are_told():
    release, begun = threading.Event(), []

    def hang() -> None:
        begun.append(1)
        release.wait(20)

    async def ask() -> tuple[list[dict[str, str]], dict[str, str]]:
        readiness = Readiness({"score": hang}, kept=0.0, longest=0.3)
        while_it_hangs = await asyncio.gather(*(readiness.report() for _ in range(5)))
        release.set()
        await asyncio.sleep(0.1)
        return [dict(report.checks) for report in while_it_hangs], dict((await readiness.report()).checks)

    start = time.monotonic()
    with ThreadPoolExecutor(1) as apart:  # this thread may have an event loop: that of a browser
        told, later = apart.submit(asyncio.run, ask()).result()
    assert told == [{"score": "slow"}] * 5 and later == {"score": "ok"}
    assert len(begun) == 2 and time.monotonic() - start < 10


def test_each_request_has_a_number_which_a_proxy_may_give():
    ask = client()
    first, second = ask.get("/page"), ask.get("/page")
    assert first.headers["x-request-id"] == first.text != second.text
    assert ask.get("/page", headers={"X-Request-ID": "trace-12345678"}).text == "trace-12345678"
    for odd in ("short", "DOE^JANE 1970", "a" * 65):
        assert ask.get("/page", headers={"X-Request-ID": odd}).text != odd


def test_streamlits_own_metrics_are_nobodys_business():
    assert client().get("/_stcore/metrics").status_code == 404


@pytest.mark.usefixtures("loaded")
def test_readiness_really_scores_a_sample(wide_bundle: Path, sample_folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NERO_BUNDLE", str(wide_bundle))
    monkeypatch.setenv("NERO_SAMPLES", str(sample_folder))
    monkeypatch.setenv("NERO_DEVICE", "cpu")
    health.score_a_sample()
    monkeypatch.setenv("NERO_SAMPLES", str(wide_bundle))  # no image there
    with pytest.raises(ValueError, match="empty"):
        health.score_a_sample()


def test_the_database_and_the_disk_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NERO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NERO_DATABASE_URL", f"sqlite:///{tmp_path}/nero.db")
    health.ask_the_database()
    jobs.store().close()
    health.look_at_the_disk()
    assert places.home().is_dir()
    monkeypatch.setattr(health, "LEAST_FREE", 2**70)
    with pytest.raises(OSError, match="Make room"):
        health.look_at_the_disk()
    (tmp_path / "file").touch()
    monkeypatch.setenv("NERO_DATABASE_URL", f"sqlite:///{tmp_path}/file/nero.db")
    with pytest.raises(StoreError):
        health.ask_the_database()

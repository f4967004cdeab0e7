"""Jobs: each is done once, also when its process dies."""

import threading

import pytest

from nero_core.errors import BusyError, StoreError
from nero_core.store import (
    Store,
    add_job,
    audit_lines,
    claim_job,
    end_job,
    find_job,
    find_jobs,
    open_store,
    pulse,
    remove_job,
    stop_job,
)
from nero_core.store.jobs import MOST_ATTEMPTS
from tests.nero_core.store.conftest import Clock, OpenStore
from tests.nero_core.store.material import child
from tests.warm_process import WarmProcesses

WORKS = """
import sys
from nero_core.store import claim_job, open_store, pulse
with open_store(sys.argv[1]) as store:
    claim = claim_job(store)
    for number in range(10_000):
        print(claim.job.token, pulse(store, claim.token, "scoring", number, 10_000))
"""


def test_a_job_goes_from_waiting_to_its_end(store: Store, clock: Clock):
    job = add_job(store, "score", "ann", {"worklist": 7})
    assert (job.kind, job.owner, job.request, job.state, job.ahead) == ("score", "ann", {"worklist": 7}, "waiting", 0)
    assert len(job.token) == 22 and not job.is_over and job.added == clock.moment
    claim = claim_job(store)
    assert claim is not None and claim.job.state == "running"
    assert claim_job(store) is None
    assert pulse(store, claim.token, "scoring", 3, 10) == "go on"
    assert pulse(store, claim.token) == "go on"  # a sign of life alone leaves what was told
    running = find_job(store, job.token)
    assert running is not None and (running.stage, running.done, running.total) == ("scoring", 3, 10)
    clock.move(seconds=5)
    assert end_job(store, claim.token, "finished", outcome={"bundle": "x"})
    ended = find_job(store, job.token)
    assert ended is not None and ended.is_over and ended.ended == clock.moment
    assert (ended.state, ended.outcome, ended.message) == ("finished", {"bundle": "x"}, "")
    assert not end_job(store, claim.token, "failed", "Too late.")
    assert pulse(store, claim.token) == "not yours"
    assert [line.action for line in audit_lines(store)] == ["job added", "job ended"]


def test_jobs_begin_in_the_order_in_which_they_came_whatever_the_clock_says(store: Store, clock: Clock):
    tokens = []
    for _ in range(3):
        tokens.append(add_job(store, "score", "ann").token)
        clock.move(days=-100)
    assert [job.ahead for job in reversed(find_jobs(store))] == [0, 1, 2]
    assert [claim.job.token for claim in (claim_job(store), claim_job(store), claim_job(store)) if claim] == tokens


def test_two_run_at_once_and_the_third_waits_for_its_turn(store: Store, opened: OpenStore):
    first, second, third = (add_job(store, "score", "ann").token for _ in range(3))
    assert claim_job(store, third, at_once=2) is None
    one = claim_job(store, first, at_once=2)
    assert one is not None
    assert claim_job(opened(), second, at_once=2) is not None
    assert claim_job(opened(), third, at_once=2) is None
    waiting = find_job(store, third)
    assert waiting is not None and waiting.ahead == 2
    end_job(store, one.token, "finished")
    assert claim_job(opened(), third, at_once=2) is not None


def test_a_worker_takes_the_kinds_that_it_can_do(store: Store):
    add_job(store, "calibrate", "ann")
    score = add_job(store, "score", "bob")
    claim = claim_job(store, kinds=("score", "report"))
    assert claim is not None and claim.job.token == score.token
    assert claim_job(store, kinds=("score",)) is None
    assert find_job(store, score.token, "calibrate") is None
    assert [job.kind for job in find_jobs(store, kinds=("calibrate",))] == ["calibrate"]
    assert [job.kind for job in find_jobs(store, "bob")] == ["score"]


def test_a_job_is_stopped_at_once_where_it_waits_and_at_its_next_sign_of_life_where_it_runs(store: Store):
    running, waiting = (add_job(store, "score", "ann").token for _ in range(2))
    claim = claim_job(store, running)
    assert claim is not None
    for token in (running, waiting):
        stop_job(store, token, "ann")
    states = [(job.state, job.is_stopping) for job in reversed(find_jobs(store))]
    assert states == [("running", True), ("stopped", True)]
    assert claim_job(store) is None
    assert pulse(store, claim.token, "scoring", 1, 2) == "stop"
    assert end_job(store, claim.token, "stopped")
    stop_job(store, running, "ann")  # is over: nothing happens
    stopped = find_job(store, running)
    assert stopped is not None and stopped.state == "stopped"


def test_a_job_whose_process_died_is_lost_and_another_goes_on_with_it(store: Store, clock: Clock):
    token = add_job(store, "score", "ann").token
    first = claim_job(store, seconds=30.0)
    assert first is not None
    pulse(store, first.token, "scoring", 5, 9)
    clock.move(seconds=31)
    lost = find_job(store, token)
    assert lost is not None and lost.state == "lost" and lost.is_over
    second = claim_job(store)
    assert second is not None and second.job.token == token and second.job.done == 5
    assert pulse(store, first.token) == "not yours"
    assert not end_job(store, first.token, "finished")
    assert end_job(store, second.token, "finished")


def test_a_job_that_ends_its_process_each_time_is_failed(store: Store, clock: Clock):
    token = add_job(store, "score", "ann").token
    for _ in range(MOST_ATTEMPTS):
        assert claim_job(store) is not None
        clock.move(minutes=1)
    assert claim_job(store) is None
    failed = find_job(store, token)
    assert failed is not None and failed.state == "failed" and "ended without a word" in failed.message


def test_a_lost_job_that_was_asked_to_stop_is_not_begun_again(store: Store, clock: Clock):
    before, after = (add_job(store, "score", "ann").token for _ in range(2))
    assert claim_job(store) is not None and claim_job(store) is not None
    stop_job(store, before, "ann")
    clock.move(minutes=1)
    stop_job(store, after, "ann")
    assert claim_job(store) is None
    assert [job.state for job in find_jobs(store)] == ["stopped", "stopped"]


@pytest.mark.parametrize("hours", [-1, -24 * 365])
def test_a_clock_set_back_leaves_no_job_waiting_for_ever(store: Store, clock: Clock, hours: int):
    add_job(store, "score", "ann")
    assert claim_job(store) is not None
    clock.move(hours=hours)
    assert claim_job(store) is not None


def test_too_many_unfinished_jobs_are_refused(store: Store):
    add_job(store, "score", "ann", most_unfinished=1)
    with pytest.raises(BusyError, match=r"fewer than 1 unfinished jobs on this server\. Found 1"):
        add_job(store, "score", "bob", most_unfinished=1)
    claim = claim_job(store)
    assert claim is not None and end_job(store, claim.token, "finished")
    add_job(store, "score", "bob", most_unfinished=1)


def test_only_what_has_ended_is_forgotten(store: Store):
    token = add_job(store, "score", "ann").token
    with pytest.raises(StoreError, match="Found one that is waiting"):
        remove_job(store, token)
    stop_job(store, token, "ann")
    remove_job(store, token)
    remove_job(store, token)
    assert find_job(store, token) is None
    for wrong in ("", "..", "a" * 22, "' OR 1=1 --"):
        assert find_job(store, wrong) is None


def test_workers_at_once_take_each_job_once(database: str, store: Store):
    for _ in range(40):
        add_job(store, "score", "ann")
    done: list[str] = []

    def work() -> None:
        with open_store(database) as mine:
            while (claim := claim_job(mine)) is not None:
                pulse(mine, claim.token, "scoring", 1, 1)
                assert end_job(mine, claim.token, "finished")
                done.append(claim.job.token)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == len(set(done)) == 40
    assert {job.state for job in find_jobs(store)} == {"finished"}


def test_the_job_of_a_killed_process_goes_on_in_another(warm: WarmProcesses, database: str, store: Store, clock: Clock):
    token = add_job(store, "score", "ann").token
    with child(warm, WORKS, database) as process:
        said = [process.stdout.readline() for _ in range(20)]
    assert said == [f"{token} go on\n"] * 20
    clock.moment = clock.moment.replace(year=2096)
    lost = find_job(store, token)
    assert lost is not None and lost.state == "lost" and lost.done >= 19
    claim = claim_job(store, token)
    assert claim is not None and end_job(store, claim.token, "finished")


def test_servers_that_share_a_database_take_no_jobs_from_one_another(store: Store, opened: OpenStore):
    token = "t" * 22
    here = add_job(store, "score", "ann", place="here", token=token, most_unfinished=1)
    there = add_job(store, "score", "ann", place="there", most_unfinished=1)
    assert here.token == token and (here.ahead, there.ahead) == (0, 0)
    assert claim_job(store) is None
    claim = claim_job(opened(), place="there", at_once=1)
    assert claim is not None and claim.job.token == there.token
    assert claim_job(store, place="there") is None
    claim = claim_job(store, place="here", at_once=1)
    assert claim is not None and claim.job.token == token


def test_a_job_that_is_not_to_be_begun_again_is_failed_when_its_process_died(store: Store, clock: Clock):
    token = add_job(store, "calibrate", "ann").token
    assert claim_job(store, most_attempts=1) is not None
    clock.move(minutes=1)
    assert claim_job(store, most_attempts=1) is None
    failed = find_job(store, token)
    assert failed is not None and failed.state == "failed"

"""Jobs with real processes."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dashboard import places
from dashboard.work import job_folder, jobs
from dashboard.work.jobs import Job
from nero_core.errors import NeroError
from nero_core.store import add_job, claim_job, find_job, stop_job

SLOW = "import time; time.sleep(60)"
TELLS = """
import json, sys, pathlib, tempfile
out = open(sys.argv[1], "a")
print(json.dumps({"stage": "scoring", "done": 3, "total": 4}), file=out)
pathlib.Path(sys.argv[2]).mkdir()
tempfile.mkdtemp()
print(json.dumps({"finished": True}), file=out)
"""
FAILS = """
import json, sys
print(json.dumps({"error": "Expected " + sys.argv[2] + "/inputs/id.zip. Found none."}), file=open(sys.argv[1], "a"))
sys.exit(2)
"""
FAMILY = """
import subprocess, sys, pathlib
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
pathlib.Path(sys.argv[1]).write_text(str(child.pid))
child.wait()
"""


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    monkeypatch.setenv("NERO_HOME", str(tmp_path / "home"))
    yield tmp_path / "home"
    for job in job_folder.all_jobs(places.jobs()):
        jobs.stop(job)
        if find_job(jobs.store(), job.id) is not None:
            until(lambda job=job: jobs.status(job).is_over)
    jobs.store().close()


def until(holds: Callable[[], object], seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


def run(script: str, *arguments: str, deliver: str = "") -> Job:
    job = jobs.draft()
    (job.inputs / "id.zip").write_bytes(b"given")
    command = [sys.executable, "-c", script, *(argument.format(job=job) for argument in arguments)]
    jobs.start(job, command, "calibrate", deliver, owner=jobs.NOBODY, title="A set")
    return job


def is_there(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] != "Z"
    except OSError:
        return False


def test_a_job_tells_how_far_it_is_and_leaves_its_bundle_and_no_upload(home: Path):
    job = run(TELLS, "{job.progress}", "{job.result}", deliver="My set")
    until(lambda: jobs.status(job).is_over)
    status = jobs.status(job)
    assert (status.state, status.stage, status.done, status.total) == ("finished", "scoring", 3, 4)
    assert status.delivered == "My-set"
    assert (home / "bundles" / "My-set").is_dir()
    assert not job.inputs.exists() and not (job.folder / "tmp").exists() and not job.result.exists()
    assert jobs.facts(job) == {"title": "A set"}


def test_a_job_is_found_by_its_id_and_kind_only(home: Path):
    job = run(TELLS, "{job.progress}", "{job.result}")
    assert jobs.find(job.id, "calibrate") == job
    assert jobs.find(job.id, "benchmark") is None
    for wrong in (None, "", "..", f"../jobs/{job.id}", job.id + "/", job.id[:-1], "A" * 22, f"{job.id}\n"):
        assert jobs.find(wrong, "calibrate") is None
    assert job.folder.stat().st_mode & 0o077 == 0 and places.jobs().stat().st_mode & 0o077 == 0


def test_a_job_of_somebody_else_is_not_found_by_who_has_logged_in():
    job = jobs.draft()
    jobs.start(job, [sys.executable, "-c", "pass"], "calibrate", owner="Ann@example.org")
    assert jobs.find(job.id, "calibrate", "ann@example.org") == job == jobs.find(job.id, "calibrate")
    assert jobs.find(job.id, "calibrate", "bob@example.org") is None
    until(lambda: jobs.status(job).is_over)


def test_the_error_of_the_command_is_told_without_the_servers_paths():
    job = run(FAILS, "{job.progress}", "{job.folder}")
    until(lambda: jobs.status(job).is_over)
    assert jobs.status(job).state == "failed"
    assert jobs.status(job).message == "Expected inputs/id.zip. Found none."


def test_an_error_that_only_stderr_knows_is_told():
    job = run("import sys; sys.exit('noise\\nError: Expected 3 classes. Found 2.')")
    until(lambda: jobs.status(job).is_over)
    assert jobs.status(job).message == "Expected 3 classes. Found 2."


def test_a_stopped_job_ends_with_its_children_and_leaves_nothing(tmp_path: Path):
    job = run(FAMILY, str(tmp_path / "child"))
    until(lambda: (tmp_path / "child").exists() and (tmp_path / "child").read_text())
    child = int((tmp_path / "child").read_text())
    assert is_there(child)
    assert jobs.status(job).state == "running"
    jobs.stop(job)
    until(lambda: jobs.status(job).is_over)
    assert jobs.status(job).state == "stopped"
    until(lambda: not is_there(child))
    assert not job.inputs.exists() and not (job.folder / "tmp").exists()
    jobs.remove(job)
    assert not job.folder.exists()


def test_a_command_killed_from_outside_is_reported_as_such(tmp_path: Path):
    job = run("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    until(lambda: jobs.status(job).is_over)
    assert "ended from outside" in jobs.status(job).message


def test_a_command_that_ends_without_a_word_is_reported_as_such():
    job = run("raise SystemExit(3)")
    until(lambda: jobs.status(job).is_over)
    assert jobs.status(job).message == "Its process ended with status 3 and without a reason."


def test_a_job_whose_own_process_died_is_lost_and_no_longer_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    script = "import os, sys, time; open(sys.argv[1], 'w').write(f'{os.getppid()} {os.getpid()}'); time.sleep(60)"
    job = run(script, str(tmp_path / "pids"))
    until(lambda: (tmp_path / "pids").exists() and " " in (tmp_path / "pids").read_text())
    for pid in map(int, (tmp_path / "pids").read_text().split()):
        os.kill(pid, signal.SIGKILL)
    assert jobs.status(job).state == "running"  # for now: its lease has not ended
    store = jobs.store()
    monkeypatch.setattr(store, "clock", lambda: datetime.now(UTC) + timedelta(minutes=2))
    assert jobs.status(job).state == "lost"
    monkeypatch.setattr(jobs, "MOST_UNFINISHED", 1)
    jobs.drop(jobs.draft())  # it no longer counts
    jobs.remove(job)
    assert not job.folder.exists()


def test_two_run_at_once_and_the_third_waits_for_its_turn():
    first, second, third = (run(SLOW) for _ in range(3))
    until(lambda: [jobs.status(job).state for job in (first, second)] == ["running", "running"])
    time.sleep(1)
    assert (jobs.status(third).state, jobs.status(third).ahead) == ("waiting", 2)
    jobs.stop(first)
    until(lambda: jobs.status(third).state == "running")
    for job in (second, third):
        jobs.stop(job)


def test_a_waiting_job_can_be_stopped():
    running = [run(SLOW) for _ in range(2)]
    waiting = run(SLOW)
    until(lambda: all(jobs.status(job).state == "running" for job in running))
    jobs.stop(waiting)
    until(lambda: jobs.status(waiting).state == "stopped")
    assert not (waiting.folder / "log").exists()


def test_too_many_unfinished_jobs_are_refused(monkeypatch: pytest.MonkeyPatch):
    run(SLOW)
    monkeypatch.setattr(jobs, "MOST_UNFINISHED", 1)
    with pytest.raises(NeroError, match="Found 1 and 0"):
        jobs.draft()


def test_too_many_drafts_are_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(jobs, "MOST_DRAFTS", 1)
    job = jobs.draft()
    with pytest.raises(NeroError, match="Found 0 and 1"):
        jobs.draft()
    jobs.drop(job)
    assert jobs.draft().inputs.is_dir()


def test_a_full_disk_is_refused_before_anything_is_written(monkeypatch: pytest.MonkeyPatch, home: Path):
    monkeypatch.setattr(jobs, "MINIMUM_FREE", 2**70)
    with pytest.raises(NeroError, match="free disk"):
        jobs.draft()
    assert not list((home / "jobs").iterdir())


def test_a_draft_is_found_until_it_becomes_a_job():
    job = jobs.draft()
    assert jobs.find_draft(job.id) == job
    assert jobs.find(job.id, "calibrate") is None
    jobs.start(job, [sys.executable, "-c", "pass"], "calibrate", owner=jobs.NOBODY)
    assert jobs.find_draft(job.id) is None
    jobs.drop(job)
    assert job.folder.is_dir()
    assert all(jobs.find_draft(wrong) is None for wrong in (None, "..", "A" * 22))


def test_old_jobs_and_forgotten_drafts_are_removed(monkeypatch: pytest.MonkeyPatch, home: Path):
    recent = run("pass")
    until(lambda: jobs.status(recent).is_over)
    old, forgotten = (Job(letter * 22, home / "jobs" / (letter * 22)) for letter in "ab")
    for job in (old, forgotten):
        job.folder.mkdir()
    monkeypatch.setattr(jobs.store(), "clock", lambda: datetime(2001, 9, 9, tzinfo=UTC))
    add_job(jobs.store(), "calibrate", "visitor", place=places.server_id(), token=old.id)
    stop_job(jobs.store(), old.id, "visitor")
    monkeypatch.undo()
    monkeypatch.setenv("NERO_HOME", str(home))
    foreign = home / "jobs" / "not a job"
    foreign.mkdir()
    os.utime(forgotten.folder, (1e9, 1e9))
    jobs.sweep()
    assert sorted(path.name for path in (home / "jobs").iterdir()) == sorted([recent.id, "not a job"])


def test_a_half_written_progress_line_is_skipped(tmp_path: Path):
    job = Job("a" * 22, tmp_path)
    add_job(jobs.store(), "calibrate", "visitor", place=places.server_id(), token=job.id)
    assert claim_job(jobs.store(), job.id, place=places.server_id()) is not None
    lines = [json.dumps({"stage": "fit", "done": number, "total": 9}) for number in range(3)]
    job.progress.write_text("\n".join(lines) + '\n{"stage": "fit", "do')
    assert told(job) == ("running", "fit", 2, 9)
    job.progress.write_text("[1]\n\n5\n")
    assert told(job) == ("running", "", 0, 0)
    stop_job(jobs.store(), job.id, "visitor")


def told(job: Job) -> tuple[str, str, int, int]:
    status = jobs.status(job)
    return status.state, status.stage, status.done, status.total


def test_a_job_that_failed_becomes_a_draft_again_with_what_it_was_given():
    job = run(FAILS, "{job.progress}", "{job.folder}")
    until(lambda: jobs.status(job).is_over)
    assert (job.inputs / "id.zip").read_bytes() == b"given"
    assert jobs.reopen(job)
    assert jobs.find_draft(job.id) == job
    assert [path.name for path in job.folder.iterdir()] == ["inputs"]
    jobs.start(job, [sys.executable, "-c", "pass"], "calibrate", owner=jobs.NOBODY)
    until(lambda: jobs.status(job).is_over)
    assert jobs.status(job).state == "finished"
    assert not jobs.reopen(job)
    assert not job.folder.exists()


def test_a_running_job_is_not_reopened_and_of_a_stopped_one_nothing_is_left():
    job = run(SLOW)
    assert not jobs.reopen(job)
    assert job.inputs.is_dir()
    jobs.stop(job)
    until(lambda: jobs.status(job).is_over)
    assert not jobs.reopen(job)
    assert not job.folder.exists()


def test_what_a_failed_job_was_given_is_forgotten_after_the_time_of_a_draft(monkeypatch: pytest.MonkeyPatch):
    job = run(FAILS, "{job.progress}", "{job.folder}")
    until(lambda: jobs.status(job).is_over)
    jobs.sweep()
    assert job.inputs.is_dir()
    monkeypatch.setattr(jobs, "DRAFT_SECONDS", 0.0)
    jobs.sweep()
    assert not job.inputs.exists()
    assert "Found none" in jobs.status(job).message


def test_a_job_whose_process_died_before_its_turn_gets_another():
    job = jobs.draft()
    job.write("job.json", {"command": [sys.executable, "-c", "pass"], "deliver": "", "facts": {}})
    add_job(jobs.store(), "calibrate", "visitor", place=places.server_id(), token=job.id)
    until(lambda: jobs.status(job).state == "finished")


def test_a_job_of_another_server_that_shares_the_database_is_left_alone():
    add_job(jobs.store(), "calibrate", "visitor", place="another server", token="b" * 22)
    mine = run("pass")
    until(lambda: jobs.status(mine).state == "finished")
    jobs.sweep()
    theirs = find_job(jobs.store(), "b" * 22)
    assert theirs is not None and theirs.state == "waiting"


def test_a_job_whose_folder_somebody_removed_ends_and_is_forgotten(tmp_path: Path):
    job = run(SLOW)
    until(lambda: jobs.status(job).state == "running")
    job.folder.rename(tmp_path / "removed")  # at once: a process that begins writes beside one that empties the folder
    until(lambda: jobs.status(job).is_over)
    jobs.sweep()
    assert find_job(jobs.store(), job.id) is None

"""Scoring a worklist: every item once, whatever happens to its scorer."""

from pathlib import Path

import pytest

from nero_core.data.limits import FORMATS
from nero_core.errors import NeroError
from nero_core.inspector import Inspector
from nero_core.store import Store, audit_lines, claim_items, find_items, worklist
from nero_core.worklist import begin, check_files, files_of, keep_files, score_worklist, summary
from tests.nero_core.store.conftest import OpenStore
from tests.nero_core.store.material import child
from tests.warm_process import WarmProcesses

SCORES = """
import sys
from pathlib import Path
import torch
from nero_core.inspector import Inspector
from nero_core.store import open_store
from nero_core.worklist import files_of, score_worklist
torch.set_num_threads(1)
address, number, bundle, folder = sys.argv[1:]
with open_store(address) as store, files_of(Path(folder)) as files:
    inspector = Inspector.load(bundle, "cpu")
    tell = lambda done, total: print(done, total)
    score_worklist(store, int(number), inspector, files, tell, batch=2, lease=1.0)
"""


def results(store: Store) -> int:
    return sum(line.action == "result" for line in audit_lines(store))


def test_the_share_to_be_called_like_stays_with_the_list(store: Store, tiny_inspector: Inspector, morning: Path):
    with files_of(morning) as files:
        with pytest.raises(NeroError, match="to call like"):
            begin(store, tiny_inspector, "Monday", "ann", files, "nero", 0.8, borderline=0.9)
        listed = begin(store, tiny_inspector, "Monday", "ann", files, "nero", 0.8, borderline=0.0)
        score_worklist(store, listed.id, tiny_inspector, files)
    assert worklist(store, listed.id).settings == {"tpr": 0.8, "borderline": 0.0}
    assert summary(store, listed.id).verdicts["like"] == 0


def test_every_item_has_its_result_or_its_reason(store: Store, tiny_inspector: Inspector, morning: Path):
    told: list[tuple[int, int]] = []
    with files_of(morning) as files:
        listed = begin(store, tiny_inspector, "Monday", "ann", files, "nero", None)
        score_worklist(store, listed.id, tiny_inspector, files, lambda *done: told.append(done), batch=4)
    assert told[0] == (0, 9) and told[-1] == (9, 9)
    assert told == sorted(told) and (4, 9) in told
    items = find_items(store, listed.id).items
    assert [item.state for item in items].count("scored") == 8
    broken = [item for item in items if item.state == "failed"]
    assert len(broken) == 1 and broken[0].result is not None
    assert broken[0].result.error.startswith(f"Expected {FORMATS}; found text.")
    assert "frame 8" not in broken[0].result.error
    detection = tiny_inspector.detect(tiny_inspector.decode([files[0].path]), ("nero",))["nero"]
    first = items[0].result
    assert first is not None and first.verdict == detection.verdict(0) and first.threshold == detection.threshold
    assert first.score == pytest.approx(float(detection.score[0]), rel=1e-4)
    assert first.p_value == pytest.approx(float(detection.p_value[0]), abs=0.05)
    assert first.bundle == tiny_inspector.bundle.digest
    assert first.model == tiny_inspector.bundle.card.files["model.safetensors"]
    found = summary(store, listed.id)
    assert (found.total, found.scored, found.failed, sum(found.verdicts.values())) == (9, 8, 1, 8)


def test_a_scorer_that_is_killed_loses_nothing_and_what_is_scored_is_not_scored_again(
    warm: WarmProcesses, database: str, store: Store, tiny_bundle: Path, tiny_inspector: Inspector, morning: Path
):
    with files_of(morning) as files:
        listed = begin(store, tiny_inspector, "Monday", "ann", files, "nero", None)
        with child(warm, SCORES, database, listed.id, tiny_bundle, morning) as process:
            while int(process.stdout.readline().split()[0]) < 4:
                pass
            process.kill()
        before = {item.id: item.result for item in find_items(store, listed.id).items if item.result}
        assert 4 <= len(before) < 9
        assert worklist(store, listed.id).done == len(before) == results(store)
        with child(warm, SCORES, database, listed.id, tiny_bundle, morning) as process:
            assert process.wait() == 0
    after = {item.id: item.result for item in find_items(store, listed.id).items if item.result}
    assert len(after) == 9 == results(store)
    assert {number: after[number] for number in before} == before


def test_a_scorer_that_is_stopped_gives_its_claim_back(store: Store, tiny_inspector: Inspector, morning: Path):
    class StopError(Exception):
        pass

    def stop(done: int, total: int) -> None:
        if done:
            raise StopError

    with files_of(morning) as files:
        listed = begin(store, tiny_inspector, "Monday", "ann", files, "nero", None)
        with pytest.raises(StopError):
            score_worklist(store, listed.id, tiny_inspector, files, stop, batch=4)
        assert worklist(store, listed.id).counts == {"waiting": 5, "scored": 4}
        score_worklist(store, listed.id, tiny_inspector, files, batch=4)
    assert worklist(store, listed.id).done == 9 == results(store)


def test_a_fault_while_a_claim_is_out_gives_it_back(
    store: Store, tiny_inspector: Inspector, morning: Path, monkeypatch: pytest.MonkeyPatch
):
    with files_of(morning) as files:
        listed = begin(store, tiny_inspector, "Monday", "ann", files, "nero", None)

        def broken(*given: object) -> None:
            raise RuntimeError("out of memory")

        monkeypatch.setattr(tiny_inspector, "detect", broken)
        with pytest.raises(RuntimeError, match="out of memory"):
            score_worklist(store, listed.id, tiny_inspector, files)
    assert worklist(store, listed.id).counts == {"waiting": 9}


def test_items_of_another_scorer_are_waited_for(
    opened: OpenStore, store: Store, tiny_inspector: Inspector, morning: Path
):
    with files_of(morning) as files:
        listed = begin(store, tiny_inspector, "Monday", "ann", files, "nero", None)
        other = claim_items(opened(), listed.id, 2)
        looked: list[int] = []

        def look(done: int, total: int) -> None:
            looked.append(done)
            if looked.count(7) == 2:  # it waits; the other is stopped and gives its items back
                from nero_core.store import release_claim

                release_claim(store, other.token)

        score_worklist(store, listed.id, tiny_inspector, files, look)
    assert looked[-1] == 9 and results(store) == 9


def test_uploaded_files_are_scored_by_their_digest_and_one_that_is_gone_says_so(
    store: Store, tiny_inspector: Inspector, morning: Path, home: Path
):
    with files_of(morning) as files:
        keep_files(store, files)
        listed = begin(store, tiny_inspector, "Monday", "ann", files, "nero", 0.9)
    assert check_files(store, listed, ()) == 0
    gone = files[1].digest
    (home / "uploads" / gone[:2] / gone).unlink()
    with pytest.raises(NeroError, match="1 of those that wait are missing"):
        check_files(store, listed, ())
    score_worklist(store, listed.id, tiny_inspector)
    items = find_items(store, listed.id).items
    assert [item.digest for item in items if item.state == "failed"] == [gone, files[6].digest]
    assert items[1].result is not None
    assert items[1].result.error == "Expected the uploaded file. Found that it is no longer there. Upload it again."


def test_a_file_that_has_changed_since_it_was_listed_is_not_scored(
    store: Store, tiny_inspector: Inspector, phantoms: Path, tmp_path: Path
):
    images = sorted((phantoms / "ood").rglob("*.jpg"))
    place = tmp_path / "frames" / "one.jpg"
    place.parent.mkdir()
    place.write_bytes(images[0].read_bytes())
    with files_of(place.parent) as files:
        listed = begin(store, tiny_inspector, "Monday", "ann", files, "nero", None)
        place.write_bytes(images[1].read_bytes())
        score_worklist(store, listed.id, tiny_inspector, files)
    item = find_items(store, listed.id).items[0]
    assert item.state == "failed" and item.result is not None and "Found that it has changed" in item.result.error


def test_another_bundle_a_taken_name_and_another_folder_are_refused(
    store: Store, tiny_inspector: Inspector, verdict_bundle: Path, morning: Path, phantoms: Path
):
    with files_of(morning) as files, files_of(phantoms / "ood") as others:
        listed = begin(store, tiny_inspector, "Monday", "ann", files, "nero", None)
        with pytest.raises(NeroError, match="Found one of the name 'Monday'"):
            begin(store, tiny_inspector, "Monday", "ann", files, "nero", None)
        with pytest.raises(NeroError, match="Expected the bundle that the worklist 'Monday' was made for"):
            score_worklist(store, listed.id, Inspector.load(verdict_bundle, "cpu"), files)
        with pytest.raises(NeroError, match="Name the folder or zip that it was made from"):
            check_files(store, listed, others)
        assert check_files(store, listed, (*files, *others)) == len(others) - 3
        with pytest.raises(NeroError, match="Expected a method"):
            begin(store, tiny_inspector, "Tuesday", "ann", files, "no method", None)
    assert worklist(store, listed.id).counts == {"waiting": 9}

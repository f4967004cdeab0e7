"""Worklists of a video, of DICOM files of several frames, and of a study."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from nero_core.data import decode_frames
from nero_core.errors import NeroError
from nero_core.inspector import Inspector
from nero_core.store import (
    Store,
    audit_lines,
    delete_worklist,
    find_items,
    sweep_uploads,
    thumbnail_path,
    upload_path,
    worklist,
)
from nero_core.video import Video
from nero_core.worklist import LARGE, SMALL, PictureReader, begin, check_files, files_of, keep_files, score_worklist
from tests.nero_core.data.dicom_files import dicom
from tests.nero_core.store.conftest import OpenStore
from tests.nero_core.store.material import child
from tests.nero_core.video.clips import black, drawn, write_clip
from tests.nero_core.worklist.test_run import SCORES, results
from tests.warm_process import WarmProcesses

FRAMES = 80  # at ten a second: sixteen are looked at, of which two are dark


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight seconds; from 2 s to 3 s it is dark. The view changes each second."""
    views = [drawn(seed=seed) for seed in range(8)]
    pictures = [black() if number // 10 == 2 else views[number // 10] for number in range(FRAMES)]
    return write_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", pictures)


@pytest.fixture
def named(store: Store) -> Store:
    store.keeps_names = True
    return store


def write_dicom(path: Path, pixels: np.ndarray, series: int = 1, number: int = 1) -> None:
    uids = {"StudyInstanceUID": "1.2.3", "SeriesInstanceUID": f"1.2.3.{series}", "SOPInstanceUID": f"1.2.{number}"}
    path.write_bytes(dicom(pixels, SeriesNumber=series, InstanceNumber=number, **uids))


def test_the_frames_of_a_video_become_items_and_those_that_are_left_out_are_told(
    named: Store, tiny_inspector: Inspector, clip: Path
):
    expected = list(Video(clip).frames())
    with files_of(clip) as files:
        keep_files(named, files)
        listed = begin(named, tiny_inspector, "Monday", "ann", files, "nero", None)
    assert listed.total == 0 and not listed.is_done
    assert sweep_uploads(named) == 0
    score_worklist(named, listed.id, tiny_inspector)
    done = worklist(named, listed.id)
    items = find_items(named, listed.id).items
    assert done.is_done and not done.sources and done.total == len(expected) == 14
    assert [item.name for item in items][:5] == [f"clip.mp4#00:0{t}" for t in ("0.0", "0.5", "1.0", "1.5", "3.0")]
    assert [item.frame for item in items] == [round(1000 * frame.time) for frame in expected]
    assert done.told == ("clip.mp4: 80 frames, 16 looked at, 14 scored. Left out: 2 dark.",)
    detection = tiny_inspector.detect(tiny_inspector.decode([expected[5].picture]), ("nero",))["nero"]
    assert items[5].result is not None
    assert items[5].result.score == pytest.approx(float(detection.score[0]), rel=1e-4)
    assert np.array_equal(PictureReader(named).picture(items[5]).pixels, expected[5].picture.pixels)
    small = thumbnail_path(named, items[5].digest, items[5].frame, SMALL)
    assert small is not None and small.read_bytes()[8:12] == b"WEBP"
    delete_worklist(named, listed.id, "ann")
    assert not small.exists() and upload_path(named, items[5].digest) is None


def test_where_names_are_not_kept_the_moment_and_the_frame_are(store: Store, tiny_inspector: Inspector, clip: Path):
    with files_of(clip) as files:
        listed = begin(store, tiny_inspector, "Monday", "ann", files, "nero", None)
        assert "clip" not in repr(listed.settings)
        score_worklist(store, listed.id, tiny_inspector, files)
    assert [item.name for item in find_items(store, listed.id).items][:2] == ["#00:00.0", "#00:00.5"]
    assert "clip" not in repr(worklist(store, listed.id).settings)


def test_a_video_whose_scorer_is_killed_is_read_on_and_no_frame_comes_twice(
    warm: WarmProcesses,
    database: str,
    store: Store,
    tiny_bundle: Path,
    tiny_inspector: Inspector,
    clip: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    script = "from nero_core.worklist import sources\nsources.PIECE = 3\n" + SCORES
    monkeypatch.setattr("nero_core.worklist.sources.PIECE", 3)
    with files_of(clip) as files:
        listed = begin(store, tiny_inspector, "Monday", "ann", files, "nero", None)
        with child(warm, script, database, listed.id, tiny_bundle, clip) as process:
            while int(process.stdout.readline().split()[0]) < 2:
                pass
            process.kill()
        before = {item.id: item.result for item in find_items(store, listed.id).items if item.result}
        assert 2 <= len(before) < 14 and worklist(store, listed.id).sources
        assert check_files(store, listed, files) == 0
        with pytest.raises(NeroError, match="are missing"):
            check_files(store, worklist(store, listed.id), ())
        score_worklist(store, listed.id, tiny_inspector, files, lease=1.0)
    after = {item.id: item for item in find_items(store, listed.id).items}
    frames = [item.frame for item in after.values()]
    assert len(frames) == len(set(frames)) == 14 == results(store) and frames == sorted(frames)
    assert {number: after[number].result for number in before} == before


def test_two_scorers_read_one_video_together(
    opened: OpenStore, store: Store, tiny_inspector: Inspector, clip: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("nero_core.worklist.sources.PIECE", 3)
    other = opened()
    with files_of(clip) as files:
        listed = begin(store, tiny_inspector, "Monday", "ann", files, "nero", None)
        turns: list[int] = []

        def another(done: int, total: int) -> None:
            turns.append(done)
            if len(turns) == 2:  # while the first is at it
                score_worklist(other, listed.id, tiny_inspector, files)

        score_worklist(store, listed.id, tiny_inspector, files, another)
    assert [item.frame for item in find_items(store, listed.id).items] == [
        round(1000 * frame.time) for frame in Video(clip).frames()
    ]
    assert len(worklist(store, listed.id).told) == 1


def test_a_video_that_cannot_be_read_says_so_and_stops_no_other_file(
    store: Store, tiny_inspector: Inspector, clip: Path, morning: Path, tmp_path: Path
):
    folder = tmp_path / "frames"
    folder.mkdir()
    (folder / "cut.mp4").write_bytes(clip.read_bytes()[:200])
    (folder / "frame.jpg").write_bytes((morning / "frame 0.jpg").read_bytes())
    with files_of(folder) as files:
        listed = begin(store, tiny_inspector, "Monday", "ann", files, "nero", None)
        score_worklist(store, listed.id, tiny_inspector, files)
    done = worklist(store, listed.id)
    assert done.is_done and done.counts == {"scored": 1}
    assert len(done.told) == 1 and "expected an MP4" in done.told[0]


def test_a_study_is_listed_in_its_own_order_a_frame_an_item_and_without_a_name(
    named: Store, tiny_inspector: Inspector, tmp_path: Path, morning: Path
):
    views = np.stack([drawn(seed=seed, side=64) for seed in range(6)])
    folder = tmp_path / "LOVELACE_ADA"
    folder.mkdir()
    write_dicom(folder / "lovelace-a.dcm", views[0], series=2, number=1)
    write_dicom(folder / "lovelace-b.dcm", views[1], series=1, number=10)
    write_dicom(folder / "lovelace-c.dcm", views[2], series=1, number=9)
    write_dicom(folder / "lovelace-d.dcm", views[3:], series=3, number=4)
    packed = tmp_path / "study.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, f"LOVELACE_ADA/{path.name}")
    names = [
        "series 1/image 9",
        "series 1/image 10",
        "series 2/image 1",
        *(f"series 3/image 4#frame {number}" for number in (1, 2, 3)),
    ]
    for source in (folder, packed):
        with files_of(source) as files:
            assert [file.name for file in files] == names == [file.label for file in files]
            assert [file.frame for file in files] == [None, None, None, 0, 1, 2]
    with files_of(folder) as files:
        keep_files(named, files)
        listed = begin(named, tiny_inspector, "Monday", "ann", files, "nero", None)
        assert "lovelace" not in repr([*find_items(named, listed.id).items, *audit_lines(named)]).lower()
    score_worklist(named, listed.id, tiny_inspector, batch=2)
    items = find_items(named, listed.id).items
    assert [item.name for item in items] == names and all(item.state == "scored" for item in items)
    frames = list(decode_frames(folder / "lovelace-d.dcm"))
    detection = tiny_inspector.detect(tiny_inspector.decode([frames[2]]), ("nero",))["nero"]
    assert items[5].result is not None
    assert items[5].result.score == pytest.approx(float(detection.score[0]), rel=1e-4)
    assert thumbnail_path(named, items[5].digest, 2, LARGE) is not None
    assert thumbnail_path(named, items[0].digest, None, SMALL) is not None


def test_one_dicom_file_keeps_its_own_name(tmp_path: Path):
    views = np.stack([drawn(seed=seed, side=64) for seed in range(2)])
    write_dicom(tmp_path / "scan.dcm", views)
    with files_of(tmp_path / "scan.dcm") as files:
        assert [file.name for file in files] == ["scan.dcm#frame 1", "scan.dcm#frame 2"]
        assert [file.label for file in files] == ["#frame 1", "#frame 2"]

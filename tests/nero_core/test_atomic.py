"""A file or a folder comes to its place whole or not at all."""

import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Barrier, Thread

import pytest

from nero_core.atomic import new_file, new_folder, part_of, write_bytes, write_text

Disk = Callable[[int], AbstractContextManager[None]]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A file that is there already."""
    (tmp_path / "file").write_bytes(b"older")
    return tmp_path / "file"


def test_a_file_is_replaced_at_the_end_of_the_block(place: Path):
    with new_file(place) as part:
        part.write_bytes(b"newer")
        assert place.read_bytes() == b"older"
    assert place.read_bytes() == b"newer"
    assert names(place.parent) == ["file"]


def test_text_has_the_same_bytes_on_every_system(tmp_path: Path):
    write_text(tmp_path / "text", "é\nn\n")
    assert (tmp_path / "text").read_bytes() == b"\xc3\xa9\nn\n"


def test_others_may_read_a_file_as_they_may_any_that_is_written(tmp_path: Path):
    write_bytes(tmp_path / "ours", b"x")
    (tmp_path / "plain").write_bytes(b"x")
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("ours", "plain")}
    assert len(modes) == 1


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_a_failure_half_way_leaves_the_older_file_and_nothing_else(
    place: Path, error: type[BaseException], alone: bool
):
    for target in (place, place.with_name("new")):
        with pytest.raises(error), new_file(target, alone) as part:
            part.write_bytes(b"half")
            raise error
    assert names(place.parent) == ["file"]
    assert place.read_bytes() == b"older"


def test_a_full_disk_leaves_the_older_file_and_nothing_else(place: Path, disk_with_room: Disk):
    with disk_with_room(5000):
        for target in (place, place.with_name("new")):
            with pytest.raises(OSError, match="too large"):
                write_bytes(target, bytes(20_000))
    assert names(place.parent) == ["file"]
    assert place.read_bytes() == b"older"


def test_a_file_that_cannot_come_to_its_place_is_removed(tmp_path: Path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):
        write_bytes(tmp_path / "folder", b"x")
    assert names(tmp_path) == ["folder"]


def test_writers_of_one_file_do_not_meet(place: Path):
    both_write, contents = Barrier(2), [b"1" * 1000, b"2" * 1000]

    def write(content: bytes) -> None:
        with new_file(place) as part:
            part.write_bytes(content[:500])
            both_write.wait(timeout=120)
            with part.open("ab") as file:
                file.write(content[500:])

    threads = [Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert place.read_bytes() in contents
    assert names(place.parent) == ["file"]


KILLED = """
import os, signal, sys
from pathlib import Path
from nero_core.atomic import new_file

with new_file(Path(sys.argv[1]), alone=True) as part:
    part.write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_kill_left_behind_is_hidden_and_written_over(place: Path):
    command = [sys.executable, "-c", KILLED, str(place)]
    assert subprocess.run(command, timeout=60, check=False).returncode == -signal.SIGKILL
    assert names(place.parent) == [".file.part", "file"]
    assert place.read_bytes() == b"older"
    write_bytes(place, b"newer", alone=True)
    assert names(place.parent) == ["file"]
    assert place.read_bytes() == b"newer"


def test_a_folder_comes_to_its_place_in_one_move(tmp_path: Path):
    place = tmp_path / "above" / "folder"
    with new_folder(place) as part:
        part.mkdir()
        (part / "file").write_bytes(b"x")
        assert not place.exists()
    assert names(place) == ["file"]
    assert names(place.parent) == ["folder"]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_a_folder_that_fails_half_way_leaves_nothing(tmp_path: Path, error: type[BaseException]):
    with pytest.raises(error), new_folder(tmp_path / "folder") as part:
        part.mkdir()
        (part / "file").write_bytes(b"half")
        raise error
    assert names(tmp_path) == []


def test_a_folder_replaces_nothing_that_has_come_to_its_place(tmp_path: Path):
    with pytest.raises(OSError), new_folder(tmp_path / "folder") as part:
        part.mkdir()
        (tmp_path / "folder").mkdir()
        (tmp_path / "folder" / "theirs").write_bytes(b"x")
    assert names(tmp_path) == ["folder"]
    assert names(tmp_path / "folder") == ["theirs"]


def test_a_folder_that_a_process_of_our_number_left_half_written_plays_no_part(tmp_path: Path):
    left = part_of(tmp_path / "folder")
    left.mkdir()
    (left / "half").write_bytes(b"x")
    with new_folder(tmp_path / "folder") as part:
        part.mkdir()
    assert names(tmp_path / "folder") == []
    assert names(tmp_path) == ["folder"]

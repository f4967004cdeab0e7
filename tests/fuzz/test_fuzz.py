"""What fuzzing stands on: readers take whole files and halves of them, and the watch sees what none of them may do."""

import random
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from nero_core.errors import NeroError
from tests.fuzz import material
from tests.fuzz.alter import altered
from tests.fuzz.readers import KINDS
from tests.fuzz.watch import UnsoundError, Watch

MOST = 12  # whole files of a kind


@pytest.fixture(scope="module")
def watch(tmp_path_factory: pytest.TempPathFactory) -> Watch:
    return Watch(tmp_path_factory.mktemp("inside"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_reader_takes_whole_files_and_refuses_halves_in_words(
    kind: str, watch: Watch, patched_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(material, "WHOLE_BUNDLE", patched_bundle)
    inside, reader = Path(watch.folder) / kind, KINDS[kind].reader()
    inside.mkdir()
    taken = 0
    for _, data in zip(range(MOST), KINDS[kind].material(), strict=False):
        for part in (data, data[: len(data) // 2]):
            with suppress(NeroError):
                watch.read(lambda given, folder: reader(given, inside), part)
                taken += 1
    assert taken, "nothing whole"


def leaves_its_folder(data: bytes, folder: Path) -> None:
    (folder.parent / "outside").write_bytes(data)


def makes_a_folder_outside(data: bytes, folder: Path) -> None:
    (folder / ".." / "other").mkdir()


def starts_a_process(data: bytes, folder: Path) -> None:
    subprocess.run(["true"], check=True)


def takes_memory(data: bytes, folder: Path) -> None:
    assert len(bytearray(b"1" * (300 * 2**20)))


@pytest.mark.parametrize("reader", [leaves_its_folder, makes_a_folder_outside, starts_a_process, takes_memory])
def test_the_watch_sees_what_a_reader_may_not_do(watch: Watch, reader: Callable[[bytes, Path], None]) -> None:
    if reader is takes_memory and not Path("/proc/self/clear_refs").exists():
        pytest.skip("only Linux tells the peak of a moment")
    with pytest.raises(UnsoundError):
        watch.read(reader, b"")


def test_the_watch_lets_a_reader_use_its_folder(watch: Watch) -> None:
    def reader(data: bytes, folder: Path) -> None:
        with tempfile.TemporaryDirectory(dir=folder) as inside:
            (Path(inside) / "file").write_bytes(data)

    watch.read(reader, b"data")


def test_a_json_value_is_altered_by_its_dice_alone() -> None:
    def run(seed: int) -> object:
        return altered({"a": [1, {"b": "c"}], "d": 0.5}, random.Random(seed))

    assert all(repr(run(seed)) == repr(run(seed)) for seed in range(50))
    assert len({repr(run(seed)) for seed in range(50)}) > 20

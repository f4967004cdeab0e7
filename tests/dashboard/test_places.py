from pathlib import Path

import pytest

from dashboard import places
from nero_core.errors import NeroError


def test_the_home_is_the_users_own_unless_one_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.delenv("NERO_HOME", raising=False)
    assert places.home() == (Path.home() / ".nero-dashboard").resolve()
    monkeypatch.setenv("NERO_HOME", str(tmp_path / "here"))
    assert places.bundles() == tmp_path / "here" / "bundles"


@pytest.mark.parametrize("text", ["../secret", "/etc", "..", "", "link", "x\x00y", "a" * 5000, "file.txt", "missing"])
def test_a_path_outside_the_data_folder_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str):
    (tmp_path / "data").mkdir()
    (tmp_path / "secret").mkdir()
    (tmp_path / "data" / "file.txt").touch()
    (tmp_path / "data" / "link").symlink_to(tmp_path / "secret")
    monkeypatch.setenv("NERO_DATA", str(tmp_path / "data"))
    with pytest.raises(NeroError, match="below the server's data folder"):
        places.below_data(text)


@pytest.mark.parametrize("text", [".", "kept", "kept/uploads", "kept/nero.db", "base", "base/own", "base/own-wal"])
def test_what_the_server_keeps_of_others_is_no_folder_to_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str
):
    (tmp_path / "kept" / "uploads").mkdir(parents=True)
    (tmp_path / "base").mkdir()
    (tmp_path / "images").mkdir()
    for name in ("kept/nero.db", "base/own", "base/own-wal"):
        (tmp_path / name).touch()
    monkeypatch.setenv("NERO_DATA", str(tmp_path))
    monkeypatch.setenv("NERO_HOME", str(tmp_path / "kept"))
    monkeypatch.setenv("NERO_DATABASE_URL", f"sqlite:///{tmp_path}/base/own")
    with pytest.raises(NeroError, match="below the server's data folder"):
        places.below_data(text, may_be_file=True)
    assert places.below_data("images") == tmp_path / "images"


def test_a_folder_of_the_data_folder_may_be_named_in_both_ways(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    inside = tmp_path / "set" / "id"
    inside.mkdir(parents=True)
    monkeypatch.setenv("NERO_DATA", str(tmp_path))
    assert places.below_data(" set/id ") == places.below_data(str(inside)) == inside
    monkeypatch.delenv("NERO_DATA")
    with pytest.raises(NeroError, match="does not offer"):
        places.below_data("set/id")


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("../../etc/passwd", "etc-passwd"),
        ("", "bundle"),
        (".hidden", "hidden"),
        ("polyps · ResNet-18", "polyps-ResNet-18"),
    ],
)
def test_a_title_becomes_a_harmless_folder_name(title: str, name: str):
    assert places.folder_name(title) == name


def test_two_bundles_of_one_title_lie_beside_each_other(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("NERO_HOME", str(tmp_path))
    first = places.free_place("My set")
    first.mkdir()
    assert places.free_place("My set").name == "My-set-2"
    assert places.is_own(first)
    assert not places.is_own(tmp_path / "elsewhere" / "My-set")
    monkeypatch.setattr(places, "MOST_BUNDLES", 1)
    with pytest.raises(NeroError, match="fewer than 1 reference sets"):
        places.free_place("Another")


def test_a_home_that_cannot_be_made_is_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("NERO_HOME", str(tmp_path / "file"))
    with pytest.raises(NeroError, match="set NERO_HOME"):
        places.free_place("Any")

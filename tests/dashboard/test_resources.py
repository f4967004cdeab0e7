import os
from pathlib import Path

import pytest

from dashboard import resources
from nero_core.errors import BundleError


@pytest.fixture(autouse=True)
def no_bundles_but_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(resources, "BUNDLES", tmp_path / "none")
    monkeypatch.delenv("NERO_BUNDLE", raising=False)
    monkeypatch.delenv("NERO_BUNDLES", raising=False)


def test_bundles_come_from_the_environment_in_order(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    for name in ("b/one", "b/two", "c/one"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "bundle.json").write_text("{}")
    monkeypatch.setenv("NERO_BUNDLE", str(tmp_path / "b" / "two"))
    monkeypatch.setenv("NERO_BUNDLES", os.pathsep.join([str(tmp_path / "b"), str(tmp_path / "c" / "one")]))
    assert resources.bundle_paths() == {
        "two": (tmp_path / "b" / "two").resolve(),
        "one": (tmp_path / "b" / "one").resolve(),
        "one (2)": (tmp_path / "c" / "one").resolve(),
    }


def test_a_bundle_that_was_asked_for_is_listed_even_when_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("NERO_BUNDLE", str(tmp_path / "gone"))
    assert list(resources.bundle_paths()) == ["gone"]
    with pytest.raises(BundleError, match="no such folder"):
        resources.inspector(tmp_path / "gone")


def test_names_lose_control_characters():
    source = resources.source("k", "gpj\u202e\x00.png", b"x")
    assert source.name == "gpj.png"
    assert len(source.id) == 64
    assert resources.source("k2", "\u202e", b"x").name == "unnamed image"

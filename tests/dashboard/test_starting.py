"""What the server does while nobody waits yet."""

import subprocess
import sys
from pathlib import Path

import pytest
import streamlit as st

from dashboard import resources
from nero_core import Inspector
from nero_core.errors import BundleError

ROOT = Path(__file__).resolve().parents[2]
ORDER = """
import gc
import sys
from dashboard import starting

print("torch" in sys.modules, starting.wait_for_imports(0))  # nothing was begun: whoever asks imports by himself
starting.begin()
print(starting.wait_for_imports(0), starting.wait_for_imports(), "dashboard.frame" in sys.modules)
print(gc.isenabled(), gc.get_freeze_count() > 100_000)  # the libraries' objects are not looked at again
"""


def test_the_first_words_need_no_import_and_a_page_waits_for_those_that_were_begun():
    done = subprocess.run(
        [sys.executable, "-c", ORDER], cwd=ROOT, capture_output=True, text=True, timeout=240, check=True
    )
    assert done.stdout.split() == ["False", "True", "False", "True", "True", "True", "True"]


def test_the_bundle_that_is_offered_first_is_loaded_once_for_the_pages_and_answers(
    wide_bundle: Path, monkeypatch: pytest.MonkeyPatch
):
    loaded, load = [], Inspector.load

    def counted(path: Path, device: str) -> Inspector:
        loaded.append(load(path, device))
        return loaded[-1]

    monkeypatch.setenv("NERO_BUNDLE", str(wide_bundle))
    monkeypatch.setattr(Inspector, "load", counted)
    st.cache_resource.clear()
    resources.answer_once()
    first = next(iter(resources.bundle_paths().values()))
    assert [resources.inspector(first)] == loaded
    assert loaded[0].bundle.path == wide_bundle.resolve()


def test_a_bundle_that_cannot_be_loaded_is_the_pages_to_tell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("NERO_BUNDLE", str(tmp_path / "nothing"))
    with pytest.raises(BundleError, match="Found no such folder"):
        resources.answer_once()

import hashlib
import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
import torch

from dashboard import resources
from dashboard.work.background_task import BackgroundTask, TaskQueue
from nero_core import Explorer, Inspector
from nero_core.errors import BundleError
from nero_core.types import Unlikeness
from tests.umap_at_work import umap_at_work


@pytest.fixture(autouse=True)
def no_bundles_but_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(resources.bundles, "BUNDLES", tmp_path / "none")
    monkeypatch.delenv("NERO_BUNDLE", raising=False)
    monkeypatch.delenv("NERO_BUNDLES", raising=False)
    monkeypatch.setenv("NERO_HOME", str(tmp_path / "home"))


def test_bundles_that_users_made_come_last_and_an_unreadable_home_hides_nothing_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    for name in ("given/one", "home/bundles/two", "home/bundles/.half"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "bundle.json").write_text("{}")
    monkeypatch.setenv("NERO_BUNDLES", str(tmp_path / "given"))
    assert list(resources.bundle_paths()) == ["one", "two"]
    assert resources.name_of(tmp_path / "home" / "bundles" / "two") == "two"
    assert resources.name_of(tmp_path / "home") is None
    (tmp_path / "file").touch()
    monkeypatch.setenv("NERO_HOME", str(tmp_path / "file"))
    assert list(resources.bundle_paths()) == ["one"]


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


def test_results_of_one_image_are_kept_apart_by_bundle_setting_and_method(
    wide_bundle: Path, phantoms: Path, tmp_path: Path
):
    other = Path(shutil.copytree(wide_bundle, tmp_path / "other"))
    card = json.loads((other / "bundle.json").read_text())
    (other / "bundle.json").write_text(json.dumps(card | {"title": "Another"}))
    original, two = resources.inspector(wide_bundle), resources.inspector(other)
    file = sorted((phantoms / "ood" / "polyps").iterdir())[0]
    image = resources.source("k", file.name, file.read_bytes())
    asked = [(original, "nero", 0.9), (two, "nero", 0.9), (original, "msp", 0.9), (original, "nero", 0.8)]
    answers = [resources.detection(model, image, method, tpr) for model, method, tpr in asked]
    assert len({id(answer) for answer in answers}) == len(asked)
    assert answers[2].detector == "msp" and answers[3].tpr == 0.8
    assert resources.detection(original, image, "nero", 0.9) is answers[0]  # kept, not computed again


def test_the_map_of_where_an_image_is_unlike_is_made_once(
    patched_bundle: Path, phantoms: Path, monkeypatch: pytest.MonkeyPatch
):
    made: list[int] = []
    unlikeness = Inspector.unlikeness

    def counted(self: Inspector, *given: Any) -> Unlikeness:
        made.append(1)
        return unlikeness(self, *given)

    monkeypatch.setattr(Inspector, "unlikeness", counted)
    model = Inspector.load(patched_bundle, "cpu")
    file = sorted((phantoms / "ood").rglob("*.jpg"))[0]
    item = resources.source("k", file.name, file.read_bytes())
    shown = resources.unlikeness(model, item)
    for concepts in (1, 2):
        assert resources.explanation(model, item, concepts, "contribution").unlike is shown
    Explorer(model).faithfulness(model.decode([file]))
    assert len(made) == 1


def test_users_at_once_get_their_own_images_results(wide_bundle: Path, phantoms: Path):
    st.cache_resource.clear()
    model = resources.inspector(wide_bundle)
    files = sorted((phantoms / "ood").rglob("*.jpg"))[:4]
    images = [resources.source(f"user {index}", "image.jpg", file.read_bytes()) for index, file in enumerate(files)]
    expected = [model.detect(model.decode([file]))["nero"].score for file in files]
    with ThreadPoolExecutor(4) as pool:
        detections = list(pool.map(lambda image: resources.detection(model, image, "nero", 0.95), images * 3))
    for detection, score in zip(detections, expected * 3, strict=True):
        torch.testing.assert_close(detection.score, score, rtol=1e-4, atol=1e-6)


def test_a_verdict_shared_by_users_names_no_file(wide_bundle: Path, phantoms: Path):
    st.cache_resource.clear()
    model, file = resources.inspector(wide_bundle), sorted((phantoms / "ood" / "polyps").iterdir())[0]
    resources.picture(resources.source("first", "first patient.jpg", file.read_bytes()))
    second = resources.source("second", "second patient.jpg", file.read_bytes())
    observed = resources.verdicts.observation_with_image(model, second)
    assert observed.images is not None and observed.images.names == ("",)
    assert observed.images.ids == observed.ids == (second.id,) == (hashlib.sha256(file.read_bytes()).hexdigest(),)
    assert resources.observation(model, second).images is None  # hundreds are kept


def test_a_background_task_is_one_for_all_who_ask_and_is_begun_anew_once(wide_bundle: Path, phantoms: Path):
    st.cache_resource.clear()
    model = resources.inspector(wide_bundle)
    files = sorted((phantoms / "ood" / "polyps").iterdir())[:2]
    image, other = (resources.source(file.name, file.name, file.read_bytes()) for file in files)
    with ThreadPoolExecutor(4) as pool:
        asked = list(pool.map(lambda _: resources.faithfulness(model, image, "epsilon_plus"), range(4)))
    first = asked[0]
    assert all(task is first for task in asked)
    assert resources.faithfulness(model, other, "epsilon_plus") is not first
    assert resources.faithfulness(model, image, "gradient_times_input") is not first
    first.stop()
    assert resources.faithfulness(model, image, "epsilon_plus") is first  # until somebody asks for another
    with ThreadPoolExecutor(4) as pool:
        again = list(pool.map(lambda _: resources.faithfulness(model, image, "epsilon_plus", first), range(4)))
    assert again[0] is not first
    assert all(task is again[0] for task in again)
    assert again[0].wait(240)
    assert again[0].result().composite == "epsilon_plus"
    assert again[0].done == again[0].total > 100


def test_a_map_is_made_once_and_anew_where_its_explorer_was_let_go(wide_bundle: Path):
    st.cache_resource.clear()
    model = resources.inspector(wide_bundle)
    task = resources.umap(model)
    assert task.wait(240)
    assert task.result().ids == model.bundle.fit.ids
    assert resources.umap(model) is task
    for place in range(3):  # explorers of other bundles, more than are kept
        resources.explorer(Inspector(replace(model.bundle, digest=str(place)), model.device))
    again = resources.umap(model)
    assert again is not task
    assert again.wait(240)
    assert torch.equal(again.result().coordinates, task.result().coordinates)


def test_a_second_umap_takes_no_turn_from_others_while_the_first_ends(
    wide_bundle: Path, monkeypatch: pytest.MonkeyPatch
):
    st.cache_resource.clear()
    monkeypatch.setattr("dashboard.work.background_task.TASK_QUEUE", TaskQueue(2))
    model = resources.inspector(wide_bundle)
    with umap_at_work():
        first = resources.umap(model)
        assert first.state == "running"
        first.stop()
        second = resources.umap(model, first)
        assert (second.state, second.is_held_up) == ("waiting", True)
        assert BackgroundTask("another", lambda on_progress: "found").wait(240)
    assert second.wait(240)
    assert second.result().kind == "umap"

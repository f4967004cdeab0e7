"""Your own model, without a browser: from a checkpoint and a zip to a reference set in the list."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import places, resources
from dashboard.pages.own_model import bundle_shelf, model_form
from dashboard.work import jobs
from nero_core import pack_bundle
from tests.dashboard.material import asked, no_traceback, until
from tests.dashboard.pages.compare.test_page import zipped

Start = Callable[..., AppTest]
PAGE = "pages/own_model/page.py"
CLASSES = "normal-cecum\nnormal-pylorus\nnormal-z-line"


@pytest.fixture(autouse=True)
def smallest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """The list offers the tests' own architecture too: a person could type its name, which ``AppTest`` cannot."""
    monkeypatch.setattr(model_form, "ARCHITECTURES", ("test_resnet", *model_form.ARCHITECTURES))


def own(app: Start, **query: str) -> AppTest:
    running = app("own_model", **query)
    no_traceback(running)
    return running


def give(running: AppTest, key: str, name: str, data: bytes) -> AppTest:
    running.file_uploader(key=key).set_value((name, data, "application/octet-stream"))
    running.run()
    no_traceback(running)
    return running


def filled(app: Start, checkpoint: Path, phantoms: Path, arch: str = "test_resnet") -> AppTest:
    running = own(app)
    give(running, "id_zip", "id.zip", zipped(phantoms / "id"))
    give(running, "weights", "model.safetensors", (checkpoint / "model.safetensors").read_bytes())
    running.number_input(key="input_side").set_value(64)
    running.selectbox(key="arch").set_value(arch).run()
    no_traceback(running)
    return running


def captions(running: AppTest) -> str:
    return " ".join(caption.value for caption in running.caption)


def errors(running: AppTest) -> str:
    return " ".join(error.value for error in running.error).replace("\\", "")


@pytest.mark.slow
def test_a_checkpoint_and_images_become_a_reference_set(app: Start, tiny_checkpoint: Path, phantoms: Path):
    running = filled(app, tiny_checkpoint, phantoms)
    assert running.text_area(key="class_names").value == CLASSES
    assert any("48 images of 3 classes" in caption.value for caption in running.caption)
    assert any("The weights are those of test_resnet" in caption.value.replace("\\", "") for caption in running.caption)
    running.text_input(key="title_of_bundle").set_value("Ours & theirs").run()
    running.checkbox(key="reduced").check().run()
    assert running.checkbox(key="keep_references").value and "five minutes" in captions(running)
    running.button(key="start_making").click().run()
    no_traceback(running)
    making = asked(running, "making")
    assert jobs.find(making, "calibrate") is not None
    again = own(app, making=making)
    until(again, lambda: any("is ready" in heading.value for heading in again.subheader), 240)
    (made,) = resources.own_bundles()
    assert made.name == "Ours-theirs" and (made / "references.safetensors").exists()
    assert "Ours-theirs" in again.selectbox(key="bundle").options
    job = jobs.find(making, "calibrate")
    assert job is not None and not job.inputs.exists() and not job.result.exists()
    again.button(key="use_made").click().run()
    no_traceback(again)
    assert again.selectbox(key="bundle").value == "Ours-theirs"


@pytest.mark.slow
def test_a_reference_set_may_be_made_without_traced_channels(app: Start, tiny_checkpoint: Path, phantoms: Path):
    running = filled(app, tiny_checkpoint, phantoms)
    running.text_input(key="title_of_bundle").set_value("Bare").run()
    running.checkbox(key="reduced").check().run()
    running.checkbox(key="keep_references").uncheck().run()
    assert "minutes sooner" in captions(running) and "five minutes" not in captions(running)
    running.button(key="start_making").click().run()
    again = own(app, making=asked(running, "making"))
    until(again, lambda: any("is ready" in heading.value for heading in again.subheader), 240)
    (made,) = resources.own_bundles()
    assert made.name == "Bare" and not (made / "references.safetensors").exists()


@pytest.mark.slow
def test_too_few_images_are_refused_by_the_process_in_words(app: Start, tiny_checkpoint: Path, phantoms: Path):
    running = filled(app, tiny_checkpoint, phantoms)
    running.button(key="start_making").click().run()
    until(running, lambda: running.error, 240)
    assert "one for each of NERO's PCA components" in errors(running)
    assert "Traceback" not in errors(running) and str(places.jobs()) not in errors(running)
    running.button(key="again_calibrate").click().run()
    no_traceback(running)
    assert running.file_uploader(key="weights")
    assert not list(places.jobs().iterdir())


def test_a_checkpoint_of_another_architecture_is_refused_at_once(app: Start, tiny_checkpoint: Path, phantoms: Path):
    running = filled(app, tiny_checkpoint, phantoms, arch="resnet18")
    assert "Expected" in errors(running)
    assert running.button(key="start_making").disabled


def test_a_wrong_number_of_classes_is_refused_at_once(app: Start, tiny_checkpoint: Path, phantoms: Path):
    running = filled(app, tiny_checkpoint, phantoms)
    running.text_area(key="class_names").set_value("normal-cecum\nnormal-pylorus").run()
    no_traceback(running)
    assert "one class name for each of the head's 3 outputs" in errors(running)
    running.text_area(key="class_names").set_value("normal-cecum\nnormal-pylorus\nstomach").run()
    no_traceback(running)
    assert "Found none for stomach" in errors(running)
    assert running.button(key="start_making").disabled


def test_hostile_files_are_refused_beside_their_fields(app: Start):
    running = own(app)
    give(running, "id_zip", "<b>evil</b>.zip", b"PK\x05\x06" + bytes(10))
    assert "b.zip: expected a whole .zip file" in errors(running)
    running.selectbox(key="arch").set_value("resnet18")
    running.text_area(key="class_names").set_value("a\nb")
    give(running, "weights", "model.safetensors", b"\x80\x04\x95pickle")
    assert "safetensors" in errors(running)
    assert running.button(key="start_making").disabled


def test_a_folder_on_the_server_may_be_named_below_the_operators_folder_only(
    app: Start, phantoms: Path, monkeypatch: pytest.MonkeyPatch
):
    running = own(app)
    assert not [field for field in running.text_input if field.key == "id_path"]
    monkeypatch.setenv("NERO_DATA", str(phantoms))
    running = own(app)
    monkeypatch.setenv("NERO_DATA", str(phantoms))
    running.run()
    running.text_input(key="id_path").set_value("id").run()
    no_traceback(running)
    assert any("48 images of 3 classes" in caption.value for caption in running.caption)
    running.text_input(key="id_path").set_value("../..").run()
    no_traceback(running)
    assert "below the server's data folder" in errors(running)


def test_a_packed_set_is_loaded_used_packed_again_and_removed(app: Start, tiny_bundle: Path, tmp_path: Path):
    pack_bundle(tiny_bundle, tmp_path / "From elsewhere.nero.zip")
    data = (tmp_path / "From elsewhere.nero.zip").read_bytes()
    running = own(app)
    give(running, "packed", "From elsewhere.nero.zip", data)
    running.button(key="load_bundle").click().run()
    no_traceback(running)
    assert [path.name for path in resources.own_bundles()] == ["From-elsewhere"]
    assert bundle_shelf.packed(resources.own_bundles()[0]) == data
    assert not list((places.home() / "packing").iterdir())
    running.button(key="use_From-elsewhere").click().run()
    no_traceback(running)
    assert running.selectbox(key="bundle").value == "From-elsewhere"
    running.button(key="remove_From-elsewhere").click().run()
    no_traceback(running)
    assert resources.own_bundles() == ()
    assert running.selectbox(key="bundle").value == "tiny"
    assert not list(places.bundles().iterdir())


def test_a_set_that_another_user_removed_leaves_the_page_standing(app: Start, tiny_bundle: Path, tmp_path: Path):
    running = app()
    shutil.copytree(tiny_bundle, places.bundles() / "shared")
    running = app(bundle="shared")
    no_traceback(running)
    assert running.selectbox(key="bundle").value == "shared"
    shutil.rmtree(places.bundles() / "shared")
    running.run()
    no_traceback(running)
    assert running.selectbox(key="bundle").value == "tiny"


def test_an_altered_set_is_refused_and_leaves_nothing(app: Start, tiny_bundle: Path, tmp_path: Path):
    pack_bundle(tiny_bundle, tmp_path / "x.nero.zip")
    data = bytearray((tmp_path / "x.nero.zip").read_bytes())
    data[len(data) // 2] ^= 1
    running = own(app)
    give(running, "packed", "x.nero.zip", bytes(data))
    running.button(key="load_bundle").click().run()
    no_traceback(running)
    assert running.error
    assert not list(places.bundles().iterdir())


def test_only_sets_that_users_made_can_be_removed(app: Start, tiny_bundle: Path, tmp_path: Path):
    own(app)
    copy = Path(shutil.copytree(tiny_bundle, tmp_path / "elsewhere"))
    bundle_shelf.remove(copy)
    bundle_shelf.remove(places.bundles() / "..")
    assert (copy / "bundle.json").is_file()
    assert places.home().is_dir() or not places.home().exists()


@pytest.mark.slow
def test_a_job_can_be_stopped_from_the_page(app: Start, wide_checkpoint: Path, phantoms: Path):
    running = filled(app, wide_checkpoint, phantoms, "resnet10t")  # whose 512 channels take a while to trace
    running.checkbox(key="reduced").check().run()
    running.button(key="start_making").click().run()
    making = asked(running, "making")
    running.button(key="stop_calibrate").click().run()
    deadline = time.monotonic() + 60
    job = jobs.find(making, "calibrate")
    assert job is not None
    while not jobs.status(job).is_over:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    running.run()
    no_traceback(running)
    assert any("Stopped" in info.value for info in running.info)
    assert resources.own_bundles() == ()
    assert not job.inputs.exists()

"""Your own model, without a browser: from a checkpoint and a zip to a reference set in the list."""

import os
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from streamlit.testing.v1 import AppTest

from dashboard import places, resources
from dashboard.pages.own_model import bundle_shelf, classifier_step
from dashboard.pages.own_model.architectures import ARCHITECTURES, MEGABYTES, offered, too_large
from dashboard.work import jobs
from nero_core import Bundle, pack_bundle
from nero_core.models.classifier import build_model
from tests.conftest import MadeOnce
from tests.dashboard.material import asked, no_traceback, until
from tests.dashboard.pages.compare.test_page import zipped
from tests.knowing import knowing_checkpoint

Start = Callable[..., AppTest]
PAGE = "pages/own_model/page.py"
CLASSES = "normal-cecum\nnormal-pylorus\nnormal-z-line"


@pytest.fixture(autouse=True)
def smallest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """The list offers the tests' own architecture too: a person could type its name, which ``AppTest`` cannot."""
    monkeypatch.setattr(classifier_step, "ARCHITECTURES", ("test_resnet", *classifier_step.ARCHITECTURES))


@pytest.fixture(scope="session")
def knowing(made_once: MadeOnce, tiny_checkpoint: Path, phantoms: Path) -> Path:
    """A checkpoint that knows the classes of the phantoms."""

    def make(folder: Path) -> None:
        knowing_checkpoint(tiny_checkpoint, phantoms / "id", folder / "checkpoint")

    return made_once("knowing", make) / "checkpoint"


def own(app: Start, **query: str) -> AppTest:
    running = app("own_model", **query)
    no_traceback(running)
    return running


def give(running: AppTest, key: str, name: str, data: bytes) -> AppTest:
    running.file_uploader(key=key).set_value((name, data, "application/octet-stream"))
    running.run()
    no_traceback(running)
    return running


def filled(
    app: Start, checkpoint: Path, phantoms: Path, arch: str = "test_resnet", normalisation: str = "ImageNet"
) -> AppTest:
    running = own(app)
    give(running, "id_zip", "id.zip", zipped(phantoms / "id"))
    give(running, "weights", "model.safetensors", (checkpoint / "model.safetensors").read_bytes())
    running.number_input(key="input_side").set_value(64)
    running.selectbox(key="normalisation").set_value(normalisation)
    running.selectbox(key="arch").set_value(arch).run()
    no_traceback(running)
    return running


def captions(running: AppTest) -> str:
    return " ".join(caption.value for caption in running.caption).replace("\\", "")


def errors(running: AppTest) -> str:
    return " ".join(error.value for error in running.error).replace("\\", "")


@pytest.mark.slow
@pytest.mark.usefixtures("warm_jobs")
def test_a_checkpoint_and_images_become_a_reference_set(app: Start, knowing: Path, phantoms: Path):
    running = filled(app, knowing, phantoms)
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
@pytest.mark.usefixtures("warm_jobs")
def test_a_reference_set_may_be_made_without_traced_channels(app: Start, knowing: Path, phantoms: Path):
    running = filled(app, knowing, phantoms)
    running.text_input(key="title_of_bundle").set_value("Bare").run()
    running.checkbox(key="reduced").check().run()
    running.checkbox(key="keep_references").uncheck().run()
    assert "minutes sooner" in captions(running) and "five minutes" not in captions(running)
    running.button(key="start_making").click().run()
    again = own(app, making=asked(running, "making"))
    until(again, lambda: any("is ready" in heading.value for heading in again.subheader), 240)
    (made,) = resources.own_bundles()
    notes = " ".join(Bundle.load(made, "cpu").card.notes)
    assert "of 48 of the ID images as their folders do" in notes and "guessing: 33" in notes
    assert made.name == "Bare" and not (made / "references.safetensors").exists()


def test_too_few_images_are_told_before_the_start_and_the_tick_box_is_named(app: Start, knowing: Path, phantoms: Path):
    running = filled(app, knowing, phantoms)
    assert running.button(key="start_making").disabled
    assert "about 116 ID images, so that NERO has 64 to fit on (it has 27)" in captions(running)
    label = running.checkbox(key="reduced").label
    assert f"the tick at “{label}”" in captions(running)
    running.checkbox(key="reduced").check().run()
    no_traceback(running)
    assert not running.button(key="start_making").disabled


@pytest.mark.slow
@pytest.mark.usefixtures("warm_jobs")
def test_after_a_failure_files_and_fields_are_still_there(app: Start, knowing: Path, phantoms: Path):
    running = filled(app, knowing, phantoms)
    running.text_input(key="title_of_bundle").set_value("Once more").run()
    running.checkbox(key="reduced").check().run()
    running.button(key="start_making").click().run()
    making = asked(running, "making")
    job = jobs.find(making, "calibrate")
    assert job is not None
    deadline = time.monotonic() + 240
    while not (job.progress.exists() and job.progress.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    (job.inputs / "id_zip" / "id.zip").unlink()  # as a disk fails
    for pid in children_of(job.folder):
        os.kill(pid, signal.SIGKILL)
    until(running, lambda: running.error, 240)
    assert "ended from outside" in errors(running)
    again = own(app, making=making)  # from the link alone, in a session of its own
    again.button(key="again_calibrate").click().run()
    no_traceback(again)
    assert again.selectbox(key="arch").value == "test_resnet"
    assert again.number_input(key="input_side").value == 64
    assert again.text_area(key="class_names").value == CLASSES
    assert again.text_input(key="title_of_bundle").value == "Once more"
    assert again.checkbox(key="reduced").value
    assert "Still here: model.safetensors" in captions(again)
    assert "Still here: id.zip" not in captions(again)
    give(again, "id_zip", "id.zip", zipped(phantoms / "id"))
    assert not again.button(key="start_making").disabled
    again.button(key="take_back_weights").click().run()
    no_traceback(again)
    assert again.button(key="start_making").disabled
    assert "Still here" not in captions(again)


def children_of(folder: Path) -> list[int]:
    """The processes of a job's command."""
    lines = ((int(path.name), path / "cmdline") for path in Path("/proc").iterdir() if path.name.isdigit())
    return [pid for pid, line in lines if b"nero_core.cli" in (text := _read(line)) and str(folder).encode() in text]


def _read(path: Path) -> bytes:
    with suppress(OSError):
        return path.read_bytes()
    return b""


def test_what_the_classifier_says_of_its_images_is_shown_before_anything_is_made(
    app: Start, knowing: Path, phantoms: Path
):
    running = filled(app, knowing, phantoms)
    assert "Tried on 48 of the images: 4" in captions(running)
    table = running.dataframe[0].value
    assert table["folder"].tolist() == CLASSES.split()
    assert int(table.drop(columns="folder").to_numpy().sum()) == 48
    assert not running.error


def test_classes_in_reverse_order_stop_it_and_the_right_order_is_offered(app: Start, knowing: Path, phantoms: Path):
    running = filled(app, knowing, phantoms)
    running.checkbox(key="reduced").check().run()
    running.text_area(key="class_names").set_value("\n".join(CLASSES.split()[::-1])).run()
    no_traceback(running)
    assert running.button(key="start_making").disabled
    assert "better than guessing" in errors(running)
    assert f"in the order {', '.join(CLASSES.split())}" in errors(running).replace(" and ", ", ")
    running.button(key="use_order").click().run()
    no_traceback(running)
    assert running.text_area(key="class_names").value == CLASSES
    assert not running.error and not running.button(key="start_making").disabled


def test_the_normalisation_of_training_is_found_where_another_was_chosen(app: Start, knowing: Path, phantoms: Path):
    running = filled(app, knowing, phantoms, normalisation="none")
    assert "The likely reason is the normalisation: with “ImageNet” 4" in errors(running)
    running.selectbox(key="normalisation").set_value("ImageNet").run()
    no_traceback(running)
    assert not running.error


def test_a_classifier_that_guesses_is_made_into_a_set_only_where_that_is_ticked(
    app: Start, tiny_checkpoint: Path, phantoms: Path
):
    running = filled(app, tiny_checkpoint, phantoms)
    running.checkbox(key="reduced").check().run()
    assert "better than guessing" in errors(running)
    assert "input size is not that of training (here 64 × 64 pixels)" in errors(running)
    assert running.button(key="start_making").disabled
    running.checkbox(key="guessing").check().run()
    no_traceback(running)
    assert not running.button(key="start_making").disabled


def test_model_json_answers_for_size_classes_and_normalisation(app: Start, knowing: Path, phantoms: Path):
    running = own(app)
    give(running, "id_zip", "id.zip", zipped(phantoms / "id"))
    give(running, "weights", "model.safetensors", (knowing / "model.safetensors").read_bytes())
    give(running, "model_card", "model.json", (knowing / "model.json").read_bytes())
    assert "test_resnet, 3 classes, 64 × 64 pixels, mean 0.485 0.456 0.406" in captions(running)
    assert not [field for field in running.selectbox if field.key == "arch"]
    assert "read at 64 × 64 pixels" in captions(running)
    assert "Tried on 48 of the images" in captions(running)
    running.text_area(key="class_names").set_value("\n".join(CLASSES.split()[::-1])).run()
    no_traceback(running)
    assert "Expected the class names of model.json, in its order" in errors(running)
    assert running.button(key="start_making").disabled
    running.button(key="use_card").click().run()
    no_traceback(running)
    assert running.text_area(key="class_names").value == CLASSES


def test_what_is_no_model_json_is_refused_beside_its_field(app: Start):
    running = own(app)
    give(running, "model_card", "model.json", b'{"arch": "resnet18"}')
    assert "Expected model.json to be a model card" in errors(running)
    assert str(places.home()) not in errors(running)


def test_no_flag_of_the_command_line_is_named_on_the_page(app: Start, tmp_path: Path, phantoms: Path):
    """Weights of the very network under other names, for which the command has --by-order."""
    model = build_model("test_resnet", 3, (64, 64))
    floats = [tensor for tensor in model.state_dict().values() if tensor.is_floating_point()]
    save_file({f"x{place:03}": tensor for place, tensor in enumerate(floats)}, tmp_path / "x")
    running = filled(app, SimpleCheckpoint(tmp_path / "x"), phantoms)
    assert "tick “Match tensors by their place in the file” under Options" in errors(running)
    assert "--" not in errors(running)
    running.checkbox(key="by_order").check().run()
    no_traceback(running)
    assert "The weights are those of" in captions(running)


class SimpleCheckpoint:
    """A folder whose weights are this file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __truediv__(self, name: str) -> Path:
        return self.file


def test_only_architectures_whose_weights_fit_an_upload_are_offered():
    assert offered(ARCHITECTURES, 500) == ARCHITECTURES
    assert "resnet18" in offered(ARCHITECTURES, 50) and "resnet50" not in offered(ARCHITECTURES, 50)
    assert too_large(ARCHITECTURES, 500) == ""
    assert "resnet34" in too_large(ARCHITECTURES, 50)
    assert "nero dashboard --max-upload 350" in too_large(ARCHITECTURES, 50)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_size_of_an_architecture_is_that_of_its_weights(name: str):
    with torch.device("meta"):
        state = build_model(name, 10, (224, 224)).state_dict()
    assert 0 <= MEGABYTES[name] - sum(tensor.nbytes for tensor in state.values()) / 2**20 < 1.1


def test_a_checkpoint_of_another_architecture_is_refused_at_once(app: Start, tiny_checkpoint: Path, phantoms: Path):
    running = filled(app, tiny_checkpoint, phantoms, arch="resnet18")
    assert "Expected" in errors(running)
    assert running.button(key="start_making").disabled


def test_a_wrong_number_of_classes_is_refused_at_once(app: Start, knowing: Path, phantoms: Path):
    running = filled(app, knowing, phantoms)
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
    running.checkbox(key="reduced").check()
    running.checkbox(key="guessing").check().run()
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

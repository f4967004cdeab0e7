"""From a checkpoint and ID images to a bundle."""

import json
import os
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from nero_core.calibration import Bundle
from nero_core.calibration import calibrate as calibrate_with_references
from nero_core.data.decode import decode_batch
from nero_core.data.folders import file_digest, read_folder
from nero_core.errors import BundleError, CalibrationError, ImageError
from nero_core.models import ModelCard, create_classifier, save_checkpoint
from nero_core.models.classifier import Classifier
from nero_core.phantom.drawing import ID_CLASSES, write_phantoms
from nero_core.relevance.coarse import coarse, from_steps
from nero_core.relevance.concept import conditions
from nero_core.relevance.head import neuron_relevance
from nero_core.relevance.heatmap import Attributor

calibrate = partial(calibrate_with_references, references=0, patches=0)  # which take longer than all the rest


def test_the_same_seed_gives_the_same_split_and_another_seed_another(
    tiny_checkpoint: Path, phantoms: Path, tmp_path: Path, tiny_bundle: Path
) -> None:
    def fit_ids(seed: int) -> set[str]:
        out = tmp_path / str(seed)
        return set(
            calibrate(tiny_checkpoint, phantoms / "id", out, seed=seed, allow_reduced_rank=True, device="cpu").fit.ids
        )

    assert fit_ids(0) == set(Bundle.load(tiny_bundle).fit.ids)
    assert fit_ids(1) != fit_ids(0)


def test_half_precision_banks_belong_to_the_half_precision_weights(
    tiny_checkpoint: Path, phantoms: Path, tmp_path: Path
) -> None:
    bundle = calibrate(
        tiny_checkpoint,
        phantoms / "id",
        tmp_path / "half",
        half=True,
        half_features=True,
        allow_reduced_rank=True,
        device="cpu",
    )
    path = next(path for path in (phantoms / "id").rglob("*.jpg") if file_digest(path) == bundle.fit.ids[0])
    again = bundle.classifier.observe(decode_batch([path], bundle.classifier.input_size)).features[0]
    torch.testing.assert_close(again.half().float(), bundle.fit.features[0], rtol=1e-3, atol=1e-5)


@pytest.fixture(scope="module")
def held_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Other phantoms than those of the bundle: two of each ID class and of polyps."""
    folder = tmp_path_factory.mktemp("held-out")
    write_phantoms(folder, per_class=2, size=96, seed=13, classes=(*ID_CLASSES, "polyps"))
    return folder


@pytest.fixture
def no_forward_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Classifier, "observe", lambda *_: pytest.fail("Images were observed before the refusal."))


def test_held_out_figures_stand_on_the_card(
    tiny_checkpoint: Path, phantoms: Path, held_out: Path, tmp_path: Path
) -> None:
    test = held_out
    bundle = calibrate(
        tiny_checkpoint, phantoms / "id", tmp_path / "out", test=test, allow_reduced_rank=True, device="cpu"
    )
    numbers = bundle.card.numbers
    assert numbers["held_out_id_images"] == 6 and numbers["held_out_ood_images"] == 2
    assert {"id_accuracy", "nero_auroc", "nero_fpr95_id_positive", "msp_auroc", "nero_auroc polyps"} <= numbers.keys()
    assert all(0 <= value <= 1 for name, value in numbers.items() if not name.startswith("held_out"))


def test_images_that_were_trained_on_take_no_part(tiny_checkpoint: Path, phantoms: Path, tmp_path: Path) -> None:
    checkpoint = Path(shutil.copytree(tiny_checkpoint, tmp_path / "checkpoint"))
    trained = sorted((phantoms / "id" / "normal-cecum").iterdir())[:4]
    card = json.loads((checkpoint / "model.json").read_text())
    card["training"]["digests"] = [file_digest(path) for path in trained]
    (checkpoint / "model.json").write_text(json.dumps(card))
    bundle = calibrate(checkpoint, phantoms / "id", tmp_path / "out", allow_reduced_rank=True, device="cpu")
    assert bundle.fit_size + bundle.calibration_size == 44
    assert not {file_digest(path) for path in trained} & {*bundle.fit.ids, *bundle.calibration.ids}
    assert bundle.card.model.training.digests == ()


def test_a_class_of_which_all_images_were_trained_on_is_named(
    tiny_checkpoint: Path, phantoms: Path, tmp_path: Path
) -> None:
    checkpoint = Path(shutil.copytree(tiny_checkpoint, tmp_path / "checkpoint"))
    card = json.loads((checkpoint / "model.json").read_text())
    card["training"]["digests"] = [file_digest(path) for path in (phantoms / "id" / "normal-pylorus").iterdir()]
    (checkpoint / "model.json").write_text(json.dumps(card))
    with pytest.raises(CalibrationError, match="normal-pylorus"):
        calibrate(checkpoint, phantoms / "id", tmp_path / "out", allow_reduced_rank=True, device="cpu")


def test_copies_of_an_image_count_once(tiny_checkpoint: Path, phantoms: Path, tmp_path: Path) -> None:
    data = Path(shutil.copytree(phantoms / "id", tmp_path / "data"))
    for path in sorted((data / "normal-cecum").iterdir())[:5]:
        shutil.copy(path, path.with_name(f"copy-{path.name}"))
    bundle = calibrate(tiny_checkpoint, data, tmp_path / "out", allow_reduced_rank=True, device="cpu")
    assert bundle.fit_size + bundle.calibration_size == 48


def test_fewer_fit_images_than_components_is_refused_with_the_number_needed(
    tiny_checkpoint: Path, phantoms: Path, tmp_path: Path
) -> None:
    with pytest.raises(CalibrationError, match=r"at least 64 fit images.* Found 27"):
        calibrate(tiny_checkpoint, phantoms / "id", tmp_path / "out", device="cpu")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("count", [-1, 65])
def test_references_that_a_bundle_may_not_hold_are_refused_at_the_start(tmp_path: Path, count: int) -> None:
    with pytest.raises(CalibrationError, match=f"Expected 0 to 64 reference images a channel. Found {count}"):
        calibrate(tmp_path / "no checkpoint", tmp_path / "no data", tmp_path / "out", references=count)


def test_a_class_folder_without_images_is_named(tiny_checkpoint: Path, phantoms: Path, tmp_path: Path) -> None:
    data = Path(shutil.copytree(phantoms / "id", tmp_path / "data"))
    shutil.rmtree(data / "normal-z-line")
    (data / "normal-z-line").mkdir()
    with pytest.raises(CalibrationError, match="normal-z-line"):
        calibrate(tiny_checkpoint, data, tmp_path / "out", allow_reduced_rank=True, device="cpu")


def test_an_id_class_among_the_ood_folders_is_refused(tiny_checkpoint: Path, phantoms: Path, tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="normal-cecum"):
        calibrate(
            tiny_checkpoint,
            phantoms / "id",
            tmp_path / "out",
            ood=phantoms / "id",
            allow_reduced_rank=True,
            device="cpu",
        )


def test_progress_is_told_for_every_stage(tiny_checkpoint: Path, phantoms: Path, tmp_path: Path) -> None:
    heard: dict[str, tuple[int, int]] = {}
    calibrate(
        tiny_checkpoint,
        phantoms / "id",
        tmp_path / "out",
        ood=phantoms / "ood",
        allow_reduced_rank=True,
        device="cpu",
        on_progress=lambda stage, done, total: heard.update({stage: (done, total)}),
    )
    assert {"digests", "fit images", "calibration images", "OOD images", "thumbnails"} == heard.keys()
    assert all(done == total for done, total in heard.values())


def test_references_are_told_made_with_the_stored_weights_and_the_same_each_time(
    tiny_checkpoint: Path, phantoms: Path, tmp_path: Path
) -> None:
    heard: list[tuple[int, int]] = []

    def run(name: str) -> Bundle:
        return calibrate_with_references(
            tiny_checkpoint,
            phantoms / "id",
            tmp_path / name,
            half=True,
            allow_reduced_rank=True,
            references=1,
            device="cpu",
            on_progress=lambda stage, done, total: heard.append((done, total)) if stage == "references" else None,
        )

    first = run("one")
    assert [done for done, _ in heard] == sorted({done for done, _ in heard}) and len(
        {total for _, total in heard}
    ) == 1
    assert heard[-1][0] == heard[-1][1] > 0
    assert first.digest == run("two").digest
    assert first.references is not None
    channel = int(first.references.relevance.scales[:, 0].argmax())
    path = {file_digest(path): path for path in (phantoms / "id").rglob("*.jpg")}
    row = int(first.references.relevance.images[channel, 0])
    pixels = decode_batch([path[first.fit.ids[row]]], first.classifier.input_size).pixels
    classifier = first.classifier
    assert torch.equal(classifier.head.weight, classifier.head.weight.half().float())
    attributor = Attributor(classifier.model, classifier.mean, classifier.std)
    relevance, _ = neuron_relevance(first.fit.features.double(), classifier.head, first.card.nero.epsilon)
    wanted = coarse(attributor.heatmaps(pixels, conditions(relevance[row], [channel])).maps, attributor.sigma)[0]
    references = first.references.relevance
    step = float(references.scales[channel, 0])
    assert float((from_steps(references.heatmaps, references.scales)[channel, 0] - wanted).abs().max()) <= 1.01 * step
    assert step > 0


def test_an_architecture_without_honest_heatmaps_keeps_no_references_and_the_card_says_why(
    phantoms: Path, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    model = create_classifier("test_efficientnet", ID_CLASSES, (64, 64)).model
    card = ModelCard(arch="test_efficientnet", classes=ID_CLASSES, input_size=(64, 64))
    save_checkpoint(tmp_path / "checkpoint", model, card)
    bundle = calibrate_with_references(
        tmp_path / "checkpoint", phantoms / "id", tmp_path / "out", allow_reduced_rank=True, device="cpu"
    )
    assert bundle.references is None and not (tmp_path / "out" / "references.safetensors").exists()
    assert bundle.card.notes[-1].startswith("No reference images with heatmaps are kept. No heatmap")


@pytest.mark.usefixtures("no_forward_pass")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tpr": 1.0}, "between 0 and 1"),
        ({"tpr": 0.99}, r"at least 99 calibration images .* Found 21"),
        ({"title": "x" * 201}, "at most 200 characters. Found 201"),
    ],
)
def test_an_option_that_cannot_hold_is_refused_before_any_forward_pass(
    tiny_checkpoint: Path, phantoms: Path, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(CalibrationError, match=message):
        calibrate(tiny_checkpoint, phantoms / "id", tmp_path / "out", allow_reduced_rank=True, device="cpu", **options)


def test_a_place_with_other_files_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("")
    with pytest.raises(BundleError, match=r"mine\.txt"):
        calibrate(tmp_path / "no checkpoint", tmp_path / "no data", tmp_path)


@pytest.mark.usefixtures("no_forward_pass")
def test_held_out_images_of_one_kind_only_are_refused(tiny_checkpoint: Path, phantoms: Path, tmp_path: Path) -> None:
    for part, message in (("id", "no OOD class"), ("ood", "no normal-cecum")):
        with pytest.raises(CalibrationError, match=message):
            calibrate(
                tiny_checkpoint,
                phantoms / "id",
                tmp_path / "out",
                test=phantoms / part,
                allow_reduced_rank=True,
                device="cpu",
            )


@pytest.mark.usefixtures("no_forward_pass")
@pytest.mark.parametrize("seen", ["calibration", "training"])
def test_held_out_images_that_were_seen_are_refused(
    tiny_checkpoint: Path, phantoms: Path, held_out: Path, tmp_path: Path, seen: str
) -> None:
    test = Path(shutil.copytree(held_out, tmp_path / "test"))
    checkpoint = Path(shutil.copytree(tiny_checkpoint, tmp_path / "checkpoint"))
    if seen == "calibration":
        shutil.copy(min((phantoms / "id" / "normal-cecum").iterdir()), test / "normal-cecum" / "0.jpg")
    else:
        shutil.copy(min((test / "normal-cecum").iterdir()), test / "normal-cecum" / "0.jpg")
        card = json.loads((checkpoint / "model.json").read_text())
        card["training"]["digests"] = [file_digest(test / "normal-cecum" / "0.jpg")]
        (checkpoint / "model.json").write_text(json.dumps(card))
    count = 1 if seen == "calibration" else 2
    with pytest.raises(CalibrationError, match=rf"held-out images .* Found {count} of 9 .*normal-cecum/0\.jpg"):
        calibrate(checkpoint, phantoms / "id", tmp_path / "out", test=test, allow_reduced_rank=True, device="cpu")


@pytest.mark.usefixtures("no_forward_pass")
def test_an_id_image_among_the_ood_images_is_refused(tiny_checkpoint: Path, phantoms: Path, tmp_path: Path) -> None:
    ood = Path(shutil.copytree(phantoms / "ood", tmp_path / "ood"))
    shutil.copy(min((phantoms / "id" / "normal-cecum").iterdir()), ood / "polyps" / "0.jpg")
    with pytest.raises(CalibrationError, match=r"OOD images .* Found 1 of 9 .*polyps/0\.jpg"):
        calibrate(tiny_checkpoint, phantoms / "id", tmp_path / "out", ood=ood, allow_reduced_rank=True, device="cpu")


def test_a_class_with_too_few_images_to_split_is_named(tiny_checkpoint: Path, phantoms: Path, tmp_path: Path) -> None:
    data = Path(shutil.copytree(phantoms / "id", tmp_path / "data"))
    for path in sorted((data / "normal-z-line").iterdir())[1:]:
        path.unlink()
    with pytest.raises(CalibrationError, match="normal-z-line: expected at least 2 different images"):
        calibrate(tiny_checkpoint, data, tmp_path / "out", allow_reduced_rank=True, device="cpu")


def test_a_file_or_folder_that_cannot_be_read_is_an_error_of_ours(
    phantoms: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    file = min((phantoms / "id" / "normal-cecum").iterdir())
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ImageError, match=rf"normal-cecum/{file.name}: .*Permission denied"):
        file_digest(file)
    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(CalibrationError, match="Permission denied"):
        read_folder(phantoms / "id")

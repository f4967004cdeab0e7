"""The patches of a bundle: from the fit images, read by the calibration images, kept in a file that is checked."""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load, load_file, save_file

from nero_core.calibration import Bundle, calibrate, read_card
from nero_core.calibration.bundle_archive import pack_bundle, unpack_bundle
from nero_core.calibration.patches import BEYOND, make_patches, read_anew
from nero_core.calibration.patches_file import pack_patches, unpack_patches
from nero_core.data.decode import decode_batch
from nero_core.data.folders import ImageFolder, file_digest, read_folder
from nero_core.detectors.patch_fit import PatchFit
from nero_core.detectors.patches import PatchModel, averaged_patches, unit_patches
from nero_core.errors import BundleError, CalibrationError
from nero_core.models.colour import COLOUR, COLOUR_CHANNELS, colour_map
from nero_core.models.stages import patch_stage_names, stage_channels, stage_names
from nero_core.relevance.smoothing import smooth
from tests.conftest import COMMON

FILE = "patches.safetensors"
Tensors = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def loaded(patched_bundle: Path) -> Bundle:
    return Bundle.load(patched_bundle)


@pytest.fixture(scope="module")
def parts(loaded: Bundle, phantoms: Path) -> dict[str, ImageFolder]:
    """The images of the bundle's banks, in their order."""
    images = read_folder(phantoms / "id", loaded.card.class_names)
    rows = {file_digest(path): row for row, path in enumerate(images.paths)}
    banks = {"fit": loaded.fit, "calibration": loaded.calibration}
    return {name: images.select([rows[image_id] for image_id in bank.ids]) for name, bank in banks.items()}


def patches_of(bundle: Bundle) -> PatchModel:
    assert bundle.patches is not None
    return bundle.patches


def stages_of(model: torch.nn.Module) -> tuple[str, ...]:
    """The stages of the network that are compared."""
    return stage_names(model)[:2]


def shown(bundle: Bundle, path: Path) -> np.ndarray:
    """The smoothed map of one image."""
    classifier, patches = bundle.classifier, patches_of(bundle)
    maps = classifier.patches(decode_batch([path], classifier.input_size).pixels, tuple(patches.stages))
    return smooth(patches.map(maps, classifier.input_size)[0], patches.sigma(classifier.input_size))


def test_the_finest_two_stages_and_the_colour_are_compared(loaded: Bundle) -> None:
    model = loaded.classifier.model
    patches = patches_of(loaded)
    assert tuple(patches.stages) == patch_stage_names(model) == (*stage_names(model)[:2], COLOUR)
    channels = {**stage_channels(model), COLOUR: COLOUR_CHANNELS}
    for name, stage in patches.stages.items():
        assert len(stage.whitening) == channels[name] and 1 <= len(stage.coreset) <= 200
        assert stage.is_unit == (name != COLOUR)


def test_patches_that_are_read_anew_by_the_same_images_are_the_same_and_by_others_are_not(
    loaded: Bundle, parts: dict[str, ImageFolder]
) -> None:
    kept = patches_of(loaded)
    again = read_anew(loaded.classifier, kept, parts["calibration"], loaded.card.seed)
    assert pack_patches(again) == pack_patches(kept)
    other = read_anew(loaded.classifier, kept, parts["fit"], loaded.card.seed)
    assert other.level != kept.level
    assert all(torch.equal(other.stages[name].coreset, stage.coreset) for name, stage in kept.stages.items())


def test_the_pass_that_ends_early_gives_the_maps_whose_means_are_the_stages(loaded: Bundle, phantoms: Path) -> None:
    path = next((phantoms / "id").rglob("*.jpg"))
    batch = decode_batch([path], loaded.classifier.input_size)
    stages = loaded.classifier.observe(batch).stages
    names = stage_names(loaded.classifier.model)[:2]
    for name, maps in loaded.classifier.patches(batch.pixels, (*names, "no stage")).items():
        torch.testing.assert_close(maps.mean(dim=(2, 3)), stages[name])
    colour = loaded.classifier.patches(batch.pixels, (names[0], COLOUR))
    assert list(colour) == [names[0], COLOUR]
    assert torch.equal(colour[COLOUR], colour_map(batch.pixels))


def test_all_but_the_limits_is_of_fit_images_and_the_limits_of_calibration_images(
    loaded: Bundle, parts: dict[str, ImageFolder]
) -> None:
    """The limits leave 2 % of the patches of the calibration images."""
    classifier, size = loaded.classifier, loaded.classifier.input_size
    pixels = {part: decode_batch(images.paths, size).pixels for part, images in parts.items()}
    names = tuple(patches_of(loaded).stages)
    fit = [classifier.patches(batch, names) for batch in pixels["fit"].split(16)]  # as they are read
    calibration = classifier.patches(pixels["calibration"], names)
    for name, stage in patches_of(loaded).stages.items():
        again = PatchFit(len(parts["fit"]), loaded.card.seed)
        for maps in fit:
            again.add(averaged_patches(maps[name]) if name == COLOUR else unit_patches(maps[name]))
        expected = again.finish(200)
        for part in ("whitening", "places", "layout", "coreset"):
            assert torch.equal(getattr(stage, part).cpu(), getattr(expected, part))
        nearest = stage.log_distances(stage.patches(calibration[name], size))[1]
        assert float((nearest > stage.limits[1]).double().mean()) == pytest.approx(0.02, abs=0.005)


def test_a_usual_image_is_quiet(loaded: Bundle, parts: dict[str, ImageFolder]) -> None:
    maps = [shown(loaded, path) for path in parts["calibration"].paths]
    patches = patches_of(loaded)
    assert float(np.mean(np.stack(maps) > patches.level)) == pytest.approx(BEYOND, abs=0.003)
    assert sum(float(heatmap.max()) > patches.limit for heatmap in maps) <= 2  # of 21
    assert patches.usual == pytest.approx(BEYOND, abs=1e-3)


def test_the_same_images_and_seed_give_the_same_patches(loaded: Bundle, parts: dict[str, ImageFolder]) -> None:
    heard: list[tuple[str, int, int]] = []
    again = make_patches(
        loaded.classifier, parts["fit"], parts["calibration"], 0, lambda *told: heard.append(told), coreset=200
    )
    assert pack_patches(again) == pack_patches(patches_of(loaded))
    assert heard[-1] == ("patches", 48, 48) and {stage for stage, _, _ in heard} == {"patches"}


def test_patches_come_back_as_they_were_written(loaded: Bundle) -> None:
    patches, model = patches_of(loaded), loaded.classifier.model
    data = pack_patches(patches)
    again = unpack_patches(data, stage_names(model), stage_channels(model))
    assert pack_patches(again) == data
    assert (again.level, again.usual, again.limit) == (patches.level, patches.usual, patches.limit)


def test_a_file_of_before_there_was_a_layout_is_read_as_then(loaded: Bundle) -> None:
    patches, model = patches_of(loaded), loaded.classifier.model
    older = {name: replace(patches.stages[name], layout=patches.stages[name].layout[:0]) for name in stages_of(model)}
    data = pack_patches(replace(patches, stages=older))
    assert not any("layout" in name for name in load(data))
    again = unpack_patches(data, stage_names(model), stage_channels(model))
    for name, stage in again.stages.items():
        assert stage.layout.shape == older[name].layout.shape and len(stage.layout) == 0
        assert torch.equal(stage.coreset, patches.stages[name].coreset.cpu())


def test_a_file_of_before_colour_was_compared_is_read_and_smoothed_as_then(loaded: Bundle, phantoms: Path) -> None:
    patches, classifier = patches_of(loaded), loaded.classifier
    older = replace(patches, stages={name: patches.stages[name] for name in stages_of(classifier.model)})
    again = unpack_patches(pack_patches(older), stage_names(classifier.model), stage_channels(classifier.model))
    assert tuple(again.stages) == stages_of(classifier.model)
    assert again.sigma((64, 64)) == 2 * patches.sigma((64, 64)) == 0.375 * 16
    batch = decode_batch([next((phantoms / "id").rglob("*.jpg"))], classifier.input_size)
    maps = classifier.patches(batch.pixels, tuple(again.stages))
    assert torch.equal(again.map(maps, classifier.input_size), older.map(maps, classifier.input_size))


def test_the_card_lists_them_and_a_packed_bundle_brings_them(patched_bundle: Path, tmp_path: Path) -> None:
    listed = read_card(patched_bundle)[0].files[FILE]
    assert listed == hashlib.sha256((patched_bundle / FILE).read_bytes()).hexdigest()
    pack_bundle(patched_bundle, tmp_path / "one.nero.zip")
    unpack_bundle(tmp_path / "one.nero.zip", tmp_path / "again")
    assert (tmp_path / "again" / FILE).read_bytes() == (patched_bundle / FILE).read_bytes()


def test_a_bundle_without_them_loads(tiny_bundle: Path) -> None:
    assert not (tiny_bundle / FILE).exists() and Bundle.load(tiny_bundle).patches is None


def test_images_whose_patches_do_not_differ_leave_a_bundle_without_them_that_says_why(
    tiny_checkpoint: Path, phantoms: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nero_core.models.stages.stage_indices", lambda model: ())
    bundle = calibrate(tiny_checkpoint, phantoms / "id", tmp_path / "out", references=0, **COMMON)
    assert bundle.patches is None and "There is no map of where an image is unlike." in bundle.card.notes[-1]


@pytest.mark.parametrize("count", [-1, 10_001])
def test_more_patches_than_a_bundle_may_hold_are_refused(count: int, tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="0 to 10000 patches"):
        calibrate(tmp_path / "nowhere", tmp_path, tmp_path / "out", patches=count)


def first(tensors: Tensors, part: str) -> str:
    return next(name for name in tensors if name.endswith(part))


def put(part: str, change: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[Tensors], object]:
    return lambda tensors: tensors.update({first(tensors, part): change(tensors[first(tensors, part)]).contiguous()})


WRONG: dict[str, tuple[Callable[[Tensors], object], str]] = {
    "one is missing": (lambda tensors: tensors.pop(first(tensors, ".places")), "belong to another model"),
    "one is foreign": (lambda tensors: tensors.update(more=torch.zeros(1)), "belong to another model"),
    "another dtype": (put(".coreset", lambda values: values.float()), "as F16"),
    "another width": (put(".coreset", lambda values: values[:, 1:]), "coreset of shape"),
    "another number of channels": (put(".whitening", lambda values: values[1:]), "whitening of shape"),
    "another grid": (put(".usual", lambda values: values[:, 1:]), "usual of shape"),
    "no patch": (put(".coreset", lambda values: values[:0]), "coreset of shape"),
    "a layout at one stage alone": (lambda tensors: tensors.pop(first(tensors, ".layout")), "belong to another model"),
    "no direction of the layout": (put(".layout", lambda values: values[:0]), "layout of shape"),
    "too many of them": (put(".layout", lambda values: values[:1].expand(300, -1, -1, -1)), "1 to 256 directions"),
    "a finer layout": (put(".layout", lambda values: values.repeat(1, 2, 2, 1)), "layout of shape"),
    "not finite": (put(".places", lambda values: values * torch.inf), "finite numbers"),
    "no deviation": (put(".usual", lambda values: values * 0), "deviations and excesses > 0"),
    "no colour limit": (put("reading", lambda values: values * 0), "colour limit"),
    "a reading of two": (put("reading", lambda values: values[:2]), "three numbers"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_no_patches_of_this_model_is_refused(kind: str, patched_bundle: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(patched_bundle, tmp_path / "copy"))
    alter, says = WRONG[kind]
    tensors = load_file(folder / FILE)
    alter(tensors)
    save_file(tensors, folder / FILE)
    card = json.loads((folder / "bundle.json").read_text())
    card["files"][FILE] = hashlib.sha256((folder / FILE).read_bytes()).hexdigest()
    (folder / "bundle.json").write_text(json.dumps(card))
    with pytest.raises(BundleError, match=says):
        Bundle.load(folder)


def test_an_altered_file_is_refused(patched_bundle: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(patched_bundle, tmp_path / "copy"))
    data = bytearray((folder / FILE).read_bytes())
    data[-1] ^= 1
    (folder / FILE).write_bytes(data)
    with pytest.raises(BundleError, match=FILE):
        Bundle.load(folder)


def test_bytes_that_are_no_safetensors_are_refused(loaded: Bundle) -> None:
    model = loaded.classifier.model
    with pytest.raises(BundleError, match="patches to be a safetensors file"):
        unpack_patches(b"nothing of the kind", stage_names(model), stage_channels(model))

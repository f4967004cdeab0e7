"""Bundles come back as they were written, and what was done to them is said."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from nero_core.calibration import Bundle, find_bundles, read_card
from nero_core.calibration.feature_bank_file import unpack_banks
from nero_core.errors import BundleError
from tests.warm_process import WarmProcesses


@pytest.fixture
def bundle(tiny_bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_bundle, tmp_path / "copy"))


def change_card(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    card = json.loads((folder / "bundle.json").read_text())
    change(card)
    (folder / "bundle.json").write_text(json.dumps(card))


def change_banks(folder: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> None:
    """Alter the banks and make the digest agree, as a wrong program would."""
    tensors = load_file(folder / "banks.safetensors")
    change(tensors)
    save_file(tensors, folder / "banks.safetensors")
    digest = hashlib.sha256((folder / "banks.safetensors").read_bytes()).hexdigest()
    change_card(folder, lambda card: card["files"].update({"banks.safetensors": digest}))


def test_a_bundle_has_disjoint_banks_and_a_picture_of_each_fit_image(bundle: Path) -> None:
    loaded = Bundle.load(bundle)
    assert (loaded.fit_size, loaded.calibration_size, loaded.ood_size) == (27, 21, 8)
    assert not set(loaded.fit.ids) & set(loaded.calibration.ids)
    assert all(loaded.thumbnail(image_id)[8:12] == b"WEBP" for image_id in loaded.fit.ids)
    assert loaded.card.class_names == ("normal-cecum", "normal-pylorus", "normal-z-line")
    assert loaded.card.ood_class_names == ("esophagitis", "polyps")


def test_a_bundle_holds_no_pickle(bundle: Path) -> None:
    assert {path.suffix for path in bundle.rglob("*") if path.is_file()} == {".json", ".safetensors", ".webp"}


def test_the_digest_names_the_bundle(bundle: Path) -> None:
    before = Bundle.load(bundle).digest
    assert before == hashlib.sha256((bundle / "bundle.json").read_bytes()).hexdigest()
    change_card(bundle, lambda card: card.update(title="Another"))
    assert Bundle.load(bundle).digest != before


def test_bundles_are_found_in_a_folder_of_bundles_and_in_their_own(bundle: Path) -> None:
    assert find_bundles(bundle.parent) == (bundle,)
    assert find_bundles(bundle) == (bundle,)
    assert find_bundles(bundle / "thumbnails") == ()


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="nowhere"):
        Bundle.load(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["model.safetensors", "banks.safetensors"])
def test_an_altered_file_is_named_with_both_digests(bundle: Path, name: str) -> None:
    data = bytearray((bundle / name).read_bytes())
    data[-1] ^= 1
    (bundle / name).write_bytes(data)
    with pytest.raises(BundleError, match=rf"sha256 [0-9a-f]{{12}}… for {name}.*Found [0-9a-f]{{12}}"):
        Bundle.load(bundle)


def test_a_missing_file_of_the_list_is_named(bundle: Path) -> None:
    (bundle / "banks.safetensors").unlink()
    with pytest.raises(BundleError, match=r"banks\.safetensors"):
        Bundle.load(bundle)


def test_a_thumbnail_altered_after_loading_is_refused(bundle: Path) -> None:
    loaded = Bundle.load(bundle)
    (bundle / "thumbnails" / f"{loaded.fit.ids[0]}.webp").write_bytes(b"something else")
    with pytest.raises(BundleError, match="altered"):
        loaded.thumbnail(loaded.fit.ids[0])


@pytest.mark.parametrize("reference_id", ["../bundle", "f" * 64, ""])
def test_a_thumbnail_that_is_not_on_the_card_is_refused(bundle: Path, reference_id: str) -> None:
    with pytest.raises(BundleError, match="no picture"):
        Bundle.load(bundle).thumbnail(reference_id)


def test_an_unknown_schema_version_is_refused(bundle: Path) -> None:
    change_card(bundle, lambda card: card.update(schema_version=99))
    with pytest.raises(BundleError, match=r"schema version 1 .* Found 99"):
        read_card(bundle)


def test_a_path_out_of_the_folder_is_refused(bundle: Path) -> None:
    change_card(bundle, lambda card: card["files"].update({"../secret": "0" * 64}))
    with pytest.raises(BundleError, match=r"\.\./secret"):
        Bundle.load(bundle)


def test_a_card_that_is_no_json_is_refused(bundle: Path) -> None:
    (bundle / "bundle.json").write_text("{")
    with pytest.raises(BundleError, match="bundle card"):
        Bundle.load(bundle)


def test_a_bank_of_another_model_is_refused(bundle: Path) -> None:
    change_banks(bundle, lambda banks: banks.update({"fit.features": torch.rand(27, 100)}))
    with pytest.raises(BundleError, match=r"96 neurons.*\(27, 100\)"):
        Bundle.load(bundle)


def test_a_label_without_a_class_name_is_refused(bundle: Path) -> None:
    change_banks(bundle, lambda banks: banks["calibration.labels"].fill_(7))
    with pytest.raises(BundleError, match="from 0 to 2"):
        Bundle.load(bundle)


def test_a_bank_that_is_not_finite_is_refused(bundle: Path) -> None:
    change_banks(bundle, lambda banks: banks["ood.features"].fill_(torch.nan))
    with pytest.raises(BundleError, match="finite"):
        Bundle.load(bundle)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"extra.features": torch.rand(1, 1)}, r"'extra\.features'"),
        ({"fit.features": torch.rand(27, 512).to(torch.float8_e4m3fn)}, r"fit\.features as F16 .* Found F8"),
        ({"fit.labels": torch.zeros(27)}, r"fit\.labels as I64 .* Found F32"),
        ({"ood.ids": torch.zeros(8, 32, dtype=torch.int64)}, r"ood\.ids as U8\. Found I64"),
        ({"fit.ids": torch.zeros(27, 31, dtype=torch.uint8)}, "32-byte id"),
        ({"fit.labels": torch.zeros(27, dtype=torch.int64)}, r"each of the 3 classes.* Found 1"),
    ],
)
def test_banks_that_are_no_banks_of_this_model_are_refused(
    bundle: Path, change: dict[str, torch.Tensor], message: str
) -> None:
    change_banks(bundle, lambda banks: banks.update(change))
    with pytest.raises(BundleError, match=message):
        Bundle.load(bundle)


def test_a_bank_of_half_precision_loads_as_float32(bundle: Path) -> None:
    change_banks(bundle, lambda banks: banks.update({"fit.features": banks["fit.features"].bfloat16()}))
    assert Bundle.load(bundle).fit.features.dtype is torch.float32


def test_banks_that_share_an_image_are_refused(bundle: Path) -> None:
    change_banks(bundle, lambda banks: banks["calibration.ids"][3].copy_(banks["fit.ids"][0]))
    with pytest.raises(BundleError, match="Found 1 in both"):
        Bundle.load(bundle)


@pytest.mark.parametrize("data", [b"", b"\xff" * 64, (2).to_bytes(8, "little") + b"[]", (99).to_bytes(8, "little")])
def test_banks_that_are_no_safetensors_are_refused(data: bytes) -> None:
    with pytest.raises(BundleError, match="safetensors"):
        unpack_banks(data, neurons=512, classes=3, ood_classes=2)


FILES = ("bundle.json", "model.safetensors", "banks.safetensors", "references.safetensors")


def test_loading_opens_each_file_once(warm: WarmProcesses, referenced_bundle: Path) -> None:
    """As the interpreter tells it, whoever opens the file and however."""
    code = """
import sys, collections
from pathlib import Path
from nero_core.calibration import Bundle
opened, folder = collections.Counter(), Path(sys.argv[1])
def hear(event, args):
    if event == "open" and str(args[0]).startswith(str(folder)):
        opened[Path(str(args[0])).relative_to(folder).as_posix()] += 1
sys.addaudithook(hear)
names = set(Bundle.load(folder).card.files) | {"bundle.json"}
assert opened == dict.fromkeys(names, 1), opened
"""
    done = warm.run("-c", code, referenced_bundle)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", FILES)
def test_the_bytes_that_were_checked_are_those_that_are_used(
    referenced_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Somebody replaces a file as soon as it has been read."""
    copy = Path(shutil.copytree(referenced_bundle, tmp_path / "copy"))
    (tmp_path / "other").write_bytes(b"something else")
    before, opened = Bundle.load(referenced_bundle), Path.open

    def open_and_replace(path: Path, *args: Any, **kwargs: Any) -> IO[Any]:
        file = opened(path, *args, **kwargs)
        if path == copy / name:
            shutil.copyfile(tmp_path / "other", copy / "part")
            (copy / "part").replace(path)
        return file

    monkeypatch.setattr(Path, "open", open_and_replace)
    loaded = Bundle.load(copy)
    monkeypatch.undo()
    assert (copy / name).read_bytes() == b"something else"
    assert loaded.digest == before.digest
    assert torch.equal(loaded.fit.features, before.fit.features)
    assert loaded.references is not None and before.references is not None
    assert torch.equal(loaded.references.relevance.heatmaps, before.references.relevance.heatmaps)
    state = before.classifier.model.state_dict()
    assert all(torch.equal(tensor, state[key]) for key, tensor in loaded.classifier.model.state_dict().items())


def test_loaded_banks_do_not_change_with_the_file(bundle: Path) -> None:
    loaded = Bundle.load(bundle)
    before = loaded.fit.features.clone()
    with (bundle / "banks.safetensors").open("r+b") as file:
        file.write(bytes((bundle / "banks.safetensors").stat().st_size))
    assert torch.equal(loaded.fit.features, before)


@pytest.mark.parametrize(
    ("settings", "actual"),
    [
        (None, "no settings of nero"),
        ({}, r"nero\.epsilon: Field required"),
        ({"epsilon": -1.0}, r"nero\.epsilon"),
        ({"epsilon": float("nan")}, r"nero\.epsilon"),
        ({"epsilon": "1e-6"}, r"nero\.epsilon"),
        ({"epsilon": 0.0, "least": 0}, r"nero\.least"),
    ],
)
def test_a_card_without_the_settings_of_nero_is_refused(
    bundle: Path, settings: dict[str, object] | None, actual: str
) -> None:
    change_card(bundle, lambda card: card.update(detectors={} if settings is None else {"nero": settings}))
    with pytest.raises(BundleError, match=f"detectors: .*{actual}"):
        read_card(bundle)


def test_the_settings_of_nero_are_typed(bundle: Path) -> None:
    card = read_card(bundle)[0]
    assert card.nero.epsilon == card.detectors["nero"]["epsilon"] > 0
    assert card.nero.k == 33  # the paper's 175 of 512


def test_epsilon_alone_is_enough(bundle: Path) -> None:
    change_card(bundle, lambda card: card.update(detectors={"nero": {"epsilon": 0}}))
    assert read_card(bundle)[0].nero.k is None


def test_a_large_thumbnail_is_refused(bundle: Path) -> None:
    name = f"thumbnails/{Bundle.load(bundle).fit.ids[0]}.webp"
    (bundle / name).write_bytes(bytes(300_000))
    change_card(bundle, lambda card: card["files"].update({name: hashlib.sha256(bytes(300_000)).hexdigest()}))
    with pytest.raises(BundleError, match=r"at most 262144 bytes\. Found 300000"):
        Bundle.load(bundle)


def test_a_file_in_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "bundle").write_text("")
    with pytest.raises(BundleError, match="Found a file"):
        Bundle.load(tmp_path / "bundle")


@pytest.mark.parametrize("method", ["open", "stat"])
def test_a_bundle_that_cannot_be_read_is_refused(bundle: Path, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, method, refuse)
    with pytest.raises(BundleError, match="Permission denied"):
        Bundle.load(bundle)


def test_a_bundle_without_an_ood_bank_loads(bundle: Path) -> None:
    def drop(banks: dict[str, torch.Tensor]) -> None:
        for name in [name for name in banks if name.startswith("ood.")]:
            del banks[name]

    change_banks(bundle, drop)
    assert Bundle.load(bundle).ood is None


def test_half_a_bank_is_refused(bundle: Path) -> None:
    change_banks(bundle, lambda banks: banks.pop("fit.ids"))
    with pytest.raises(BundleError, match="not all three"):
        Bundle.load(bundle)


def test_scores_of_methods_that_need_the_image_come_back(bundle: Path) -> None:
    loaded = Bundle.load(bundle)
    assert loaded.ood is not None
    assert loaded.calibration.scores["odin"].shape == (21,) and loaded.ood.scores["odin"].shape == (8,)
    assert not loaded.fit.scores


def test_a_bundle_without_such_scores_loads(bundle: Path) -> None:
    change_banks(bundle, lambda banks: [banks.pop(name) for name in list(banks) if ".scores." in name])
    assert not Bundle.load(bundle).calibration.scores


@pytest.mark.parametrize(
    ("scores", "match"),
    [
        (torch.zeros(20, dtype=torch.float64), "one F64 score for each image"),
        (torch.zeros(21), "one F64 score for each image"),
        (torch.full((21,), torch.nan, dtype=torch.float64), "finite scores"),
    ],
)
def test_scores_that_are_no_scores_of_the_bank_are_refused(bundle: Path, scores: torch.Tensor, match: str) -> None:
    change_banks(bundle, lambda banks: banks.update({"calibration.scores.odin": scores}))
    with pytest.raises(BundleError, match=match):
        Bundle.load(bundle)


@pytest.mark.parametrize("name", ["test.scores.odin", "fit.scores.../odin"])
def test_scores_under_a_strange_name_are_refused(bundle: Path, name: str) -> None:
    change_banks(bundle, lambda banks: banks.update({name: torch.zeros(27, dtype=torch.float64)}))
    with pytest.raises(BundleError, match="banks named"):
        Bundle.load(bundle)


def test_scores_made_with_other_settings_than_the_catalogs_are_left_out(bundle: Path) -> None:
    change_card(bundle, lambda card: card["detectors"]["odin"].update(epsilon=0.1))
    loaded = Bundle.load(bundle)
    assert loaded.ood is not None and not loaded.calibration.scores and not loaded.ood.scores

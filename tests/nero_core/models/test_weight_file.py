"""Files of weights: what is read, and what is refused without running a line of theirs."""

import argparse
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from nero_core.errors import CheckpointError
from nero_core.models import weight_file
from nero_core.models.weight_file import WRAPPERS, read_weights

TENSORS = {"fc.weight": torch.arange(6.0).view(2, 3), "fc.bias": torch.ones(2)}


def same(tensors: dict[str, torch.Tensor]) -> bool:
    return list(tensors) == list(TENSORS) and all(
        torch.equal(tensors[name], tensor) for name, tensor in TENSORS.items()
    )


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".bin"])
def test_a_pickle_of_tensors_is_read(tmp_path: Path, suffix: str):
    torch.save(TENSORS, tmp_path / f"a{suffix}")
    assert same(read_weights(tmp_path / f"a{suffix}"))


def test_safetensors_are_read(tmp_path: Path):
    save_file(TENSORS, tmp_path / "a.safetensors")
    weights = read_weights(tmp_path / "a.safetensors")
    assert all(torch.equal(weights[name], tensor) for name, tensor in TENSORS.items())


@pytest.mark.parametrize("key", WRAPPERS)
def test_weights_are_found_beside_what_else_a_program_saves(tmp_path: Path, key: str):
    torch.save({"epoch": 3, key: TENSORS, "optimizer": {"lr": 1e-3}}, tmp_path / "a.pth")
    assert same(read_weights(tmp_path / "a.pth"))
    torch.save({"state_dict": {key: TENSORS}}, tmp_path / "a.pth")
    assert same(read_weights(tmp_path / "a.pth"))


def test_averaged_weights_are_taken_only_where_there_are_no_others(tmp_path: Path):
    averaged = {name: tensor + 1 for name, tensor in TENSORS.items()}
    torch.save({"model_ema": averaged, "model": TENSORS}, tmp_path / "a.pth")
    assert same(read_weights(tmp_path / "a.pth"))


def test_a_wrapper_that_holds_itself_is_refused(tmp_path: Path):
    content: dict[str, object] = {"epoch": 3}
    content["model"] = content
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match="'epoch', a int"):
        read_weights(tmp_path / "a.pth")


class Bomb:
    """A pickle of few bytes that asks for much memory."""

    def __init__(self, kind: Callable[..., object], *arguments: object) -> None:
        self.made = (kind, arguments)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.made


@pytest.mark.parametrize("zipped", [True, False], ids=["torch.save", "bare pickle"])
@pytest.mark.parametrize(
    "bomb",
    [Bomb(bytearray, 2**28), Bomb(torch.FloatTensor, 2**26), Bomb(torch.UntypedStorage, 2**28)],
    ids=["bytearray", "tensor", "storage"],
)
def test_a_pickle_that_asks_for_memory_is_refused_before_a_step_of_it_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zipped: bool, bomb: Bomb
):
    file = tmp_path / "a.pth"
    torch.save({**TENSORS, "x": bomb}, file, _use_new_zipfile_serialization=zipped)
    assert file.stat().st_size < 4000
    with monkeypatch.context() as patch:
        patch.setattr(torch, "load", lambda *_, **__: pytest.fail("The file was opened."))
        with pytest.raises(CheckpointError, match="nothing but tensors"):
            read_weights(file)


def test_a_pickle_of_any_length_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(weight_file, "MAX_PICKLE_BYTES", 100)
    torch.save(TENSORS, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match="nothing but tensors"):
        read_weights(tmp_path / "a.pth")


@pytest.mark.parametrize("zipped", [True, False], ids=["torch.save", "before zips"])
def test_what_programs_save_beside_weights_is_no_reason_to_refuse_them(tmp_path: Path, zipped: bool):
    adam = torch.optim.Adam([torch.nn.Parameter(torch.ones(2))])
    adam.param_groups[0]["params"][0].sum().backward()
    adam.step()
    schedule = torch.optim.lr_scheduler.MultiStepLR(adam, [3, 5])
    beside = {"optimizer": adam.state_dict(), "schedule": schedule.state_dict(), "dtype": torch.float16, "seen": {1, 2}}
    weights = {name: torch.nn.Parameter(tensor) for name, tensor in TENSORS.items()}
    half = {"model_ema": {"x": torch.ones(2, dtype=torch.bfloat16)}}
    file = tmp_path / "a.pth"
    torch.save({**beside, **half, "state_dict": weights}, file, _use_new_zipfile_serialization=zipped)
    assert same(read_weights(file))


def hostile(marker: Path) -> object:
    class Hostile:
        def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
            return (Path.touch, (marker,))

    return Hostile()


@pytest.mark.parametrize("zipped", [True, False], ids=["torch.save", "bare pickle"])
def test_a_pickle_that_runs_code_is_refused_and_not_run_until_asked_for(tmp_path: Path, zipped: bool):
    file, marker = tmp_path / "a.pth", tmp_path / "ran"
    torch.save({**TENSORS, "x": hostile(marker)}, file, _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match=r"nothing but tensors.*--unsafe-pickle"):
        read_weights(file)
    assert not marker.exists()
    with pytest.raises(CheckpointError, match="'x', a NoneType"):
        read_weights(file, unsafe_pickle=True)
    assert marker.exists()  # so the file was one that runs code


def test_a_hostile_pickle_named_safetensors_is_refused_and_not_run(tmp_path: Path):
    marker = tmp_path / "ran"
    (tmp_path / "a.safetensors").write_bytes(pickle.dumps(hostile(marker)))
    for unsafe in (False, True):
        with pytest.raises(CheckpointError, match="a safetensors file"):
            read_weights(tmp_path / "a.safetensors", unsafe_pickle=unsafe)
    assert not marker.exists()


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_pickled_module_is_refused_and_on_request_gives_its_state(tmp_path: Path, wrapped: bool):
    model = timm.create_model("resnet10t", num_classes=2)
    torch.save({"model": model, "epoch": 2} if wrapped else model, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=r"save model\.state_dict\(\).*--unsafe-pickle"):
        read_weights(tmp_path / "a.pth")
    weights = read_weights(tmp_path / "a.pth", unsafe_pickle=True)
    assert weights.keys() == model.state_dict().keys()
    assert not any(tensor.requires_grad for tensor in weights.values())


def test_settings_that_need_full_unpickling_are_opened_on_request(tmp_path: Path):
    torch.save({"args": argparse.Namespace(lr=1), "state_dict": TENSORS}, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match="--unsafe-pickle"):
        read_weights(tmp_path / "a.pth")
    assert same(read_weights(tmp_path / "a.pth", unsafe_pickle=True))


def test_a_pickle_whose_code_is_not_here_says_so(tmp_path: Path):
    (tmp_path / "a.pth").write_bytes(b"\x80\x02cno_such_package\nModel\n.")
    with pytest.raises(CheckpointError, match="no_such_package"):
        read_weights(tmp_path / "a.pth", unsafe_pickle=True)


@pytest.mark.filterwarnings("ignore::UserWarning")  # torch says that checks of sparse tensors are off by default
@pytest.mark.parametrize(
    ("content", "actual"),
    [
        ([1, 2], "a list"),
        ({}, "nothing in it"),
        ({"epoch": 3}, "'epoch', a int"),
        ({**TENSORS, "epoch": 3}, "'epoch', a int"),
        (torch.ones(3), "a Tensor"),
        ({"fc.weight": torch.ones(2, 3).to_sparse()}, "fc.weight, which is sparse"),
        ({"fc.weight": torch.ones(2, 3, device="meta")}, "fc.weight, which is sparse, quantised or without values"),
    ],
)
def test_what_is_no_state_dict_is_refused_by_what_it_is(tmp_path: Path, content: object, actual: str):
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=actual):
        read_weights(tmp_path / "a.pth")


@pytest.mark.parametrize("unsafe", [False, True])
@pytest.mark.parametrize("content", [b"", b"not weights", b"PK\x03\x04 torn", b"\x80\x02"])
def test_a_broken_file_is_refused(tmp_path: Path, content: bytes, unsafe: bool):
    (tmp_path / "a.pth").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"a\.pth"):
        read_weights(tmp_path / "a.pth", unsafe)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path):
    with pytest.raises(CheckpointError, match="Found none at"):
        read_weights(tmp_path / "a.pth")


def test_sizes_are_bounded_also_once_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(weight_file, "MAX_WEIGHT_BYTES", 100_000)
    (tmp_path / "large.pth").write_bytes(bytes(100_001))
    with zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(10**7))
    assert (tmp_path / "bomb.pth").stat().st_size < 100_000
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("The file was opened."))
    for name in ("large.pth", "bomb.pth"):
        with pytest.raises(CheckpointError, match="at most 100000 bytes"):
            read_weights(tmp_path / name)

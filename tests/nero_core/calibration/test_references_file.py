"""References come back as they were written; what is no references file of this bundle is refused."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from nero_core.calibration import Bundle, read_card
from nero_core.calibration.references import References
from nero_core.calibration.references_file import pack_references, unpack_references
from nero_core.errors import BundleError

Tensors = dict[str, torch.Tensor]
FILE = "references.safetensors"


@pytest.fixture
def bundle(referenced_bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(referenced_bundle, tmp_path / "copy"))


@pytest.fixture(scope="module")
def references(referenced_bundle: Path) -> References:
    loaded = Bundle.load(referenced_bundle).references
    assert loaded is not None
    return loaded


def relist(folder: Path) -> None:
    """Make the digest on the card agree with the file, as a wrong program would."""
    card = json.loads((folder / "bundle.json").read_text())
    card["files"][FILE] = hashlib.sha256((folder / FILE).read_bytes()).hexdigest()
    (folder / "bundle.json").write_text(json.dumps(card))


def change(folder: Path, alter: Callable[[Tensors], object], composite: str = "epsilon_plus_flat") -> None:
    tensors = load_file(folder / FILE)
    alter(tensors)
    save_file(tensors, folder / FILE, {"composite": composite})
    relist(folder)


def test_references_come_back_as_they_were_written(references: References) -> None:
    again = unpack_references(pack_references(references), 96, 27)
    assert again.composite == references.composite != ""
    for kind in ("relevance", "activation"):
        for part in ("images", "heatmaps", "scales"):
            assert torch.equal(getattr(getattr(again, kind), part), getattr(getattr(references, kind), part))
    assert int(references.relevance.images.max()) < 27 and int((references.relevance.images >= 0).sum()) > 100


def test_the_card_lists_them_with_their_digest(bundle: Path) -> None:
    listed = read_card(bundle)[0].files[FILE]
    assert listed == hashlib.sha256((bundle / FILE).read_bytes()).hexdigest()


def test_a_bundle_without_them_loads_as_before(bundle: Path, tiny_bundle: Path) -> None:
    card = json.loads((bundle / "bundle.json").read_text())
    del card["files"][FILE]
    (bundle / "bundle.json").write_text(json.dumps(card))
    (bundle / FILE).unlink()
    assert Bundle.load(bundle).references is None
    assert Bundle.load(tiny_bundle).references is None and read_card(tiny_bundle)[0].schema_version == 2


def test_an_altered_or_missing_file_is_named(bundle: Path) -> None:
    data = bytearray((bundle / FILE).read_bytes())
    data[-1] ^= 1
    (bundle / FILE).write_bytes(data)
    with pytest.raises(BundleError, match=r"sha256 [0-9a-f]{12}… for references\.safetensors.*altered"):
        Bundle.load(bundle)
    (bundle / FILE).unlink()
    with pytest.raises(BundleError, match=r"references\.safetensors.*no such file"):
        Bundle.load(bundle)


@pytest.mark.parametrize(
    ("alter", "message"),
    [
        (lambda tensors: tensors.pop("activation.scales"), r"Found no activation\.scales"),
        (lambda tensors: tensors.update(extra=torch.zeros(1)), "Found 'extra'"),
        (lambda tensors: tensors.update({"relevance.images": torch.zeros(96, 2)}), r"relevance\.images as I32.*F32"),
        (lambda tensors: tensors.update({"relevance.heatmaps": torch.zeros(96, 2, 16, 16)}), "as I8.*F32"),
        (lambda tensors: tensors.update({"relevance.scales": torch.zeros(96, 2).double()}), "as F32.*F64"),
        (
            lambda tensors: tensors.update({"relevance.images": torch.zeros(100, 2, dtype=torch.int32)}),
            "each of 96 neurons",
        ),
        (
            lambda tensors: tensors.update({"relevance.images": torch.zeros(96, 65, dtype=torch.int32)}),
            "1 to 64 references",
        ),
        (
            lambda tensors: tensors.update({"relevance.images": torch.zeros(96, 0, dtype=torch.int32)}),
            "1 to 64 references",
        ),
        (
            lambda tensors: tensors.update({"activation.heatmaps": torch.zeros(96, 2, 16, 15, dtype=torch.int8)}),
            r"heatmap of 16×16 .*\(96, 2, 16, 15\)",
        ),
        (lambda tensors: tensors.update({"activation.scales": torch.zeros(96)}), "a scale for each"),
        (lambda tensors: tensors["relevance.images"][3].fill_(27), r"27 fit images.*-1 to 27"),
        (lambda tensors: tensors["relevance.images"][3].fill_(-2), "27 fit images.*Found -2"),
        (lambda tensors: tensors["relevance.images"][3].fill_(5), "Found one twice"),
        (lambda tensors: tensors["activation.scales"][0].fill_(torch.nan), "finite heatmaps"),
        (lambda tensors: tensors["activation.scales"][0].fill_(1e37), "finite heatmaps"),  # times 127 it is not
        (lambda tensors: tensors["activation.scales"][0].fill_(-1), "finite heatmaps"),
    ],
)
def test_what_is_no_references_of_this_bundle_is_refused(
    bundle: Path, alter: Callable[[Tensors], object], message: str
) -> None:
    change(bundle, alter)
    with pytest.raises(BundleError, match=message):
        Bundle.load(bundle)


@pytest.mark.parametrize("composite", ["", "<b>", "x" * 61])
def test_a_composite_without_a_proper_name_is_refused(bundle: Path, composite: str) -> None:
    change(bundle, lambda tensors: None, composite)
    with pytest.raises(BundleError, match="composite's name"):
        Bundle.load(bundle)


@pytest.mark.parametrize("data", [b"", b"\xff" * 64, (2).to_bytes(8, "little") + b"[]", (99).to_bytes(8, "little")])
def test_bytes_that_are_no_safetensors_are_refused(bundle: Path, data: bytes) -> None:
    (bundle / FILE).write_bytes(data)
    relist(bundle)
    with pytest.raises(BundleError, match="references to be a safetensors file"):
        Bundle.load(bundle)


def rewrite_header(folder: Path, alter: Callable[[str], str]) -> None:
    data = (folder / FILE).read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = alter(data[8 : 8 + length].decode()).encode()
    (folder / FILE).write_bytes(len(header).to_bytes(8, "little") + header + data[8 + length :])
    relist(folder)


@pytest.mark.parametrize("metadata", [None, {}, [], "epsilon", {"composite": None}])
def test_a_header_without_the_composites_name_is_refused(bundle: Path, metadata: object) -> None:
    rewrite_header(bundle, lambda header: json.dumps(json.loads(header) | {"__metadata__": metadata}))
    with pytest.raises(BundleError, match=r"composite's name|references to be a safetensors file"):
        Bundle.load(bundle)


@pytest.mark.parametrize("side", ["1e999", "-1e999", "NaN", "null", '"x"'])
def test_a_shape_that_is_none_is_refused(bundle: Path, side: str) -> None:
    def alter(header: str) -> str:
        entries = json.loads(header)
        entries["relevance.scales"]["shape"] = ["here", 2]
        return json.dumps(entries).replace('"here"', side)

    rewrite_header(bundle, alter)
    with pytest.raises(BundleError, match="references to be a safetensors file"):
        Bundle.load(bundle)


def test_a_file_cut_short_under_its_own_digest_is_refused(bundle: Path) -> None:
    (bundle / FILE).write_bytes((bundle / FILE).read_bytes()[:-100])
    relist(bundle)
    with pytest.raises(BundleError, match="references to be a safetensors file"):
        Bundle.load(bundle)

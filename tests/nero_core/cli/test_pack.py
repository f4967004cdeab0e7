"""``nero pack`` and ``nero unpack``."""

from collections.abc import Callable
from pathlib import Path

from typer.testing import Result

Run = Callable[..., Result]


def test_a_bundle_goes_into_one_file_and_comes_back(nero: Run, tiny_bundle: Path, tmp_path: Path):
    packed = nero("pack", tiny_bundle, tmp_path / "tiny.nero.zip")
    assert packed.exit_code == 0, packed.output
    assert f"one file of {(tmp_path / 'tiny.nero.zip').stat().st_size} bytes" in packed.stdout
    for _ in range(2):  # the same bundle being there already is fine
        unpacked = nero("unpack", tmp_path / "tiny.nero.zip", "--into", tmp_path / "bundle")
        assert unpacked.exit_code == 0, unpacked.output
        assert "Tiny: test_resnet with 3 classes" in unpacked.stdout
    assert (tmp_path / "bundle" / "bundle.json").read_bytes() == (tiny_bundle / "bundle.json").read_bytes()


def test_what_is_no_bundle_is_told_with_status_2(nero: Run, tmp_path: Path):
    (tmp_path / "x.nero.zip").write_bytes(b"nothing")
    for command in (
        ("pack", tmp_path, tmp_path / "a.nero.zip"),
        ("unpack", tmp_path / "x.nero.zip", "--into", tmp_path / "bundle"),
    ):
        result = nero(*command)
        assert result.exit_code == 2
        assert result.stderr.startswith("Error: Expected ")

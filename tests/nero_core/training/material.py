"""What the tests of training share: the data's sizes, the smallest run, and a way to compare runs."""

from pathlib import Path

CLASSES = {"green": 1, "red": 0}  # name → channel that is bright
PER_CLASS = 10
SMALL = {"arch": "test_resnet", "size": 32, "epochs": 3, "batch_size": 8, "device": "cpu", "validation_share": 0.2}


def weights_of(out: Path) -> bytes:
    """The weights file of a finished run; equal files are equal runs."""
    return (out / "model.safetensors").read_bytes()

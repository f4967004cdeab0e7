"""Where the assets of a checkout are; those of a wheel are looked at in ``tests/browser/test_wheel.py``."""

from pathlib import Path

from nero_core.calibration import find_bundles
from nero_core.shipped import assets

ROOT = Path(__file__).resolve().parents[2]


def test_the_assets_of_a_checkout_lie_at_its_top() -> None:
    assert assets() == ROOT / "assets"
    assert {path.name for path in find_bundles(assets() / "bundles")} == {
        "phantom-efficientnet-lite0",
        "phantom-resnet18",
        "phantom-deit",
    }

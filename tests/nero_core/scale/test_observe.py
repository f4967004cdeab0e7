"""Banks that an engine's workers make."""

from pathlib import Path

import pytest

from nero_core.calibration import Bundle, calibrate
from nero_core.calibration.calibrate import QUIZ_IMAGES
from nero_core.scale import ObserveOn, OneProcess
from tests.conftest import COMMON


def test_more_images_than_a_bundle_keeps_are_observed_by_workers_to_the_same_bundle(
    sampled_bundles: Path, tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("nero_core.calibration.fit_all._AT_ONCE", 64)  # so that there are several goes
    made = calibrate(
        tiny_checkpoint,
        sampled_bundles / "id",
        tmp_path / "made",
        ood=sampled_bundles / "ood",
        title="sampled",
        references=0,
        patches=0,
        quiz_images=QUIZ_IMAGES,
        sample=180,
        observe=ObserveOn(OneProcess("cpu", 1), str(tiny_checkpoint), half=False),
        **COMMON,
    )
    assert made.card == Bundle.load(sampled_bundles / "sampled", "cpu").card  # which has the digest of every other file

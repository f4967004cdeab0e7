"""Options that do not go together are refused before anything is read or written."""

from pathlib import Path

import pytest

from nero_core.errors import NeroError
from nero_core.training import train
from tests.nero_core.training.material import SMALL


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"early_stop": 0}, "--early-stop to be 1 epoch or more. Found 0"),
        ({"early_stop": 2, "validation_share": 0.0}, "--validation-share to be above 0 for --early-stop"),
        ({"by_order": True}, "Expected --weights with --by-order"),
        ({"freeze_backbone": True}, "Expected starting weights with --freeze-backbone"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    data: Path, tmp_path: Path, options: dict[str, object], message: str
):
    with pytest.raises(NeroError, match=message):
        train(data, tmp_path / "run", **{**SMALL, **options})
    assert not (tmp_path / "run").exists()

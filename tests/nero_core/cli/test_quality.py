"""``nero quality`` over results of a real bundle."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from nero_core.calibration import read_card
from nero_core.store import Review, add_review, add_worklist, claim_items, open_store, save_results
from tests.nero_core.store.material import items, scored


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NERO_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("NERO_DATABASE_URL", raising=False)


def test_a_bundle_is_told_with_its_classes_and_weeks_as_tables_and_as_json(
    nero: Callable[..., Result], tiny_bundle: Path
):
    assert "Nothing yet" in nero("quality", "--bundle", tiny_bundle).stdout
    card, digest = read_card(tiny_bundle)
    with open_store() as store:
        number = add_worklist(store, "Monday", "ann", digest, "nero", items(40)).id
        claim = claim_items(store, number, 40)
        results = {item.id: scored(0.001 * (n + 1), "unlike", bundle=digest) for n, item in enumerate(claim.items)}
        save_results(store, claim.token, results)
        add_review(store, Review(claim.items[0].id, "ann", "override", verdict="like"))
    shown = nero("quality", "--bundle", tiny_bundle, "--since", "1w")
    assert shown.exit_code == 0, shown.output
    assert "40 images scored, 1 reviewed" in shown.stdout and "1 (100%)" in shown.stdout
    assert (
        " moved" in shown.stdout
        and "0.02" in shown.stdout
        and "1 of 1 weeks that were tested have moved" in shown.stdout
    )
    record = json.loads(nero("quality", "--bundle", tiny_bundle, "--json").stdout)
    assert (record["bundle"], record["calibration"], record["override_rate"]) == (digest, card.counts["calibration"], 1)
    (week,) = record["weeks"]
    assert week["has_moved"] and week["scored"] == week["different"] == 40 and week["adjusted_p"] < 1e-6
    assert record["classes"][0]["predicted"] == "polyps"
    refused = nero("quality", "--bundle", tiny_bundle, "--since", "soon")
    assert refused.exit_code == 2 and "Expected an age" in refused.stderr

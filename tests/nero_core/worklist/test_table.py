"""The table of a worklist in three formats."""

import csv
import io
import json

import pytest
from pyarrow import parquet

from nero_core.errors import StoreError
from nero_core.store import NewItem, Review, Store, add_review, add_worklist, audit_lines, find_items
from nero_core.worklist import FORMATS, export
from tests.nero_core.store.material import BUNDLE, digest, failed, items, score_all


@pytest.fixture
def morning_list(store: Store) -> int:
    """Four scored images, one reviewed, one without a score, one that waits."""
    from nero_core.store import add_items, claim_items, save_results

    store.keeps_names = True
    number = add_worklist(store, "Monday", "ann", BUNDLE, "verdict", items(4)).id
    ids = score_all(store, number, [0.001, 0.04, 0.5, 1.0])
    add_review(store, Review(ids[1], "ann", "override", verdict="like", label="cecum", comment="Bile, no finding."))
    add_items(store, number, [NewItem(digest(8), "=1+1.png"), NewItem(digest(9))])
    claim = claim_items(store, number, 1)
    save_results(store, claim.token, {claim.items[0].id: failed("Expected an image. Found none.")})
    return number


def test_the_three_formats_say_the_same(store: Store, morning_list: int):
    rows = json.loads(export(store, morning_list, "json", "ann"))
    table = parquet.read_table(io.BytesIO(export(store, morning_list, "parquet", "ann")))
    assert table.to_pylist() == rows
    lines = list(csv.DictReader(io.StringIO(export(store, morning_list, "csv", "ann").decode())))
    assert [line["sha256"] for line in lines] == [row["sha256"] for row in rows] == [*map(digest, (0, 1, 2, 3, 8, 9))]
    for line, row in zip(lines, rows, strict=True):
        assert list(line) == list(row)
        assert line["p_value"] == ("" if row["p_value"] is None else repr(row["p_value"]))
    assert lines[4]["name"] == "'=1+1.png" and rows[4]["name"] == "=1+1.png"  # a spreadsheet computes nothing


def test_a_row_holds_the_result_the_review_and_the_adjusted_p_value(store: Store, morning_list: int):
    rows = json.loads(export(store, morning_list, "json", "ann", rate=0.1))
    assert [row["p_value"] for row in rows] == [0.001, 0.04, 0.5, 1.0, None, None]
    # by hand: p·m/k from the largest down, m = 4
    assert [row["adjusted_p"] for row in rows[:4]] == pytest.approx([0.004, 0.08, 2 / 3, 1.0])
    assert [row["unlike_at_rate"] for row in rows] == [True, True, False, False, None, None]
    assert [row["state"] for row in rows] == ["scored"] * 4 + ["failed", "waiting"]
    assert rows[4]["error"] == "Expected an image. Found none." and rows[4]["score"] is None
    review = {name: rows[1][f"review_{name}"] for name in ("decision", "verdict", "label", "comment", "reader")}
    assert review == {
        "decision": "override",
        "verdict": "like",
        "label": "cecum",
        "comment": "Bile, no finding.",
        "reader": "ann",
    }
    assert rows[0]["verdict"] == "unlike" and rows[0]["nero_score"] == 0.1 and rows[0]["bundle"] == BUNDLE
    assert [row["alike"] for row in rows] == [1, 2, 3, 4, 5, 6]


def test_an_export_is_in_the_audit_log_and_an_unknown_format_is_refused(store: Store, morning_list: int):
    export(store, morning_list, "csv", "bob")
    last = list(audit_lines(store))[-1]
    assert (last.actor, last.action) == ("bob", "export")
    assert json.loads(last.details) == {"format": "csv", "images": 6, "worklist": morning_list}
    with pytest.raises(StoreError, match="Expected one of csv, json, parquet"):
        export(store, morning_list, "xls", "bob")


@pytest.mark.parametrize("form", FORMATS)
def test_an_empty_worklist_is_an_empty_table(store: Store, form: str):
    number = add_worklist(store, "Empty", "ann", BUNDLE, "verdict").id
    data = export(store, number, form, "ann")
    assert find_items(store, number).total == 0
    assert {"csv": lambda: data == b"place\n", "json": lambda: json.loads(data) == []}.get(
        form, lambda: parquet.read_table(io.BytesIO(data)).num_rows == 0
    )()

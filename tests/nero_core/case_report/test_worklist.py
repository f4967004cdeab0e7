"""The report of a worklist: a front page, a table of all images, pages of some."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from nero_core.case_report import ListSettings, describe_worklist, html_report, note_report, pdf_report
from nero_core.data.decode import decode_image
from nero_core.errors import NeroError
from nero_core.inspector import Inspector
from nero_core.store import (
    Review,
    Store,
    Worklist,
    add_review,
    add_worklist,
    audit_lines,
    claim_items,
    find_items,
    open_store,
    save_results,
    upload_path,
    worklist,
)
from nero_core.worklist import begin, files_of, keep_files, score_worklist
from tests.nero_core.case_report.conftest import DAY, Poppler
from tests.nero_core.case_report.test_pdf import pages, words
from tests.nero_core.store.material import items, scored

ARABIC = "تقرير المريض.jpg"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NERO_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("NERO_KEEP_NAMES", "1")
        patch.delenv("NERO_DATABASE_URL", raising=False)
        with open_store() as opened:
            yield opened


@pytest.fixture(scope="module")
def listed(store: Store, inspector: Inspector, phantoms: Path, tmp_path_factory: pytest.TempPathFactory) -> Worklist:
    """Five images and a text; the first two of the table are unlike, the picture of the first is gone."""
    folder = tmp_path_factory.mktemp("morning")
    images = [*sorted((phantoms / "ood").rglob("*.jpg"))[:3], *sorted((phantoms / "id").rglob("*.jpg"))[:2]]
    names = ("a.jpg", ARABIC, "b" * 90 + ".jpg", "d.jpg", "e.jpg")
    for name, image in zip(names, images, strict=True):
        (folder / name).write_bytes(image.read_bytes())
    (folder / "text.png").write_text("no picture")
    with files_of(folder) as files:
        keep_files(store, files)
        made = begin(store, inspector, "Morning", "ann", files, "verdict", None)
        score_worklist(store, made.id, inspector, files)
    table = find_items(store, made.id, "p_value").items
    add_review(store, Review(table[0].id, "ann@example.org", "override", verdict="borderline", comment="Dye."))
    add_review(store, Review(table[0].id, "bob@example.org", "agree", reading="second"))
    add_review(store, Review(table[1].id, "ann@example.org", "second_look"))
    gone = upload_path(store, table[0].digest)
    assert gone is not None
    gone.unlink()
    return worklist(store, made.id)


def test_it_says_what_the_store_holds_and_shows_what_is_still_there(
    store: Store, listed: Worklist, inspector: Inspector, poppler: Poppler
):
    table = find_items(store, listed.id, "p_value").items
    told: list[tuple[int, int]] = []
    report = describe_worklist(
        store, listed, inspector, ListSettings(made_on=DAY, text="Room 2."), lambda *done: told.append(done)
    )
    overview = report.overview
    assert overview is not None and told[-1] == (len(report.cases), len(report.cases))
    assert [row.name for row in overview.rows] == [item.name for item in table]
    assert [row.verdict for row in overview.rows] == [item.result and item.result.verdict for item in table]
    assert overview.rows[-1].says.startswith("Not scored: Expected")
    facts = dict(overview.facts)
    counts = {verdict: sum(row.verdict == verdict for row in overview.rows) for verdict in ("unlike", "like")}
    assert f"{counts['unlike']} unlike" in facts["Verdicts"] and f"{counts['like']} like" in facts["Verdicts"]
    assert facts["Images"] == "6: 5 scored, 1 without a score" and "95\u00a0%" in facts["Method"]
    assert "10\u00a0% (Benjamini–Hochberg)" in facts["Whole list"]
    assert overview.open == "Open: 4 of 6 images have no review. 1 waits for a second look."
    assert [name for name, _ in overview.readers] == ["ann@example.org", "bob@example.org"]
    assert overview.readers[1][1].startswith("second reader: 1 image, 20")
    first, second = report.cases[:2]
    assert first.maps == () and "no longer keeps this file" in first.missing and first.histogram is not None
    assert [(review.reader, review.decision, review.role) for review in first.reviews] == [
        ("ann@example.org", "overridden: borderline", "first reader"),
        ("bob@example.org", "agreed", "second reader"),
    ]
    assert len(second.maps) == 3 and second.similar is not None and second.missing == ""
    data = pdf_report(report)
    text = words(poppler("pdftotext", data))
    for expected in ("Worklist report", "Morning", "Room 2.", overview.open, "text.png", first.missing, "Dye."):
        assert expected in text
    assert ARABIC.split()[0] in text
    page = html_report(report).decode("utf-8")
    assert all(f'href="#case{place}"' in page and f'id="case{place}"' in page for place in (1, 2))
    assert ARABIC in page and "Sign-off" in page


def test_numbers_of_a_lost_picture_are_those_of_its_page(store: Store, listed: Worklist, inspector: Inspector):
    whole = describe_worklist(store, listed, inspector, ListSettings(pages="all")).cases
    lost, seen = whole[0], whole[1]
    item = find_items(store, listed.id, "p_value").items[0]
    assert item.result is not None and lost.image_id == item.digest and lost.verdict == item.result.verdict
    named = dict(seen.facts)
    assert {"NERO", "NERO, all depths", "Decision", "Score", "Predicted", "In the worklist"} <= set(dict(lost.facts))
    assert set(dict(lost.facts)) <= set(named) | {"As scored"}


def test_pages_are_of_those_that_stand_out_and_no_more_than_asked(store: Store, listed: Worklist, inspector: Inspector):
    everything = describe_worklist(store, listed, inspector, ListSettings(pages="all", most=1))
    assert len(everything.cases) == 1 and "the most unlike of 5 that are scored" in everything.overview.pages
    place = everything.overview.rows[4].place
    asked = describe_worklist(store, listed, inspector, ListSettings(pages="none", places=(place,)))
    assert [case.name for case in asked.cases] == [everything.overview.rows[4].name]
    assert asked.overview.rows[4].case == 0
    assert describe_worklist(store, listed, inspector, ListSettings(pages="none")).cases == ()
    with pytest.raises(NeroError, match=r"place of a scored image\. Found 77"):
        describe_worklist(store, listed, inspector, ListSettings(places=(77,)))


def test_another_bundle_is_refused(store: Store, listed: Worklist, inspector: Inspector):
    other = replace(listed, bundle="e" * 64)
    with pytest.raises(NeroError, match="Expected the bundle that the worklist 'Morning' was scored with"):
        describe_worklist(store, other, inspector, ListSettings())


@pytest.mark.parametrize(
    ("settings", "says"),
    [({"pages": "some"}, "one of unlike, all, none"), ({"most": 301}, "at most 300"), ({"text": "x" * 5001}, "5001")],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, object], says: str):
    with pytest.raises(NeroError, match=says):
        ListSettings(**settings)


def test_a_long_list_is_a_table_over_several_pages(store: Store, inspector: Inspector, poppler: Poppler):
    digest = inspector.bundle.digest
    number = add_worklist(store, "Long", "ann", digest, "nero", items(200)).id
    claim = claim_items(store, number, 200)
    save_results(store, claim.token, {item.id: scored(bundle=digest) for item in claim.items})
    report = describe_worklist(store, worklist(store, number), inspector, ListSettings(made_on=DAY, pages="none"))
    assert report.cases == () and report.overview.open == "Nobody has reviewed this list: all 200 images are open."
    data = pdf_report(report)
    assert len(data) < 2**19
    lines = poppler("pdftotext", data, "-layout")
    assert sorted(map(int, re.findall(r"^ *(\d+) ", lines, re.MULTILINE))) == list(range(1, 201))
    assert pages(poppler, data) > 3


def test_the_same_state_gives_the_same_bytes_and_a_line_in_the_audit_log(
    store: Store, listed: Worklist, inspector: Inspector
):
    settings = ListSettings(made_on=DAY, most=2)
    first, second = (describe_worklist(store, listed, inspector, settings) for _ in range(2))
    assert first == second and pdf_report(first) == pdf_report(second)
    note_report(store, "ann", "pdf", b"bytes", first, worklist=listed.id)
    line = list(audit_lines(store))[-1]
    assert line.action == "report made" and "Morning" not in line.details and f'"worklist":{listed.id}' in line.details


def test_a_picture_that_was_changed_on_the_disk_is_not_shown(store: Store, listed: Worklist, inspector: Inspector):
    item = find_items(store, listed.id, "p_value").items[3]
    place = upload_path(store, item.digest)
    assert place is not None
    kept = place.read_bytes()
    place.write_bytes(decode_image(kept, "x").pixels.tobytes())
    try:
        report = describe_worklist(store, listed, inspector, ListSettings(pages="none", places=(item.position + 1,)))
    finally:
        place.write_bytes(kept)
    assert report.cases[0].maps == () and "has changed" in report.cases[0].missing

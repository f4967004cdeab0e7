"""Quality over time, without a browser: from an empty page to a reference set that is calibrated anew."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from dashboard import places
from nero_core.calibration import Bundle, read_card
from nero_core.phantom import ID_CLASSES, write_phantoms
from nero_core.store import (
    NewItem,
    Review,
    Store,
    add_review,
    add_worklist,
    audit_lines,
    claim_items,
    local_user,
    open_store,
    put_upload,
    save_results,
)
from tests.dashboard.material import asked, html, no_traceback, until
from tests.nero_core.store.material import items, scored

Start = Callable[..., AppTest]


def use(store: Store, name: str, bundle: Bundle, lines: list[NewItem], p_values: list[float]) -> list[int]:
    """A scored list of the bundle; the numbers of its items."""
    number = add_worklist(store, name, local_user(), bundle.digest, "nero_plus", lines).id
    claim = claim_items(store, number, 1000)
    names = bundle.card.class_names
    results = {
        item.id: scored(p, "unlike" if p <= 0.05 else "like", names[place % len(names)], bundle.digest)
        for place, (item, p) in enumerate(zip(claim.items, p_values, strict=True))
    }
    save_results(store, claim.token, results)
    return list(results)


def test_the_empty_page_says_what_it_is_for(app: Start):
    running = app("quality")
    no_traceback(running)
    assert [heading.value for heading in running.subheader] == ["Has the world moved?"]
    assert not running.button


def test_weeks_classes_and_what_can_be_calibrated_are_shown(app: Start, loaded_wide: Bundle):
    app("quality")
    moment = [datetime(2026, 9, 7, 9, tzinfo=UTC)]
    rng = np.random.default_rng(0)
    with open_store(clock=lambda: moment[0]) as store:
        for week, highest in enumerate((1.0, 1.0, 0.1)):
            p_values = rng.uniform(0.01, highest, 80).tolist()
            ids = use(store, f"Week {week}", loaded_wide, items(80, 100 * week), p_values)
            moment[0] += timedelta(days=7)
        for item in ids[:10]:
            add_review(store, Review(item, "ann", "override", verdict="like"))
    running = app("quality")
    no_traceback(running)
    text = " ".join(str(element.value) for element in [*running.markdown, *running.caption]).replace("\\", "")
    assert "240 images scored" in text and "10 reviewed, 10 overridden" in text
    assert "Moved: the week from 2026-09-21" in text and "Kolmogorov–Smirnov" in text
    assert "Chosen at first: those made since the week from 2026-09-21" in text
    assert len(running.multiselect[0].value) == 1
    assert "their picture is no longer here: 10" in text and "NERO_KEEP_PIXELS=1" in text
    assert running.button(key="start_anew").disabled
    classes, weeks = (table.value for table in running.dataframe)
    assert list(classes["images"]) == [81, 81, 78] and list(weeks["test"]) == ["as expected", "as expected", "moved"]


@pytest.mark.slow
def test_a_click_makes_a_new_reference_set_and_the_old_one_stays(
    app: Start, loaded_wide: Bundle, wide_bundle: Path, tmp_path: Path, warm_jobs: None
):
    app("quality")
    write_phantoms(tmp_path / "new", per_class=8, size=96, seed=77, classes=ID_CLASSES)
    with open_store() as store:
        lines = [NewItem(put_upload(store, path.read_bytes())) for path in sorted((tmp_path / "new").rglob("*.jpg"))]
        for item in use(store, "Monday", loaded_wide, lines, [0.5] * 24):
            add_review(store, Review(item, "ann", "agree"))
        running = app("quality")
        no_traceback(running)
        assert any("24 images are confirmed" in text.value for text in running.markdown)
        assert any("NERO+" in caption.value for caption in running.caption)
        running.text_input(key="quality_title").set_value("Anew").run()
        running.button(key="start_anew").click().run()
        no_traceback(running)
        assert asked(running, "anew")
        until(running, lambda: any("is ready" in heading.value for heading in running.subheader))
        card, digest = read_card(places.bundles() / "Anew")
        assert card.origin is not None and card.counts["calibration"] == 24
        assert (card.origin.parent, card.origin.by) == (loaded_wide.digest, local_user())
        assert read_card(wide_bundle)[1] == loaded_wide.digest
        (line,) = (line for line in audit_lines(store) if line.action == "calibrated anew")
        assert digest in line.details and line.actor == local_user()
    running.button(key="use_anew").click().run()
    no_traceback(running)
    assert asked(running, "bundle") == "Anew"
    about = app("about", bundle="Anew")
    no_traceback(about)
    assert "Calibrated anew from" in html(about) and loaded_wide.digest in html(about)

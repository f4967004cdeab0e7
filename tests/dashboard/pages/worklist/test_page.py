"""Worklist over the tiny bundle, without a browser."""

import io
import re
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest

from dashboard.access import Visitor
from dashboard.work import worklist_jobs
from nero_core.calibration import Bundle
from nero_core.inspector import Inspector
from nero_core.store import (
    NewItem,
    Store,
    add_worklist,
    claim_items,
    find_items,
    find_worklists,
    local_user,
    open_store,
    put_upload,
    reviews_of,
    save_results,
)
from nero_core.worklist import begin, files_of, keep_files, score_worklist
from nero_core.worklist import export as table_of
from tests.dashboard.material import asked, html, no_traceback, png, until
from tests.nero_core.store.material import failed, items, scored
from tests.nero_core.video.clips import drawn, write_clip

Start = Callable[..., AppTest]
P_VALUES = (0.5, 0.02, 0.9, 0.001, 0.07)


@pytest.fixture
def stored(app: Start, loaded_wide: Bundle, monkeypatch: pytest.MonkeyPatch) -> tuple[Store, int]:
    """Five scored items, three with a picture, the second and the third nearly the same; one without a score."""
    monkeypatch.setenv("NERO_KEEP_NAMES", "1")
    monkeypatch.delenv("NERO_DATABASE_URL", raising=False)
    store = open_store()
    digests = [put_upload(store, png(seed=seed)) for seed in range(3)]
    lines = [*(NewItem(digest, f"frame {place}.png") for place, digest in enumerate(digests)), *items(3, first=3)]
    number = add_worklist(store, "Monday", local_user(), loaded_wide.digest, "nero", lines).id
    claim = claim_items(store, number)
    hashes = ("0" * 16, "f" * 16, "f" * 15 + "e", "a" * 16, "5" * 16)
    results = {
        item.id: replace(
            scored(p, "unlike" if p <= 0.05 else "borderline" if p <= 0.1 else "like", bundle=loaded_wide.digest),
            perceptual_hash=hashed,
        )
        for item, p, hashed in zip(claim.items, P_VALUES, hashes, strict=False)
    }
    save_results(store, claim.token, {**results, claim.items[5].id: failed()})
    return store, number


def opened(app: Start, number: int) -> AppTest:
    running = app("worklist", worklist=str(number))
    no_traceback(running)
    return running


def names(running: AppTest) -> list[str]:
    return list(running.dataframe[0].value["name"])


def heading(running: AppTest) -> str:
    return str(running.subheader[-1].value).replace("\\", "")


def test_the_empty_page_says_what_it_is_for(app: Start):
    running = app("worklist")
    no_traceback(running)
    assert [heading.value for heading in running.subheader] == ["Many images, one list", "A new worklist"]
    assert running.button(key="make_worklist").disabled
    proposed = running.text_input(key="worklist_name")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", proposed.value)
    proposed.set_value("Monday").run()
    assert running.text_input(key="worklist_name").value == "Monday"
    assert any("only a digest of each" in caption.value for caption in running.caption)


def test_the_proposed_name_is_one_that_is_free(app: Start, loaded_wide: Bundle):
    first = app("worklist").text_input(key="worklist_name").value
    with open_store() as store:
        for minutes in range(3):  # the clock may go on meanwhile
            moment = datetime.fromisoformat(first) + timedelta(minutes=minutes)
            add_worklist(store, f"{moment:%Y-%m-%d %H:%M}", local_user(), loaded_wide.digest, "nero", items(1))
    assert app("worklist").text_input(key="worklist_name").value.endswith(" (2)")


def test_a_link_to_a_worklist_that_is_not_here_says_so(app: Start):
    for asked_for in ("77", "../../etc", "1e9"):
        running = app("worklist", worklist=asked_for)
        no_traceback(running)
        assert bool(running.warning) == (asked_for == "77")
        assert running.button(key="make_worklist")


def test_the_most_unlike_comes_first_and_the_order_is_the_databases(app: Start, stored: tuple[Store, int]):
    running = opened(app, stored[1])
    assert names(running) == [f"frame {place}.png" for place in (3, 1, 4, 0, 2, 5)]
    table = running.dataframe[0].value
    assert list(table["verdict"])[:2] == ["◆◆ unlike", "◆◆ unlike"] and list(table["status"])[-1] == "not scored"
    assert [isinstance(picture, str) for picture in table["picture"]] == [False, True, False, True, True, False]
    assert heading(running) == "frame 3.png"
    running.selectbox(key="worklist_sort").set_value("position").run()
    no_traceback(running)
    assert names(running) == [f"frame {place}.png" for place in range(6)]
    assert heading(running) == "frame 0.png" and "<img" in html(running)
    running.toggle(key="worklist_descending").set_value(True).run()
    assert names(running)[0] == "frame 5.png"
    assert any("Expected an image. Found none." in warning.value.replace("\\", "") for warning in running.warning)


def test_filters_take_out_what_is_not_asked_for(app: Start, stored: tuple[Store, int]):
    running = opened(app, stored[1])
    sentence = next(text.value for text in running.markdown if "taken together" in text.value)
    assert sentence.startswith("2 of 5 images are unlike, all taken together (p at most 0.020).")
    running.toggle(key="worklist_only_unlike").set_value(True).run()
    assert names(running) == ["frame 3.png", "frame 1.png"]
    running.toggle(key="worklist_only_unlike").set_value(False).run()
    running.toggle(key="worklist_one_each").set_value(True).run()
    assert names(running) == [f"frame {place}.png" for place in (3, 1, 4, 0, 5)]
    running.text_input(key="worklist_text").set_value("FRAME 4").run()
    assert names(running) == ["frame 4.png"]
    running.text_input(key="worklist_text").set_value("no such").run()
    no_traceback(running)
    assert any("No image passes" in info.value for info in running.info)


def test_a_link_opens_the_same_order_filters_and_image(app: Start, stored: tuple[Store, int]):
    running = opened(app, stored[1])
    running.selectbox(key="worklist_sort").set_value("name").run()
    running.toggle(key="worklist_descending").set_value(True).run()
    running.pills(key="worklist_verdicts").set_value(["unlike", "like"]).run()
    running.select_slider(key="worklist_rate").set_value(0.2).run()
    running.button(key="next_item").click().run()
    no_traceback(running)
    shown = names(running), heading(running)
    address = {name: asked(running, name) for name in running.query_params}
    assert {"sorted": "name", "reversed": "1", "verdict": "unlike,like", "rate": "0.2", "item": "3"}.items() <= (
        address.items()
    )
    again = app("worklist", **address)
    no_traceback(again)
    assert (names(again), heading(again)) == shown
    assert shown == ([f"frame {place}.png" for place in (3, 2, 1, 0)], "frame 2.png")
    again.button(key="previous_item").click().run()
    assert heading(again) == "frame 3.png" and "item" not in again.query_params
    again.toggle(key="worklist_descending").set_value(False).run()
    assert "reversed" not in again.query_params and heading(again) == "frame 0.png"
    again.button(key="leave").click().run()
    assert not {"sorted", "verdict", "rate", "item", "worklist"} & set(again.query_params)


def test_a_link_that_asks_for_what_is_not_there_says_so(app: Start, stored: tuple[Store, int]):
    running = app("worklist", worklist=str(stored[1]), sorted="colour", item="77", verdict="like")
    no_traceback(running)
    said = " ".join(caption.value for caption in running.caption)
    assert (
        "The link asks for colour as the order" in said and "The image that the link names is not among these" in said
    )
    assert names(running) == ["frame 0.png", "frame 2.png"] and heading(running) == "frame 0.png"


def test_reviews_are_saved_and_lead_on(app: Start, stored: tuple[Store, int]):
    store, number = stored
    running = opened(app, number)
    first, second = (item.id for item in find_items(store, number, "p_value").items[:2])
    running.button(key="review_A").click().run()
    no_traceback(running)
    assert [review.decision for review in reviews_of(store, first)] == ["agree"]
    assert heading(running) == "frame 1.png"
    running.text_input(key=f"comment_{second}").set_value("Bile.").run()
    running.button(key="review_L").click().run()
    no_traceback(running)
    saved = reviews_of(store, second)[0]
    assert (saved.decision, saved.verdict, saved.comment, saved.reader) == ("override", "like", "Bile.", local_user())
    assert heading(running) == "frame 4.png"
    running.button(key="previous_item").click().run()
    assert heading(running) == "frame 1.png"
    assert any("overridden: like the reference images" in text.value.replace("\\", "") for text in running.markdown)
    assert running.dataframe[0].value["status"].iloc[0] == f"agreed, by {local_user()}"


def write_class(running: AppTest, item: int, text: str) -> None:
    field = running.selectbox(key=f"class_{item}")
    field.options.append(text)  # as the browser does; AppTest itself sends nothing that is not offered
    field.set_value(text)


def test_a_reader_can_say_the_class_that_they_see_or_something_else(
    app: Start, stored: tuple[Store, int], loaded_wide: Bundle
):
    store, number = stored
    running = opened(app, number)
    first, second = (item.id for item in find_items(store, number, "p_value").items[:2])
    seen = running.selectbox(key=f"class_{first}")
    assert seen.value is None and tuple(seen.options) == loaded_wide.card.class_names
    seen.set_value(loaded_wide.card.class_names[1]).run()
    running.text_input(key=f"comment_{first}").set_value("A fold.").run()
    running.button(key="review_N").click().run()
    running.button(key="review_L").click().run()
    no_traceback(running)
    assert [review.label for review in reviews_of(store, first)] == ["", loaded_wide.card.class_names[1]]
    write_class(running, second, "a *clip*")
    running.button(key="review_A").click().run()
    no_traceback(running)
    assert [(review.decision, review.label) for review in reviews_of(store, second)] == [("agree", "a *clip*")]
    running.button(key="previous_item").click().run()
    assert any("Sees a \\*clip\\*." in text.value for text in running.markdown)
    assert running.selectbox(key=f"class_{second}").value is None
    exported = table_of(store, number, "csv", "ann").decode()
    assert f",{loaded_wide.card.class_names[1]},," in exported and ",a *clip*," in exported
    write_class(running, second, "x" * 201)
    running.button(key="review_A").click().run()
    assert any("at most 200 characters" in error.value for error in running.error)


def test_a_comment_alone_is_kept_and_stays_with_its_image(app: Start, stored: tuple[Store, int]):
    store, number = stored
    running = opened(app, number)
    first = find_items(store, number, "p_value").items[0].id
    running.button(key="review_N").click().run()
    assert any("Expected a comment" in error.value for error in running.error) and not reviews_of(store, first)
    running.text_input(key=f"comment_{first}").set_value("A *fold*?").run()
    running.button(key="review_N").click().run()
    no_traceback(running)
    assert [(review.decision, review.comment) for review in reviews_of(store, first)] == [("comment", "A *fold*?")]
    assert heading(running) == "frame 3.png" and running.text_input(key=f"comment_{first}").value == ""
    assert any(caption.value.endswith("“A \\*fold\\*?”") for caption in running.caption)


def test_without_a_login_the_page_says_that_there_is_no_second_reader(app: Start, stored: tuple[Store, int]):
    running = opened(app, stored[1])
    assert any("cannot tell two readers apart" in caption.value for caption in running.caption)
    assert not [toggle for toggle in running.toggle if toggle.key.startswith("share_")]


def test_a_second_reader_answers_before_they_learn_what_the_first_one_said(
    app: Start, stored: tuple[Store, int], monkeypatch: pytest.MonkeyPatch
):
    """Who is logged in stands here alone: a login itself takes a browser, see tests/browser/test_login.py."""
    store, number = stored
    ann, bob = local_user(), "bob@example.org"

    def logged_in(name: str) -> AppTest:
        monkeypatch.setattr("dashboard.pages.worklist.reader.admit", lambda: Visitor(name, "reviewer"))
        return opened(app, number)

    running = logged_in(ann)
    running.button(key="review_S").click().run()  # of frame 3
    running.button(key="review_A").click().run()  # of frame 1
    running = logged_in(bob)
    assert any("may have been deleted" in warning.value.replace("\\", "") for warning in running.warning)
    logged_in(ann).toggle(key=f"share_{number}").set_value(True).run()
    monkeypatch.setattr("dashboard.pages.worklist.reader.admit", lambda: Visitor(bob, "reviewer"))
    shelf = app("worklist")
    no_traceback(shelf)
    assert shelf.subheader[0].value == "To be read a second time"
    assert f"open_{number}" in [button.key for button in shelf.button]
    assert f"delete_{number}" not in [button.key for button in shelf.button]
    running = logged_in(bob)
    assert list(running.dataframe[0].value["status"])[:2] == ["read once", "read once"]
    shown = [text.value for text in running.markdown]
    assert any(text.startswith("Read first by") for text in shown) and not any("second look" in text for text in shown)
    assert not [button for button in running.get("download_button") if "export_list" in str(button.proto.id)]
    running.button(key="review_L").click().run()  # of frame 3
    running.button(key="review_L").click().run()  # of frame 1
    no_traceback(running)
    assert list(running.dataframe[0].value["status"])[1] == "readers disagree"
    running.button(key="previous_item").click().run()
    said = next(text.value for text in running.markdown if "Second reader" in text.value).replace("\\", "")
    assert f"First reader: agreed, by {ann}." in said and f"by {bob}." in said
    assert any("readers disagree" in warning.value for warning in running.warning)
    assert [review.reading for review in reviews_of(store, find_items(store, number, "p_value").items[1].id)] == [
        "first",
        "second",
    ]


def test_html_and_markdown_in_the_names_of_files_and_lists_stay_text(
    app: Start, loaded_wide: Bundle, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("NERO_KEEP_NAMES", "1")
    hostile = "<img src=x onerror=alert(1)> **bold** [link](javascript:alert(1))"
    with open_store() as store:
        lines = [NewItem("a" * 64, f"{hostile}.png")]
        number = add_worklist(store, hostile, local_user(), loaded_wide.digest, "nero", lines).id
    for running in (opened(app, number), app("worklist")):
        no_traceback(running)
        shown = [str(text.value) for text in (*running.markdown, *running.subheader, *running.caption)]
        assert any("onerror" in text for text in shown)
        assert not any(re.search(r"(?<!\\)(<img|\*\*bold|\]\(java)", text) for text in shown)
        assert "<img src=x" not in html(running)


def test_a_long_list_is_paged_by_the_database(app: Start, loaded_wide: Bundle):
    with open_store() as store:
        number = add_worklist(store, "Long", local_user(), loaded_wide.digest, "nero", items(120)).id
        claim = claim_items(store, number, 120)
        save_results(store, claim.token, {item.id: scored() for item in claim.items})
    running = opened(app, number)
    assert len(running.dataframe[0].value) == 50
    running.button(key="page_after").click().run()
    running.button(key="page_after").click().run()
    no_traceback(running)
    assert list(running.dataframe[0].value["no."]) == list(range(101, 121))
    assert running.button(key="page_after").disabled
    running.button(key="previous_item").click().run()
    assert running.dataframe[0].value["no."].iloc[0] == 51
    assert len(names(running)[0]) == 8  # names are not kept: a short digest


def test_an_item_opens_on_screen_an_image(app: Start, stored: tuple[Store, int]):
    running = opened(app, stored[1])
    running.button(key="next_item").click().run()
    running.button(key="open_item").click().run()
    no_traceback(running)
    assert heading_of_screen(running) == "frame 1.png"
    running.switch_page("pages/worklist/page.py")
    running.query_params["worklist"], running.query_params["item"] = str(stored[1]), "3"
    running.run()
    running.button(key="open_item").click().run()
    no_traceback(running)
    assert heading_of_screen(running) == "frame 2.png"
    assert any(caption.value == "1 file from before" for caption in running.caption)  # not one for each that was opened


def test_frames_of_a_video_are_shown_and_open_on_screen_an_image(app: Start, loaded_wide: Bundle, tmp_path: Path):
    running = app("worklist")
    clip = write_clip(tmp_path / "clip.mp4", [drawn(seed=number // 5) for number in range(20)])
    inspector = Inspector(loaded_wide, torch.device("cpu"))
    with open_store() as store, files_of(clip) as files:
        store.keeps_names = True
        keep_files(store, files)
        listed = begin(store, inspector, "Clip", local_user(), files, "nero", None)
        waiting = opened(app, listed.id)
        assert any("No image is read yet." in bar.text for bar in waiting.get("progress"))
        score_worklist(store, listed.id, inspector)
    running = opened(app, listed.id)
    assert any(
        "clip.mp4: 20 frames, 4 looked at, 4 scored." in text.value.replace("\\", "") for text in running.caption
    )
    running.selectbox(key="worklist_sort").set_value("position").run()
    assert names(running) == [f"clip.mp4#00:0{time}" for time in ("0.0", "0.5", "1.0", "1.5")]
    assert all(isinstance(picture, str) for picture in running.dataframe[0].value["picture"])
    running.button(key="next_item").click().run()
    running.button(key="open_item").click().run()
    no_traceback(running)
    assert heading_of_screen(running) == "clip.mp4#00:00.5"


def heading_of_screen(running: AppTest) -> str:
    return str(running.subheader[0].value).replace("\\", "")


def test_what_waits_without_a_scorer_offers_to_go_on(app: Start):
    with open_store() as store:
        number = add_worklist(store, "Old", local_user(), "e" * 64, "nero", items(2)).id
    running = opened(app, number)
    assert any("Nothing is being scored now" in caption.value for caption in running.caption)
    running.button(key="resume").click().run()
    no_traceback(running)
    assert any("the reference set that this worklist was made for" in error.value for error in running.error)


@pytest.mark.slow
def test_a_scorer_that_fails_says_why(app: Start, tmp_path: Path):
    app("worklist")
    with open_store() as store:
        listed = add_worklist(store, "Old", local_user(), "e" * 64, "nero", items(2))
    worklist_jobs.score(listed, tmp_path / "no bundle")
    running = opened(app, listed.id)
    until(running, lambda: running.error)
    assert "bundle" in running.error[0].value
    assert [button.key for button in running.button if button.key in ("resume", "stop_scoring")] == ["resume"]


def test_a_list_is_deleted_from_the_shelf(app: Start, stored: tuple[Store, int]):
    store, number = stored
    running = app("worklist")
    assert any("Monday" in text.value and "6 of 6 images are done" in text.value for text in running.markdown)
    running.button(key=f"delete_{number}").click().run()
    no_traceback(running)
    assert not find_worklists(store)
    assert running.subheader[0].value == "Many images, one list"


@pytest.mark.slow
def test_files_and_a_zip_become_a_worklist_that_is_scored_in_the_background(app: Start, phantoms: Path):
    running = app("worklist")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted((phantoms / "ood" / "polyps").glob("*.jpg")):
            archive.write(path, path.name)
    small = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(small, "PNG")
    files = [
        ("red.png", small.getvalue(), "image/png"),
        ("frames.zip", packed.getvalue(), "application/zip"),
        ("broken.png", b"no picture", "image/png"),
    ]
    running.text_input(key="worklist_name").set_value("Monday").run()
    running.file_uploader(key="worklist_files_0").set_value(files)
    running.run()
    running.button(key="make_worklist").click().run()
    no_traceback(running)
    number = int(asked(running, "worklist"))
    with open_store() as store:
        until(running, lambda: find_worklists(store)[0].done == 6)
        running.run()
        no_traceback(running)
        assert find_worklists(store)[0].counts == {"scored": 5, "failed": 1}
        assert [item.name for item in find_items(store, number).items] == [""] * 6
    assert any("6 of 6 images are done, 1 of them without a score" in caption.value for caption in running.caption)
    assert len(running.dataframe[0].value) == 6

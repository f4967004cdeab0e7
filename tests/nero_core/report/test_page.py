"""``results.html`` as a parser and a real browser see it."""

import re
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from nero_core.benchmark.records import BenchmarkResult
from nero_core.report.page import page
from tests.browser.server import ARGUMENTS, INSTALL, find_chromium

VOID = frozenset({"meta", "input", "br", "img"})


class Outline(HTMLParser):
    """Tags with their attributes, and text; open tags that were never closed stay in ``open``."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def outline(text: str) -> Outline:
    parser = Outline()
    parser.feed(text)
    parser.close()
    return parser


def test_the_page_is_whole_and_has_every_method_class_and_digest(result: BenchmarkResult) -> None:
    parsed = outline(page(result))
    assert parsed.open == []
    words = " ".join(parsed.words)
    for method in result.methods:
        assert method.method in words
        assert f"{100 * method.pooled.auroc.value:.1f}" in words
    for expected in (*result.id_classes, *result.ood_classes, result.bundle_digest, result.id_digest, "FPR95"):
        assert expected in words
    assert sum(tag == "svg" for tag, _ in parsed.tags) == 1 + len(result.methods)


def test_the_page_asks_no_network_for_anything(result: BenchmarkResult) -> None:
    text = page(result)
    for tag, attributes in outline(text).tags:
        assert tag not in ("link", "img", "iframe", "object")
        assert not {"src", "href", "srcset"} & attributes.keys()
    assert "url(" not in text
    assert "@import" not in text
    assert "http://" not in text
    assert "https://" not in text


def test_names_from_files_are_shown_and_never_run(hostile: BenchmarkResult) -> None:
    text = page(hostile)
    parsed = outline(text)
    assert parsed.open == []
    assert sum(tag == "script" for tag, _ in parsed.tags) == 1
    assert not any(tag == "img" for tag, _ in parsed.tags)
    assert not any(name.startswith("on") for _, attributes in parsed.tags for name in attributes)
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert re.search(r"script-src 'sha256-[A-Za-z0-9+/]{43}='", text)


def test_the_same_result_gives_the_same_page(result: BenchmarkResult) -> None:
    assert page(result) == page(result)


@pytest.mark.browser
@pytest.mark.skipif(find_chromium() is None, reason=INSTALL)
def test_in_a_browser_the_table_sorts_and_methods_can_be_chosen(hostile: BenchmarkResult, tmp_path: Path) -> None:
    file = tmp_path / "results.html"
    file.write_text(page(hostile), encoding="utf-8")
    with ThreadPoolExecutor(1) as elsewhere:  # this thread may have a browser of other tests
        told, requests = elsewhere.submit(look_at, file, hostile).result()
    assert told == []
    assert requests == [file.as_uri()]


def look_at(file: Path, hostile: BenchmarkResult) -> tuple[list[str], list[str]]:
    """Use the page; what it said and what it asked the network for."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
        view = browser.new_page(viewport={"width": 390, "height": 800})
        told: list[str] = []
        view.on("console", lambda message: told.append(message.text))
        view.on("pageerror", lambda error: told.append(str(error)))
        view.on("dialog", lambda dialog: told.append(dialog.message) or dialog.dismiss())
        requests: list[str] = []
        view.on("request", lambda request: requests.append(request.url))
        view.goto(file.as_uri())
        assert view.evaluate("document.documentElement.scrollWidth") <= 390
        order = "[...document.querySelectorAll('table.sortable tbody tr')].map((row) => row.cells[1].textContent)"
        assert view.evaluate(order) == [method.method for method in hostile.methods]
        view.get_by_role("button", name="FPR95 (ID positive)").click()
        by_figure = sorted(hostile.methods, key=lambda method: method.pooled.fpr95_id_positive.value)
        assert view.evaluate(order) == [method.method for method in by_figure]
        view.get_by_role("button", name="method").click()
        assert view.evaluate(order) == sorted(method.method for method in hostile.methods)
        shown = "document.querySelectorAll('path.curve:not([hidden])').length"
        before = view.evaluate(shown)
        view.get_by_role("checkbox", name="nero").uncheck()
        assert view.evaluate(shown) == before - 1
        browser.close()
    return told, requests

"""The HTML page: the same words, inert to what others wrote."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from nero_core.case_report import CaseReport, Review, html_report
from tests.nero_core.case_report.conftest import Named

VOID = frozenset({"meta", "img"})
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&.png"


class Outline(HTMLParser):
    """Tags with their attributes, and text."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(page.decode("utf-8"))
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


def test_the_page_says_what_the_description_says(report: CaseReport):
    outline, case = Outline(html_report(report)), report.cases[0]
    for expected in (
        case.headline,
        case.advice,
        case.name,
        case.image_id,
        "2026-11-28",
        case.similar.says,
        *report.limits,
    ):
        assert " ".join(expected.split()) in outline.text
    for heading, says in (*case.facts, *report.model):
        assert f"{heading}{' '.join(says.split())}" in outline.text
    pictures = [attributes for tag, attributes in outline.tags if tag == "img"]
    scales = sum(item.scale is not None for item in case.maps)
    assert case.similar is not None
    assert len(pictures) == len(case.maps) + scales + 2 + len(case.similar.neighbours)
    assert all(attributes["alt"] for attributes in pictures)


def test_the_page_stands_alone_and_runs_nothing(report: CaseReport):
    page = html_report(report)
    outline = Outline(page)
    policy = next(attributes["content"] for tag, attributes in outline.tags if "http-equiv" in attributes)
    assert "default-src 'none'" in policy and "script" not in policy
    assert not {"script", "link", "iframe", "object", "form", "base"} & {tag for tag, _ in outline.tags}
    for tag, attributes in outline.tags:
        for name, value in attributes.items():
            assert not name.startswith("on")
            if name == "src":
                assert re.match(r"data:image/(jpeg|png|svg\+xml);base64,", value)
            if name == "href":
                assert value.startswith("#"), tag
    assert b"url(" not in page and b"@import" not in page


@pytest.mark.parametrize("where", ["name", "text", "review", "facts", "left_out"])
def test_what_others_wrote_is_text_and_nothing_more(named: Named, where: str):
    plain = named("a.png", text="x", reviews=(Review("x", "agree"),))
    case = plain.cases[0]
    changed = {
        "name": {"name": HOSTILE},
        "text": {"text": HOSTILE},
        "review": {"reviews": (Review(HOSTILE, "agree"),)},
        "facts": {"facts": ((HOSTILE, HOSTILE), *case.facts[1:])},
        "left_out": {},
    }[where]
    hostile = replace(plain, cases=(replace(case, **changed),))
    if where == "left_out":
        plain = replace(plain, left_out=(("a", "b"),))
        hostile = replace(plain, left_out=((HOSTILE, HOSTILE),))
    tame, outline = Outline(html_report(plain)), Outline(html_report(hostile))
    assert HOSTILE in outline.text
    assert [tag for tag, _ in outline.tags] == [tag for tag, _ in tame.tags]


def test_letters_of_every_script_stay_and_what_nobody_sees_is_written_out(named: Named):
    text = Outline(html_report(named("报告 مرحبا 🦠 \u202egnp.png\ud800"))).text
    assert "报告 مرحبا 🦠 [U+202E]gnp.png[U+D800]" in text
    assert "by its number in Unicode" in text

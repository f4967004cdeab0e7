"""Cards of one image: a rule hides those of others before a name is written, and each card ends with its mark."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.components.image_cards import CARDS
from tests.dashboard.material import no_traceback

Start = Callable[..., AppTest]
MARK = re.compile(r'<i class="nero-of (of-image-[0-9a-f]{16})" hidden></i>')


def texts(running: AppTest) -> Iterator[tuple[str, str]]:
    """Every piece of HTML and every heading of the page, in its order, with the kind of element."""
    for block in (running.main, running.sidebar, running._tree.children.get(2), running._tree.children.get(3)):
        if block is not None:
            yield from ((str(element.type), str(getattr(element, "value", ""))) for element in block)


def marks(running: AppTest) -> list[str]:
    return [mark for _, text in texts(running) for mark in MARK.findall(text)]


def rules(running: AppTest) -> list[str]:
    return [text for _, text in texts(running) if "of-image-" in text and "visibility: hidden" in text]


@pytest.mark.parametrize("sample", ["polyps", "normal-cecum"])
def test_every_card_of_the_screen_bears_the_mark_of_the_image_that_is_named(
    app: Start, sample_folder: Path, sample: str
):
    running = app(sample=sample)
    no_traceback(running)
    (rule,) = rules(running)
    assert len(marks(running)) == 7  # image, verdict, scores, channels, similar images, concepts, what if
    assert set(marks(running)) == {re.findall(r":not\(:has\(\.(of-image-\w+)\)\)", rule)[0]}
    assert all(f".st-key-{name}" in rule for name in CARDS)


def test_another_image_has_another_mark(app: Start, sample_folder: Path):
    first, second = (set(marks(app(sample=name))) for name in ("polyps", "normal-cecum"))
    assert len(first) == len(second) == 1
    assert first != second


def test_cards_that_are_named_exist(app: Start):
    """A key that no container bears would hide nothing."""
    source = "".join(path.read_text() for path in Path("dashboard").rglob("*.py") if path.name != "image_cards.py")
    assert [name for name in CARDS if f'key="{name}"' not in source] == []

"""Colour and space, once: the tokens that charts, marks and pages read, for the light and the dark theme.

Okabe-Ito colours, safe for colour-blind eyes; each always stands beside a symbol or a word. Colour is for shapes only:
words are written in the text colour, so that their contrast never depends on a verdict.
"""

from dataclasses import dataclass
from pathlib import Path

from nero_core import figures
from nero_core.types import Verdict

ID, OOD = figures.ID, figures.OOD  # as in saved figures
BORDERLINE = "#E69F00"
#: further ID classes in the channel plot, in the order they are chosen
CLASSES = tuple(colour for colour, _ in figures.CLASSES)

VERDICT_COLOUR: dict[Verdict, str] = {"like": ID, "borderline": BORDERLINE, "unlike": OOD}


@dataclass(frozen=True, slots=True)
class Theme:
    """What differs between light and dark. The page's own colours stand in ``.streamlit/config.toml``."""

    text: str
    soft: str
    background: str
    centroid: str
    rule: str


LIGHT = Theme(text="#1A1C20", soft="#4B525B", background="#FFFFFF", centroid="#8A8F98", rule="#D9DCE1")
DARK = Theme(text="#ECEEF2", soft="#BFC5CD", background="#14171C", centroid="#8A8F98", rule="#3A3F48")


def theme_of(kind: str | None) -> Theme:
    """The theme for what the browser reports: ``dark``, ``light`` or nothing yet."""
    return DARK if kind == "dark" else LIGHT


_TOKENS = {
    "id": ID,
    "ood": OOD,
    "borderline": BORDERLINE,
    "grey": LIGHT.centroid,
    "ink": LIGHT.text,  # on paper in both themes: edges of symbols, tooltips
    "paper": LIGHT.background,
    "night": DARK.background,
}

#: the colours as CSS reads them, and ``theme.css``
STYLE = (
    f"<style>:root {{ {' '.join(f'--nero-{name}: {colour};' for name, colour in _TOKENS.items())} }}\n"
    f"{Path(__file__).with_name('theme.css').read_text('utf-8')}</style>"
)

#: the browser tab's picture: ID points and the one that lies apart
ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64" viewBox="0 0 32 32">'
    f'<g fill="{ID}"><circle cx="6" cy="15" r="4"/><circle cx="14" cy="9" r="4"/><circle cx="15" cy="20" r="4"/>'
    f'<circle cx="7" cy="26" r="4"/></g><path d="M26 2l5 5-5 5-5-5z" fill="{OOD}"/></svg>'
)

#: the lecture hall's switch
#: the page alone; what it is not stands below it, since the side bar that says so is hidden
FULL_SCREEN = (
    "<style>:is(.stSidebar, .stAppHeader, [data-testid=stExpandSidebarButton]) { display: none !important; }\n"
    ".stApp .stMainBlockContainer { max-width: none; padding: 0.75rem 2rem 1rem; }\n"
    ".stElementContainer:has(.nero-disclaimer) { display: block !important; }</style>"
)
LARGE_TYPE = "<style>html { font-size: 125%; }</style>"

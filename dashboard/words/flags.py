"""The command line's flags in the words of the page: nobody can type a flag here."""

REDUCED = "Accept fewer images than NERO asks for"
BY_ORDER = "Match tensors by their place in the file"
GUESSING = "Make it all the same, although guessing would do as well"

_ON_THE_PAGE = {
    "with --allow-reduced-rank": f"by the tick box “{REDUCED}”",
    "--allow-reduced-rank": f"the tick box “{REDUCED}”",
    "match by order: --by-order": f"tick “{BY_ORDER}” under Options",
    "--by-order": f"the tick box “{BY_ORDER}” under Options",
}


def page_terms(message: str) -> str:
    """A message of the engine with the tick boxes of the page in the place of flags."""
    for flag, words in _ON_THE_PAGE.items():
        message = message.replace(flag, words)
    return message

"""Text of others on the terminal: file names, class names of a bundle, messages that quote them."""

import sys

VERDICTS = {"like": "ID", "borderline": "borderline", "unlike": "OOD"}  # the page's three words, in the field's terms
LONGEST = 500  # characters: a few lines


def printable(text: str, longest: int = LONGEST) -> str:
    """On one line, without characters that would steer the terminal; a long text loses its middle.

    Both ends stay, since a message begins with what is wrong and ends with what to do.
    """
    if len(text) > longest:
        text = f"{text[: longest - longest // 3 - 3]} … {text[len(text) - longest // 3 :]}"
    return "".join(character if character.isprintable() else " " if character.isspace() else "�" for character in text)


def write_anything() -> None:
    """Let stdout and stderr write a character that their encoding lacks as ``\\u0142``, in place of an error.

    A name of one file must not cost the table of all: redirected output is often cp1252 or ASCII.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and hasattr(stream, "reconfigure"):  # None: closed by whoever started us
            stream.reconfigure(errors="backslashreplace")

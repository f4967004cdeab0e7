"""Text of others on the terminal: file names, class names of a bundle, messages that quote them."""

LONGEST = 500  # characters: a few lines


def printable(text: str, longest: int = LONGEST) -> str:
    """On one line, without characters that would steer the terminal; a long text loses its middle.

    Both ends stay, since a message begins with what is wrong and ends with what to do.
    """
    if len(text) > longest:
        text = f"{text[: longest - longest // 3 - 3]} … {text[len(text) - longest // 3 :]}"
    return "".join(character if character.isprintable() else " " if character.isspace() else "�" for character in text)

"""The form of “Calibrate anew”; in the session alone."""

TITLE = "quality_title"
BESIDE = "quality_beside"
SELECTION = "quality_selection"
FOLDER = "quality_folder"


def lists_key(bundle: str) -> str:
    """The key of the chosen worklists, which are those of one reference set."""
    return f"quality_lists_{bundle[:12]}"

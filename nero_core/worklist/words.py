"""What page and report call an item and a review alike."""

from collections.abc import Mapping

from nero_core.figures import short_id
from nero_core.store import Item

DECISION: Mapping[str, str] = {
    "agree": "agreed",
    "override": "overridden",
    "second_look": "second look",
    "comment": "commented",
}


def item_name(item: Item) -> str:
    """The name of a file, or a short digest where the server keeps no names; a frame's follows it."""
    return f"{short_id(item.digest)}{item.name}" if item.name[:1] in ("", "#") else item.name

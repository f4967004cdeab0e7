"""Records as JSON that any reader takes: ASCII, and null where a number is not finite."""

import json
import math
from typing import Any


def json_line(record: dict[str, Any]) -> str:
    """One object on one line."""
    return json.dumps(finite(record), allow_nan=False)


def json_text(record: dict[str, Any]) -> str:
    """One object over many lines, for people."""
    return json.dumps(finite(record), allow_nan=False, indent=1) + "\n"


def finite(value: Any) -> Any:  # noqa: ANN401  JSON is any of its six types
    """The same value with None for NaN and infinity."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [finite(entry) for entry in value]
    return value

"""Where training programs keep the weights within what they save."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

# The first that is there is taken, so that averaged weights are taken only where there are no others.
WRAPPERS = (
    "state_dict", "model_state_dict", "model_state", "model", "module", "net_state_dict", "net", "network", "weights",
    "params", "model_ema", "state_dict_ema", "ema_state_dict", "model_ema_state_dict", "ema_model", "params_ema", "ema",
)  # fmt: skip
_DEEPEST = 8  # wrappers within one another; a dict may hold itself


def unwrapped(content: Any) -> object:  # noqa: ANN401  # whatever a file holds
    """The innermost state dict or module of what a program saved; ``content`` itself where nothing is around it.

    An entry of ``WRAPPERS`` is taken where it holds tensors; else the only entry that is a dict of nothing but tensors,
    whatever it is called.
    """
    for _ in range(_DEEPEST):
        if not isinstance(content, Mapping):
            break
        inner = _inner(content)
        if inner is None:
            break
        content = inner
    return content


def contents(content: object) -> str:
    """What was found in the place of a state dict, in words."""
    if not isinstance(content, Mapping):
        return f"a {type(content).__name__}"
    if not content:
        return "nothing in it"
    several = [str(name)[:60] for name, value in content.items() if _is_state(value)]
    if len(several) > 1:
        return f"several: {', '.join(map(repr, several[:4]))}"
    name, value = next((name, value) for name, value in content.items() if not isinstance(value, Tensor))
    return f"{str(name)[:60]!r}, a {type(value).__name__}"


def _inner(content: Mapping[Any, Any]) -> object | None:
    wrapped: list[object] = [content[key] for key in WRAPPERS if isinstance(content.get(key), Mapping | nn.Module)]
    for value in wrapped:
        if isinstance(value, nn.Module) or _holds_tensors(value, _DEEPEST):
            return value
    if wrapped:
        return wrapped[0]  # for the message, which says what it holds
    if any(isinstance(value, Tensor) and value.ndim > 1 for value in content.values()):
        return None  # a state dict itself, with something beside it
    states = [value for value in content.values() if _is_state(value)]
    return states[0] if len(states) == 1 else None


def _is_state(value: object) -> bool:
    return isinstance(value, Mapping) and bool(value) and all(isinstance(entry, Tensor) for entry in value.values())


def _holds_tensors(value: object, deep: int) -> bool:
    if isinstance(value, Tensor | nn.Module):
        return True
    if not isinstance(value, Mapping) or not deep:
        return False
    return any(isinstance(entry, Tensor | nn.Module) for entry in value.values()) or any(
        _holds_tensors(value[key], deep - 1) for key in WRAPPERS if key in value
    )

"""How whole files are altered where bytes at random would not get past the first check: checksums, JSON, digests."""

import copy
import gzip
import json
import random
import struct
import zlib
from collections.abc import Callable
from typing import Any

from tests.fuzz.material import PARTS

Alter = Callable[[bytes, int, int], bytes]  # data, most bytes, seed → data
_STRANGE: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 255, 2**31, 2**32, 2**63, 2**64, 10**40, 0.5, -0.0, 1e308, float("inf"),
    float("nan"), "", " ", "\0", "\ud800", "../x", "/etc/passwd", "a" * 5000, "<b>", "%s", "nero", "resnet18", "F32",
    "I64", "BOOL", [], {}, [[]], [None], {"": None}, [0, 0], [2**40, 2**40], [-1, 4], ["a", "a"], [1.5, 2.5],
)  # fmt: skip


def alter_bytes(data: bytes, most: int, seed: int) -> bytes:
    """libFuzzer's own way."""
    del seed  # its own, which it draws from the same
    import atheris  # not above: what the readers take whole is tested without it

    return bytes(atheris.Mutate(data, most))


def alter_png(data: bytes, most: int, seed: int) -> bytes:
    """As bytes; most of the time the checksums of a PNG are set right again."""
    data = alter_bytes(data, most, seed)
    return mended_png(data) if seed % 4 else data


def mended_png(data: bytes) -> bytes:
    """A PNG with the checksums that its chunks should have; what is none stays as it is."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    whole, place = bytearray(data), 8
    while place + 12 <= len(whole):
        size = struct.unpack_from(">I", whole, place)[0]
        end = place + 8 + size
        if end + 4 > len(whole):
            break
        struct.pack_into(">I", whole, end, zlib.crc32(whole[place + 4 : end]))
        place = end + 4
    return bytes(whole)


def alter_json(data: bytes, most: int, seed: int) -> bytes:
    """One or more values of a JSON file replaced by strange ones; every fifth time, bytes."""
    dice = random.Random(seed)
    if dice.random() < 0.2:
        return alter_bytes(data, most, seed)
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        return alter_bytes(data, most, seed)
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        content = altered(content, dice)
    return json.dumps(content).encode("utf-8", "surrogatepass")[:most]


def altered(content: Any, dice: random.Random) -> Any:
    """A JSON value in which one place, drawn at random, is other than it was."""
    places = list(_places(content))
    if not places:
        return _strange(dice)
    inside, key = dice.choice(places)
    deed = dice.randrange(8)
    if deed == 0:
        del inside[key]
    elif deed == 1 and isinstance(inside, dict):
        inside[dice.choice(("", "x", "../x", "nero", "__metadata__"))] = inside[key]
    elif deed == 2:
        other, at = dice.choice(places)
        inside[key] = json.loads(json.dumps(other[at]))
    elif deed == 3 and isinstance(inside[key], int | float):
        inside[key] = inside[key] + dice.choice((-1, 1, 0.5, 2**20)) if dice.random() < 0.5 else -inside[key]
    elif deed == 4 and isinstance(inside, list):
        inside.extend(inside[:50])
    else:
        inside[key] = _strange(dice)
    return content


def _strange(dice: random.Random) -> Any:
    return copy.deepcopy(dice.choice(_STRANGE))  # what stands in a file is altered in place


def _places(content: Any) -> Any:
    keys = content.keys() if isinstance(content, dict) else range(len(content)) if isinstance(content, list) else ()
    for key in keys:
        yield content, key
        yield from _places(content[key])


def alter_tensors(data: bytes, most: int, seed: int) -> bytes:
    """A safetensors file with another header of the right length, or other numbers behind it."""
    dice = random.Random(seed)
    size = int.from_bytes(data[:8], "little")
    if not 2 <= size <= len(data) - 8 or dice.random() < 0.2:
        return alter_bytes(data, most, seed)
    header, body = data[8 : 8 + size], data[8 + size :]
    if dice.random() < 0.7:
        header = alter_json(header, most, seed)
    elif body:
        place = dice.randrange(len(body))
        odd = dice.choice((b"\xff\xff\xff\x7f", b"\0\0\x80\x7f", b"\0\0\xc0\x7f", b"\xff" * 8, b"\0" * 8, b"\1"))
        body = (body[:place] + odd + body[place:])[: len(body)]
    return (len(header).to_bytes(8, "little") + header + body)[:most]


def alter_part(data: bytes, most: int, seed: int) -> bytes:
    """A part of a bundle behind its number, see ``material.write_bundle``, altered as its kind asks for."""
    if not data:
        return alter_bytes(data, most, seed)
    number, part = data[:1], data[1:]
    name = PARTS[number[0] % len(PARTS)]
    if name.endswith(".json"):
        return number + alter_json(part, most - 1, seed)
    if name.endswith(".safetensors"):
        return number + alter_tensors(part, most - 1, seed)
    try:
        part = gzip.decompress(part)
    except (OSError, EOFError, zlib.error):
        return number + alter_bytes(part, most - 1, seed)
    return (number + gzip.compress(alter_json(part, 10 * most, seed), mtime=0))[:most]


def alter_weights(data: bytes, most: int, seed: int) -> bytes:
    """A safetensors file as one, what torch has saved as bytes."""
    return (alter_bytes if data[:1] in (b"P", b"\x80") else alter_tensors)(data, most, seed)

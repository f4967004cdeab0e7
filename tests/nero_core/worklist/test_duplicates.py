"""Near-duplicates by a perceptual hash."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

from nero_core.store import NewItem, Store, add_worklist, claim_items, save_results
from nero_core.worklist import near_duplicates
from nero_core.worklist.duplicates import perceptual_hash
from tests.nero_core.store.material import BUNDLE, digest, scored


def listed(store: Store, hashes: list[int | None]) -> tuple[int, list[int]]:
    """A scored worklist of these hashes; its number, and those of its items."""
    number = add_worklist(store, "Monday", "ann", BUNDLE, "nero", [NewItem(digest(k)) for k in range(len(hashes))]).id
    claim = claim_items(store, number, len(hashes))
    results = {
        item.id: replace(scored(), perceptual_hash=None if bits is None else f"{bits:016x}")
        for item, bits in zip(claim.items, hashes, strict=True)
    }
    save_results(store, claim.token, results)
    return number, [item.id for item in claim.items]


def test_a_group_is_what_is_like_its_first_and_no_chain(store: Store):
    far = (1 << 64) - 1
    number, ids = listed(store, [0, 0xFF, 0xFFFF, 0x1, far, None, far ^ (0xFF << 50), 0x1FF])
    found = near_duplicates(store, number)
    # 0xFFFF differs from 0xFF in 8 bits, from the first in 16; 0x1FF in 9 from the first, in 7 from 0xFFFF
    assert found.first_of == {ids[1]: ids[0], ids[3]: ids[0], ids[6]: ids[4], ids[7]: ids[2]}
    assert found.size_of == {ids[0]: 3, ids[4]: 2, ids[2]: 2}
    assert [found.size(item) for item in ids] == [3, 3, 2, 3, 2, 1, 2, 2]
    assert found.first(ids[5]) == ids[5]


def test_many_hashes_are_grouped_as_pair_by_pair(store: Store):
    generator = np.random.default_rng(0)
    some = [int(bits) for bits in generator.integers(0, 2**64, 300, dtype=np.uint64)]
    hashes = [bits ^ (1 << int(generator.integers(64))) for bits in some for _ in range(2)]
    number, ids = listed(store, list(hashes))
    expected: dict[int, int] = {}
    firsts: list[int] = []
    for place, bits in enumerate(hashes):
        near = [first for first in firsts if (hashes[first] ^ bits).bit_count() <= 8]
        if near:
            expected[ids[place]] = ids[near[0]]
        else:
            firsts.append(place)
    assert near_duplicates(store, number).first_of == expected
    assert len(expected) == 300


def test_compressed_and_brighter_frames_are_near_and_other_frames_are_not(phantoms: Path):
    images = [Image.open(path).convert("RGB") for path in sorted((phantoms / "id").rglob("*.jpg"))[::7]]
    hashes = []
    for image in images:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=40)
        variants = (image, Image.open(buffer), ImageEnhance.Brightness(image).enhance(1.1))
        hashes.append([int(perceptual_hash(np.array(variant)), 16) for variant in variants])
    for first, *others in hashes:
        assert all((first ^ other).bit_count() <= 8 for other in others)
    pairs = [(a[0] ^ b[0]).bit_count() for place, a in enumerate(hashes) for b in hashes[:place]]
    assert np.median(pairs) > 16

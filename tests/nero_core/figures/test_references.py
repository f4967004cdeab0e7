"""Reference images of concepts, as figures take them."""

import torch

from nero_core.errors import BundleError
from nero_core.figures.references import reference_pictures
from nero_core.types import Concept


def concept(channel: int, *references: str) -> Concept:
    return Concept(channel, torch.zeros(4, 4), 0.2, 0.1, 0.05, references, (0.1,) * len(references), 1.0, 1.0)


def test_a_missing_picture_is_none_and_its_class_is_still_said():
    pictures = {"a": b"A", "b": b"B"}

    def thumbnail(reference_id: str) -> bytes:
        if reference_id not in pictures:
            raise BundleError("Expected a thumbnail. Found none. Copy the bundle again.")
        return pictures[reference_id]

    shown = (concept(1, "a", "lost"), concept(2), concept(3, "b"))
    thumbnails, classes = reference_pictures(shown, thumbnail, lambda image_id: f"class of {image_id}")
    assert thumbnails == [[b"A", None], [], [b"B"]]
    assert classes == [["class of a", "class of lost"], [], ["class of b"]]

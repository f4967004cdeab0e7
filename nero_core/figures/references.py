"""The reference images of concepts as a figure takes them: the encoded thumbnail and the class of each."""

from collections.abc import Callable, Sequence

from nero_core.errors import BundleError
from nero_core.types import Concept


def reference_pictures(
    concepts: Sequence[Concept], thumbnail: Callable[[str], bytes], class_of: Callable[[str], str]
) -> tuple[list[list[bytes | None]], list[list[str]]]:
    """Thumbnails and classes of the reference images of each concept; None where the bundle has no picture of one.

    Args:
        concepts: whose references are drawn.
        thumbnail: ``Inspector.thumbnail``.
        class_of: ``Inspector.reference_class``.
    """

    def picture(reference_id: str) -> bytes | None:
        try:
            return thumbnail(reference_id)
        except BundleError:
            return None

    return (
        [[picture(reference) for reference in concept.references] for concept in concepts],
        [[class_of(reference) for reference in concept.references] for concept in concepts],
    )

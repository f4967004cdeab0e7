"""The reference images nearest to a case, as small pictures."""

import io

from PIL import Image

from nero_core.case_report.drawings import QUALITY
from nero_core.case_report.records import Neighbour, Similar
from nero_core.errors import BundleError
from nero_core.explorer import Explorer
from nero_core.figures.verdict_words import similar
from nero_core.types import Observation


def similar_cases(explorer: Explorer, observation: Observation) -> Similar:
    """The nearest reference images with class and distance; none where none is near.

    Args:
        explorer: of the inspector that made the observation.
        observation: of one image.
    """
    cases = explorer.similar(observation)
    if not cases.is_near:
        return Similar(similar(cases))
    found = zip(cases.ids, cases.classes, cases.distances, strict=True)
    return Similar(
        similar(cases),
        tuple(Neighbour(_picture(explorer, image_id), name, f"{distance:.2f}") for image_id, name, distance in found),
    )


def _picture(explorer: Explorer, image_id: str) -> bytes:
    """As JPEG; empty where the bundle lacks it or it was altered: one picture less, the rest stands."""
    try:
        webp = explorer.inspector.thumbnail(image_id)
    except BundleError:
        return b""
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(webp)) as picture:
        picture.convert("RGB").save(buffer, "JPEG", quality=QUALITY, subsampling=0)
    return buffer.getvalue()

"""What is said of an image beside its verdict, with a bundle's own pictures and banks."""

import math
from dataclasses import replace

import pytest

from nero_core import Explorer, Inspector
from nero_core.data.decode import THUMBNAIL_LIMITS, decode_image
from nero_core.types import Observation


def test_a_picture_is_held_against_those_of_the_fit_images(tiny_inspector: Inspector) -> None:
    explorer, bundle = Explorer(tiny_inspector), tiny_inspector.bundle
    known = decode_image(bundle.thumbnail(bundle.fit.ids[0]), limits=THUMBNAIL_LIMITS)
    measures = explorer.check_picture(known)
    assert {one.images for one in measures} == {bundle.fit_size}
    dark = replace(known, pixels=known.pixels // 8)
    assert {one.name: one.side() for one in explorer.check_picture(dark)}["light"] == -1


def test_of_many_fit_images_some_are_measured(tiny_inspector: Inspector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nero_core.explorer.PICTURES", 10)
    bundle = tiny_inspector.bundle
    known = decode_image(bundle.thumbnail(bundle.fit.ids[0]), limits=THUMBNAIL_LIMITS)
    measured = {one.images for one in Explorer(tiny_inspector).check_picture(known)}
    assert measured == {len(bundle.fit.ids[:: math.ceil(bundle.fit_size / 10)])} and bundle.fit_size > max(measured)


def test_the_nearest_reference_image_of_a_fit_image_is_itself(tiny_inspector: Inspector) -> None:
    explorer, fit = Explorer(tiny_inspector), tiny_inspector.bundle.fit
    observed = Observation(fit.features[3:4], tiny_inspector.bundle.classifier.head, fit.ids[3:4])
    cases = explorer.similar(observed, count=4)
    assert cases.ids[0] == fit.ids[3] and cases.is_near and len(cases.classes) == 4
    opposite = Observation(-fit.features[3:4], observed.head, ("other",))
    assert not explorer.similar(opposite).is_near

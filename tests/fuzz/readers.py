"""The kinds of files that are fuzzed: what reads each, and what is a sound result.

Nothing of ``nero_core`` but its errors is imported before a reader is asked for: atheris counts the lines of modules
that are imported under its eyes.
"""

import hashlib
import json
import math
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz import material
from tests.fuzz.alter import Alter, alter_bytes, alter_json, alter_part, alter_png, alter_weights

Reader = Callable[[bytes, Path], object]  # the file, and the only folder that it may write into


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file.

    Attributes:
        reader: imports and makes the function that reads it.
        material: makes small whole files.
        modules: whose lines are counted.
        alter: how files are altered.
    """

    reader: Callable[[], Reader]
    material: Callable[[], Iterable[bytes]]
    modules: tuple[str, ...]
    alter: Alter = alter_bytes


def _picture() -> Reader:
    from nero_core.data.decode import Limits, decode_image
    from nero_core.data.frames import decode_frames, frames_in

    limits = Limits(max_pixels=1_000_000, max_memory=64 * 2**20, max_frames=64)

    def read(data: bytes, folder: Path) -> None:
        del folder
        frames = frames_in(data, limits)
        _check_pixels(decode_image(data, "fuzzed", limits).pixels, limits.max_pixels)
        number = 0
        for number, picture in enumerate(decode_frames(data, "fuzzed", limits), 1):  # noqa: B007
            _check_pixels(picture.pixels, limits.max_pixels)
        assert number == frames, f"{frames} frames said, {number} read"

    return read


def _video() -> Reader:
    from nero_core.video.frames import Video
    from nero_core.video.limits import VideoLimits

    limits = VideoLimits(max_pixels=100_000, max_seconds=600.0, max_frames=60, max_sampled=30)

    def read(data: bytes, folder: Path) -> None:
        del folder
        video = Video(data, "fuzzed", limits)
        last = -1.0
        for frame in video.frames():
            _check_pixels(frame.picture.pixels, limits.max_pixels)
            assert math.isfinite(frame.time) and frame.time > last, f"time {frame.time} after {last}"
            last = frame.time

    return read


def _check_pixels(pixels: object, most: int) -> None:
    height, width, channels = pixels.shape  # type: ignore[attr-defined]
    assert channels == 3 and str(pixels.dtype) == "uint8" and 0 < height * width <= most  # type: ignore[attr-defined]


def _zip() -> Reader:
    from nero_core.data.archive import ArchiveLimits, check_archive
    from nero_core.worklist.files import files_of

    limits = ArchiveLimits()

    def read(data: bytes, folder: Path) -> None:
        file, inside = folder / "fuzzed.zip", folder / "inside"
        inside.mkdir(exist_ok=True)
        file.write_bytes(data)
        try:
            check_archive(file, limits)
            with files_of(file, inside=inside) as files:
                for each in files:
                    assert each.path.resolve().is_relative_to(inside.resolve()), each.path
                    assert each.path.is_file() and not each.path.is_symlink(), each.path
                    assert len({each.name for each in files}) == len(files), "a name twice"
                    assert hashlib.sha256(each.path.read_bytes()).hexdigest() == each.digest
        finally:
            assert not list(inside.iterdir()), "something that was unpacked is left"
            shutil.rmtree(inside)

    return read


def _bundle() -> Reader:
    import torch

    from nero_core.benchmark.stored import stored_comparison
    from nero_core.calibration import Bundle, find_bundles, read_card
    from nero_core.inspector import Inspector

    whole = material.bundle_files()
    picture = material.phantom_jpeg()

    def read(data: bytes, folder: Path) -> None:
        place = folder / "bundle"
        material.write_bundle(place, whole, data)
        try:
            for path in find_bundles(folder):
                read_card(path)
            inspector = Inspector(Bundle.load(place, "cpu"), torch.device("cpu"))
            if inspector.bundle.comparison is not None:
                stored_comparison(inspector.bundle)
            seen = inspector.observe(inspector.decode([picture]))
            for method, detection in inspector.detect(seen, (inspector.default_method(), "nero_deep", "knn")).items():
                assert bool(torch.isfinite(detection.score).all()), f"{method}: {detection.score}"
        finally:
            shutil.rmtree(place)

    return read


def _packed_bundle() -> Reader:
    from nero_core.calibration.bundle_archive import unpack_bundle

    def read(data: bytes, folder: Path) -> None:
        file, place = folder / "fuzzed.nero.zip", folder / "unpacked"
        file.write_bytes(data)
        try:
            card = unpack_bundle(file, place)
            there = {path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()}
            assert there == {"bundle.json", *card.files}, there
        finally:
            shutil.rmtree(place, ignore_errors=True)
            assert [path.name for path in folder.iterdir()] == [file.name], list(folder.iterdir())

    return read


def _weights() -> Reader:
    from nero_core.models.weight_file import read_weights

    def read(data: bytes, folder: Path) -> None:
        file = folder / "fuzzed.pth"
        file.write_bytes(data)
        for name, tensor in read_weights(file).items():
            assert isinstance(name, str) and tensor.device.type == "cpu"
            tensor.double().sum().item()

    return read


def _checkpoint_card() -> Reader:
    from nero_core.models.checkpoint import read_model_card

    def read(data: bytes, folder: Path) -> None:
        file = folder / "model.json"
        file.write_bytes(data)
        card = read_model_card(file)
        assert len(set(card.classes)) == len(card.classes) >= 2

    return read


def _image_list() -> Reader:
    from nero_core.datasets.image_list import read_image_lists

    def read(data: bytes, folder: Path) -> None:
        images = folder / "images"
        if not images.exists():
            for name in ("id/a.png", "id/b.png", "near/c.png"):
                (images / name).parent.mkdir(parents=True, exist_ok=True)
                (images / name).write_bytes(b"")
            (folder / "test_far.txt").write_text("near/c.png -1\n")
        (folder / "test_x.txt").write_bytes(data)
        for listed in read_image_lists(folder, images, 2):
            for path in listed.paths:
                assert path.resolve().is_relative_to(images.resolve()), path

    return read


def _results() -> Reader:
    from nero_core.benchmark.result_file import read_result

    def read(data: bytes, folder: Path) -> None:
        file = folder / "results.json"
        try:
            content = json.loads(data)
            del content["digest"]
            whole = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
            data = json.dumps(content | {"digest": hashlib.sha256(whole).hexdigest()}).encode()
        except (ValueError, RecursionError, TypeError, KeyError):
            pass  # as it is
        file.write_bytes(data)
        result = read_result(file)
        assert all(math.isfinite(figure.value) for method in result.methods for _, figure in method.pooled.items())

    return read


def _login() -> Reader:
    from nero_core.cli.login_file import ROLES, check_login_file

    def read(data: bytes, folder: Path) -> None:
        import tomllib

        file = folder / "login.toml"
        file.write_bytes(data)
        check_login_file(file)
        assert set(tomllib.loads(data.decode())["roles"].values()) <= set(ROLES)

    return read


def _pacs() -> Reader:
    from nero_core.pacs.settings import FILE, read_settings

    def read(data: bytes, folder: Path) -> None:
        file = folder / "pacs.toml"
        file.write_bytes(data)
        file.chmod(0o600)
        settings = read_settings({FILE: str(file)})
        assert settings.url.startswith(("https://", "http://")) and settings.host
        assert settings.password not in repr(settings) or len(settings.password) < 8

    return read


_DATA = ("nero_core.data", "nero_core.zip_reader")
KINDS = {
    "picture": Kind(_picture, material.pictures, (*_DATA, "PIL"), alter_png),
    "tiff": Kind(_picture, material.tiffs, (*_DATA, "tifffile")),
    "dicom": Kind(_picture, material.dicoms, (*_DATA, "pydicom")),
    "video": Kind(_video, material.videos, ("nero_core.video",)),
    "zip": Kind(_zip, material.zips, (*_DATA, "nero_core.worklist", "zipfile")),
    "bundle": Kind(
        _bundle, material.bundle_parts, ("nero_core.calibration", "nero_core.models", "nero_core.benchmark.stored"),
        alter_part,
    ),
    "packed-bundle": Kind(_packed_bundle, material.packed_bundles, ("nero_core.calibration", *_DATA, "zipfile")),
    "weights": Kind(_weights, material.weights, ("nero_core.models", "pickletools"), alter_weights),
    "model-card": Kind(_checkpoint_card, material.model_cards, ("nero_core.models",), alter_json),
    "image-list": Kind(_image_list, material.image_lists, ("nero_core.datasets",)),
    "results": Kind(_results, material.results, ("nero_core.benchmark",), alter_json),
    "login": Kind(_login, material.logins, ("nero_core.cli.login_file", "tomllib")),
    "pacs": Kind(_pacs, material.pacs_settings, ("nero_core.pacs.settings", "tomllib")),
}  # fmt: skip

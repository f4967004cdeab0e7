"""Small whole files of every kind, to begin from."""

import hashlib
import io
import json
import tempfile
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

PARTS = ("bundle.json", "model.safetensors", "banks.safetensors", "references.safetensors", "patches.safetensors",
         "comparison.json.gz")  # fmt: skip
WHOLE_BUNDLE = Path("build/fuzz/whole-bundle")
MOST_DICOM = 40_000  # bytes of a file to begin from
_SIDE = (20, 24)


def pictures() -> Iterator[bytes]:
    """PNG, JPEG, BMP and WebP in their colour modes."""
    from PIL import Image

    image = Image.fromarray(_noise(*_SIDE, 3))
    exif = Image.Exif()
    exif[0x0112] = 6
    for mode in ("RGB", "RGBA", "L", "LA", "P", "1", "I;16"):
        yield _saved(image.convert("L" if mode == "I;16" else mode).convert(mode), "PNG")
    yield _saved(image, "PNG", interlace=1, exif=exif, pnginfo=None)
    for mode in ("RGB", "L", "CMYK"):
        for more in ({"progressive": True}, {"quality": 30, "exif": exif}):
            yield _saved(image.convert(mode), "JPEG", **more)
    for mode in ("RGB", "L", "P", "1", "RGBA"):
        yield _saved(image.convert(mode), "BMP")
    yield _saved(image, "WEBP", lossless=True)
    yield _saved(image.convert("RGBA"), "WEBP", quality=40)
    yield _saved(image, "WEBP", save_all=True, append_images=[image.rotate(90)])
    yield _saved(image, "PNG", save_all=True, append_images=[image.rotate(90)])


def tiffs() -> Iterator[bytes]:
    """TIFF by two writers: sample types, packing, tiles, planes, predictors, several pages."""
    import tifffile
    from PIL import Image

    def written(samples: np.ndarray, **options: object) -> bytes:
        buffer = io.BytesIO()
        tifffile.imwrite(buffer, samples, **options)  # type: ignore[arg-type]
        return buffer.getvalue()

    colour = _noise(*_SIDE, 3)
    packings = (None, "zlib", "lzw", "packbits", "lzma", "zstd", "jpeg", "jpeg2000", "webp", "png", "jpegxl", "jpegxr",
                "deflate", "lerc")  # fmt: skip
    for packing in packings:
        yield written(colour, compression=packing, photometric="rgb")
    for kind in ("u1", "u2", "u4", "i1", "i2", "f2", "f4", "f8", "?"):
        yield written(_noise(*_SIDE).astype(kind), byteorder=">" if kind == "u2" else "<")
    yield written(colour, photometric="rgb", tile=(16, 16), compression="zlib", predictor=True)
    yield written(np.moveaxis(colour, -1, 0), photometric="rgb", planarconfig="separate")
    yield written(_noise(3, *_SIDE, 3), photometric="rgb")
    yield written(_noise(*_SIDE).astype("u2"), bigtiff=True, compression="lzw", predictor=True)
    yield written(_noise(*_SIDE), photometric="palette", colormap=_noise(3, 256).astype("u2") * 257)
    image = Image.fromarray(colour)
    for mode in ("1", "P", "CMYK", "LAB", "YCbCr", "RGBA"):
        yield _saved(image.convert(mode), "TIFF")
    for packing in ("group3", "group4", "tiff_ccitt"):
        yield _saved(image.convert("1"), "TIFF", compression=packing)
    yield _saved(image.convert("YCbCr"), "TIFF", compression="jpeg")


def dicoms() -> Iterator[bytes]:
    """Small files that pydicom brings, of every transfer syntax, and some of our own."""
    import data_store
    import pydicom.data

    from nero_core.data.decode import decode_image
    from nero_core.errors import NeroError
    from tests.nero_core.data.dicom_files import dicom

    warnings.filterwarnings("ignore", module="pydicom")
    yield dicom(_noise(*_SIDE))
    yield dicom(_noise(*_SIDE, 3))
    yield dicom(_noise(3, *_SIDE))
    yield dicom(_noise(*_SIDE).astype("u2") * 16, BitsStored=12, WindowCenter=[900, 2000], WindowWidth=[500, 3000])
    yield dicom(_noise(*_SIDE).astype("i2"), RescaleSlope="2", RescaleIntercept="-1024")
    folders = (Path(pydicom.data.__file__).parent / "test_files", Path(data_store.__file__).parent / "data")
    for path in sorted(path for folder in folders for path in folder.glob("*.dcm")):
        if path.stat().st_size <= MOST_DICOM:
            try:
                decode_image(path)
            except NeroError:
                continue
            yield path.read_bytes()


def videos() -> Iterator[bytes]:
    """A few frames in each container."""
    from tests.nero_core.video.clips import CODECS, write_clip

    with tempfile.TemporaryDirectory() as folder:
        for suffix in CODECS:
            frames = [np.roll(_noise(32, 48, 3), shift, axis=1) for shift in range(0, 9, 3)]
            yield write_clip(Path(folder) / f"clip{suffix}", frames, rate=2).read_bytes()


def zips() -> Iterator[bytes]:
    """Class folders, wrapped folders, images alone, a nested zip, names of other alphabets."""
    image = phantom_jpeg()
    for names in (
        ("a/1.jpg", "a/2.jpg", "b/1.jpg"),
        ("wrap/", "wrap/a/1.jpg", "wrap/b/1.png", "__MACOSX/a/._1.jpg"),
        ("1.jpg", "ä.jpg", "notes.txt"),
        ("train/a/1.jpg", "val/a/1.jpg", "deep/a/b/c/d/1.jpg"),
        ("a/1.jpg", "inner.zip"),
    ):
        for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            buffer = io.BytesIO()
            with zipfile.ZipFile(buffer, "w", method) as archive:
                for name in names:
                    archive.writestr(zipfile.ZipInfo(name), b"" if name.endswith("/") else image, method)
            yield buffer.getvalue()


def bundle_files() -> dict[str, bytes]:
    """A real bundle with all its optional parts, by the names of its files; made once in a folder of scratch files."""
    kept = WHOLE_BUNDLE
    if not (kept / "bundle.json").is_file():
        _make_bundle(kept)
    return {path.relative_to(kept).as_posix(): path.read_bytes() for path in kept.rglob("*") if path.is_file()}


def write_bundle(place: Path, whole: Mapping[str, bytes], data: bytes) -> None:
    """A bundle of which one part is other than it was: the first byte says which, the rest is the part.

    The card's digests are those of what is there, as whoever alters a bundle would have them.
    """
    part, data = PARTS[data[0] % len(PARTS)] if data else PARTS[0], data[1:]
    files = {**whole, part: data}
    if part != PARTS[0]:
        card = json.loads(files[PARTS[0]])
        card["files"][part] = hashlib.sha256(data).hexdigest()
        files[PARTS[0]] = json.dumps(card).encode()
    for name, content in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)


def bundle_parts() -> Iterator[bytes]:
    """Each part of the bundle behind its number."""
    whole = bundle_files()
    for number, name in enumerate(PARTS):
        if name in whole:
            yield bytes([number]) + whole[name]


def packed_bundles() -> Iterator[bytes]:
    """The bundle as one file, without most of its thumbnails and with small parts, so that it is altered often."""
    from nero_core.calibration.bundle_archive import pack_bundle

    whole = bundle_files()
    card = json.loads(whole["bundle.json"])
    small = {"model.safetensors": b"weights", "banks.safetensors": b"banks"}
    small |= {name: whole[name] for name in [name for name in whole if name.startswith("thumbnails")][:2]}
    card["files"] = {name: hashlib.sha256(data).hexdigest() for name, data in small.items()}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "bundle"
        for name, data in {**small, "bundle.json": json.dumps(card).encode()}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        pack_bundle(folder, Path(scratch) / "bundle.nero.zip")
        yield (Path(scratch) / "bundle.nero.zip").read_bytes()


def weights() -> Iterator[bytes]:
    """What ``torch.save`` writes, in both its forms, and safetensors."""
    import torch
    from safetensors.torch import save

    state = {"fc.weight": torch.arange(6.0).view(2, 3), "fc.bias": torch.zeros(2, dtype=torch.float16)}
    for content in (state, {"state_dict": state, "epoch": 3}):
        for is_zip in (True, False):
            buffer = io.BytesIO()
            torch.save(content, buffer, _use_new_zipfile_serialization=is_zip)
            yield buffer.getvalue()
    yield save(state)


def model_cards() -> Iterator[bytes]:
    """The card of a checkpoint."""
    card = {"arch": "resnet18", "classes": ["a", "b"], "input_size": [64, 64], "mean": [0.5, 0.5, 0.5]}
    card |= {
        "std": [0.2, 0.2, 0.2],
        "training": {"seed": 1, "epochs": 2, "settings": {"lr": 0.1}, "digests": ["0" * 64]},
    }
    yield json.dumps(card).encode()


def image_lists() -> Iterator[bytes]:
    """Lines of OpenOOD's form."""
    yield b"# test\nid/a.png 0\nid/b.png 1\n\nnear/c.png -1\n"
    yield b"\xef\xbb\xbfid/a.png 0\r\nid/b b.png 1\r\n"


def results() -> Iterator[bytes]:
    """What ``nero benchmark`` writes."""
    yield (Path(__file__).parents[1] / "golden" / "results_v1.json").read_bytes()


def logins() -> Iterator[bytes]:
    """A login file."""
    auth = {
        "redirect_uri": "https://nero.example.org/oauth2callback", "cookie_secret": "0" * 32, "client_id": "nero",
        "client_secret": "secret", "server_metadata_url": "https://id.example.org/.well-known/openid-configuration",
    }  # fmt: skip
    lines = ["[auth]", *(f'{name} = "{value}"' for name, value in auth.items()), "[roles]", '"a@b.org" = "operator"']
    yield "\n".join(lines).encode()


def pacs_settings() -> Iterator[bytes]:
    """A file of settings."""
    yield b'url = "https://pacs.example/dicom-web"\nuser = "nero"\npassword = "a long password"\nplain_http = false\n'
    yield b'url = "http://127.0.0.1:8042/dicom-web"\ntoken = "abcdefgh"\n'


def phantom_jpeg() -> bytes:
    """A small picture that every reader takes."""
    from PIL import Image

    return _saved(Image.fromarray(_noise(*_SIDE, 3)), "JPEG", quality=20)


def _make_bundle(place: Path) -> None:
    import torch

    from nero_core.benchmark.stored import add_comparison
    from nero_core.calibration import calibrate
    from nero_core.models import ModelCard, create_classifier, save_checkpoint
    from nero_core.phantom.drawing import ID_CLASSES, write_phantoms

    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        classifier = create_classifier("test_resnet", ID_CLASSES, (64, 64))
        card = ModelCard(arch="test_resnet", classes=ID_CLASSES, input_size=(64, 64))
        save_checkpoint(folder / "checkpoint", classifier.model, card)
        write_phantoms(folder / "id", per_class=16, size=64, seed=1, classes=ID_CLASSES)
        write_phantoms(folder / "ood", per_class=4, size=64, seed=2, classes=("polyps",))
        more = {"ood": folder / "ood", "references": 1, "patches": 20, "device": "cpu", "allow_reduced_rank": True}
        calibrate(folder / "checkpoint", folder / "id", place, **more)  # type: ignore[arg-type]
        add_comparison(place, device="cpu")


def _noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(len(shape)).integers(0, 256, shape, dtype=np.uint8)


def _saved(image: object, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)  # type: ignore[attr-defined]
    return buffer.getvalue()

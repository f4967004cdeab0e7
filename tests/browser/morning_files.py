"""The files of a morning: phantoms, pictures of a camera and of scanners, and files that are broken; made here."""

import io
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import matplotlib.cbook
import pydicom.data
from PIL import Image, ImageEnhance, ImageOps

from nero_core.data.decode import decode_image
from nero_core.phantom.drawing import ID_CLASSES, draw_phantom

DRAWN = (*ID_CLASSES, "polyps", "esophagitis")
LOOKS = 30  # variations of each phantom
SCANS = ("CT_small.dcm", "MR_small.dcm", "US1_J2KR.dcm", "SC_rgb_rle.dcm")
PHANTOMS, PICTURES, BROKEN = 150, 40, 10


def write_morning(folder: Path) -> Path:
    """``morning.zip``: 150 phantoms, 40 pictures, 10 broken files, in folders of these names."""
    place = folder / "morning.zip"
    with zipfile.ZipFile(place, "w") as archive:
        for kind, files in (("phantoms", _phantoms()), ("pictures", _pictures()), ("broken", _broken())):
            for name, data in files:
                archive.writestr(f"{kind}/{name}", data)
    return place


def _phantoms() -> Iterator[tuple[str, bytes]]:
    for label in DRAWN:
        whole = Image.fromarray(draw_phantom(label, 5, 96).pixels)
        for look in range(LOOKS):
            image = ImageOps.mirror(whole) if look % 2 else whole
            image = ImageEnhance.Brightness(image.rotate(12 * look)).enhance(0.8 + look / 60)
            yield f"{label} {look:02}.jpg", _file(image, "JPEG", quality=85)


def _pictures() -> Iterator[tuple[str, bytes]]:
    """A photograph and slices of scanners that libraries bring, in pieces, as cameras and capture cards write them."""
    photograph = Image.open(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)).convert("RGB")
    scans = [decode_image(Path(str(pydicom.data.get_testdata_file(name, download=False)))).pixels for name in SCANS]
    sources = [photograph, *map(Image.fromarray, scans)]
    for number in range(PICTURES):
        image = sources[number % len(sources)]
        left, top = (round(side * 0.02 * (number // len(sources))) for side in image.size)
        piece = image.crop((left, top, left + image.width * 4 // 5, top + image.height * 4 // 5)).resize((320, 256))
        exif = Image.Exif()
        exif[0x0112], exif[0x010F] = 1 + number % 8, "Camera"
        kind, options = ("PNG", {}) if number % 4 == 3 else ("JPEG", {"exif": exif, "quality": 90})
        yield f"picture {number:02}.{kind.lower().replace('jpeg', 'jpg')}", _file(piece, kind, **options)


def _broken() -> Iterator[tuple[str, bytes]]:
    image = Image.fromarray(draw_phantom("polyps", 6, 96).pixels)
    jpeg, png, tiff, webp = (_file(image, kind) for kind in ("JPEG", "PNG", "TIFF", "WEBP"))
    scan = Path(str(pydicom.data.get_testdata_file("CT_small.dcm", download=False))).read_bytes()
    bomb = bytearray(png)
    bomb[16:24] = (60_000).to_bytes(4, "big") * 2  # sides of 60,000 pixels
    bomb[29:33] = zlib.crc32(bomb[12:29]).to_bytes(4, "big")
    yield "empty.jpg", b""
    yield "text.png", b"no picture, but a sentence"
    yield "page.jpg", b"<!DOCTYPE html><html><body>Not found</body></html>"
    yield "cut.jpg", jpeg[: len(jpeg) // 2]
    yield "cut.png", png[: len(png) // 2]
    yield "cut.tif", tiff[: len(tiff) // 2]
    yield "cut.webp", webp[: len(webp) // 2]
    yield "cut.dcm", scan[: len(scan) // 2]
    yield "huge.png", bytes(bomb)
    yield "icon.bmp", _file(image.resize((8, 8)), "BMP")


def _file(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)  # type: ignore[arg-type]
    return buffer.getvalue()

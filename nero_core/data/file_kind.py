"""What a file is, from its first bytes. Nothing is parsed, let alone unpickled."""


def image_kind(data: bytes) -> str | None:
    """PNG, JPEG, TIFF, WebP or BMP, or None for anything else."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "TIFF"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WebP"
    if data.startswith(b"BM") and data[6:10] == bytes(4):  # the reserved bytes tell a bitmap from a word such as "BMI"
        return "BMP"
    return None


def other_kind(data: bytes) -> str:
    """What a file that is none of ours looks like, in words for an error message."""
    head = data[:2048]
    lower = head.lower()
    for prefix, kind in (
        (b"GIF8", "a GIF"),
        (b"%PDF", "a PDF"),
        (b"PK\x03\x04", "a ZIP archive or a PyTorch checkpoint"),
        (b"\x1f\x8b", "a gzip archive"),
        (b"\0\0\0\x0cjP  ", "a JPEG 2000 image"),
        (b"\xff\x4f\xff\x51", "a JPEG 2000 image"),
        (b"\0\0\0\x0cJXL ", "a JPEG XL image"),
    ):
        if head.startswith(prefix):
            return kind
    if head[128:132] == b"DICM":
        return "a DICOM file"
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        return "an AVIF" if brand[:3] == b"avi" else "a HEIC" if brand[:2] in (b"he", b"mi", b"ms") else "a video"
    if len(head) > 1 and head[0] == 0x80 and head[1] in range(2, 6):
        return "a Python pickle"
    if b"<svg" in lower:
        return "an SVG drawing"
    if lower.lstrip().startswith((b"<!doctype html", b"<html")):
        return "a web page"
    text = head.decode("utf-8", errors="ignore")
    if len(text.encode()) >= len(head) - 3 and all(
        character.isprintable() or character.isspace() for character in text
    ):
        return "text"
    return "data of no known kind"

"""Images as files and as shards."""

import io
import shutil
import tarfile
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import dataset, parquet

Rows = dict[str, dict[str, object]]


@pytest.fixture
def material(phantoms: Path, tmp_path: Path) -> Path:
    """Twelve images as files, six in a tar, six in two row groups of a Parquet file; a file and a row that are none."""
    folder = tmp_path / "material"
    (folder / "files").mkdir(parents=True)
    images = sorted((phantoms / "id").glob("*/*.jpg"))[:24]
    for number, image in enumerate(images[:12]):
        shutil.copy(image, folder / "files" / f"{number:02}.jpg")
    (folder / "files" / "broken.jpg").write_bytes(images[0].read_bytes()[:200])
    write_tar(folder / "six.tar", images[12:18])
    data = [image.read_bytes() for image in images[18:]]
    table = pa.table({"image": [*data[:5], None, *data[5:]], "label": [0] * 7})
    parquet.write_table(table, folder / "six.parquet", row_group_size=4)
    return folder


def write_tar(path: Path, images: list[Path]) -> None:
    """A shard as WebDataset has it: each image with its label beside it."""
    with tarfile.open(path, "w") as tar:
        for number, image in enumerate(images):
            for suffix, content in ((".jpg", image.read_bytes()), (".cls", b"0")):
                member = tarfile.TarInfo(f"{number:04}{suffix}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))


def rows_of(out: Path) -> Rows:
    """The rows of all parts by file; a file that has two is an error."""
    rows = dataset.dataset(sorted(map(str, out.glob("part-*.parquet")))).to_table().to_pylist()
    assert len({row["file"] for row in rows}) == len(rows)
    return {row["file"]: row for row in rows}

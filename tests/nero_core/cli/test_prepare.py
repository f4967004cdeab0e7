"""``nero prepare``."""

import io
import json
import re
import shutil
import threading
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from nero_core.cli.app import app
from nero_core.data.folders import read_folder
from nero_core.datasets.protocol import Origin, Protocol
from nero_core.phantom.drawing import ID_CLASSES

Run = Callable[..., Result]
ID = ",".join(ID_CLASSES)


@pytest.fixture
def tree(tmp_path: Path, phantoms: Path) -> Path:
    """Five of Kvasir-v2's classes in one folder, as they are published."""
    for folder in sorted(phantoms.glob("*/*")):
        shutil.copytree(folder, tmp_path / "tree" / folder.name)
    return tmp_path / "tree"


@pytest.fixture
def archive(tmp_path: Path, tree: Path) -> Path:
    path = tmp_path / "site" / "set.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(tree.glob("*/*")):
            archive.write(file, f"set/{file.parent.name}/{file.name}")
    return path


@pytest.fixture
def site(archive: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(archive.parent))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/set.zip"
        server.shutdown()
        thread.join()


def picture(end: str) -> bytes:
    """A valid JPEG of its own bytes: what follows the end of the image is ignored."""
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), (120, 40, 30)).save(buffer, "JPEG")
    return buffer.getvalue() + end.encode()


def text(result: Result) -> str:
    return re.sub(r"\s+", " ", result.output)


def test_prepare_makes_the_folders_that_calibrate_reads(nero: Run, tmp_path: Path, tree: Path, tiny_checkpoint: Path):
    out = tmp_path / "out"
    result = nero(
        "prepare", "folder", tree, out, "--id-classes", ID, "--train", 0.25, "--calibration", 0.5, "--test", 0.25
    )
    assert result.exit_code == 0, result.output
    assert "train 12 of 3 classes, calibration 24 of 3 classes, test 12 of 3 classes, ood 8 of 2 classes" in text(
        result
    )
    assert read_folder(out / "test").classes == tuple(sorted(ID_CLASSES))
    result = nero(
        *("calibrate", tiny_checkpoint, out / "calibration", "--ood", out / "ood", "--out", tmp_path / "bundle"),
        *("--allow-reduced-rank", "--tpr", 0.8, "--device", "cpu", "--no-references"),
    )
    assert result.exit_code == 0, result.output
    assert "8 OOD images" in text(result)


def test_prepare_says_that_the_set_is_there_already(nero: Run, tmp_path: Path, tree: Path):
    arguments = ("prepare", "folder", tree, tmp_path / "out", "--id-classes", ID)
    assert "there already" not in nero(*arguments).output
    again = nero(*arguments)
    assert again.exit_code == 0
    assert "(there already)" in text(again)
    other = nero(*arguments, "--seed", 3)
    assert other.exit_code == 2
    assert "Found one of seed 0" in text(other)


def test_prepare_without_a_protocol_writes_one_to_edit_and_splits_nothing(nero: Run, tmp_path: Path, tree: Path):
    result = nero("prepare", "folder", tree, tmp_path / "out")
    protocol = tmp_path / "out.protocol.toml"
    assert result.exit_code == 2
    assert "--protocol" in result.output
    assert not (tmp_path / "out").exists()
    unedited = nero("prepare", "folder", tree, tmp_path / "out", "--protocol", protocol)
    assert unedited.exit_code == 2
    assert 'no class is "id"' in text(unedited)
    edited = protocol.read_text("utf-8").replace('normal-cecum" = "unused', 'normal-cecum" = "id')
    protocol.write_text(edited.replace('polyps" = "unused', 'polyps" = "ood'), encoding="utf-8")
    assert nero("prepare", "folder", tree, tmp_path / "out").exit_code == 2
    assert 'normal-cecum" = "id' in protocol.read_text("utf-8")  # what was edited is kept
    result = nero("prepare", "folder", tree, tmp_path / "out", "--protocol", protocol)
    assert result.exit_code == 0, result.output
    assert {path.name for path in (tmp_path / "out").glob("*/*")} == {"normal-cecum", "polyps"}


def test_prepare_names_the_classes_that_a_published_set_lacks(nero: Run, tmp_path: Path, tree: Path):
    result = nero("prepare", "kvasir-v2", tree, tmp_path / "out")
    assert result.exit_code == 2
    assert "Found no 'dyed-lifted-polyps', 'dyed-resection-margins', 'ulcerative-colitis'" in text(result)


def test_prepare_warns_of_other_counts_with_the_numbers(nero: Run, tmp_path: Path, tree: Path):
    for name in ("dyed-lifted-polyps", "dyed-resection-margins", "ulcerative-colitis"):
        (tree / name).mkdir()
        (tree / name / "x.jpg").write_bytes(picture(name))
    result = nero("prepare", "kvasir-v2", tree, tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "Warning: normal-cecum: expected 1000 images, as published; found 16." in result.stderr
    assert "as in NERO" in result.stdout


def test_prepare_says_that_gastrovisions_id_list_is_our_reading(nero: Run, tmp_path: Path):
    from nero_core.datasets.protocol import published_protocol

    for name in published_protocol("gastrovision").classes:
        (tmp_path / "gv" / name).mkdir(parents=True)
        for index in range(3):
            (tmp_path / "gv" / name / f"{index}.jpg").write_bytes(picture(f"{name}{index}"))
    result = nero("prepare", "gastrovision", tmp_path / "gv", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "our reading" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--id-classes", "normal-cecum,other"), "Found other"),
        (("--id-classes", "normal-cecum", "--protocol", "x.toml"), "Choose one"),
        (("--protocol", "none.toml"), "no such file"),
        (("--id-classes", "normal-cecum", "--train", "0.9"), "sum to 1"),
        (("--id-classes", "normal-cecum", "--train", "nan"), "sum to 1"),
        (("--download",), "with --url"),
        (("--download", "--url", "http://example.org/x.zip"), "begins with https://"),
    ],
)
def test_prepare_refuses_what_it_cannot_use(
    nero: Run, tmp_path: Path, tree: Path, arguments: tuple[str, ...], why: str
):
    result = nero("prepare", "folder", tree, tmp_path / "out", *arguments)
    assert result.exit_code == 2, result.output
    assert why in text(result)
    assert "Traceback" not in result.output
    assert not (tmp_path / "out").exists()


def test_prepare_fetches_an_archive_after_showing_its_size_and_licence(
    nero: Run, tmp_path: Path, site: str, archive: Path
):
    arguments = (
        "prepare",
        "folder",
        tmp_path / "in",
        tmp_path / "out",
        "--id-classes",
        ID,
        "--download",
        "--url",
        site,
    )
    no = CliRunner().invoke(app, [*map(str, arguments)], input="n\n")
    assert no.exit_code == 1
    assert f"{archive.stat().st_size / 1e6:,.1f} MB" in text(no)
    assert "licence: not known" in text(no)
    assert not (tmp_path / "in").exists()
    result = CliRunner().invoke(app, [*map(str, arguments)], input="y\n")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "in" / "set.zip").read_bytes() == archive.read_bytes()
    digest = (tmp_path / "in" / "set.zip.sha256").read_text().split()[0]
    assert f"sha256 {digest}" in text(result)
    shutil.rmtree(tmp_path / "out")
    again = nero(*arguments, "--yes")
    assert again.exit_code == 0, again.output
    assert "nothing is fetched" in text(again)


def test_prepare_fetches_to_a_file_that_is_named(nero: Run, tmp_path: Path, site: str):
    target = tmp_path / "mine.zip"
    result = nero(
        *("prepare", "folder", target, tmp_path / "out", "--id-classes", ID, "--download", "--url", site, "--yes"),
        *("--progress", tmp_path / "progress"),
    )
    assert result.exit_code == 0, result.output
    assert target.is_file()
    lines = [json.loads(line) for line in (tmp_path / "progress").read_text().splitlines()]
    assert lines[-1] == {"finished": True}
    assert {line.get("stage") for line in lines} >= {"fetching (MB)", "reading images", "writing"}


def test_prepare_says_what_the_server_says(nero: Run, tmp_path: Path, site: str):
    result = nero("prepare", "kvasir-v2", tmp_path / "in", tmp_path / "out", "--download", "--url", f"{site}x", "--yes")
    assert result.exit_code == 2
    assert "status 404" in text(result)


def test_the_help_says_how_far_downloads_were_tested(nero: Run):
    assert "local server only" in re.sub(r"[\s│]+", " ", nero("prepare", "--help").output)


def test_prepare_names_the_commands_that_come_next(nero: Run, tmp_path: Path, tree: Path):
    out = tmp_path / "my set"
    lines = nero("prepare", "folder", tree, out, "--id-classes", ID).stdout.splitlines()
    assert lines[-4:] == [
        "Next:",
        f"  nero train '{out}/train' --out MODEL",
        f"  nero calibrate MODEL '{out}/calibration' --ood '{out}/ood' --out BUNDLE",
        f"  nero benchmark BUNDLE --id '{out}/test' --ood '{out}/ood'",
    ]
    shares = ("--train", 0, "--calibration", 0.5, "--test", 0.5)
    every = nero("prepare", "folder", tree, tmp_path / "every", "--id-classes", f"{ID},polyps,esophagitis", *shares)
    assert every.stdout.splitlines()[-3:] == [
        "Next:",
        f"  nero calibrate MODEL {tmp_path}/every/calibration --out BUNDLE",
        f"  nero benchmark BUNDLE --id {tmp_path}/every/test",
    ]


def test_prepare_warns_of_a_small_calibration_part_and_of_files_that_do_not_decode(
    nero: Run, tmp_path: Path, tree: Path
):
    (tree / "polyps" / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    result = nero("prepare", "folder", tree, tmp_path / "out", "--id-classes", ID)
    assert result.exit_code == 0, result.output
    assert "Warning: 1 files were left out, since they do not decode as images: polyps/broken.jpg." in result.stderr
    assert "wants 341 for a ResNet-18" in result.stderr


def test_prepare_keeps_a_protocol_of_other_classes_and_names_another(nero: Run, tmp_path: Path, tree: Path):
    stale = tmp_path / "out.protocol.toml"
    stale.write_text('name = "Old"\n[classes]\nother = "id"\n')
    for _ in range(2):
        result = nero("prepare", "folder", tree, tmp_path / "out")
        assert result.exit_code == 2
        assert "out.protocol.toml, which lists other classes, is left as it is" in text(result)
        assert "--protocol " + str(tmp_path / "out.protocol-2.toml") in text(result)
    assert 'name = "Old"' in stale.read_text()
    assert sorted(path.name for path in tmp_path.glob("out*")) == ["out.protocol-2.toml", "out.protocol.toml"]
    assert 'polyps" = "unused"' in (tmp_path / "out.protocol-2.toml").read_text("utf-8")


def test_prepare_names_the_dataset_after_its_folder(
    nero: Run, tmp_path: Path, tree: Path, monkeypatch: pytest.MonkeyPatch
):
    tree.rename(tmp_path / "set.v2")
    monkeypatch.chdir(tmp_path / "set.v2")
    result = nero("prepare", "folder", ".", tmp_path / "out", "--id-classes", ID)
    assert result.exit_code == 0, result.output
    assert "set.v2: train" in text(result)
    assert json.loads((tmp_path / "out" / "prepare.json").read_text("utf-8"))["source"] == "set.v2"


def test_prepare_compares_an_archive_with_what_its_protocol_knows(nero: Run, tmp_path: Path, archive: Path):
    classes = {**dict.fromkeys(ID_CLASSES, "id"), "polyps": "ood", "esophagitis": "ood"}
    file = tmp_path / "p.toml"

    def write(size: int) -> None:
        origin = Origin(url="https://example.org/set.zip", bytes=size)
        file.write_text(Protocol(name="P", classes=classes, download=origin).toml(), encoding="utf-8")

    write(7)
    message = f"expected 7 bytes, found {archive.stat().st_size:,}"
    result = nero("prepare", "folder", archive, tmp_path / "out", "--protocol", file)
    assert result.exit_code == 0, result.output
    assert message in text(result)
    result = nero("prepare", "folder", archive, tmp_path / "other", "--protocol", file, "--download")
    assert result.exit_code == 2
    assert message in text(result) and "Remove it" in text(result)
    assert not (tmp_path / "other").exists()
    write(archive.stat().st_size)
    result = nero("prepare", "folder", archive, tmp_path / "other", "--protocol", file, "--download")
    assert result.exit_code == 0, result.output
    assert "another file than published" not in text(result)


def test_prepare_without_a_terminal_names_yes(nero: Run, tmp_path: Path, site: str):
    result = nero("prepare", "kvasir-v2", tmp_path / "in", tmp_path / "out", "--download", "--url", site)
    assert result.exit_code == 2
    assert "Found no terminal to give it. Add --yes to fetch the file." in text(result)
    assert not (tmp_path / "in").exists()


def test_the_help_says_what_links_mean_and_what_only_warns(nero: Run):
    shown = re.sub(r"[\s│]+", " ", nero("prepare", "--help").output)
    assert "share their bytes with SOURCE" in shown
    assert "Other numbers of images than published only warn" in shown
    assert "two used classes is left out" in shown

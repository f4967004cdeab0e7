"""Image lists as OpenOOD and OpenMIBOOD have them, and as nobody should."""

import os
from pathlib import Path

import pytest
from PIL import Image

from nero_core.datasets import image_list, image_list_lines
from nero_core.datasets.image_list import read_image_lists
from nero_core.errors import DatasetError

CLASSES = 3


def write(data: Path, *paths: str) -> None:
    for number, path in enumerate(paths):
        (data / path).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (16, 16), (number, 0, 0)).save(data / path)


@pytest.fixture
def tree(tmp_path: Path) -> tuple[Path, Path]:
    """Lists and images laid out as MIDOG's: the tier is the folder; near-OOD images bear classes."""
    lists, data = tmp_path / "benchmark_imglist" / "midog", tmp_path / "midog"
    lists.mkdir(parents=True)
    write(data, "1a/017/017_342_0.tiff", "1a/017/017_343_2.tiff", "csid/1b/051/051_1.tiff")
    write(data, "near/2/201/201_1.tiff", "far/ccagt/95_5.jpg")
    (lists / "test_midog.txt").write_text("1a/017/017_342_0.tiff 0\n1a/017/017_343_2.tiff 2\n")
    (lists / "test_midog_1b.txt").write_text("csid/1b/051/051_1.tiff 1\n")
    (lists / "test_midog_2.txt").write_text("near/2/201/201_1.tiff 2\n")
    (lists / "test_midog_ccagt.txt").write_text("far/ccagt/95_5.jpg -1\n")
    (lists / "train_midog.txt").write_text("not read\n")
    (lists / "valid_midog_far.txt").write_text("nor this\n")
    return lists, data


def test_lists_are_read_by_tier_with_the_labels_of_the_file(tree: tuple[Path, Path]) -> None:
    found = read_image_lists(*tree, CLASSES)
    assert [(each.name, each.tier, each.labels) for each in found] == [
        ("midog", "id", (0, 2)),
        ("midog_1b", "csid", (1,)),
        ("midog_2", "near", (2,)),
        ("midog_ccagt", "far", (-1,)),
    ]
    assert found[0].paths == (tree[1] / "1a/017/017_342_0.tiff", tree[1] / "1a/017/017_343_2.tiff")
    assert not any(each.left_out.reasons for each in found)


def test_the_end_of_the_name_tells_the_tier_where_the_path_does_not(tree: tuple[Path, Path]) -> None:
    """As in OASIS-3, whose CT scans lie beside the ID images, and whose shifted images may have no class."""
    lists, data = tree
    write(data, "OASIS3/ct.png", "OASIS3/t2.png")
    (lists / "test_midog_ct_near.txt").write_text("OASIS3/ct.png -1\n")
    (lists / "test_midog_t2w_csid.txt").write_text("OASIS3/t2.png -1\n")
    tiers = {each.name: each.tier for each in read_image_lists(lists, data, CLASSES)}
    assert (tiers["midog_ct_near"], tiers["midog_t2w_csid"]) == ("near", "csid")


@pytest.mark.parametrize(
    "text",
    [
        b"\xef\xbb\xbf1a/a.png 1\r\n\r\n# a comment 7\r\n1a/with two  spaces.png 0\r\n",
        b"\n   \n#\n1a/a.png\t1\n  1a/with two  spaces.png   0  ",
        b"./1a/a.png 1\n1a/./with two  spaces.png 0",
    ],
    ids=["BOM and CRLF", "tabs and no last line end", "dots"],
)
def test_what_editors_and_people_write_is_read(tree: tuple[Path, Path], text: bytes) -> None:
    lists, data = tree
    write(data, "1a/a.png", "1a/with two  spaces.png")
    (lists / "test_midog.txt").write_bytes(text)
    first = read_image_lists(lists, data, CLASSES)[0]
    assert [path.name for path in first.paths] == ["a.png", "with two  spaces.png"]
    assert first.labels == (1, 0)


def test_what_is_not_read_is_counted_by_reason(tree: tuple[Path, Path], tmp_path: Path) -> None:
    lists, data = tree
    write(tmp_path / "outside", "secret.png")
    (data / "far" / "out.png").symlink_to(tmp_path / "outside" / "secret.png")
    (data / "far" / "away").symlink_to(tmp_path / "outside")
    (data / "far" / "loop.png").symlink_to(data / "far" / "loop.png")
    (data / "far" / "inside.jpg").symlink_to(data / "far" / "ccagt" / "95_5.jpg")
    os.mkfifo(data / "far" / "pipe.png")
    (data / "far" / "folder.png").mkdir()
    names = "ccagt/95_5.jpg gone.jpg out.png away/secret.png loop.png inside.jpg pipe.png folder.png a.nii.gz b.gif"
    lines = "".join(f"far/{name} -1\n" for name in names.split())
    (lists / "test_midog_ccagt.txt").write_text(lines)
    left_out = read_image_lists(lists, data, CLASSES)[-1].left_out
    assert (left_out.read, left_out.missing, left_out.links, left_out.special) == (2, 2, 2, 2)
    assert left_out.kinds == {".nii.gz": 1, ".gif": 1}
    assert left_out.total == 8
    assert "test_midog_ccagt.txt: 2 images are read" in str(left_out)
    assert "2 images of the list that are not there" in str(left_out)


@pytest.mark.parametrize(
    "path",
    [
        "../outside/secret.png",
        "1a/../../outside/secret.png",
        "/etc/passwd.png",
        "C:/windows/win.png",
        "1a\\..\\..\\secret.png",
        "\\\\server\\share\\a.png",
        "1a/a\x00.png",
        "1a/a\x1b[2J.png",
        "1a/" + "a" * 1100 + ".png",
        ".",
    ],
)
def test_a_path_that_leads_out_of_the_data_is_refused_with_its_line(
    tree: tuple[Path, Path], tmp_path: Path, path: str
) -> None:
    lists, data = tree
    write(tmp_path / "outside", "secret.png")
    (lists / "test_midog_2.txt").write_text(f"# first\nnear/2/201/201_1.tiff 0\n{path} -1\n")
    with pytest.raises(DatasetError, match="line 3: expected a path within the folder of the data") as caught:
        read_image_lists(lists, data, CLASSES)
    assert "\x1b" not in str(caught.value) and "\x00" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("line", "actual"),
    [
        ("near/2/201/201_1.tiff", "'near/2/201/201_1.tiff'"),
        ("near/2/201/201_1.tiff one", "one'"),
        ("near/2/201/201_1.tiff 0.5", "0.5'"),
        ("near/2/201/201_1.tiff -2", "-2'"),
        ("near/2/201/201_1.tiff {'label': 0}", "0}'"),
        ("near/2/201/201_1.tiff 99999999999999999999", "9'"),
        ("near/2/201/201_1.tiff ٣", "٣'"),
        ("7", "'7'"),
    ],
)
def test_a_line_without_path_and_label_is_refused_with_its_number(
    tree: tuple[Path, Path], line: str, actual: str
) -> None:
    lists, data = tree
    (lists / "test_midog_2.txt").write_text(f"\n{line}\n", encoding="utf-8")
    with pytest.raises(DatasetError) as caught:
        read_image_lists(lists, data, CLASSES)
    assert "test_midog_2.txt, line 2: expected 'path label'" in str(caught.value)
    assert f"{actual}. Write the class after a space" in str(caught.value)


@pytest.mark.parametrize("label", [-1, CLASSES])
def test_an_id_image_of_no_class_is_refused(tree: tuple[Path, Path], label: int) -> None:
    lists, data = tree
    (lists / "test_midog.txt").write_text(f"1a/017/017_342_0.tiff 0\n1a/017/017_343_2.tiff {label}\n")
    with pytest.raises(DatasetError, match=f"line 2: expected a class of the bundle, 0 to 2; found label {label}"):
        read_image_lists(lists, data, CLASSES)


def test_other_encodings_are_refused_with_their_line(tree: tuple[Path, Path]) -> None:
    lists, data = tree
    (lists / "test_midog_2.txt").write_bytes("near/2/201/201_1.tiff 0\nnear/ö.png 0\n".encode("latin-1"))
    with pytest.raises(DatasetError, match="line 2: expected text in UTF-8"):
        read_image_lists(lists, data, CLASSES)


def test_a_list_without_images_says_why(tree: tuple[Path, Path]) -> None:
    lists, data = tree
    (lists / "test_midog_heart_far.txt").write_text("far/la_007.nii.gz -1\nfar/la_008.nii.gz -1\n")
    with pytest.raises(DatasetError, match=r"none of 2 \(2 files of other kinds \(.nii.gz 2\)\)"):
        read_image_lists(lists, data, CLASSES)
    (lists / "test_midog_heart_far.txt").write_text("\n")
    with pytest.raises(DatasetError, match=r"none of 0 \(the list is empty\)"):
        read_image_lists(lists, data, CLASSES)


def test_lists_of_mixed_two_or_no_id_tiers_are_refused(tree: tuple[Path, Path]) -> None:
    lists, data = tree
    (lists / "test_mixed.txt").write_text("near/2/201/201_1.tiff 0\nfar/ccagt/95_5.jpg -1\n")
    with pytest.raises(DatasetError, match=r"test_mixed.txt: expected images of one tier; found paths below far, near"):
        read_image_lists(lists, data, CLASSES)
    (lists / "test_mixed.txt").write_text("1a/017/017_342_0.tiff 0\n")
    with pytest.raises(DatasetError, match=r"expected one list of ID images; found 2 \(midog, mixed\)"):
        read_image_lists(lists, data, CLASSES)
    (lists / "test_mixed.txt").unlink()
    (lists / "test_midog.txt").unlink()
    with pytest.raises(DatasetError, match="found 0"):
        read_image_lists(lists, data, CLASSES)


def test_lists_without_ood_are_refused(tree: tuple[Path, Path]) -> None:
    lists, data = tree
    for name in ("2", "ccagt"):
        (lists / f"test_midog_{name}.txt").unlink()
    with pytest.raises(DatasetError, match="expected a list of OOD images; found none"):
        read_image_lists(lists, data, CLASSES)


def test_folders_that_are_not_there_are_named(tree: tuple[Path, Path], tmp_path: Path) -> None:
    lists, data = tree
    with pytest.raises(DatasetError, match="nowhere: expected a folder of image lists"):
        read_image_lists(tmp_path / "nowhere", data, CLASSES)
    with pytest.raises(DatasetError, match="nowhere: expected the folder of the lists' images; found no such folder"):
        read_image_lists(lists, tmp_path / "nowhere", CLASSES)
    with pytest.raises(DatasetError, match=r"expected 2 to 100 lists test_….txt.*found 0"):
        read_image_lists(data, data, CLASSES)


def test_lists_are_bounded(tree: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_list_lines, "MAX_LINES", 2)
    with pytest.raises(DatasetError, match=r"expected a list of at most 64 MB and 2 lines; found more"):
        read_image_lists(*tree, CLASSES)
    monkeypatch.setattr(image_list_lines, "MAX_LINES", 100)
    monkeypatch.setattr(image_list_lines, "MAX_LIST_BYTES", 30)
    with pytest.raises(DatasetError, match="expected a list of at most"):
        read_image_lists(*tree, CLASSES)
    monkeypatch.setattr(image_list, "MAX_LISTS", 3)
    with pytest.raises(DatasetError, match="expected 2 to 3 lists"):
        read_image_lists(*tree, CLASSES)

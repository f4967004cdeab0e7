"""Protocols: the published ones, files of users, and what is wrong with either."""

import tomllib
from pathlib import Path

import pytest

from nero_core.datasets.protocol import (
    PUBLISHED,
    Origin,
    Protocol,
    listed_classes,
    published_protocol,
    read_protocol,
    starter,
)
from nero_core.errors import DatasetError
from nero_core.phantom.drawing import ID_CLASSES, OOD_CLASSES


def classes_of(protocol: Protocol, role: str) -> tuple[str, ...]:
    return tuple(name for name, its_role in protocol.classes.items() if its_role == role)


def test_kvasir_v2_is_eight_classes_of_a_thousand_images_of_which_three_are_id():
    protocol = published_protocol("kvasir-v2")
    assert set(classes_of(protocol, "id")) == set(ID_CLASSES)
    assert set(classes_of(protocol, "ood")) == set(OOD_CLASSES)
    assert set(protocol.counts.values()) == {1000}
    assert set(protocol.counts) == set(protocol.classes)


def test_gastrovision_is_27_classes_of_8000_images_of_which_eleven_are_id():
    protocol = published_protocol("gastrovision")
    assert (len(classes_of(protocol, "id")), len(classes_of(protocol, "ood"))) == (11, 16)
    assert set(protocol.counts) == set(protocol.classes)
    assert sum(protocol.counts.values()) == 8000
    assert "our reading" in protocol.note


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        (
            "kvasir-v2",
            (
                "41.72 35.44 52.36 41.86 52.38 54.06 41.1 47.90 53.78 54.68 28.84 "
                "40.18 36.4 44.02 39.94 44.02 21.86 24.38 37.60 46.84 57.8 18.96"
            ),
        ),
        (
            "gastrovision",
            (
                "90.56 79.27 79.79 87.32 80.44 89.69 76.98 71.61 83.86 90.5 74.33 "
                "90.74 83.68 83.68 90.19 84.2 81.43 78.37 81.92 83.22 88.68 76.74"
            ),
        ),
    ],
)
def test_the_published_fpr95_are_whole_counts_of_the_ood_images(name: str, figures: str):
    # NERO, MICCAI 2025: both tables, in per cent.
    def fits(images: int) -> bool:
        return all(
            any(round(100 * count / images, 2) == float(figure) for count in (below, below + 1))
            for figure in figures.split()
            for below in [int(float(figure) * images / 100)]
        )

    protocol = published_protocol(name)
    images = sum(protocol.counts[class_name] for class_name in classes_of(protocol, "ood"))
    assert fits(images)
    if name == "gastrovision":
        assert [count for count in range(100, 6000) if fits(count)] == [images]


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_protocol_names_its_source_licence_and_address(name: str):
    protocol = published_protocol(name)
    assert protocol.source and protocol.licence and protocol.download
    assert protocol.download.url.startswith("https://")


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_protocol_reads_as_it_was_written(tmp_path: Path, name: str):
    protocol = published_protocol(name)
    (tmp_path / "p.toml").write_text(protocol.toml(), encoding="utf-8")
    assert read_protocol(tmp_path / "p.toml") == protocol


def test_names_that_toml_must_escape_are_read_as_they_were_written(tmp_path: Path):
    names = ['a "b"', "back\\slash", "Barrett's", "zażółć", "a.b", "tab\t", "\x7f"]
    protocol = Protocol(
        name='odd "name"\n',
        classes=dict.fromkeys(names, "id"),
        counts={names[0]: 3},
        download=Origin(url="https://example.org/x.zip", bytes=7, sha256="0" * 64),
    )
    (tmp_path / "p.toml").write_text(protocol.toml(), encoding="utf-8")
    assert read_protocol(tmp_path / "p.toml") == protocol


def test_a_starter_lists_every_class_as_unused_and_must_be_edited(tmp_path: Path):
    path = tmp_path / "p.toml"
    path.write_text(starter("mine", {"a": 3, 'b "c"': 4}), encoding="utf-8")
    assert tomllib.loads(path.read_text("utf-8"))["classes"] == {"a": "unused", 'b "c"': "unused"}
    with pytest.raises(DatasetError, match='no class is "id"'):
        read_protocol(path)
    path.write_text(path.read_text("utf-8").replace('= "unused"', '= "id"', 1), encoding="utf-8")
    assert classes_of(read_protocol(path), "id") == ("a",)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("classes", "TOML"),
        ("\x00", "TOML"),
        ('name = "x"', "classes"),
        ('name = "x"\n[classes]\na = "in"', "classes.a"),
        ('name = "x"\n[classes]\na = "ood"', 'no class is "id"'),
        ('name = "x"\nnmae = "y"\n[classes]\na = "id"', "nmae"),
        ('name = "x"\n[classes]\na = "id"\n[counts]\na = 0', "counts.a"),
        ('name = "x"\n[classes]\na = "id"\n[counts]\nb = 2', "a count of 'b'"),
        ('name = "x"\n[classes]\na = "id"\n[download]\nurl = "https://x"\nfile = "../x.zip"', "download.file"),
        ('name = "x"\n[classes]\na = "id"\n[download]\nurl = "https://x"\nsha256 = "12"', "download.sha256"),
    ],
)
def test_what_a_protocol_cannot_say_is_refused_with_its_place(tmp_path: Path, text: str, why: str):
    path = tmp_path / "p.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DatasetError, match=why) as caught:
        read_protocol(path)
    assert str(caught.value).startswith("p.toml: expected")


def test_a_protocol_that_is_missing_binary_or_huge_is_refused(tmp_path: Path):
    with pytest.raises(DatasetError, match="no such file"):
        read_protocol(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DatasetError, match="TOML"):
        read_protocol(tmp_path / "binary.toml")
    (tmp_path / "huge.toml").write_bytes(b"#" * (2**20 + 1))
    with pytest.raises(DatasetError, match="1 MB"):
        read_protocol(tmp_path / "huge.toml")


def test_an_unknown_dataset_is_refused():
    with pytest.raises(DatasetError, match="kvasir-v2, gastrovision"):
        published_protocol("../kvasir-v2")


def test_missing_and_unknown_class_folders_are_named_with_what_to_do():
    protocol = Protocol(name="Mine", classes={"polyps": "id", "cecum": "ood", "rest": "unused"})
    protocol.check_classes(["polyps", "cecum"])
    protocol.check_classes(["polyps", "cecum", "rest"])
    with pytest.raises(DatasetError, match="Found no 'cecum'"):
        protocol.check_classes(["polyps"])
    with pytest.raises(DatasetError, match="unknown 'other'"):
        protocol.check_classes(["polyps", "cecum", "other"])
    with pytest.raises(DatasetError, match="Rename 'Polyps' to 'polyps'"):
        protocol.check_classes(["Polyps", "cecum"])


def test_other_counts_are_told_but_not_of_unused_classes():
    protocol = Protocol(name="x", classes={"a": "id", "b": "ood", "c": "unused"}, counts={"a": 2, "b": 2, "c": 2})
    assert protocol.other_counts({"a": 2, "b": 3, "c": 9}) == {"b": (2, 3)}


def test_the_classes_of_a_file_are_listed_before_it_is_edited(tmp_path: Path):
    path = tmp_path / "p.toml"
    path.write_text(starter("Set", {"a b": 3, "c": 4}), encoding="utf-8")
    assert listed_classes(path) == {"a b", "c"}
    for other in (b"no toml", b"\xff", b'classes = "a"', b""):
        path.write_bytes(other)
        assert listed_classes(path) is None
    assert listed_classes(tmp_path) is None

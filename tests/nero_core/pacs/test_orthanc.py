"""Find, pull and push against a real Orthanc."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from typer.testing import CliRunner

from nero_core.cli.app import app
from nero_core.data import decode_image
from nero_core.errors import PacsError
from nero_core.inspector import Inspector
from nero_core.pacs import Archive, PacsSettings, read_settings
from tests.nero_core.pacs.conftest import PASSWORD, USER, Orthanc

NAME, IDENTITY = "Lövelace^Ada", "PAT-4711"
SINGLE, MULTI = "1.2.840.10008.5.1.4.1.1.77.1.1", "1.2.840.10008.5.1.4.1.1.7.4"  # visible light; true colour
SECRETS = (NAME, "velace", IDENTITY, PASSWORD, "19151210")


def endoscopy(study: str, series: str, pixels: np.ndarray, number: int, manufacturer: str = "Scope") -> bytes:
    """A frame of an endoscope as a Visible Light Endoscopic Image, with everything that tells of the patient."""
    data = FileDataset("", {}, file_meta=FileMetaDataset(), preamble=bytes(128))
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID = SINGLE if pixels.ndim == 3 else MULTI
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    data.StudyInstanceUID, data.SeriesInstanceUID = study, series
    data.SpecificCharacterSet = "ISO_IR 100"
    data.PatientName, data.PatientID, data.PatientBirthDate, data.PatientSex = NAME, IDENTITY, "19151210", "F"
    data.StudyDate, data.StudyTime, data.AccessionNumber, data.StudyID = "20260102", "101500", "A-1", "1"
    data.StudyDescription, data.ReferringPhysicianName, data.Modality = "Colonoscopy of Ada Lövelace", "Babbage", "ES"
    data.InstanceNumber, data.SeriesNumber, data.Manufacturer = number, 1, manufacturer
    data.Rows, data.Columns = pixels.shape[-3:-1]
    data.SamplesPerPixel, data.PhotometricInterpretation, data.PlanarConfiguration = 3, "RGB", 0
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit, data.PixelRepresentation = 7, 0
    if pixels.ndim == 4:
        data.NumberOfFrames = len(pixels)
    data.PixelData = pixels.tobytes()
    buffer = io.BytesIO()
    data.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def study(orthanc: Orthanc, phantoms: Path) -> dict[str, np.ndarray]:
    """A study of two single images and one of two frames, by name; its UID is at ``uid``."""
    uid, series = generate_uid(), generate_uid()
    paths = sorted((phantoms / "ood").rglob("*.jpg"))[:4]
    first, second, third, fourth = (decode_image(path).pixels for path in paths)
    for number, pixels in enumerate((first, second, np.stack([third, fourth])), start=1):
        orthanc.add(endoscopy(uid, series, pixels, number))
    return {"uid": uid, "first": first, "second": second}


def nero(*arguments: str, environ: dict[str, str]) -> Any:
    return CliRunner().invoke(app, ["pacs", *arguments], env=environ)


def test_a_study_is_found_and_names_are_told_only_where_the_operator_says_so(
    orthanc: Orthanc, study: dict[str, Any]
) -> None:
    plain = nero("find", "--patient", IDENTITY, "--json", environ=orthanc.environ)
    assert plain.exit_code == 0, plain.output
    assert json.loads(plain.stdout) == {"study": study["uid"], "modalities": ["ES"], "instances": 3}
    assert not any(secret in plain.output for secret in SECRETS)
    shown = nero("find", "--modality", "ES", environ=orthanc.environ | {"NERO_SHOW_STUDY_TAGS": "1"})
    assert NAME in shown.stdout
    nobody = nero("find", "--patient", "nobody", environ=orthanc.environ)
    assert (nobody.exit_code, nobody.stdout) == (0, "")


def test_a_pulled_study_is_scored_as_any_folder_and_holds_no_name(
    orthanc: Orthanc, study: dict[str, Any], tmp_path: Path
) -> None:
    out = tmp_path / "study"
    result = nero("pull", study["uid"], "--out", str(out), environ=orthanc.environ)
    assert result.exit_code == 0, result.output
    files = sorted(out.iterdir())
    assert len(files) == 3
    for path in files:
        assert path.stat().st_mode & 0o077 == 0
        assert not any(secret.encode() in path.read_bytes() for secret in (*SECRETS, "Babbage", "Colonoscopy"))
        assert dcmread(path).StudyInstanceUID == study["uid"]
    pixels = [decode_image(path).pixels for path in files]
    for name in ("first", "second"):
        assert any(np.array_equal(study[name], found) for found in pixels)
    named = tmp_path / "named"
    nero("pull", study["uid"], "--out", str(named), environ=orthanc.environ | {"NERO_SHOW_STUDY_TAGS": "1"})
    assert {str(dcmread(path).PatientName) for path in named.iterdir()} == {NAME}


def test_maps_and_a_report_come_back_to_the_study_and_once_only(
    orthanc: Orthanc, study: dict[str, Any], patched_bundle: Path
) -> None:
    push = ("push", study["uid"], "--bundle", str(patched_bundle), "--method", "nero", "--json", "--device", "cpu")
    for _ in range(2):  # what was sent before is neither scored nor doubled
        result = nero(*push, environ=orthanc.environ)
        assert result.exit_code == 0, result.output
        assert not any(secret in result.output for secret in SECRETS)
        records = [json.loads(line) for line in result.stdout.splitlines()]
        assert len(records) == 4
        assert [record["frame"] for record in records].count(None) == 2
    archive = Archive(read_settings(orthanc.environ))
    instances = list(archive.instances(study["uid"]))
    assert len(instances) == 3 + 3 + 1
    sent = [data for data in map(archive.fetch, instances) if data.Manufacturer == "NERO Dashboard"]
    assert {(str(data.PatientID), str(data.PatientName)) for data in sent} == {(IDENTITY, NAME)}
    captures = [data for data in sent if data.SOPClassUID == "1.2.840.10008.5.1.4.1.1.7"]
    (report,) = (data for data in sent if data.Modality == "SR")
    assert len(captures) == 3
    sources = {record["instance"] for record in records}
    assert {data.SourceImageSequence[0].ReferencedSOPInstanceUID for data in captures} == sources
    assert all(data.pixel_array.shape == (96, 96, 3) for data in captures)
    inspector = Inspector.load(patched_bundle, "cpu")
    texts, numbers, names = contents(report)
    assert f"bundle sha256 {inspector.bundle.digest}" in texts
    assert f"model sha256 {inspector.bundle.card.files['model.safetensors']}" in texts
    for record in records:
        for key in ("score", "threshold", "p_value"):
            assert any(name == key and value == pytest.approx(record[key], rel=1e-6) for name, value in numbers)
    assert [name for name, _ in numbers].count("score") == 4
    assert {record["verdict"] for record in records} == names & {"like", "borderline", "unlike"}
    expected = inspector.detect(inspector.decode([decode_pixels(study["first"])]), ("nero",))["nero"]
    assert any(record["score"] == pytest.approx(float(expected.score[0]), rel=1e-5) for record in records)


def decode_pixels(pixels: np.ndarray) -> Any:
    from nero_core.data import Picture

    return Picture(pixels, "0" * 64, "first")


def contents(item: Dataset) -> tuple[set[str], list[tuple[str, float]], set[str]]:
    """Texts, numbers with the code of their name, and codes of a report, at any depth."""
    texts, numbers, codes = set[str](), list[tuple[str, float]](), set[str]()
    for child in item.get("ContentSequence", []):
        if child.ValueType == "TEXT":
            texts.add(str(child.TextValue))
        elif child.ValueType == "NUM":
            value = float(child.MeasuredValueSequence[0].NumericValue)
            numbers.append((str(child.ConceptNameCodeSequence[0].CodeValue), value))
        elif child.ValueType == "CODE":
            codes.add(str(child.ConceptCodeSequence[0].CodeValue))
        more = contents(child)
        texts, numbers, codes = texts | more[0], numbers + more[1], codes | more[2]
    return texts, numbers, codes


def test_what_would_be_sent_can_be_looked_at_first(
    orthanc: Orthanc, study: dict[str, Any], tiny_bundle: Path, tmp_path: Path
) -> None:
    before = len(list(Archive(read_settings(orthanc.environ)).instances(study["uid"])))
    arguments = ("--bundle", str(tiny_bundle), "--method", "nero", "--out", str(tmp_path), "--device", "cpu")
    result = nero("push", study["uid"], *arguments, environ=orthanc.environ)
    assert result.exit_code == 0, result.output
    assert "Nothing sent" in result.stdout
    assert "No maps: " in result.stderr  # this bundle has no patches
    assert [path.name for path in tmp_path.iterdir()] == ["SR-1.dcm"]
    assert len(list(Archive(read_settings(orthanc.environ)).instances(study["uid"]))) == before


def test_what_is_not_there_or_not_allowed_is_told_without_secrets(orthanc: Orthanc, tmp_path: Path) -> None:
    missing = nero("pull", "1.2.3", "--out", str(tmp_path), environ=orthanc.environ)
    assert missing.exit_code == 2
    assert "expected a study of this UID; found none" in missing.stderr
    odd = nero("pull", "../../patients", "--out", str(tmp_path), environ=orthanc.environ)
    assert "Expected a Study Instance UID" in odd.stderr
    wrong = nero("find", environ=orthanc.environ | {"NERO_PACS_PASSWORD": "another-secret"})
    assert wrong.exit_code == 2
    assert "found the answer 401. Check NERO_PACS_USER" in wrong.stderr
    assert not any(secret in wrong.output for secret in (*SECRETS, "another-secret"))
    elsewhere = nero("find", environ=orthanc.environ | {"NERO_PACS_URL": orthanc.url + "/nowhere"})
    assert "found the answer 404" in elsewhere.stderr


def test_an_instance_that_is_larger_than_the_limit_is_not_read_to_its_end(
    orthanc: Orthanc, study: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from nero_core.data.limits import Limits
    from nero_core.pacs import archive as module

    monkeypatch.setattr(module, "_HEADERS", 0)
    settings = PacsSettings(orthanc.dicomweb, USER, PASSWORD)
    instance = next(iter(Archive(settings).instances(study["uid"])))
    with pytest.raises(PacsError, match=r"expected an answer of at most 0\.01953 MB; found a larger one"):
        Archive(settings, Limits(max_bytes=20_480)).fetch(instance)

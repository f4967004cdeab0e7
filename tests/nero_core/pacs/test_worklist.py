"""A worklist from a study of a real Orthanc, and the answer to it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.uid import generate_uid
from typer.testing import CliRunner

from nero_core.cli.app import app
from nero_core.data import decode_image
from nero_core.inspector import Inspector
from nero_core.pacs import Archive, read_settings, send_back, study_lister, study_source
from nero_core.store import Review, Store, add_review, audit_lines, find_items, open_store, upload_path, worklist
from nero_core.worklist import begin, score_worklist
from tests.nero_core.pacs.conftest import PASSWORD, Orthanc
from tests.nero_core.pacs.test_orthanc import IDENTITY, NAME, SECRETS, contents, endoscopy

OWN = "NERO Dashboard"


@pytest.fixture
def study(orthanc: Orthanc, phantoms: Path) -> str:
    """Two images and two frames, which the PACS got in another order than they are numbered, and a result of ours."""
    uid = generate_uid()
    series, later = sorted((generate_uid(), generate_uid()))  # those of one number come in the order of their UIDs
    first, second, third, fourth = (decode_image(path).pixels for path in sorted((phantoms / "ood").rglob("*.jpg"))[:4])
    orthanc.add(endoscopy(uid, series, np.stack([third, fourth]), 30))
    orthanc.add(endoscopy(uid, series, second, 2))
    orthanc.add(endoscopy(uid, series, first, 1))
    orthanc.add(endoscopy(uid, later, first, 1, OWN))
    return str(uid)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, orthanc: Orthanc) -> Any:
    monkeypatch.setenv("NERO_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("NERO_DATABASE_URL", raising=False)
    for name, value in orthanc.environ.items():
        monkeypatch.setenv(name, value)
    with open_store() as opened:
        yield opened


class DiesError(Exception):
    """In place of a kill."""


class Dying(Archive):
    """Ends after so many instances."""

    lives = 2

    def fetch(self, instance: Any) -> Any:
        self.lives -= 1
        if self.lives < 0:
            raise DiesError
        return super().fetch(instance)


def sent(study: str) -> list[Any]:
    archive = Archive(read_settings())
    found = [archive.fetch(instance) for instance in archive.instances(study)]
    return [data for data in found if data.Manufacturer == OWN and "NERO" in str(data.get("SeriesDescription"))]


def test_a_study_is_fetched_scored_reviewed_and_answered(
    store: Store, study: str, patched_bundle: Path, orthanc: Orthanc
) -> None:
    inspector = Inspector.load(patched_bundle, "cpu")
    listed = begin(store, inspector, "Monday", "ann", (), "nero", None, [study_source(study)])
    settings = read_settings()
    lister = study_lister(store, Dying(settings), listed.id, "ann")
    with pytest.raises(DiesError):
        score_worklist(store, listed.id, inspector, listers={"study": lister})
    assert worklist(store, listed.id).total == 2 and not worklist(store, listed.id).is_done
    lister = study_lister(store, Archive(settings), listed.id, "ann")
    score_worklist(store, listed.id, inspector, listers={"study": lister})
    done = worklist(store, listed.id)
    items = find_items(store, listed.id).items
    assert done.is_done and [item.state for item in items] == ["scored"] * 4
    assert [item.name for item in items] == [
        "series 1/image 1",
        "series 1/image 2",
        "series 1/image 30#frame 1",
        "series 1/image 30#frame 2",
    ]
    assert done.told == ("3 images fetched from the PACS. Left out: 1 without an image or sent by this program.",)
    kept = b"".join(path.read_bytes() for path in (store.uploads.parent).rglob("*") if path.is_file())
    assert not any(secret.encode() in kept for secret in SECRETS)

    add_review(store, Review(items[0].id, "ann", "agree"))
    add_review(store, Review(items[1].id, "ann", "second_look"))
    verdicts = [item.result.verdict for item in items if item.result is not None]
    other = "like" if verdicts[2] != "like" else "unlike"
    add_review(store, Review(items[2].id, "ann", "override", verdict=other))  # type: ignore[arg-type]
    gone = upload_path(store, items[0].digest)
    assert gone is not None
    gone.unlink()  # then the study is looked through
    told: list[tuple[int, int]] = []
    for _ in range(2):  # sending twice is harmless
        count = send_back(store, done, inspector, Archive(settings), "bob", on_progress=lambda *now: told.append(now))
        assert count == 3 and told[-1] == (2, 2)
    answers = sent(study)
    assert {(str(data.PatientID), str(data.PatientName)) for data in answers} == {(IDENTITY, NAME)}
    assert len(answers) == 3 and sum("ImageType" in data for data in answers) == 2  # maps
    (report,) = (data for data in answers if data.Modality == "SR")
    _, numbers, codes = contents(report)
    assert {"agree", f"read_{other}"} <= codes
    scores = [value for name, value in numbers if name == "score"]
    expected = [item.result.score for item in (items[0], items[2]) if item.result is not None]
    assert scores == pytest.approx(expected, rel=1e-6)
    lines = audit_lines(store)
    assert [line.actor for line in lines if line.action == "results sent"] == ["bob", "bob"]
    assert not any(secret in repr(lines) for secret in (*SECRETS, study, PASSWORD))


def test_the_command_makes_a_list_from_a_study_and_answers_for_one_image(
    store: Store, study: str, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = ["--bundle", str(tiny_bundle), "--device", "cpu"]
    nero = CliRunner()
    score = [*order, "--study", study, "--out", "Monday", "--method", "nero"]
    made = nero.invoke(app, ["worklist", "score", *score])
    assert made.exit_code == 0, made.output
    assert "3 images fetched from the PACS." in made.stdout and "Monday: 4 images, 4 scored" in made.stdout
    send = ["worklist", "send", "Monday", *order]
    early = nero.invoke(app, send)
    assert early.exit_code == 2 and "Expected images with a review that decides" in early.stderr
    items = find_items(store, 1).items
    for item in items:
        add_review(store, Review(item.id, "ann", "agree"))
    done = nero.invoke(app, [*send, "--item", "2"])
    assert done.exit_code == 0 and "1 object sent to 127.0.0.1" in done.stdout  # a bundle without a map
    (report,) = sent(study)
    assert [name for name, _ in contents(report)[1]].count("score") == 1
    monkeypatch.setenv("NERO_PACS_PASSWORD", "wrong")
    refused = nero.invoke(app, send)
    assert refused.exit_code == 2 and "found the answer 401" in refused.stderr
    assert not any(secret in made.output + done.output + refused.output for secret in (*SECRETS, "wrong"))
    monkeypatch.delenv("NERO_PACS_URL")
    missing = nero.invoke(app, ["worklist", "score", *score[:-4], "--out", "Tuesday"])
    assert missing.exit_code == 2 and "Expected the address of a PACS" in missing.stderr

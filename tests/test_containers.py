"""Dockerfile and compose.yaml, as far as they can be checked without an engine; ``make lint-images`` runs linters."""

import re
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
NAMES = re.compile(r"\bNERO_[A-Z_]+")
OF_COMPOSE = {"NERO_DB_PASSWORD", "NERO_KIND"}  # set in .env, for the file itself


@pytest.fixture(scope="module")
def instructions() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile: name and arguments."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in text.splitlines() if line.strip())]


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]


def test_what_the_image_copies_is_there_and_is_not_left_out_of_its_context(instructions: list[tuple[str, str]]):
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    let_in = [line[1:] for line in lines if line.startswith("!")]
    assert "*" in lines
    copied = [
        source for name, rest in instructions if name == "COPY" and "--from" not in rest for source in rest.split()[:-1]
    ]
    assert len(copied) >= 9
    for source in copied:
        assert (ROOT / source).exists(), source
        assert any(fnmatch(source, pattern) for pattern in let_in), source
    assert all((ROOT / source).exists() for source in let_in)


def test_the_image_runs_as_a_user_without_rights_and_is_not_open_by_itself(instructions: list[tuple[str, str]]):
    last = dict(instructions)  # of each kind the last one counts
    assert last["USER"] == "10001:10001"
    assert "--insecure" not in last["ENTRYPOINT"] + last["CMD"]
    assert "--login" in last["CMD"]
    assert "/readyz" in last["HEALTHCHECK"]


def test_the_service_has_a_read_only_root_no_rights_and_publishes_the_page_to_this_machine_alone(
    services: dict[str, Any],
):
    nero = services["nero"]
    assert nero["read_only"] is True and nero["cap_drop"] == ["ALL"]
    assert nero["ports"] == ["127.0.0.1:8501:8501"]
    assert not any("ports" in services[name] for name in ("database", "orthanc"))
    assert set(services["database"]["networks"]) == set(services["orthanc"]["networks"]) == {"inside"}


def test_every_variable_that_is_set_means_something(instructions: list[tuple[str, str]], services: dict[str, Any]):
    set_here = set(services["nero"]["environment"]) | set(NAMES.findall(str(instructions)))
    code = "".join(path.read_text() for room in ("nero_core", "dashboard") for path in (ROOT / room).rglob("*.py"))
    assert set_here <= set(NAMES.findall(code))
    asked = set(re.findall(r"\$\{(NERO_[A-Z_]+)", (ROOT / "compose.yaml").read_text()))
    assert asked - OF_COMPOSE <= set_here

import os
from pathlib import Path

import pytest

from nero_core.errors import PacsError
from nero_core.pacs import PacsSettings, read_settings

HTTPS = {"NERO_PACS_URL": "https://pacs.example:8443/dicom-web/"}
SECRET = "hunter2-and-more"


def test_the_environment_says_where_and_who() -> None:
    settings = read_settings(HTTPS | {"NERO_PACS_USER": "ada", "NERO_PACS_PASSWORD": SECRET})
    expected = PacsSettings("https://pacs.example:8443/dicom-web", "ada", SECRET)
    assert settings == expected
    assert settings.host == "pacs.example:8443"
    assert SECRET not in repr(settings)


def test_a_file_says_the_same_and_a_variable_counts_before_it(tmp_path: Path) -> None:
    file = tmp_path / "pacs.toml"
    file.write_text(f'url = "https://a.example/dicom-web"\ntoken = "{SECRET}"\n')
    file.chmod(0o600)
    assert read_settings({"NERO_PACS_FILE": str(file)}) == PacsSettings("https://a.example/dicom-web", token=SECRET)
    assert read_settings({"NERO_PACS_FILE": str(file), **HTTPS}).url == "https://pacs.example:8443/dicom-web"
    file.write_text('url = "http://pacs/dicom-web"\nplain_http = true\n')
    assert read_settings({"NERO_PACS_FILE": str(file)}).url == "http://pacs/dicom-web"


@pytest.mark.skipif(os.name != "posix", reason="rights of a file are those of POSIX")
def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "pacs.toml"
    file.write_text(f'url = "https://a.example"\ntoken = "{SECRET}"\n')
    file.chmod(0o640)
    with pytest.raises(PacsError, match="chmod 600") as caught:
        read_settings({"NERO_PACS_FILE": str(file)})
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({}, "Expected the address of a PACS. Found none. Set NERO_PACS_URL"),
        ({"NERO_PACS_URL": SECRET}, "begins with https://"),
        ({"NERO_PACS_URL": f"https://ada:{SECRET}@pacs.example"}, "without a user"),
        ({"NERO_PACS_URL": f"https://pacs.example?token={SECRET}"}, "without a user"),
        ({"NERO_PACS_URL": "https://pacs.example:port/"}, "begins with https://"),
        ({"NERO_PACS_URL": "http://pacs.example"}, "Expected https:// for a PACS on another machine"),
        (HTTPS | {"NERO_PACS_USER": SECRET}, "Found one of them"),
        (HTTPS | {"NERO_PACS_USER": "a", "NERO_PACS_PASSWORD": "b", "NERO_PACS_TOKEN": SECRET}, "Found both"),
        (HTTPS | {"NERO_PACS_CA": "/no/such/file"}, "Expected a file of certificates"),
        ({"NERO_PACS_FILE": "/no/such/file"}, "no such file"),
    ],
)
def test_what_is_missing_or_unsafe_is_refused_without_secrets(environ: dict[str, str], words: str) -> None:
    with pytest.raises(PacsError) as caught:
        read_settings(environ)
    assert words in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        f"{SECRET} = [",
        f'secret = "{SECRET}"',
        "\xff\xfe",
        f"#{SECRET}\na = {'9' * 5000}",
        "a = " + "[" * 5000,
        "#" * 2**17,
    ],
)
def test_a_damaged_file_is_refused_without_what_it_holds(tmp_path: Path, content: str) -> None:
    file = tmp_path / "pacs.toml"
    file.write_text(content, encoding="latin-1")
    file.chmod(0o600)
    with pytest.raises(PacsError) as caught:
        read_settings({"NERO_PACS_FILE": str(file)})
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8042", "[::1]:8042"])
def test_plain_http_is_for_this_machine_or_where_the_operator_says_so(host: str) -> None:
    assert read_settings({"NERO_PACS_URL": f"http://{host}/dicom-web"}).url == f"http://{host}/dicom-web"
    assert read_settings({"NERO_PACS_URL": "http://pacs/d", "NERO_PACS_PLAIN_HTTP": "1"}).url == "http://pacs/d"

"""Who may open a dashboard that other machines reach."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from nero_core.cli.login_file import check_access, check_login_file, is_loopback
from nero_core.errors import NeroError

AUTH = {
    "redirect_uri": "https://nero.example/oauth2callback",
    "cookie_secret": "c" * 64,
    "client_id": "nero",
    "client_secret": "not-to-be-told",
    "server_metadata_url": "https://id.example/.well-known/openid-configuration",
}
ROLES = {"ann@example.org": "operator", "bob@example.org": "viewer"}


def written(folder: Path, auth: Mapping[str, object] = AUTH, roles: Mapping[str, object] = ROLES) -> Path:
    lines: list[str] = []
    for name, table in {"auth": auth, "roles": roles}.items():
        lines += [f"[{name}]", *(f'"{key}" = "{value}"' for key, value in table.items())]
    path = folder / "login.toml"
    path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.1", "::1"])
def test_on_its_own_machine_nobody_logs_in(host: str) -> None:
    assert is_loopback(host)
    check_access(host, None, insecure=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "nero.example"])
def test_an_address_that_others_reach_needs_a_login_or_a_word(host: str, tmp_path: Path) -> None:
    with pytest.raises(NeroError, match=r"--login FILE.*--insecure"):
        check_access(host, None, insecure=False)
    check_access(host, None, insecure=True)
    check_access(host, written(tmp_path), insecure=False)


@pytest.mark.parametrize(
    ("auth", "roles", "says"),
    [
        ({**AUTH, "client_secret": ""}, ROLES, "Found no client_secret"),
        ({"client_id": "nero"}, ROLES, "Found no redirect_uri, cookie_secret, client_secret"),
        ({**AUTH, "cookie_secret": "short"}, ROLES, "at least 32 characters"),
        ({**AUTH, "redirect_uri": "https://nero.example/"}, ROLES, "oauth2callback"),
        ({**AUTH, "redirect_uri": "http://nero.example/oauth2callback"}, ROLES, "https://HOST"),
        ({**AUTH, "redirect_uri": "https://[nero/oauth2callback"}, ROLES, "https://HOST"),
        (AUTH, {}, "Found nobody in it"),
        (AUTH, {**ROLES, "eve@example.org": "root"}, "1 of 3 with another role"),
    ],
)
def test_what_is_wrong_in_the_file_is_named_and_nothing_of_it_is_quoted(
    auth: Mapping[str, object], roles: Mapping[str, object], says: str, tmp_path: Path
) -> None:
    with pytest.raises(NeroError) as caught:
        check_login_file(written(tmp_path, auth, roles))
    assert says in str(caught.value)
    assert not any(secret in str(caught.value) for secret in ("not-to-be-told", "c" * 64, "ann@", "eve@"))


def test_a_file_that_is_missing_or_no_toml_is_an_error_in_words(tmp_path: Path) -> None:
    with pytest.raises(NeroError, match="no such file"):
        check_login_file(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text('client_secret = "not-to-be-told')
    with pytest.raises(NeroError, match=r"Expected TOML in bad\.toml") as caught:
        check_login_file(tmp_path / "bad.toml")
    assert "not-to-be-told" not in str(caught.value)
    (tmp_path / "bad.toml").write_text("[auth]\n")
    with pytest.raises(NeroError, match="one or none of them"):
        check_login_file(tmp_path / "bad.toml")


@pytest.mark.parametrize("content", ["a = " + "9" * 5000, "a = " + "[" * 5000, "a = " + "{a = " * 5000, "#" * 2**21])
def test_what_no_reader_of_toml_is_up_to_is_an_error_in_words(content: str, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text(content)
    with pytest.raises(NeroError, match=r"Expected .* in bad\.toml\. Found"):
        check_login_file(tmp_path / "bad.toml")


def test_a_provider_on_this_machine_may_do_without_https(tmp_path: Path) -> None:
    check_login_file(written(tmp_path, {**AUTH, "redirect_uri": "http://localhost:8501/oauth2callback"}))

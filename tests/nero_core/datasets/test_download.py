"""Downloads from a real server on this machine: ranges, cuts, changed files, errors, redirects, bounds."""

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from nero_core.datasets import download as module
from nero_core.datasets.download import ask, difference, download, file_of
from nero_core.errors import DownloadError

WHOLE = b"PK\x03\x04" + bytes(range(256)) * 4000  # a megabyte


@dataclass
class Site:
    """What the server does; tests change it between requests."""

    url: str = ""
    body: bytes = WHOLE
    etag: str = '"one"'
    modified: str = ""
    ranges: bool = True
    cuts: list[int] = field(default_factory=list)  # bytes after which the next connections end
    status: list[int] = field(default_factory=list)  # of the next requests
    length: int | None = None  # claimed in place of the body's
    no_length: bool = False
    no_head: int = 0  # status that answers a HEAD
    redirect: str = ""
    requests: list[tuple[str, str, str]] = field(default_factory=list)  # method, path, Range


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            pass

        def do_HEAD(self) -> None:
            if site.no_head:
                self.send_error(site.no_head)
            else:
                self.answer(False)

        def do_GET(self) -> None:
            self.answer(True)

        def answer(self, with_body: bool) -> None:
            wanted = self.headers.get("Range", "")
            site.requests.append((self.command, self.path, wanted))
            if self.path.startswith("/hop"):
                self.send_response(302)
                self.send_header("Location", site.redirect or f"/hop{self.path}")
                self.send_header("Content-Length", "0")
                return self.end_headers()
            if site.status and with_body:
                return self.send_error(site.status.pop(0))
            body, first = site.body, 0
            same = self.headers.get("If-Range") in (None, site.etag, site.modified)
            if wanted and site.ranges and same:
                first = int(wanted.removeprefix("bytes=").rstrip("-"))
                if first >= len(body):
                    return self.send_error(416)
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {first}-{len(body) - 1}/{len(body)}")
            else:
                self.send_response(200)
            if site.etag:
                self.send_header("ETag", site.etag)
            if site.modified:
                self.send_header("Last-Modified", site.modified)
            if not site.no_length:
                self.send_header("Content-Length", str(site.length or len(body) - first))
            self.end_headers()
            if with_body:
                end = first + site.cuts.pop(0) if site.cuts else len(body)
                self.wfile.write(body[first:end])
            return None

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        site.url = f"http://127.0.0.1:{server.server_port}"
        yield site
        server.shutdown()
        thread.join()


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def get(site: Site, target: Path, path: str = "/set.zip", **options: object) -> str:
    return download(site.url + path, target, wait=0.0, timeout=5.0, **options)  # type: ignore[arg-type]


def test_a_file_is_fetched_whole_with_its_digest_beside_it(tmp_path: Path, site: Site):
    told: list[tuple[int, int]] = []
    digest = get(site, tmp_path / "new" / "set.zip", on_progress=lambda *step: told.append(step))
    assert digest == hashlib.sha256(WHOLE).hexdigest()
    assert (tmp_path / "new" / "set.zip").read_bytes() == WHOLE
    assert (tmp_path / "new" / "set.zip.sha256").read_text() == f"{digest}  set.zip\n"
    assert left(tmp_path / "new") == ["set.zip", "set.zip.sha256"]
    assert told[-1] == (len(WHOLE), len(WHOLE))
    assert told == sorted(told)


def test_the_size_is_known_before_anything_is_fetched(site: Site):
    assert ask(f"{site.url}/set.zip").size == len(WHOLE)
    assert [method for method, _, _ in site.requests] == ["HEAD"]


@pytest.mark.parametrize("status", [501, 405, 403, 404, 500])
def test_a_size_that_the_server_does_not_tell_is_not_known(tmp_path: Path, site: Site, status: int):
    site.no_head = status
    assert ask(f"{site.url}/set.zip").size is None
    get(site, tmp_path / "set.zip")
    assert (tmp_path / "set.zip").read_bytes() == WHOLE


def test_a_cut_connection_goes_on_where_it_was(tmp_path: Path, site: Site):
    site.cuts = [300_000, 5, 0, 0, 100_000]
    get(site, tmp_path / "set.zip")
    assert (tmp_path / "set.zip").read_bytes() == WHOLE
    assert [wanted for _, _, wanted in site.requests] == [
        "",
        "bytes=300000-",
        "bytes=300005-",
        "bytes=300005-",
        "bytes=300005-",
        "bytes=400005-",
    ]


def test_a_server_that_never_sends_more_is_given_up_and_the_next_call_goes_on(tmp_path: Path, site: Site):
    site.cuts = [1000] + [0] * 50
    with pytest.raises(DownloadError, match=r"the connection was cut.*run the same command again"):
        get(site, tmp_path / "set.zip")
    assert len(site.requests) == 1 + module.ATTEMPTS
    assert left(tmp_path) == [".set.zip.part", ".set.zip.part.json"]
    site.cuts, site.requests = [], []
    get(site, tmp_path / "set.zip")
    assert site.requests[0][2] == "bytes=1000-"
    assert (tmp_path / "set.zip").read_bytes() == WHOLE
    assert left(tmp_path) == ["set.zip", "set.zip.sha256"]


def test_a_file_that_changed_in_between_starts_anew(tmp_path: Path, site: Site):
    site.cuts = [1000] + [0] * 50
    with pytest.raises(DownloadError):
        get(site, tmp_path / "set.zip")
    site.cuts, site.body, site.etag = [], WHOLE[:4] + WHOLE[::-1], '"two"'
    get(site, tmp_path / "set.zip")
    assert (tmp_path / "set.zip").read_bytes() == site.body


@pytest.mark.parametrize("tag", ["", 'W/"weak"'])
def test_without_a_tag_that_says_that_bytes_are_the_same_nothing_is_appended(tmp_path: Path, site: Site, tag: str):
    site.etag, site.cuts = tag, [1000]
    get(site, tmp_path / "set.zip")
    assert [wanted for _, _, wanted in site.requests] == ["", ""]
    assert (tmp_path / "set.zip").read_bytes() == WHOLE


def test_the_time_of_the_last_change_serves_as_a_tag(tmp_path: Path, site: Site):
    site.etag, site.modified, site.cuts = "", "Mon, 01 Jan 2024 00:00:00 GMT", [1000]
    get(site, tmp_path / "set.zip")
    assert site.requests[-1][2] == "bytes=1000-"
    assert (tmp_path / "set.zip").read_bytes() == WHOLE


def test_a_server_without_ranges_is_asked_for_everything_again(tmp_path: Path, site: Site):
    site.ranges, site.cuts = False, [1000, 5000]
    get(site, tmp_path / "set.zip")
    assert (tmp_path / "set.zip").read_bytes() == WHOLE


def test_what_is_longer_than_the_servers_file_is_dropped(tmp_path: Path, site: Site):
    (tmp_path / ".set.zip.part").write_bytes(WHOLE + b"more")
    notes = {"url": f"{site.url}/set.zip", "tag": '"one"', "total": None}
    (tmp_path / ".set.zip.part.json").write_text(json.dumps(notes))
    get(site, tmp_path / "set.zip")
    assert (tmp_path / "set.zip").read_bytes() == WHOLE


@pytest.mark.parametrize("status", [404, 403, 410])
def test_a_refusal_is_told_at_once(tmp_path: Path, site: Site, status: int):
    site.status = [status]
    with pytest.raises(DownloadError, match=f"status {status}.*--url"):
        get(site, tmp_path / "set.zip")
    assert len(site.requests) == 1
    assert left(tmp_path) == []


def test_a_server_that_is_busy_is_asked_again(tmp_path: Path, site: Site):
    site.status = [503, 429, 500]
    get(site, tmp_path / "set.zip")
    assert len(site.requests) == 4


@pytest.mark.parametrize("length", [len(WHOLE) + 1, len(WHOLE) * 2])
def test_a_length_that_is_never_reached_is_told(tmp_path: Path, site: Site, length: int):
    site.length, site.ranges, site.etag = length, False, ""
    with pytest.raises(DownloadError, match="the connection was cut"):
        get(site, tmp_path / "set.zip")
    assert not (tmp_path / "set.zip").exists()


def test_another_size_or_digest_than_published_is_refused(tmp_path: Path, site: Site):
    with pytest.raises(DownloadError, match="Expected 7 bytes"):
        get(site, tmp_path / "set.zip", size=7)
    with pytest.raises(DownloadError, match="expected sha256 0000"):
        get(site, tmp_path / "set.zip", sha256="0" * 64)
    assert [name for name in left(tmp_path) if not name.endswith(".json")] == []
    get(site, tmp_path / "set.zip", size=len(WHOLE), sha256=hashlib.sha256(WHOLE).hexdigest())


@pytest.mark.parametrize("no_length", [False, True])
def test_a_file_beyond_the_bound_is_refused(tmp_path: Path, site: Site, no_length: bool):
    site.no_length = no_length
    with pytest.raises(DownloadError, match="at most"):
        get(site, tmp_path / "set.zip", max_bytes=300_000)
    assert not (tmp_path / "set.zip").exists()


def test_a_file_without_a_length_is_taken_to_its_end(tmp_path: Path, site: Site):
    site.no_length = True
    get(site, tmp_path / "set.zip")
    assert (tmp_path / "set.zip").read_bytes() == WHOLE


@pytest.mark.parametrize("no_length", [False, True])
def test_an_empty_answer_is_refused_and_does_not_stand_in_the_way(tmp_path: Path, site: Site, no_length: bool):
    site.body, site.no_length = b"", no_length
    with pytest.raises(DownloadError, match="Found an empty file"):
        get(site, tmp_path / "set.zip")
    assert left(tmp_path) == []
    site.body = WHOLE
    get(site, tmp_path / "set.zip")
    assert (tmp_path / "set.zip").read_bytes() == WHOLE


def test_the_beginning_is_looked_at_however_it_is_cut(tmp_path: Path, site: Site):
    site.cuts = [1]
    get(site, tmp_path / "whole.zip", "/whole.zip")
    assert (tmp_path / "whole.zip").read_bytes() == WHOLE
    site.body, site.cuts = b"Page", [1]
    with pytest.raises(DownloadError, match="Found something else"):
        get(site, tmp_path / "set.zip")
    assert left(tmp_path) == ["whole.zip", "whole.zip.sha256"]


def test_two_downloads_of_one_file_are_not_mixed(tmp_path: Path, site: Site):
    caught: list[str] = []

    def meanwhile(done: int, total: int) -> None:
        if not caught:
            with pytest.raises(DownloadError, match="Found another download") as refused:
                get(site, tmp_path / "set.zip")
            caught.append(str(refused.value))

    get(site, tmp_path / "set.zip", on_progress=meanwhile)
    assert len(caught) == 1
    assert (tmp_path / "set.zip").read_bytes() == WHOLE
    assert left(tmp_path) == ["set.zip", "set.zip.sha256"]


def test_what_is_on_the_disk_is_measured_before_it_is_put_in_its_place(tmp_path: Path, site: Site):
    def meddle(done: int, total: int) -> None:
        if done == total:  # someone without our lock
            with (tmp_path / ".set.zip.part").open("ab") as file:
                file.write(b"more")

    with pytest.raises(DownloadError, match=r"Found 1,024,00\d bytes in place of 1,024,004"):
        get(site, tmp_path / "set.zip", on_progress=meddle)
    assert left(tmp_path) == []


def test_a_file_that_is_there_is_compared_with_what_is_known(tmp_path: Path):
    file = tmp_path / "set.zip"
    file.write_bytes(WHOLE)
    digest = hashlib.sha256(WHOLE).hexdigest()
    assert difference(file, None, None) == difference(file, len(WHOLE), digest) == ""
    assert difference(file, 7, None) == "expected 7 bytes, found 1,024,004"
    assert difference(file, None, "0" * 64) == f"expected sha256 {'0' * 64}, found {digest}"


def test_a_web_page_in_place_of_an_archive_is_refused(tmp_path: Path, site: Site):
    site.body = b"<!DOCTYPE html><html>Sign in</html>"
    with pytest.raises(DownloadError, match="a web page"):
        get(site, tmp_path / "set.zip")
    assert not (tmp_path / "set.zip").exists()


def test_a_disk_without_room_is_told_before_anything_is_fetched(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch
):
    class Full:
        free = 10

    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: Full())
    with pytest.raises(DownloadError, match="of room"):
        get(site, tmp_path / "set.zip")


def test_a_file_that_is_there_is_never_overwritten(tmp_path: Path, site: Site):
    (tmp_path / "set.zip").write_bytes(b"mine")
    with pytest.raises(DownloadError, match="Found one"):
        get(site, tmp_path / "set.zip")
    assert (tmp_path / "set.zip").read_bytes() == b"mine"
    assert site.requests == []


def test_redirects_are_followed_a_few_times(tmp_path: Path, site: Site):
    site.redirect = "/set.zip"
    get(site, tmp_path / "set.zip", "/hop")
    assert (tmp_path / "set.zip").read_bytes() == WHOLE
    site.requests.clear()
    assert ask(f"{site.url}/hop").size == len(WHOLE)
    assert {method for method, _, _ in site.requests} == {"HEAD"}
    site.redirect = ""
    with pytest.raises(DownloadError, match="status 302"):
        get(site, tmp_path / "endless.zip", "/hop")


@pytest.mark.parametrize("target", ["http://example.org/x.zip", "ftp://example.org/x.zip", "file:///etc/passwd"])
def test_a_redirect_away_from_https_is_refused(tmp_path: Path, site: Site, target: str):
    site.redirect = target
    with pytest.raises(DownloadError, match=r"begins with https://|status 302"):
        get(site, tmp_path / "set.zip", "/hop")
    assert [path for _, path, _ in site.requests] == ["/hop"]
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/x.zip",
        "file:///etc/passwd",
        "ftp://example.org/x.zip",
        "data:,PK",
        "example.org/x.zip",
        "https://",
        "https://[bad/x.zip",
        "https://example.org/a b.zip",
        "https://example.org/\r\nHost: x",
        "",
    ],
)
def test_any_address_but_https_is_refused(tmp_path: Path, url: str):
    with pytest.raises(DownloadError, match="begins with https://") as caught:
        download(url, tmp_path / "set.zip")
    assert "\n" not in str(caught.value)
    with pytest.raises(DownloadError, match="begins with https://"):
        ask(url)


def test_a_server_that_is_not_there_is_told(tmp_path: Path, site: Site):
    with pytest.raises(DownloadError, match=r"[Rr]efused"):
        download("http://127.0.0.1:1/set.zip", tmp_path / "set.zip", wait=0.0)
    with pytest.raises(DownloadError, match=r"[Rr]efused.*Check the connection"):
        ask("http://127.0.0.1:1/set.zip")


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://example.org/a/set.zip?x=1", "set.zip"),
        ("https://example.org/my%20set.zip", "my set.zip"),
        ("https://example.org/..%2F..%2Fetc%2Fpasswd", "passwd"),
        ("https://example.org", "archive.zip"),
    ],
)
def test_a_file_is_named_by_the_last_part_of_its_address(url: str, name: str):
    assert file_of(url) == name

"""A real PostgreSQL, as an ordinary local server for the tests: its own folder, its own port, its own databases."""

import grp
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Self

import psycopg

INSTALL = "PostgreSQL is not installed. Debian and Ubuntu: apt-get install postgresql. macOS: brew install postgresql."
PATIENCE = 180.0  # seconds that the server has to start
ROOM = 2**30  # bytes for all databases that are there at once
SMALL = (
    "autovacuum=off",
    "fsync=off",
    "full_page_writes=off",
    "listen_addresses=127.0.0.1",
    "max_connections=40",
    "shared_buffers=16MB",
)


def find(program: str) -> str | None:
    """A program of PostgreSQL's: on the path, or where Debian puts the newest."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda place: int(place.parts[-2]), reverse=True)
    return shutil.which(program) or shutil.which(program, path=os.pathsep.join(map(str, places)))


class PostgreSQL:
    """The server; ``with`` starts and ends it. It refuses to run as root, so that root starts it as another user."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="nero-postgresql-", dir=_quick_disk()))
        self.port = 0
        self._numbers = itertools.count()
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        user = _user()
        if user:
            shutil.chown(self.folder, **user)
        data = self.folder / "data"
        how: dict[str, Any] = {**user, "cwd": self.folder, "stdin": subprocess.DEVNULL}
        make = [str(find("initdb")), "-D", str(data), "-U", "nero", "-A", "trust", "-E", "UTF8", "--locale=C"]
        # small pieces of the write-ahead log: it can go on where no file may become large
        subprocess.run([*make, "--no-sync", "--wal-segsize=1"], check=True, capture_output=True, **how)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        settings = [*SMALL, f"unix_socket_directories={self.folder}"]
        command = [str(find("postgres")), "-D", str(data), "-p", str(self.port)]
        command += [part for setting in settings for part in ("-c", setting)]
        with (self.folder / "log").open("wb") as log:
            self._server = subprocess.Popen(command, stdout=log, stderr=log, **how)
        self._wait()
        return self

    def __exit__(self, *error: object) -> None:
        if self._server is not None:
            self._server.send_signal(signal.SIGQUIT)  # at once; its folder goes with it
            self._server.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def new_database(self, template: str = "template0") -> str:
        """A new database, empty or as another one is; its address."""
        name = f"test_{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        return self._address(name)

    def drop(self, address: str) -> None:
        """Remove a database, whoever uses it still."""
        self.run(f"DROP DATABASE IF EXISTS {address.rsplit('/', 1)[1]} WITH (FORCE)")

    def run(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """A statement, not in a transaction; what it gives."""
        with psycopg.connect(self._address(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def limit_files(self, process: int, size: str) -> None:
        """Let a process of the server write no file beyond a size, as on a full disk; ``unlimited`` ends it."""
        # as the server's own user: not even root may do this to others everywhere
        subprocess.run(["prlimit", "--pid", str(process), f"--fsize={size}:"], check=True, **_user())  # type: ignore[call-overload]

    def _wait(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self.run("SELECT 1")
            except psycopg.OperationalError:
                log = (self.folder / "log").read_text()
                assert self._server is not None and self._server.poll() is None, log
                assert time.monotonic() < deadline, log
                time.sleep(0.05)
            else:
                return

    def _address(self, name: str) -> str:
        return f"postgresql://nero@127.0.0.1:{self.port}/{name}"


def _quick_disk() -> Path | None:
    """Memory that looks like a disk, where there is enough: each database is a thousand files."""
    shared = Path("/dev/shm")
    return shared if shared.is_dir() and shutil.disk_usage(shared).free > ROOM else None


def _user() -> dict[str, str]:
    """Whom root starts the server as."""
    if os.getuid() != 0:
        return {}
    user = "postgres" if "postgres" in {entry.pw_name for entry in pwd.getpwall()} else "nobody"
    return {"user": user, "group": grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name}

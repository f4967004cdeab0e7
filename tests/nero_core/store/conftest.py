"""Stores of both databases, with a clock that tests set."""

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from nero_core.store import Store, open_store
from tests.nero_core.store.material import items
from tests.postgresql import PostgreSQL

OpenStore = Callable[..., Store]
DATABASES = ("sqlite", "postgresql")


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 3, 2, 9, tzinfo=UTC)  # a Monday

    def __call__(self) -> datetime:
        return self.moment

    def move(self, **by: float) -> None:
        self.moment += timedelta(**by)


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("NERO_HOME", str(tmp_path / "home"))
    for name in ("NERO_DATABASE_URL", "NERO_KEEP_NAMES", "NERO_KEEP_PIXELS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """Databases with tables and no rows, by kind; made by the first test that wants one."""
    return {"folder": tmp_path_factory.mktemp("stores")}


@pytest.fixture(params=DATABASES)
def new_database(
    request: pytest.FixtureRequest, templates: dict[str, object], tmp_path: Path
) -> Iterator[Callable[[bool], str]]:
    """``new_database(True)`` is the address of a database with tables, ``new_database(False)`` of an empty one."""
    kind = request.param
    server: PostgreSQL | None = request.getfixturevalue("postgresql") if kind == "postgresql" else None
    made: list[str] = []

    def make(has_tables: bool) -> str:
        if server is not None:
            if has_tables and kind not in templates:
                templates[kind] = server.new_database()
                open_store(str(templates[kind])).close()
            template = str(templates[kind]).rsplit("/", 1)[1] if has_tables else "template0"
            made.append(server.new_database(template))
            return made[-1]
        made.append(f"sqlite:///{tmp_path}/{len(made)}.db")
        if has_tables:
            if kind not in templates:
                templates[kind] = Path(str(templates["folder"])) / "template.db"
                open_store(f"sqlite:///{templates[kind]}").close()
            shutil.copy(str(templates[kind]), made[-1].removeprefix("sqlite:///"))
        return made[-1]

    yield make
    for address in made if server is not None else ():
        server.drop(address)


@pytest.fixture
def database(new_database: Callable[[bool], str]) -> str:
    return new_database(True)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def opened(database: str, clock: Clock) -> Iterator[OpenStore]:
    """``opened()`` is the store; each call is one more, as of another process."""
    stores: list[Store] = []

    def open_one(url: str = database) -> Store:
        stores.append(open_store(url, clock))
        return stores[-1]

    yield open_one
    for store in stores:
        store.close()


@pytest.fixture
def store(opened: OpenStore) -> Store:
    return opened()


@pytest.fixture
def worklist(store: Store) -> int:
    """Ten items of Ann's that wait."""
    from nero_core.store import add_worklist
    from tests.nero_core.store.material import BUNDLE

    return add_worklist(store, "Monday", "ann", BUNDLE, "verdict", items(10)).id

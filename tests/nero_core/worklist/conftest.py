"""Stores of both databases, and a folder of images of which some are broken."""

from pathlib import Path

import pytest

from tests.nero_core.store.conftest import clock, database, home, new_database, opened, store, templates, worklist

__all__ = ["clock", "database", "home", "new_database", "opened", "store", "templates", "worklist"]


@pytest.fixture(scope="session")
def morning(phantoms: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight images, two of them the same bytes, a text file that calls itself a picture, and a note that does not."""
    folder = tmp_path_factory.mktemp("lists") / "morning"
    (folder / "later").mkdir(parents=True)
    images = [*sorted((phantoms / "id" / "normal-cecum").iterdir())[:4], *sorted((phantoms / "ood").rglob("*.jpg"))[:3]]
    for number, image in enumerate(images):
        place = folder / "later" if number > 4 else folder
        (place / f"frame {number}.jpg").write_bytes(image.read_bytes())
    (folder / "frame 7.jpg").write_bytes(images[0].read_bytes())
    (folder / "frame 8.png").write_text("no picture")
    (folder / "notes.txt").write_text("a note")
    return folder

"""Which class of a dataset is in-distribution: a TOML file that people edit, and that is kept beside what it made."""

import difflib
import json
import tomllib
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError, field_validator, model_validator

from nero_core.data.decode import file_name
from nero_core.errors import DatasetError
from nero_core.spelling import same_name

Role = Literal["id", "ood", "unused"]
Text = Annotated[str, Field(max_length=2000)]

PUBLISHED = ("kvasir-v2", "gastrovision")
MAX_BYTES = 2**20  # of a protocol file: a thousand classes need a tenth of it


class Origin(BaseModel):
    """Where the published archive is.

    Attributes:
        url: its address.
        file: name to keep it under; the address's last part where None.
        bytes: its size, where it is known.
        sha256: its digest (hex), where one is known.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: Text
    file: str | None = Field(None, pattern=r"^[\w][\w.-]*\.zip$")
    bytes: PositiveInt | None = None
    sha256: str | None = Field(None, pattern="^[0-9a-f]{64}$")


class Protocol(BaseModel):
    """Which class folder of a dataset is ID, OOD or unused, and what was published of it.

    Attributes:
        name: of the dataset.
        classes: role of each class folder.
        source: paper and page.
        licence: in words.
        note: what a reader should know of the choice.
        counts: published number of images of each class folder, where it is known.
        download: where the published archive is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Text
    classes: Mapping[str, Role] = Field(min_length=1)
    source: Text = ""
    licence: Text = ""
    note: Text = ""
    counts: Mapping[str, PositiveInt] = {}
    download: Origin | None = None

    @field_validator("classes", "counts")
    @classmethod
    def _spelled_one_way(cls, named: Mapping[str, Any]) -> Mapping[str, Any]:
        return {same_name(name): value for name, value in named.items()}

    @model_validator(mode="after")
    def _fits_together(self) -> "Protocol":
        if "id" not in self.classes.values():
            raise ValueError('no class is "id"')
        strange = sorted(set(self.counts) - set(self.classes))
        if strange:
            raise ValueError(f"a count of {strange[0]!r}, which is none of the classes")
        return self

    def check_classes(self, names: Iterable[str]) -> None:
        """See that these class folders are the protocol's; those that are unused may be missing.

        Raises:
            DatasetError: naming the folders that are missing or unknown.
        """
        present = set(names)
        missing = [name for name, role in self.classes.items() if name not in present and role != "unused"]
        unknown = sorted(present - set(self.classes))
        if missing or unknown:
            parts = [f"no {_listed(missing)}"] if missing else []
            parts += [f"the unknown {_listed(unknown)}"] if unknown else []
            near = difflib.get_close_matches(unknown[0], missing, 1) if missing and unknown else []
            remedy = f"Rename {file_name(unknown[0])!r} to {near[0]!r}" if near else "Name the folder of the classes"
            raise DatasetError(
                f"Expected the {len(self.classes)} class folders of {self.name}. Found {' and '.join(parts)}. "
                f'{remedy}, or list the folders in a --protocol file, as "unused" where they are to be left out.'
            )

    def other_counts(self, counts: Mapping[str, int]) -> dict[str, tuple[int, int]]:
        """Classes whose number of images is not the published one: (published, found)."""
        return {
            name: (count, counts[name])
            for name, count in self.counts.items()
            if name in counts and counts[name] != count and self.classes[name] != "unused"
        }

    def toml(self) -> str:
        """The protocol as the text of a file that ``read_protocol`` reads."""
        fields = self.model_dump(exclude_none=True)
        lines = [f"{key} = {_quoted(fields[key])}" for key in ("name", "source", "licence", "note") if fields[key]]
        for key, value in fields.get("download", {}).items():
            lines += ["", "[download]"] if key == "url" else []
            lines.append(f"{key} = {_quoted(value) if isinstance(value, str) else value}")
        lines += ["", "[classes]", *(f"{_quoted(name)} = {_quoted(role)}" for name, role in self.classes.items())]
        if self.counts:
            lines += ["", "[counts]", *(f"{_quoted(name)} = {count}" for name, count in self.counts.items())]
        return "\n".join(lines) + "\n"


def read_protocol(path: str | Path) -> Protocol:
    """Read a protocol file.

    Raises:
        DatasetError: the file is missing, is no TOML, or says something that a protocol cannot.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        actual = getattr(error, "strerror", None) or "a path that no file can have"
        raise DatasetError(f"Expected a protocol file at {path}. Found: {actual.lower()}. Check the path.") from error
    if len(data) > MAX_BYTES:
        raise DatasetError(f"Expected a protocol of at most 1 MB at {path}. Found more. Check the path.")
    return _parse(data, file_name(str(path)))


def published_protocol(name: str) -> Protocol:
    """The protocol of a published dataset: one of ``PUBLISHED``.

    Raises:
        DatasetError: there is none of this name.
    """
    if name not in PUBLISHED:
        raise DatasetError(f"Expected one of {', '.join(PUBLISHED)}. Found {file_name(name)}. Give a --protocol file.")
    resource = files("nero_core.datasets").joinpath("protocols", f"{name}.toml")
    return _parse(resource.read_bytes(), f"{name}.toml")


def starter(name: str, classes: Mapping[str, int]) -> str:
    """The text of a protocol to edit: every class is unused, with the number of its images as a comment."""
    lines = [
        '# Say which classes are in-distribution ("id") and which are not ("ood"); "unused" ones are left out.',
        f"name = {_quoted(name)}",
        "",
        "[classes]",
        *(f'{_quoted(name)} = "unused" # {count} images' for name, count in classes.items()),
    ]
    return "\n".join(lines) + "\n"


def listed_classes(path: Path) -> set[str] | None:
    """The classes that a protocol file lists, edited or not; None where that cannot be read."""
    try:
        with path.open("rb") as file:
            classes = tomllib.loads(file.read(MAX_BYTES).decode("utf-8")).get("classes")
    except (OSError, ValueError, RecursionError):  # ValueError: no TOML, no UTF-8
        return None
    return set(map(same_name, classes)) if isinstance(classes, dict) else None


def _parse(data: bytes, shown: str) -> Protocol:
    try:
        return Protocol.model_validate(tomllib.loads(data.decode("utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        fault = first["msg"].removeprefix("Value error, ")
        raise DatasetError(
            f'{shown}: expected a name and a table [classes] of class = "id", "ood" or "unused", at least one "id". '
            f"Found{f' in {place}' if place else ''}: {fault}. Edit the file."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DatasetError(f"{shown}: expected a TOML file. Found: {error}. Edit the file.") from error


def _quoted(text: str) -> str:
    # A TOML basic string is a JSON string, but for DEL, which must be escaped.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _listed(names: list[str], longest: int = 5) -> str:
    shown = ", ".join(repr(file_name(name)) for name in names[:longest])
    return shown + (f" and {len(names) - longest} more" if len(names) > longest else "")

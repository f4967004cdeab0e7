"""``nero prepare``."""

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from nero_core.atomic import write_text
from nero_core.cli.options import Seed, listed
from nero_core.cli.progress import Advance, ProgressFile, progress_bar
from nero_core.cli.temporary import temporary_folder
from nero_core.cli.terminal import printable
from nero_core.errors import DatasetError, DownloadError

if TYPE_CHECKING:
    from nero_core.datasets.protocol import Protocol

MEGABYTE = 10**6


def prepare(
    dataset: Annotated[
        Literal["kvasir-v2", "gastrovision", "folder"],
        typer.Argument(help="A published dataset, or any folder of class folders."),
    ],
    source: Annotated[Path, typer.Argument(help="The .zip as published, or the unpacked folder.")],
    out: Annotated[Path, typer.Argument(help="Folder to write: train, calibration, test (ID classes) and ood.")],
    protocol: Annotated[
        Path | None, typer.Option(help="TOML file that says which class is id, ood or unused; the dataset's otherwise.")
    ] = None,
    id_classes: Annotated[
        list[str] | None, typer.Option(help="With folder: these classes are ID, the others OOD. Separated by commas.")
    ] = None,
    train: Annotated[float, typer.Option(help="Share of the ID images to train on.")] = 0.45,
    calibration: Annotated[float, typer.Option(help="Share of the ID images to calibrate on.")] = 0.35,
    test: Annotated[float, typer.Option(help="Share of the ID images to measure on.")] = 0.2,
    seed: Seed = 0,
    download: Annotated[
        bool,
        typer.Option("--download", help="Fetch the archive to SOURCE first; tested against a local server only."),
    ] = False,
    url: Annotated[str | None, typer.Option(help="Address of the archive; the protocol's otherwise.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Download without asking.")] = False,
    progress: ProgressFile = None,
) -> None:
    """Check a dataset's classes against the published ones, and split it for train, calibrate and benchmark.

    Other numbers of images than published only warn. Exact copies of a file go to one part; a file that lies in two
    used classes is left out, and so is one that does not decode. A copy in an unused class only warns. Files are hard
    links where the disk allows it: they share their bytes with SOURCE, so an edit of one is an edit of both. The same
    command again finds its set there, if no byte has changed; it never overwrites another.
    """
    from nero_core.datasets.prepare import prepare as run
    from nero_core.datasets.prepare_split import Shares

    given = _given_protocol(dataset, protocol, id_classes)
    wanted = _agree(source, given, url, yes) if download else None
    with progress_bar(file=progress) as advance, temporary_folder():
        if wanted is not None:
            source = _fetch(wanted, advance)
        else:
            _compare(source, given)
        chosen = given or _from_classes(source, out, listed(id_classes))
        prepared = run(source, out, chosen, Shares(train, calibration, test), seed, on_progress=advance)
    for warning in prepared.warnings:
        typer.echo(f"Warning: {printable(warning)}", err=True)
    if chosen.note:
        typer.echo(printable(chosen.note))
    parts = ", ".join(
        f"{part} {sum(classes.values())} of {_classes(len(classes))}" for part, classes in prepared.counts.items()
    )
    typer.echo(f"{printable(chosen.name)}: {parts}{'' if prepared.is_new else ' (there already)'}: {out}")
    typer.echo(_next(out, set(prepared.counts)))


def _given_protocol(
    dataset: Literal["kvasir-v2", "gastrovision", "folder"], file: Path | None, id_classes: list[str] | None
) -> "Protocol | None":
    """The protocol where it does not depend on the folders that are found."""
    from nero_core.datasets.protocol import published_protocol, read_protocol

    if id_classes and (file is not None or dataset != "folder"):
        raise DatasetError("Expected --id-classes with folder and without --protocol. Found both. Choose one.")
    if file is not None:
        return read_protocol(file)
    return None if dataset == "folder" else published_protocol(dataset)


def _from_classes(source: Path, out: Path, id_classes: list[str] | None) -> "Protocol":
    """ID classes as named and the others OOD; without names, a file to edit is written, and nothing is split.

    Raises:
        DatasetError: no ID classes are named, or some that are not there.
    """
    from nero_core.data.decode import file_name
    from nero_core.datasets.prepare import found_classes
    from nero_core.datasets.protocol import Protocol, starter
    from nero_core.spelling import same_name

    classes = found_classes(source)
    whole = source.resolve()
    name = file_name(whole.stem if whole.is_file() else whole.name)
    if id_classes is None:
        place, stale = _starter_place(out, set(classes))
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            write_text(place, starter(name, classes))
        others = f" ({', '.join(map(str, stale))}, which lists other classes, is left as it is.)" if stale else ""
        raise DatasetError(
            f"Expected --protocol or --id-classes. Found neither. Say in {place}, which lists the "
            f"{_classes(len(classes))} found, which are id and which ood; then run the command "
            f"again with --protocol {place}.{others}"
        )
    id_classes = [same_name(name) for name in id_classes]
    missing = [name for name in id_classes if name not in classes]
    if missing:
        raise DatasetError(
            f"Expected --id-classes among {', '.join(classes)}. Found {', '.join(missing)}. Check the names."
        )
    return Protocol(name=name, classes={name: "id" if name in id_classes else "ood" for name in classes})


def _starter_place(out: Path, classes: set[str]) -> tuple[Path, list[Path]]:
    """The protocol file that lists these classes, or may be written; and those before it, which list others."""
    from nero_core.datasets.protocol import listed_classes

    place, stale = out.with_name(f"{out.name}.protocol.toml"), list[Path]()
    while place.exists() and listed_classes(place) != classes:
        stale.append(place)
        place = out.with_name(f"{out.name}.protocol-{len(stale) + 1}.toml")
    return place, stale


@dataclass(frozen=True, slots=True)
class _Wanted:
    url: str
    target: Path
    size: int | None
    sha256: str | None


def _agree(source: Path, protocol: "Protocol | None", url: str | None, yes: bool) -> _Wanted:
    """What to fetch and where to, after the user has seen its size and licence."""
    from nero_core.datasets.download import ask, file_of

    origin = None if protocol is None else protocol.download
    address = url or (origin.url if origin else None)
    if address is None:
        raise DatasetError("Expected the archive's address. Found none in the protocol. Give it with --url.")
    known = origin if origin is not None and url is None else None  # what is known of the file is of its own address
    name = known.file if known and known.file else file_of(address)
    target = source if source.suffix.lower() == ".zip" else source / name
    wanted = _Wanted(address, target, known.bytes if known else None, known.sha256 if known else None)
    if not target.exists():
        announced = ask(address).size
        typer.echo(f"{printable(protocol.name) if protocol else 'Archive'} from {printable(address)}")
        typer.echo(f"  size: {_megabytes(wanted.size if announced is None else announced)}, to {target}")
        typer.echo(f"  licence: {printable(protocol.licence) if protocol and protocol.licence else 'not known'}")
        if not (yes or _confirmed()):
            raise typer.Abort
    return wanted


def _confirmed() -> bool:
    try:
        return typer.confirm("Fetch it?")
    except typer.Abort:
        if sys.stdin.isatty():  # Ctrl-C
            raise
        raise DatasetError("Expected an answer. Found no terminal to give it. Add --yes to fetch the file.") from None


def _fetch(wanted: _Wanted, advance: Advance) -> Path:
    """The archive, fetched unless it is there already."""
    from nero_core.datasets.download import difference, download

    if wanted.target.exists():
        if fault := difference(wanted.target, wanted.size, wanted.sha256):
            raise DownloadError(
                f"{wanted.target} is there already, but is another file than published: {fault}. Remove it to fetch "
                "it again, or leave --download out to use it as it is."
            )
        typer.echo(f"{wanted.target} is there already; nothing is fetched.")
        return wanted.target
    digest = download(
        wanted.url,
        wanted.target,
        size=wanted.size,
        sha256=wanted.sha256,
        on_progress=lambda done, total: advance("fetching (MB)", done // MEGABYTE, max(total // MEGABYTE, 1)),
    )
    typer.echo(f"{wanted.target}: sha256 {digest}")
    return wanted.target


def _compare(source: Path, protocol: "Protocol | None") -> None:
    """Warn where SOURCE is a file, but not the one that the protocol knows; packed again, it may serve as well."""
    from nero_core.datasets.download import difference

    origin = None if protocol is None else protocol.download
    if origin is not None and source.is_file() and (fault := difference(source, origin.bytes, origin.sha256)):
        typer.echo(f"Warning: {printable(str(source))} is another file than published: {fault}.", err=True)


def _next(out: Path, parts: set[str]) -> str:
    """The commands that read the parts, in their order."""
    place = {part: shlex.quote(printable(str(out / part))) for part in parts}
    ood = f" --ood {place['ood']}" if "ood" in parts else ""
    lines = [f"  nero train {place['train']} --out MODEL"] if "train" in parts else []
    lines += [f"  nero calibrate MODEL {place['calibration']}{ood} --out BUNDLE"] if "calibration" in parts else []
    lines += [f"  nero benchmark BUNDLE --id {place['test']}{ood}"] if "test" in parts else []
    return "\n".join(["Next:", *lines])


def _megabytes(size: int | None) -> str:
    return "not known" if size is None else f"{size / MEGABYTE:,.1f} MB"


def _classes(count: int) -> str:
    return "1 class" if count == 1 else f"{count} classes"

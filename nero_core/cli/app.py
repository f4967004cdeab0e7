"""The commands by name, in one explicit dict."""

import signal
from collections.abc import Callable
from typing import Annotated

import typer

from nero_core.cli import db, worklist
from nero_core.cli.benchmark import benchmark
from nero_core.cli.calibrate import calibrate
from nero_core.cli.dashboard import dashboard
from nero_core.cli.explain import explain
from nero_core.cli.guard import guard
from nero_core.cli.import_checkpoint import import_checkpoint
from nero_core.cli.pack import pack, unpack
from nero_core.cli.pacs import find, pull, push
from nero_core.cli.phantom import phantom
from nero_core.cli.prepare import prepare
from nero_core.cli.quality import quality
from nero_core.cli.recalibrate import recalibrate
from nero_core.cli.report import report
from nero_core.cli.score import score
from nero_core.cli.streams import open_closed_streams
from nero_core.cli.terminal import write_anything
from nero_core.cli.train import train
from nero_core.cli.video import video
from nero_core.cli.worklist_send import send

TERMINATED = 128 + signal.SIGTERM  # exit status, as shells give it

COMMANDS: dict[str, tuple[Callable[..., None], str]] = {  # name → function, example
    "phantom": (phantom, "nero phantom data/id --per-class 300 --seed 1 --classes id"),
    "prepare": (prepare, "nero prepare kvasir-v2 kvasir-dataset-v2.zip data/kvasir"),
    "train": (train, "nero train data/id --out models/phantom --epochs 12"),
    "import-checkpoint": (
        import_checkpoint,
        "nero import-checkpoint resnet18.pth --arch resnet18 --classes polyp,normal --out models/mine",
    ),
    "calibrate": (calibrate, "nero calibrate models/phantom data/calibration --out bundles/phantom --ood data/ood"),
    "score": (score, "nero score bundles/phantom image.png folder --json"),
    "video": (video, "nero video clip.mp4 --bundle bundles/phantom --every 0.5 --json"),
    "explain": (explain, "nero explain bundles/phantom image.png --out why"),
    "report": (report, "nero report image.png --bundle bundles/phantom --out image.pdf --date 2026-11-28"),
    "pack": (pack, "nero pack bundles/phantom phantom.nero.zip"),
    "unpack": (unpack, "nero unpack phantom.nero.zip --into bundles/phantom"),
    "benchmark": (benchmark, "nero benchmark bundles/phantom --ood data/ood --out results"),
    "quality": (quality, "nero quality --bundle bundles/phantom --since 90d"),
    "recalibrate": (recalibrate, "nero recalibrate monday --bundle bundles/phantom --out bundles/phantom-2"),
    "dashboard": (dashboard, "nero dashboard --bundle bundles/phantom"),
}

GROUPS: dict[str, tuple[str, dict[str, tuple[Callable[..., None], str]]]] = {  # name → help, its commands as above
    "db": (
        "The database of worklists, results and reviews.",
        {
            "upgrade": (db.upgrade, "nero db upgrade"),
            "backup": (db.backup, "nero db backup nero-backup.db"),
            "restore": (db.restore, "nero db restore nero-backup.db --replace"),
            "prune": (db.prune, "nero db prune --older-than 90d"),
        },
    ),
    "worklist": (
        "Many images as one list: scored once each, reviewed, written out.",
        {
            "score": (worklist.score, "nero worklist score frames --bundle bundles/phantom --out monday"),
            "list": (worklist.list_worklists, "nero worklist list"),
            "send": (send, "nero worklist send monday --bundle bundles/phantom"),
            "export": (worklist.export, "nero worklist export monday --format csv --out monday.csv"),
        },
    ),
    "audit": (
        "The log of what was done, by whom.",
        {"verify": (db.verify, "nero audit verify")},
    ),
    "pacs": (
        "Find studies in a PACS (DICOMweb), fetch them, send results back. NERO_PACS_URL says where it is.",
        {
            "find": (find, "nero pacs find --modality ES --date 20260101-"),
            "pull": (pull, "nero pacs pull 1.2.840.113619.2.55 --out study"),
            "push": (push, "nero pacs push 1.2.840.113619.2.55 --bundle bundles/phantom"),
        },
    ),
}
CONTEXT = {"help_option_names": ["-h", "--help"]}

app = typer.Typer(
    name="nero",
    help="Says whether an image is out-of-distribution for a classifier, and shows why, neuron by neuron.",
    epilog="Research and teaching; not a medical device.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings=CONTEXT,
)
for name, (command, example) in COMMANDS.items():
    app.command(name, epilog=f"Example: {example}")(guard(command))
for group, (group_help, commands) in GROUPS.items():
    under = typer.Typer(name=group, help=group_help, no_args_is_help=True, context_settings=CONTEXT)
    for name, (command, example) in commands.items():
        under.command(name, epilog=f"Example: {example}")(guard(command))
    app.add_typer(under)


def _print_version(wanted: bool) -> bool:
    if wanted:
        from nero_core.version import __version__  # it looks through what is installed

        typer.echo(f"nero {__version__}")
        raise typer.Exit
    return wanted


@app.callback()
def options(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Says whether an image is out-of-distribution for a classifier, and shows why, neuron by neuron."""


def main() -> None:
    """Run the command line. Exit status: 0 done; 1 in part, or a fault of ours; 2 input that the user can mend.

    SIGTERM ends it with 143, once temporary folders are removed and the progress file has its last line. A standard
    stream that is closed loses what is written to it; a reader that left ends the command with 1 and no word.
    """
    open_closed_streams()
    signal.signal(signal.SIGTERM, _terminate)
    write_anything()
    app()


def _terminate(number: int, frame: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # what tidies up now is not to be interrupted
    raise SystemExit(TERMINATED)

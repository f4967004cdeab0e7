"""``nero video``."""

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nero_core.cli.guard import FAULT
from nero_core.cli.json_lines import json_line
from nero_core.cli.options import Device, Seed, Tpr
from nero_core.cli.progress import progress_bar
from nero_core.errors import NeroError

if TYPE_CHECKING:
    from nero_core.types import FrameScore, Timeline


def video(
    file: Annotated[Path, typer.Argument(help="MP4, MOV, AVI, MKV or WebM.")],
    bundle: Annotated[
        Path | None, typer.Option(help="Bundle folder, made by nero calibrate; the demo where it is not given.")
    ] = None,
    every: Annotated[float, typer.Option(help="Seconds between two frames.")] = 0.5,
    change: Annotated[
        float,
        typer.Option(help="Change of the picture, 0 to 1, from which a frame is taken out of its turn; 1 for never."),
    ] = 0.15,
    dark: Annotated[float, typer.Option(help="Mean light, 0 to 1, below which a frame is left out.")] = 0.04,
    blurred: Annotated[
        float, typer.Option(help="Variance of the Laplacian below which a frame is left out; 0 for none.")
    ] = 10.0,
    least: Annotated[int, typer.Option(help="Frames that are unlike in the shortest stretch.")] = 3,
    gap: Annotated[int, typer.Option(help="Frames between two of them that are not.")] = 1,
    method: Annotated[str | None, typer.Option(help="verdict, the default, or a detector.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line: frames, then the video.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="The frames as CSV.")] = False,
    figure: Annotated[Path | None, typer.Option(help="File for the timeline's figure: .png, .svg or .pdf.")] = None,
    tpr: Tpr = None,
    seed: Seed = 0,
    device: Device = "auto",
) -> None:
    """Score the frames of a video: p over time, and the stretches that stay unlike. Exit status 1 when no frame was
    good enough, 0 when some were."""
    import torch

    from nero_core.cli.video_table import print_timeline, tell_account
    from nero_core.inspector import Inspector
    from nero_core.video import Sampling, Video, score_video

    if as_json and as_csv:
        raise NeroError("Expected --json or --csv. Found both. Choose one.")
    form = None if figure is None else _form(figure)
    torch.manual_seed(seed)
    inspector = Inspector.load(bundle, device)
    name = method or inspector.default_method(tpr)
    reason = "" if method else inspector.no_verdict_because(tpr)
    if reason:
        typer.echo(f"{reason} Scored by {name} instead.", err=True)
    sampling = Sampling(every, change, dark, blurred)
    with progress_bar() as advance:
        timeline = score_video(
            Video(file),
            inspector,
            name,
            tpr,
            sampling,
            least,
            gap,
            on_progress=lambda done, total: advance("scoring, seconds", done, total),
        )
    class_names = inspector.bundle.card.class_names
    if as_json:
        for frame in timeline.frames:
            typer.echo(json_line(frame_record(timeline, frame, class_names)))
        typer.echo(json_line(video_record(timeline)))
    elif as_csv:
        typer.echo(frames_csv(timeline, class_names), nl=False)
    else:
        print_timeline(timeline, class_names)
    tell_account(timeline)
    if figure is not None and form is not None:
        _save(timeline, inspector.bundle.card.title, figure, form)
    if not timeline.frames:
        raise typer.Exit(FAULT)


def frame_record(timeline: "Timeline", frame: "FrameScore", class_names: tuple[str, ...]) -> dict[str, Any]:
    """One frame; the keys that ``nero score`` has mean the same."""
    from nero_core.types import time_stamp

    return {
        "file": timeline.name,
        "time": round(frame.time, 6),
        "time_stamp": time_stamp(frame.time),
        "frame": frame.index,
        "id": frame.id,
        "predicted": class_names[frame.predicted],
        "confidence": frame.confidence,
        "method": timeline.detector,
        "score": frame.score,
        "threshold": timeline.threshold,
        "is_ood": frame.is_ood,
        "verdict": frame.verdict,
        "p_value": frame.p_value,
        "stretch": next(
            (number for number, run in enumerate(timeline.stretches, 1) if run.start <= frame.time <= run.end), None
        ),
    }


def video_record(timeline: "Timeline") -> dict[str, Any]:
    """The whole video: its stretches, and what became of its frames."""
    account = timeline.account
    return {
        "file": timeline.name,
        "sha256": timeline.id,
        "method": timeline.detector,
        "tpr": timeline.tpr,
        "threshold": timeline.threshold,
        "unlike": timeline.unlike,
        "stretches": [
            {"start": run.start, "end": run.end, "frames": run.frames, "smallest_p": run.smallest_p}
            for run in timeline.stretches
        ],
        "frames": {
            "decoded": account.decoded,
            "sampled": account.sampled,
            "scored": account.scored,
            "dark": account.dark,
            "blurred": account.blurred,
            "damaged": account.damaged,
        },
        "notes": list(account.notes),
    }


def frames_csv(timeline: "Timeline", class_names: tuple[str, ...]) -> str:
    """A header and one line a frame."""
    from nero_core.types import FrameScore

    nothing = FrameScore(0.0, 0, "", 0.0, 1.0, False, "like", 0, 0.0)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(frame_record(timeline, nothing, class_names)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(frame_record(timeline, frame, class_names) for frame in timeline.frames)
    return text.getvalue()


def _form(path: Path) -> str:
    from typing import get_args

    from nero_core.figures.style import Form

    form = path.suffix.lower().removeprefix(".")
    if form not in get_args(Form):
        raise NeroError(f"Expected a figure named .png, .svg or .pdf. Found {path.name!r}. Choose one of these.")
    return form


def _save(timeline: "Timeline", title: str, path: Path, form: str) -> None:
    from nero_core.atomic import write_bytes
    from nero_core.figures import figure_bytes, timeline_figure

    write_bytes(path, figure_bytes(timeline_figure(timeline, title), form))  # type: ignore[arg-type]  # see _form

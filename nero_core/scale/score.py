"""``score_into_parts``: files, folders and shards in, a folder of Parquet parts out, by any engine."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nero_core.data.left_out import Tell, tell_nobody
from nero_core.errors import NeroError
from nero_core.scale.engine import Engine
from nero_core.scale.parts import PartSettings, count_rows, known_files, open_run, write_errors
from nero_core.scale.scorer import Answer, Scorer
from nero_core.scale.units import PART_SIZE, Failures, Unit, units_in

OnAnswer = Callable[[Answer, int, int], object]  # an answer, units that are done, and all of them


@dataclass(frozen=True, slots=True)
class Scored:
    """What stands in the folder at the end of a run.

    Attributes:
        images: rows with a score.
        failed: images and shards without one, each named in ``errors``.
        new: how many of these are of this run.
        errors: the file that lists what failed; None where nothing did.
    """

    images: int
    failed: int
    new: int
    errors: Path | None


def score_into_parts(
    bundle: str | Path,
    paths: Iterable[str | Path],
    out: str | Path,
    settings: PartSettings,
    engine: Engine,
    *,
    column: str | None = None,
    size: int = PART_SIZE,
    again: bool = False,
    on_answer: OnAnswer = lambda answer, done, total: None,
    on_left_out: Tell = tell_nobody,
) -> Scored:
    """Score what the folder does not have yet, a part a unit. Killed at any moment, the same call goes on from there.

    A unit whose worker dies is given to another. One that kills each worker it is given to is done file by file, so
    that one image costs no other its score.

    Args:
        bundle: folder of the bundle, where every worker finds it.
        paths: images, ``.tar`` and ``.parquet`` shards, or folders of them.
        out: folder of the parts, where every worker finds it.
        settings: how to score.
        engine: what runs the units.
        column: of the images' bytes in Parquet shards; the only one that can be where None.
        size: files a unit.
        again: score units with errors again.
        on_answer: told each answer, and of how many units how many are done.
        on_left_out: told what a folder holds that is not read.

    Raises:
        NeroError: the folder holds something else or other settings, the disk is full, or a worker cannot start.
    """
    out, failures = Path(out).absolute(), Failures()
    with open_run(out, settings):
        known = known_files(out, again)
        units = units_in(map(Path, paths), failures, known, size, on_left_out)
        waiting = [unit for unit in units if not (out / unit.part).exists()]
        arguments = (str(Path(bundle).absolute()), str(out), settings, column, engine.device, engine.threads)
        new = 0
        while waiting:
            lost: list[Unit] = []
            new += _run(engine, arguments, waiting, failures, lost, on_answer)
            waiting = [part for unit in lost if len(unit.sources) > 1 for part in unit.split()]
            for unit in lost:
                if len(unit.sources) == 1:
                    failures[unit.sources[0]] = (
                        f"{Path(unit.sources[0]).name}: expected a worker to score it; found that each one it was "
                        "given to ended, most often for want of memory. Give workers more memory, or leave it out."
                    )
        rows, errors = count_rows(out)
        return Scored(rows - errors, errors + len(failures), new, write_errors(out, failures))


def _run(
    engine: Engine,
    arguments: tuple[object, ...],
    units: Sequence[Unit],
    failures: Failures,
    lost: list[Unit],
    on_answer: OnAnswer,
) -> int:
    new, missing = 0, dict(enumerate(units))
    for place, answer in engine.map(Scorer, arguments, units):
        unit = missing.pop(place)
        if answer.is_full:
            raise NeroError(
                f"Expected to write {unit.part} to {arguments[1]}. Found: {answer.refused}, at {answer.worker}. Make "
                "room, and give the same command again: the parts that are written stand."
            )
        if answer.refused:
            for source in unit.sources:
                name = Path(source).name
                failures[source] = f"{name}: expected a score; found: {answer.refused}. Give the same command again."
        new += answer.images - answer.failed
        on_answer(answer, len(units) - len(missing), len(units))
    lost += missing.values()
    return new

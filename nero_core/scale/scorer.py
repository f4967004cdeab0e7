"""The worker of ``nero score``: loads the bundle once, then scores a unit a call and writes its part."""

import os
import socket
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from nero_core.errors import ImageError, NeroError
from nero_core.inspector import Inspector
from nero_core.scale.parts import PartSettings, row_of, write_part
from nero_core.scale.shards import Source, images_of
from nero_core.scale.units import Unit
from nero_core.score_images import BATCH, Decoded, decoded, score_decoded


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a unit.

    Attributes:
        images: rows of its part.
        failed: how many of them are errors.
        worker: machine and process, ``node7:4312``.
        refused: why there is no part; empty where there is one.
        is_full: the part could not be written, nor will the next.
    """

    images: int
    failed: int
    worker: str
    refused: str = ""
    is_full: bool = False


class Scorer:
    """Scores units into a folder that all workers see.

    Args:
        bundle: folder of the bundle.
        out: folder of the parts.
        settings: how to score; the bundle must be the one that they name.
        column: of the images' bytes in Parquet shards.
        device: where to compute.
        threads: that decode.

    Raises:
        NeroError: the bundle cannot be loaded here, is another one, or the device is not here.
    """

    def __init__(
        self, bundle: str, out: str, settings: PartSettings, column: str | None, device: str, threads: int
    ) -> None:
        torch.manual_seed(settings.seed)
        self._inspector = Inspector.load(bundle, device)
        if self._inspector.bundle.digest != settings.bundle:
            raise NeroError(
                f"Expected the same bundle on every machine. Found another at {bundle} on {socket.gethostname()}. "
                "Put it on a disk that all share."
            )
        self._out, self._column, self._threads = Path(out), column, threads
        self._method = settings.method
        self._detect = partial(
            self._inspector.detect,
            methods=(settings.method,),
            tpr=settings.tpr,
            borderline=settings.borderline,
            by_class=settings.by_class,
        )

    def __call__(self, unit: Unit) -> Answer:
        """Score one unit; one that cannot be, for whatever reason, stops no other."""
        worker = f"{socket.gethostname()}:{os.getpid()}"
        try:
            rows = self._rows(unit)
        except Exception as error:  # of PyTorch or a driver: what is wrong with an image is a row already
            return Answer(0, 0, worker, f"{type(error).__name__}: {error}")
        try:
            write_part(self._out, unit.part, rows)
        except OSError as error:
            return Answer(0, 0, worker, error.strerror or str(error), is_full=True)
        return Answer(len(rows), sum(row["error"] is not None for row in rows), worker)

    def _rows(self, unit: Unit) -> list[dict[str, Any]]:
        known, notes = frozenset(unit.sources), dict[str, str]()
        images = decode_ahead(self._inspector, images_of(unit, self._column), self._threads)
        rows = []
        for record in score_decoded(self._inspector, images, self._detect, notes.__setitem__):
            file = record["file"]
            source = (
                unit.sources[0] if unit.kind != "files" else file if file in known else file.rpartition("#frame ")[0]
            )
            rows.append(row_of(record, source, notes.get(file)))
        return rows


def decode_ahead(inspector: Inspector, files: Iterator[tuple[str, Source]], threads: int) -> Iterator[Decoded]:
    """The images of files in their order, decoded in threads while the network is at work, a batch ahead at most."""
    queue: deque[Future[tuple[list[Decoded], Iterator[Decoded]]]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")
    try:
        while True:
            for file, source in islice(files, BATCH - len(queue)):
                queue.append(pool.submit(_begin, inspector, file, source))
            if not queue:
                return
            first, others = queue.popleft().result()
            yield from first
            yield from others  # the frames of a long recording, one at a time
    finally:  # also when the consumer stops early
        pool.shutdown(cancel_futures=True)


def _begin(inspector: Inspector, file: str, source: Source) -> tuple[list[Decoded], Iterator[Decoded]]:
    if isinstance(source, ImageError):
        return [(file, str(source))], iter(())
    images = decoded(inspector, file, source)
    return list(islice(images, 1)), images

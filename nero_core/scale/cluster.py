"""Ray Data's workers, on a Ray that is started here and ends with the command, or on a cluster at an address.

Scheduling, retries and backpressure are Ray Data's (``map_batches`` with a pool of actors); here stand the units that
go in, the answers that come out, and what is said when something is missing.
"""

import logging
import os
import pickle
import signal
import socket
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from nero_core.errors import NeroError
from nero_core.scale.engine import Work

RETRIES = 3  # of a unit whose worker dies; then it is none of the worker's faults
OBJECT_STORE = 200 * 2**20  # bytes of shared memory of a local Ray: units and answers are small
_ANSWERS_WITHIN = 5.0  # seconds in which a cluster takes a connection
_PORT = 6379  # of a Ray cluster, where an address names none
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is sent to Ray's makers
    "RAY_BACKEND_LOG_LEVEL": "fatal",  # of this process; workers write to Ray's own log
}


@dataclass(frozen=True, slots=True)
class Cluster:
    """Workers of a Ray that this process is connected to; an ``Engine``.

    Attributes:
        workers: how many.
        device: ``cuda``, one GPU a worker, or ``cpu``.
        threads: cores of each, with which it decodes and, without a GPU, computes.
    """

    workers: int
    device: str
    threads: int

    def map(self, make: Callable[..., Work], arguments: tuple[Any, ...], units: Sequence[Any]) -> Iterator[Any]:
        """See ``Engine``."""
        import ray
        from ray.data import ActorPoolStrategy, DataContext, from_items

        if not units:
            return
        context = DataContext.get_current()
        context.enable_progress_bars = context.print_on_execution_start = False
        context.max_errored_blocks = -1  # a unit without an answer is the caller's to tell
        rows = [{"place": place, "unit": pickle.dumps(unit)} for place, unit in enumerate(units)]
        with warnings.catch_warnings():  # what follows num_gpus has no other name yet
            warnings.simplefilter("ignore", ray.util.annotations.RayDeprecationWarning)
            answers = from_items(rows, override_num_blocks=len(rows)).map_batches(
                _Worker,
                fn_constructor_args=(make, arguments),
                batch_size=1,
                compute=ActorPoolStrategy(size=min(self.workers, len(units))),
                num_cpus=self.threads,
                num_gpus=1 if self.device == "cuda" else 0,
                max_restarts=-1,
                max_task_retries=RETRIES,
            )
        logging.getLogger("ray.data").setLevel(logging.CRITICAL)
        try:
            for row in answers.iter_rows():
                answer = pickle.loads(row["answer"])
                if isinstance(answer, NeroError):
                    raise answer
                yield row["place"], answer
        except ray.exceptions.RayError as error:
            raise NeroError(
                f"Expected workers that start and answer. Found {type(error).__name__}: {_line(error)}. See that this "
                "program, in the same version, and the bundle are on every machine."
            ) from error


class _Worker:
    """A process of Ray's that makes its worker once, and gives it a unit a call."""

    def __init__(self, make: Callable[..., Work], arguments: tuple[Any, ...]) -> None:
        self._work: Work | None = None
        self._refusal: NeroError | None = None
        try:
            self._work = make(*arguments)
        except NeroError as error:  # raised here, Ray would try again and again
            self._refusal = error

    def __call__(self, rows: dict[str, Any]) -> dict[str, Any]:
        return {"place": rows["place"], "answer": [pickle.dumps(self._answer(unit)) for unit in rows["unit"]]}

    def _answer(self, unit: bytes) -> object:
        if self._work is None:
            return self._refusal
        try:
            return self._work(pickle.loads(unit))
        except NeroError as error:
            return error


@contextmanager
def open_cluster(
    address: str | None = None, workers: int | None = None, device: str = "auto", threads: int = 1
) -> Iterator[Cluster]:
    """Connect to a Ray cluster, or start a Ray on this machine that ends with the block.

    Where this process is connected to a Ray already, that one is used and left as it is.

    Args:
        address: ``host:port`` or ``auto`` of a running cluster; a local Ray where None.
        workers: how many; one for each GPU, or for every ``threads`` cores, where None.
        device: ``auto`` is a GPU for each worker where Ray has one, else the CPU.
        threads: cores of each worker.

    Raises:
        NeroError: Ray is not installed, no cluster answers at the address, or it has no room for one worker.
    """
    os.environ.update({name: value for name, value in _QUIET.items() if name not in os.environ})
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise NeroError(
            f"Expected Ray for --engine ray. Found that it is not installed ({error}). "
            'Run pip install "nero-dashboard[scale]".'
        ) from error
    if device not in ("auto", "cpu", "cuda"):
        raise NeroError(f"Expected auto, cpu or cuda for --engine ray. Found {device!r}. Choose one of these.")
    if ray.is_initialized():
        yield _sized(ray.cluster_resources(), workers, device, threads)
        return
    with tempfile.TemporaryDirectory(prefix="nero-ray-", dir=_short_folder(), ignore_cleanup_errors=True) as folder:
        with _signals_as_before():
            if address is None:
                _start(folder, (workers or 1) * threads, device)
            else:
                _connect(address)
        try:
            yield _sized(ray.cluster_resources(), workers, device, threads)
        finally:
            ray.shutdown()


def _start(folder: str, cores: int, device: str) -> None:
    import ray

    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        ray.init(
            address="local",
            num_cpus=max(there, cores),
            num_gpus=0 if device == "cpu" else None,
            include_dashboard=False,
            object_store_memory=OBJECT_STORE,
            log_to_driver=False,
            logging_level=logging.CRITICAL,
            _temp_dir=folder,  # its log names files, so it goes when the command ends
            _system_config={"worker_niceness": 0},  # its 15 starves workers where others compute
        )
    except (RuntimeError, OSError, ValueError) as error:
        raise NeroError(
            f"Expected to start Ray on this machine. Found: {_line(error)}. See that there is room in memory and on "
            "the disk, or leave out --engine."
        ) from error


def _connect(address: str) -> None:
    import ray

    remedy = "Check --address, and that the cluster runs (ray status); without --address a Ray is started here."
    _check_answer(address, remedy)
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL)
    except (RuntimeError, OSError, ValueError, ImportError) as error:
        raise NeroError(f"Expected a Ray cluster at {address}. Found: {_line(error)}. {remedy}") from error


def _check_answer(address: str, remedy: str) -> None:
    """See that something listens: Ray itself ends the process a minute later."""
    if address == "auto":
        return
    host, _, port = address.removeprefix("ray://").rpartition(":") if ":" in address else (address, "", str(_PORT))
    try:
        socket.create_connection((host.strip("[]"), int(port)), _ANSWERS_WITHIN).close()
    except (OSError, ValueError, OverflowError) as error:
        actual = getattr(error, "strerror", None) or str(error)
        raise NeroError(f"Expected a Ray cluster at {address}. Found: {actual}. {remedy}") from error


def _sized(resources: dict[str, float], workers: int | None, device: str, threads: int) -> Cluster:
    """As many workers as were asked for, or as there is room for."""
    gpus, cores = int(resources.get("GPU", 0)), int(resources.get("CPU", 0))
    on_gpu = device == "cuda" or (device == "auto" and gpus > 0)
    room = min(gpus, cores // threads) if on_gpu else cores // threads
    if room < (workers or 1):
        needs = f"{threads} {'core' if threads == 1 else 'cores'}{' and a GPU' if on_gpu else ''}"
        raise NeroError(
            f"Expected room for {workers or 1} workers of {needs} each. Found {cores} cores and {gpus} GPUs in Ray. "
            "Ask for fewer with --workers or --worker-cores, or add machines."
        )
    return Cluster(workers or room, "cuda" if on_gpu else "cpu", threads)


@contextmanager
def _signals_as_before() -> Iterator[None]:
    """Ray takes SIGTERM for itself."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    if before is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, before)


def _short_folder() -> str | None:
    """Where Ray's sockets may be: their paths have at most 107 bytes."""
    return "/tmp" if os.path.isdir("/tmp") else None  # noqa: PTH112


def _line(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[-1].strip()[:300].rstrip(".")

"""Processes of Python that find PyTorch imported: forked from one that has, which all tests of a run share.

To import what others have made takes a process of this project three to six seconds of computing. A test of signals,
exit statuses, streams or a kill is not about that. What is forked here has imported nothing of this project, is a
process like any other once it runs, and ends with the status and the words of any other. The interpreter's own start
and its way of taking itself apart it does not show, which takes another second: of each kind some tests start a real
one.
"""

import atexit
import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
import types
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import IO, Any, NoReturn, Self

from filelock import FileLock

ROOT = Path(__file__).resolve().parents[1]
IMPORTED = (
    "matplotlib.figure",
    "pydantic",
    "pytorch_ood",
    "rich.console",
    "safetensors.torch",
    "timm",
    "typer.rich_utils",
)
STARTS = 180.0  # seconds, on a busy machine
LOST = 120  # the interpreter's status where it could not write what was printed


class WarmProcess:
    """As ``subprocess.Popen`` of text, with what it prints captured.

    Args:
        connection: on which the status comes once it has ended.
        out: what is printed on both streams.
    """

    def __init__(self, connection: socket.socket, out: tuple[IO[bytes], IO[bytes]]) -> None:
        self._connection, self._out = connection, out
        self._lines = connection.makefile("r")
        self.pid = int(self._lines.readline())
        self.returncode: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        if self.poll() is None:
            self.kill()
            self.wait()
        for file in (self._lines, self._connection, *self._out):
            file.close()

    def poll(self) -> int | None:
        """The status, if it has ended."""
        with suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        """The status, as ``subprocess`` gives it."""
        if self.returncode is None:
            if not select.select([self._connection], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("a warm process", timeout or 0.0)
            self.returncode = os.waitstatus_to_exitcode(int(self._lines.readline()))
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Nothing where it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """As by the system."""
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What it has printed, once it has ended."""
        self.wait(timeout)
        printed = []
        for file in self._out:
            file.seek(0)
            printed.append(file.read().decode(errors="replace"))
        return printed[0], printed[1]


class WarmProcesses:
    """Starts them.

    Args:
        shared: a folder that all processes of a run of the tests see.
    """

    def __init__(self, shared: Path) -> None:
        self._shared = shared
        self._server: subprocess.Popen[bytes] | None = None

    def start(
        self, *arguments: object, env: Mapping[str, str] | None = None, cwd: Path = ROOT, closed: Sequence[int] = (),
        to: int | None = None,
    ) -> Any:  # fmt: skip
        """A process of ``python`` with these arguments, which begin with ``-m MODULE`` or ``-c CODE``.

        Args:
            arguments: of Python.
            env: further variables.
            cwd: where it runs.
            closed: of its three standard streams those that are closed.
            to: a file that stands for its output, and is not captured.
        """
        given = [str(argument) for argument in arguments]
        variables = {**os.environ, "OMP_NUM_THREADS": "1", **(env or {})}
        if not hasattr(os, "fork"):
            pipes = dict.fromkeys(("stdout", "stderr"), subprocess.PIPE)
            return subprocess.Popen([sys.executable, *given], cwd=cwd, env=variables, text=True, **pipes)  # type: ignore[call-overload]
        out = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        with Path(os.devnull).open("rb") as nothing:
            streams = [nothing.fileno(), out[0].fileno() if to is None else to, out[1].fileno()]
            asked = json.dumps({"arguments": given, "env": variables, "cwd": str(cwd), "closed": list(closed)})
            connection = self._connect()
            socket.send_fds(connection, [b"!"], streams)
            connection.sendall(f"{asked}\n".encode())
        return WarmProcess(connection, out)

    def run(self, *arguments: object, timeout: float = 120, **settings: Any) -> subprocess.CompletedProcess[str]:
        """The same, to its end."""
        with self.start(*arguments, **settings) as process:
            out, err = process.communicate(timeout=timeout)
            return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def python(self) -> list[str]:
        """In the place of ``sys.executable``, where code under test starts the process."""
        if not hasattr(os, "fork"):
            return [sys.executable]
        self._connect().close()
        script = str(Path(__file__).with_name("warm_python.py"))
        return [sys.executable, "-I", "-S", script, (self._shared / "warm").read_text()]

    def close(self) -> None:
        """End what was started here to fork from; others start their own."""
        if self._server is not None and self._server.stdin is not None:
            self._server.stdin.close()
            self._server.wait(STARTS)

    def _connect(self) -> socket.socket:
        with FileLock(self._shared / "warm.lock"):
            written = self._shared / "warm"
            with suppress(OSError):
                return _reach(written.read_text())
            folder = tempfile.mkdtemp(prefix="nero")  # an address may not be long
            command = [sys.executable, "-m", "tests.warm_process", f"{folder}/socket"]
            self._server = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
            )
            assert self._server.stdout is not None
            assert self._server.stdout.readline() == b"ready\n"
            self._server.stdout.close()
            written.write_text(f"{folder}/socket")
            return _reach(f"{folder}/socket")


def _reach(address: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(address)
    except OSError:
        connection.close()
        raise
    return connection


def serve(address: str) -> NoReturn:
    """Fork a process for each that asks, until standard input ends: whoever started this has ended."""
    for name in IMPORTED:
        import_module(name)
    gc.collect()
    gc.freeze()  # nobody frees it, and no process looks at it to find what can be freed
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(64)
        os.write(1, b"ready\n")
        while True:
            ready, _, _ = select.select([listener, 0], [], [])
            if 0 in ready:
                Path(address).unlink()
                Path(address).parent.rmdir()
                os._exit(0)
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                attend(connection)
            connection.close()
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass


def attend(connection: socket.socket) -> NoReturn:
    """Fork once more, and tell which process that is and how it ended."""
    _, streams, _, _ = socket.recv_fds(connection, 1, 3)
    if not streams:
        os._exit(0)  # somebody has only looked
    asked = json.loads(connection.makefile("r").readline())
    wakes, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.set_wakeup_fd(woken)
    pid = os.fork()
    if pid == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        become(streams, asked)
    with suppress(OSError):  # who asked may have left
        connection.sendall(f"{pid}\n".encode())
    while not (ended := os.waitpid(pid, os.WNOHANG))[0]:
        if connection in select.select([connection, wakes], [], [])[0]:
            os.kill(pid, signal.SIGKILL)  # who asked is gone
            ended = os.waitpid(pid, 0)
            break
    with suppress(OSError):
        connection.sendall(f"{ended[1]}\n".encode())
    os._exit(0)


def become(streams: Sequence[int], asked: Mapping[str, Any]) -> NoReturn:
    """Be the process that was asked for, and end with its status."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.closerange(3, 256)
    for number in asked["closed"]:
        os.close(number)
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["env"])
    encoding, _, errors = os.environ.get("PYTHONIOENCODING", "utf-8").partition(":")
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = None  # as the interpreter has it where a stream is closed
        if number not in asked["closed"]:
            handling = "backslashreplace" if number == 2 else errors or "strict"
            stream = open(number, "w" if number else "r", encoding=encoding, errors=handling, closefd=False)
            if number and os.environ.get("PYTHONUNBUFFERED"):
                stream.reconfigure(line_buffering=True)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    kind, what, *sys.argv[1:] = asked["arguments"]
    sys.argv[0] = what if kind == "-m" else kind
    sys.path[0] = asked["cwd"]
    status = run_and_tell(what, kind == "-m")
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads, as the interpreter does
    atexit._run_exitfuncs()
    for name in ("stdout", "stderr"):
        try:
            getattr(sys, name).flush()
        except AttributeError:
            continue  # it is closed
        except Exception as error:
            print(f"Exception ignored in: {name}\n{type(error).__name__}: {error}", file=sys.stderr)
            status = LOST
    os._exit(status)


def run_and_tell(what: str, is_module: bool) -> int:
    """The status with which it ends, once what it says to that is printed."""
    try:
        if is_module:
            runpy.run_module(what, run_name="__main__", alter_sys=True)
        else:
            main = sys.modules["__main__"] = types.ModuleType("__main__")
            exec(compile(what, "<string>", "exec"), vars(main))
    except SystemExit as ending:
        if ending.code is None or isinstance(ending.code, int):
            return ending.code or 0
        print(ending.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    serve(sys.argv[1])

"""What all commands share: help, version, errors."""

import errno
import inspect
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from nero_core.cli.app import COMMANDS, GROUPS, app
from nero_core.cli.guard import guard
from nero_core.cli.json_lines import json_line
from nero_core.cli.options import listed
from nero_core.cli.terminal import printable
from nero_core.errors import BundleError
from tests.warm_process import WarmProcesses

ALL = {
    **COMMANDS,
    **{f"{group} {name}": entry for group, (_, commands) in GROUPS.items() for name, entry in commands.items()},
}
Run = Callable[..., Result]


def test_help_names_every_command(nero: Run):
    result = nero("--help")
    assert result.exit_code == 0
    for name in ("phantom", "train", "calibrate", "score", "explain", "dashboard"):
        assert f" {name} " in result.output


@pytest.mark.parametrize("name", sorted(ALL))
def test_help_of_each_command_has_an_example(nero: Run, name: str):
    result = nero(*name.split(), "--help")
    assert result.exit_code == 0
    assert f"Example: nero {name}" in result.output


@pytest.mark.parametrize("name", sorted(ALL))
def test_an_example_is_a_line_that_the_command_understands(
    nero: Run, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """Parsed by the real parser: an unknown option would be status 2 with a usage line."""
    monkeypatch.chdir(tmp_path)
    seen = []
    stand_in = typer.Typer()
    command, example = ALL[name]

    @stand_in.callback()
    def nothing() -> None: ...

    def record(**given: object) -> None:
        seen.append(given)

    record.__signature__ = inspect.signature(command)  # type: ignore[attr-defined]
    record.__annotations__ = command.__annotations__
    stand_in.command(name.split()[-1])(record)
    result = CliRunner().invoke(stand_in, example.split()[len(name.split()) :])
    assert result.exit_code == 0, result.output
    assert len(seen) == 1


def test_version_is_the_packages(nero: Run):
    assert nero("--version").output.strip() == f"nero {version('nero-dashboard')}"


def test_a_usage_error_is_status_2(nero: Run):
    result = nero("score")
    assert result.exit_code == 2
    assert "Missing argument" in result.stderr


def test_a_nero_error_is_told_on_stderr_with_status_2(capsys: pytest.CaptureFixture[str]):
    def command() -> None:
        raise BundleError("Expected a. Found b. Do c.")

    with pytest.raises(typer.Exit) as caught:
        guard(command)()
    assert caught.value.exit_code == 2
    assert capsys.readouterr() == ("", "Error: Expected a. Found b. Do c.\n")


def test_an_unforeseen_error_is_one_sentence_with_a_hint_and_status_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    def command() -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.delenv("NERO_DEBUG", raising=False)
    with pytest.raises(typer.Exit) as caught:
        guard(command)()
    assert caught.value.exit_code == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "ZeroDivisionError: division by zero" in err
    assert "NERO_DEBUG=1" in err
    assert err.count("\n") == 1
    monkeypatch.setenv("NERO_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        guard(command)()


def test_a_real_process_shows_no_traceback_and_ends_with_status_2(tmp_path: Path):
    command = [sys.executable, "-m", "nero_core.cli", "score", tmp_path / "nowhere", tmp_path, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("Error: Expected a bundle folder")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("stage", ["digests", "references"])
def test_sigterm_tidies_up_and_is_status_143(
    warm: WarmProcesses, phantoms: Path, tiny_checkpoint: Path, tmp_path: Path, stage: str
):
    images = shutil.make_archive(str(tmp_path / "id"), "zip", phantoms / "id")
    temporary, progress = tmp_path / "temporary", tmp_path / "progress"
    temporary.mkdir()
    command = ("calibrate", tiny_checkpoint, images, "--out", tmp_path / "bundle", "--progress", progress)
    options = ("--device", "cpu", "--allow-reduced-rank")
    with warm.start("-m", "nero_core.cli", *command, *options, env={"TMPDIR": str(temporary)}) as process:
        while process.poll() is None and not (
            progress.exists() and stage in progress.read_text() and any(temporary.iterdir())
        ):
            time.sleep(0.002)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=120)
    assert process.returncode == 143, err
    assert "Traceback" not in err
    assert list(temporary.iterdir()) == []
    assert json.loads(progress.read_text().splitlines()[-1]) == {"error": "Stopped."}
    assert {path.name for path in tmp_path.iterdir()} == {"id.zip", "temporary", "progress"}


def test_the_console_script_is_installed():
    script = Path(sys.executable).with_name("nero")
    done = subprocess.run([script, "--version"], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, f"nero {version('nero-dashboard')}\n")


def test_the_commands_import_nothing_heavy():
    """``nero --help`` must answer at once: torch alone takes seconds to import."""
    code = (
        "import sys, types; package = types.ModuleType('nero_core'); package.__path__ = [sys.argv[1]];"
        "sys.modules['nero_core'] = package; import nero_core.cli.app;"
        "print(sorted({'torch', 'timm', 'numpy', 'pydantic', 'PIL', 'streamlit', 'dashboard'} & set(sys.modules)))"
    )
    root = Path(sys.modules["nero_core"].__file__ or "").parent
    done = subprocess.run([sys.executable, "-c", code, root], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"


def test_json_lines_are_ascii_and_valid_whatever_the_numbers():
    line = json_line({"file": "bär\n.png", "score": float("nan"), "terms": {"scale": float("inf")}, "list": (1.5,)})
    assert line.isascii()
    assert "\n" not in line
    assert json.loads(line) == {"file": "bär\n.png", "score": None, "terms": {"scale": None}, "list": [1.5]}


def test_class_names_come_by_commas_or_by_repetition():
    assert listed(None) is None
    assert listed(["a,b", "c"]) == ["a", "b", "c"]


def test_every_command_is_registered_once():
    assert len(app.registered_commands) == len(COMMANDS)


def test_an_os_error_is_one_sentence_with_status_2(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    def command() -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "why/heatmap.png")

    monkeypatch.delenv("NERO_DEBUG", raising=False)
    with pytest.raises(typer.Exit) as caught:
        guard(command)()
    assert caught.value.exit_code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "No space left on device at why/heatmap.png" in err
    assert err.count("\n") == 1


def test_a_reader_that_left_is_not_told_as_an_error():
    def command() -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        guard(command)()


@pytest.mark.parametrize("kind", [BundleError, OSError, ZeroDivisionError])
def test_a_message_cannot_steer_the_terminal_nor_flood_it(capsys: pytest.CaptureFixture[str], kind: type[Exception]):
    def command() -> None:
        raise kind("Expected a.\x1b[2J\u202eFound:\n" + "b" * 100_000 + " Do c.")

    with pytest.raises(typer.Exit):
        guard(command)()
    err = capsys.readouterr().err
    assert err[:-1].isprintable()
    assert len(err) < 700
    assert "Expected a.�[2J�Found: b" in err
    assert "b Do c." in err


def test_printable_text_is_at_most_as_long_as_asked_and_a_short_one_untouched():
    assert printable("Bär [red] – ok", 20) == "Bär [red] – ok"
    assert len(printable("x" * 501)) == 500
    assert printable("x" * 500) == "x" * 500


QUICK = {  # a command line of each kind of output: help, one line, a table, JSON lines, JSON for people
    "help": "--help",
    "version": "--version",
    "table": "score {bundle} {image} --method nero",
    "lines": "score {bundle} {image} --method nero --json",
    "bar": "phantom {out} --per-class 1 --classes polyps --size 64",
    "error": "score {out} {image}",
}


@pytest.mark.skipif(sys.platform == "win32", reason="its shell closes no streams")
@pytest.mark.parametrize(
    ("kind", "closed"),
    [(kind, ">&-") for kind in QUICK] + [("version", "2>&-"), ("version", "<&-"), ("lines", ">&- 2>&- <&-")],
)
def test_a_closed_stream_is_no_error(
    warm: WarmProcesses, tiny_bundle: Path, phantoms: Path, tmp_path: Path, kind: str, closed: str
):
    """As a shell closes it, for what is done at once; else as the interpreter finds it closed."""
    words = _words(tiny_bundle, phantoms, tmp_path, kind)
    if kind in ("help", "version"):
        command = " ".join(map(shlex.quote, [sys.executable, *words]))
        done = subprocess.run(
            ["bash", "-c", f"{command} {closed}"], capture_output=True, text=True, timeout=120, check=False
        )
    else:
        streams = [("<&-", ">&-", "2>&-").index(each) for each in closed.split()]
        done = warm.run(*words, closed=streams)
    assert done.returncode == (2 if kind == "error" else 0), done.stderr
    assert "unforeseen" not in done.stderr
    assert done.stdout == "" or ">&-" not in closed.split()
    assert done.stderr == "" or kind == "error"


@pytest.mark.skipif(sys.platform == "win32", reason="its shell has no pipes of this kind")
@pytest.mark.parametrize("kind", ["help", "lines", "table"])
def test_a_reader_that_left_ends_every_command_without_a_word(
    warm: WarmProcesses, tiny_bundle: Path, phantoms: Path, tmp_path: Path, kind: str
):
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = warm.run(*_words(tiny_bundle, phantoms, tmp_path, kind), to=writer)
    finally:
        os.close(writer)
    assert done.returncode == 1
    assert done.stderr == ""


def _words(bundle: Path, phantoms: Path, out: Path, kind: str) -> list[str]:
    """What is given to Python."""
    image = next((phantoms / "id").rglob("*.jpg"))
    return ["-m", "nero_core.cli", *QUICK[kind].format(bundle=bundle, image=image, out=out / "out").split()]

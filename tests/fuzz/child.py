"""One kind of file in one process: ``python -m tests.fuzz.child KIND [libFuzzer's options] CORPUS``."""

import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import atheris

from nero_core.errors import NeroError
from tests.fuzz.readers import KINDS
from tests.fuzz.watch import Watch


def main() -> None:
    """Fuzz until the time is over or something is found."""
    kind = KINDS[sys.argv[1]]
    sys.dont_write_bytecode = True  # imports would look like files that a reader has written
    corpus = Path(sys.argv[-1])
    with atheris.instrument_imports(include=list(kind.modules), enable_loader_override=False):
        reader = kind.reader()
    import torch  # not before: it imports what is to be instrumented

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="nero-fuzz-") as folder:
        for number, data in enumerate(kind.material()):
            (corpus / f"whole-{number:03}").write_bytes(data)
            with suppress(NeroError):
                reader(data, Path(folder))  # what it imports on its way makes files, too
        watch = Watch(Path(folder))

        def read(data: bytes) -> None:
            try:
                watch.read(reader, data)
            except NeroError as error:
                if not str(error).strip():
                    raise AssertionError("an error without a message") from error

        mutator = {} if kind.alter is None else {"custom_mutator": kind.alter}
        atheris.Setup([sys.argv[0], *sys.argv[2:]], read, **mutator)
        atheris.Fuzz()


if __name__ == "__main__":
    main()

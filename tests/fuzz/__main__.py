"""``python -m tests.fuzz --seconds 60 [--seed 7] [KIND …]``: each kind of file in a process of its own, within limits.

Files that a reader was not up to stay in ``build/fuzz/found``; what fuzzing has learned stays in ``build/fuzz/corpus``,
so that a second run goes on where the first one ended.
"""

import argparse
import secrets
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from tests.fuzz.readers import KINDS
from tests.fuzz.watch import MOST_SECONDS

FOLDER = Path("build/fuzz")
STARTING_SECONDS = 300  # to import and to make whole files, on a busy machine
MOST_MEGABYTES = 4096  # of the process, PyTorch included; what one file may take stands in ``watch``


def main() -> int:
    """Fuzz; the answer is 1 where something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {', '.join(KINDS)}; all where none is named")
    parser.add_argument("--seconds", type=int, default=60, help="of fuzzing, shared by the kinds")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    options = parser.parse_args()
    if find_spec("atheris") is None:
        parser.error(
            "expected atheris, which Linux on x86-64 has with Python 3.11 to 3.13; found none. Install it: make fuzz"
        )
    if strange := set(options.kinds) - set(KINDS):
        parser.error(f"expected kinds of {', '.join(KINDS)}; found {', '.join(sorted(strange))}")
    kinds = options.kinds or list(KINDS)
    seed = options.seed if options.seed is not None else secrets.randbelow(2**31)
    print(f"seed {seed}", flush=True)
    return max([_fuzz(kind, max(1, options.seconds // len(kinds)), seed, options.folder) for kind in kinds])


def _fuzz(kind: str, seconds: int, seed: int, folder: Path) -> int:
    found, corpus = folder / "found", folder / "corpus" / kind
    found.mkdir(parents=True, exist_ok=True)
    corpus.mkdir(parents=True, exist_ok=True)
    log = folder / f"{kind}.log"
    command = [sys.executable, "-m", "tests.fuzz.child", kind, f"-max_total_time={seconds}", f"-seed={seed}"]
    command += [f"-timeout={10 * MOST_SECONDS:.0f}", f"-rss_limit_mb={MOST_MEGABYTES}", "-max_len=2000000"]
    command += [f"-artifact_prefix={found / kind}-", str(corpus)]
    with log.open("w") as output:
        try:
            code = subprocess.run(
                command, stdout=output, stderr=subprocess.STDOUT, timeout=seconds + STARTING_SECONDS, check=False
            ).returncode
        except subprocess.TimeoutExpired:
            code = -1
    lines = log.read_text(errors="replace").splitlines()
    tries = next((line for line in reversed(lines) if line.startswith("Done ")), "")
    if code == 0:
        print(f"{kind}: {tries}", flush=True)
        return 0
    print(f"{kind}: FOUND (exit status {code}), see {log}", flush=True)
    told = [line for line in lines if not line.startswith(("INFO", "#", "\t", "NEW", "REDUCE"))]
    print("\n".join(told[-40:]), flush=True)
    return 1


if __name__ == "__main__":
    raise SystemExit(main())

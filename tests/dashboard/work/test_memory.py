"""What nothing uses goes back to the system. In processes of their own: arenas stay."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
KEPT = """
import sys, threading, time
from dashboard.work.memory import return_unused_memory

def megabytes():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 2**20

survivors = []

def work():
    blocks = [bytearray(32_768) for _ in range(1000)]  # below what the library maps by itself
    survivors.append(blocks[-1])  # at the end of the arena, which therefore cannot shrink by itself
    gate.wait()

if "trim" in sys.argv:
    print(return_unused_memory(moment=0.2), flush=True)
before, gate = megabytes(), threading.Barrier(8)
threads = [threading.Thread(target=work) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
deadline = time.monotonic() + 10
while time.monotonic() < deadline and megabytes() - before > 80:
    sum(range(1_000_000))  # the process works
    time.sleep(0.05)
print(megabytes() - before)
"""

CIRCLE = """
import gc, time, weakref
from dashboard.work.memory import return_unused_memory

class Thing: pass

gc.disable()  # Python's own looks
return_unused_memory(moment=0.2)
thing = Thing()
thing.itself, gone = thing, weakref.ref(thing)
del thing
deadline = time.monotonic() + 10
while time.monotonic() < deadline and gone() is not None:
    sum(range(1_000_000))  # the process works
print(gone() is None)
"""


def added(*arguments: str) -> list[str]:
    """What a process says that has allocated and freed 250 MB in eight threads."""
    done = subprocess.run(
        [sys.executable, "-c", KEPT, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True
    )
    return done.stdout.split()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's")
def test_memory_that_threads_have_freed_is_given_back():
    is_there, left = added("trim")
    if is_there == "False":
        pytest.skip("this C library is not glibc")
    assert float(left) < 80
    assert float(added()[0]) > 120  # what it keeps otherwise, so that this test can fail


def test_what_only_a_circle_of_references_holds_is_let_go_while_the_process_works():
    done = subprocess.run(
        [sys.executable, "-c", CIRCLE], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.split() == ["True"]

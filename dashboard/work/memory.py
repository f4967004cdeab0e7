"""Memory that nothing uses, given back to the system. Knows no Streamlit.

Python finds what only a circle of references still holds by looking at every object: half a second in this process, in
which no other thread moves. Streamlit would do it after each click, and after each look at how far a task is; here it
is done between seconds of work, and stands off in .streamlit/config.toml.

glibc makes an arena for each of many threads and keeps in it what they free: after sixteen uploads at once the server
held gigabytes that nothing used. Here few arenas are made, and those are trimmed while the process works.
"""

import ctypes
import gc
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

ARENAS = 2  # decoding, which two threads do at a time; more arenas are more places that keep something
MOMENT = 5.0  # seconds between two looks
WORK = 0.5  # seconds of a processor after which there may be something to give back
_M_ARENA_MAX = -8  # malloc.h


def return_unused_memory(moment: float = MOMENT) -> bool:
    """From now on, give back every few seconds what is not used, in a thread; it costs nothing while nothing works.

    Args:
        moment: seconds between two looks.

    Returns:
        Whether the C library is one that is told to, too: glibc.
    """
    trim = _trim()
    threading.Thread(target=_work, args=(trim, moment), name="memory", daemon=True).start()
    return trim is not None


@contextmanager
def importing() -> Iterator[None]:
    """In the block modules are imported, which stay to the end: no garbage is looked for meanwhile, and what is there
    at the end is never looked at again.

    Half a million objects come with the libraries. Python would look at all of them several times while they come, a
    fifth of the time that they take, and again in each full collection, 0.3 s in which nothing else moves.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def give_back() -> None:
    """The same at once."""
    gc.collect()
    if (trim := _trim()) is not None:
        trim(0)


def _work(trim: Callable[[int], int] | None, moment: float) -> None:
    last = time.process_time()
    while True:
        time.sleep(moment)
        if time.process_time() - last >= min(WORK, moment):
            gc.collect()
            if trim is not None:
                trim(0)
            last = time.process_time()


def _trim() -> Callable[[int], int] | None:
    """glibc's ``malloc_trim``, once it makes few arenas; None with another C library."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    try:
        library.gnu_get_libc_version  # noqa: B018  musl has none
        library.mallopt(_M_ARENA_MAX, ARENAS)
        trim: Callable[[int], int] = library.malloc_trim
    except AttributeError:
        return None
    return trim

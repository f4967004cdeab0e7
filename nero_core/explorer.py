"""What a researcher asks beyond one verdict: channels in depth, maps of the reference set, other settings."""

import threading

from nero_core.inspector import Inspector


class Explorer:
    """Looks inside a bundle, channel by channel. Safe to share between threads.

    It stands on an ``Inspector`` and shares its models, its fits and its lock; what takes long is made once and kept.

    Args:
        inspector: of the bundle to look into.
    """

    def __init__(self, inspector: Inspector) -> None:
        self.inspector = inspector
        self._lock = threading.Lock()

"""A map of all relevance vectors, laid out beside the pages. Knows no Streamlit.

UMAP takes some seconds, the first time on a server up to minutes, since its kernels are compiled. A page that waited
would stand still; whoever asks first starts it, whoever asks later sees that it is under way, and it is kept for all.
"""

import logging
import threading
import time
from typing import Literal

from nero_core import Explorer
from nero_core.errors import NeroError
from nero_core.types import Observation, RelevanceMap

_log = logging.getLogger(__name__)


class MapMaking:
    """One map, begun when this is made.

    Args:
        explorer: holds the relevance vectors.
        kind: of the map.
        further: an observation; placing it compiles what places images, so that no page has to wait for that either.
    """

    def __init__(self, explorer: Explorer, kind: Literal["pca", "umap"], further: Observation | None = None) -> None:
        self._result: RelevanceMap | None = None
        self._error: NeroError | None = None
        self.is_unforeseen = False  # failed by no error of ours: another try may succeed
        self._begun = time.monotonic()
        arguments = (explorer, kind, further)
        self._thread = threading.Thread(target=self._run, args=arguments, name=f"map {kind}", daemon=True)
        self._thread.start()

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self._begun

    def wait(self, seconds: float) -> bool:
        """Wait for the end, but not longer than this; whether it is over."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def result(self) -> RelevanceMap:
        """The map, once it is over.

        Raises:
            NeroError: the vectors cannot be laid out, or something unforeseen, which the log holds.
        """
        if self._result is None:
            raise self._error or NeroError(
                "Expected a map of the reference images. Found an error, which the server has written to its log. "
                "Try again, or choose the other kind of map."
            )
        return self._result

    def _run(self, explorer: Explorer, kind: Literal["pca", "umap"], further: Observation | None) -> None:
        try:
            found = explorer.relevance_map(kind)
            if further is not None:
                explorer.place(further, kind)
            self._result = found
        except NeroError as error:
            self._error = error
        except Exception:
            self.is_unforeseen = True
            _log.exception("unforeseen while a map was made")

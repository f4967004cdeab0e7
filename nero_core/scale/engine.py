"""What runs the units: here one process; ``cluster`` has Ray's workers."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

Work = Callable[[Any], Any]  # a unit in, an answer out: what a worker is once it is made


@runtime_checkable
class Engine(Protocol):
    """Makes workers and gives them units.

    Attributes:
        device: on which each worker computes.
        threads: with which each worker decodes.
    """

    @property
    def device(self) -> str:
        """See above."""

    @property
    def threads(self) -> int:
        """See above."""

    def map(self, make: Callable[..., Work], arguments: tuple[Any, ...], units: Sequence[Any]) -> Iterator[Any]:
        """``(place, answer)`` of each unit as they come; none for a unit whose worker died again and again.

        Args:
            make: a module's own class or function, so that another process finds it; makes a worker, once a process.
            arguments: of it.
            units: what to give to the workers.

        Raises:
            NeroError: a worker raised it, or no worker can start.
        """


@dataclass(frozen=True, slots=True)
class OneProcess:
    """This process, one unit after another."""

    device: str = "auto"
    threads: int = 2  # as iterate_batches has it

    def map(self, make: Callable[..., Work], arguments: tuple[Any, ...], units: Sequence[Any]) -> Iterator[Any]:
        """See ``Engine``."""
        work = make(*arguments)
        for place, unit in enumerate(units):
            yield place, work(unit)

"""Fitting on more images than memory holds: in passes over them, each a sum of what the batches say."""

from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass
from functools import partial, reduce
from operator import add
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from nero_core.detectors.checks import Labels
from nero_core.detectors.detector import State
from nero_core.errors import CalibrationError

#: What one batch, features and labels, adds to the pass that is being made. What batches add is summed by ``+``, in any
#: order and in any groups, by any number of workers: both can be pickled.
Part = Callable[[Tensor, Labels], Any]
#: begins a pass: features, or stages side by side, and classes of each batch
Read = Callable[[], Iterable[tuple[Tensor, Labels]]]
#: sums of what batches add to a pass: all batches are in one of them, and none is in two; by whoever computes them
PartialSums = Callable[[Part], Iterable[Any]]
#: a fit: says what each batch shall add, is given the sum over all of them, and so on until it is done
Passes = Generator[Part, Any, Any]


@runtime_checkable
class FitsInPasses(Protocol):
    """A detector that needs only sums over the ID images."""

    def fit_passes(self) -> Passes:
        """The passes of a fit, which forgets an earlier one when the last sum has come.

        Raises, when a sum comes, as ``fit_features``; and CalibrationError where there are fewer images than columns.
        """

    def state(self) -> State:
        """What the fit found, as tensors by name: all that scoring needs besides the head and the hyper-parameters.

        Raises:
            RequiresFittingException: there was no fit.
        """

    def restore(self, state: State) -> None:
        """Take what another fit found, in the place of a fit.

        Raises:
            CalibrationError: it is no state of such a detector with this head.
        """


@dataclass(frozen=True, slots=True)
class Sums:
    """Plain sums, and the number of images in them."""

    images: int
    values: Float[Tensor, "..."]

    def __add__(self, other: "Sums") -> "Sums":
        """The sums over both."""
        return Sums(self.images + other.images, self.values + other.values)


@dataclass(frozen=True, slots=True)
class Together:
    """The sums of several fits over the same images, by name."""

    sums: Mapping[str, Any]

    def __add__(self, other: "Together") -> "Together":
        """The sums over the images of both."""
        return Together({name: value + other.sums[name] for name, value in self.sums.items()})


def side_by_side(fits: Mapping[str, Passes]) -> Generator[Part, Any, dict[str, Any]]:
    """Several fits in the passes of the longest, and what each returns, by name."""
    found: dict[str, Any] = {}
    parts = {name: next(passes) for name, passes in fits.items()}
    while parts:
        total: Together = yield partial(_each, parts)
        following = {}
        for name in parts:
            try:
                following[name] = fits[name].send(total.sums[name])
            except StopIteration as end:
                found[name] = end.value
        parts = following
    return found


def _each(parts: Mapping[str, Part], x: Tensor, y: Labels) -> Together:
    return Together({name: part(x, y) for name, part in parts.items()})


def fit_in_passes(detector: FitsInPasses, read: Read) -> None:
    """Fit a detector on batches that are read once for each pass, of which there are one or two.

    What it finds is that of ``fit_features`` on all of them, to 10⁻⁶ of it, whatever the batches are. Memory holds one
    batch, and sums whose size does not depend on the number of images.

    Args:
        detector: forgets an earlier fit.
        read: begins a pass: features, or stages side by side, and classes of each batch. Always the same images, in any
            order.

    Raises:
        CalibrationError: there is no batch, there are fewer images than columns, or as ``fit_features``.
    """
    run_passes(detector.fit_passes(), partial(batch_sums, read))


@torch.no_grad()
def run_passes(passes: Passes, partial_sums: PartialSums) -> None:
    """Make the passes of a fit, whoever adds up what the batches say.

    Args:
        passes: of the fit.
        partial_sums: called once for each pass, always over the same images.

    Raises:
        CalibrationError: as `fit_in_passes`.
    """
    part = next(passes)
    while True:
        total = merged(partial_sums(part))
        if total is None:
            raise CalibrationError("Expected ID images to fit on. Found no batch. Add ID images.")
        try:
            part = passes.send(total)
        except StopIteration:
            return


def batch_sums(read: Read, part: Part) -> Iterable[Any]:
    """What each batch adds to a pass, computed here."""
    return (part(x, y) for x, y in read())


def merged(sums: Iterable[Any]) -> Any:  # noqa: ANN401 (each pass has its own kind of sum)
    """Sums added up, one at a time; None, of a worker without batches, adds nothing, and is what no sum adds up to."""
    return reduce(_plus, sums, None)


def _plus(total: Any, added: Any) -> Any:  # noqa: ANN401
    return total if added is None else added if total is None else add(total, added)

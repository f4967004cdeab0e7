"""What a fit found, as tensors by name: stored instead of the images, and checked before anything is scored with it."""

import math

import torch
from jaxtyping import Int
from torch import Tensor

from nero_core.detectors.detector import State
from nero_core.detectors.tied_gaussian import TiedGaussian
from nero_core.errors import CalibrationError
from nero_core.types import Head


class StateReader:
    """Takes tensors out of a state, each within what it may be.

    Args:
        state: of a detector.
        head: whose neurons and classes it must have; tensors go to its device.
    """

    def __init__(self, state: State, head: Head) -> None:
        self._state, self._head = state, head

    def numbers(self, name: str, *shape: int | None, least: float = -math.inf) -> Tensor:
        """Finite numbers, float64.

        Args:
            name: of the tensor.
            shape: each side; any from 1 on where None.
            least: that a number may be.

        Raises:
            CalibrationError: there are none of this shape, or one is outside its range.
        """
        found = self._tensor(name, torch.float64, shape)
        if not bool((found.isfinite() & (found >= least)).all()):
            bound = "" if least == -math.inf else f" ≥ {least:g}"
            raise CalibrationError(f"Expected finite numbers{bound} in {name}. Found others. Make the bundle again.")
        return found.to(self._head.weight.device)

    def classes(self) -> Int[Tensor, " classes"]:
        """The classes that had images: rows of the head, ascending.

        Raises:
            CalibrationError: they are not.
        """
        classes, rows = self._tensor("classes", torch.int64, (None,)), self._head.classes
        if int(classes.min()) < 0 or int(classes.max()) >= rows or bool((classes.diff() <= 0).any()):
            raise CalibrationError(
                f"Expected classes from 0 to {rows - 1} in ascending order. Found others. Make the bundle again."
            )
        return classes.to(self._head.weight.device)

    def gaussian(self, prefix: str, width: int) -> TiedGaussian:
        """Class means and the inverse of one covariance; raises as ``numbers``."""
        means = self.numbers(f"{prefix}means", len(self.classes()), width)
        vectors = self.numbers(f"{prefix}vectors", width, None)
        rank = vectors.shape[1]
        if rank > width:
            raise CalibrationError(
                f"Expected at most {width} directions in {prefix}vectors. Found {rank}. Make the bundle again."
            )
        precisions = self.numbers(f"{prefix}precisions", rank, least=0.0)
        rest, shrinkage, mean, deviation = self.numbers(f"{prefix}scalars", 4).tolist()
        if rest < 0 or not 0 <= shrinkage <= 1 or deviation < 0:
            raise CalibrationError(
                f"Expected a precision ≥ 0, α from 0 to 1 and a deviation ≥ 0 in {prefix}scalars. "
                f"Found {rest:g}, {shrinkage:g} and {deviation:g}. Make the bundle again."
            )
        logs = (mean, deviation) if shrinkage > 0 else (math.nan, math.nan)
        return TiedGaussian(means, vectors, precisions, rest, shrinkage, logs)

    def _tensor(self, name: str, dtype: torch.dtype, shape: tuple[int | None, ...]) -> Tensor:
        found = self._state.get(name)
        actual = "none" if found is None else f"{str(found.dtype).removeprefix('torch.')} {tuple(found.shape)}"
        if (
            found is None
            or found.dtype != dtype
            or found.ndim != len(shape)
            or any(side == 0 or side != (wanted or side) for side, wanted in zip(found.shape, shape, strict=True))
        ):
            sides = ", ".join("any" if wanted is None else str(wanted) for wanted in shape)
            raise CalibrationError(
                f"Expected {name} as {str(dtype).removeprefix('torch.')} of shape ({sides}). Found {actual}. It "
                "belongs to another model: make the bundle again."
            )
        return found


def gaussian_state(gaussian: TiedGaussian, prefix: str = "") -> dict[str, Tensor]:
    """The tensors that ``StateReader.gaussian`` reads."""
    logs = gaussian.log_distance if gaussian.shrinkage > 0 else (0.0, 0.0)
    return {
        f"{prefix}means": gaussian.means,
        f"{prefix}vectors": gaussian.vectors.contiguous(),
        f"{prefix}precisions": gaussian.precisions,
        f"{prefix}scalars": gaussian.means.new_tensor([gaussian.rest, gaussian.shrinkage, *logs]),
    }

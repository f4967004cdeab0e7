"""The methods that need only sums, all fitted in the same two passes, and what they found as one set of tensors.

Who computes the sums does not matter::

    state = fit_streamed(head, stages, partial(batch_sums, read))  # in this process, batch by batch

    def partial_sums(part):  # elsewhere: each worker gives merged(batch_sums(read_its_own_batches, part))
        return (answer.get() for answer in [worker.ask(part) for worker in workers])

    state = fit_streamed(head, stages, partial_sums)
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from torch import Tensor

from nero_core.detectors.catalog import DETECTORS, build_detector
from nero_core.detectors.checks import Labels
from nero_core.detectors.detector import Detector, State
from nero_core.detectors.passes import FitsInPasses, Part, PartialSums, Passes, run_passes, side_by_side
from nero_core.errors import CalibrationError
from nero_core.types import Head

#: the methods of the catalog that need only sums
STREAMED = ("nero", "nero_plus", "nero_deep", "residual")


def fit_streamed(
    head: Head, stages: Mapping[str, int], partial_sums: PartialSums, epsilon: float | None = None
) -> dict[str, Tensor]:
    """Fit all of ``STREAMED`` in two passes over the images.

    NERO keeps every component that the images give, since it stands for all settings of k and the share of components.
    What is found is that of ``fit_features`` on all images, to 10⁻⁶ of it, whatever the batches, the workers and their
    order are.

    Args:
        head: the classifier's last linear layer.
        stages: channels of each stage before the features, by name, in the order of the network.
        partial_sums: called once for each pass with what a batch adds to it: a function that can be pickled, of x
            ``batch columns``, the channel means of the stages and then the features side by side, and of y, the
            classes. Gives sums of what the batches added, each batch in one of them.
        epsilon: ε of NERO's rule; the catalog's where None.

    Returns:
        Tensors by ``METHOD/NAME``, on the device of the head; see `restored`.

    Raises:
        CalibrationError: there is no batch, there are fewer images than columns (see `most_columns`), no class has two
            images that differ, or features or labels do not fit the head.
    """
    hyper = {} if epsilon is None else {"epsilon": epsilon}
    fits = {
        name: _unfitted(name, head, stages, **({**hyper, "component_share": 1.0} if name == "nero" else {}))
        for name in STREAMED
    }
    starts = {name: 0 if name == "nero_deep" else sum(stages.values()) for name in STREAMED}
    passes = {name: _on_columns(detector.fit_passes(), starts[name]) for name, detector in fits.items()}
    run_passes(side_by_side(passes), partial_sums)
    return {f"{name}/{key}": values for name, detector in fits.items() for key, values in detector.state().items()}


def restored(name: str, head: Head, stages: Mapping[str, int], state: State, **hyper: Any) -> Detector:  # noqa: ANN401
    """A method as it was fitted by `fit_streamed`.

    Args:
        name: among ``STREAMED``.
        head: as it was fitted with.
        stages: likewise.
        state: what `fit_streamed` gave.
        hyper: of the method; NERO's ε must be that of the fit.

    Raises:
        CalibrationError: the state is not that of such a method with this head.
    """
    detector = _unfitted(name, head, stages, **hyper)
    prefix = f"{name}/"
    detector.restore({key.removeprefix(prefix): values for key, values in state.items() if key.startswith(prefix)})
    assert isinstance(detector, Detector)
    return detector


def most_columns(head: Head, stages: Mapping[str, int]) -> int:
    """Of the methods in ``STREAMED``, the most columns of one; a fit in passes needs as many images."""
    return max([2 * head.neurons, *stages.values()])


def _unfitted(name: str, head: Head, stages: Mapping[str, int], **hyper: Any) -> FitsInPasses:  # noqa: ANN401
    if DETECTORS[name].needs == "stages":
        hyper = {"stages": stages, **hyper}
    detector = build_detector(name, head, **hyper)
    if not isinstance(detector, FitsInPasses):
        raise CalibrationError(f"Expected a method among {', '.join(STREAMED)}. Found {name}. Fit it on features.")
    return detector


def _on_columns(passes: Passes, start: int) -> Passes:
    """The same passes of a fit that takes the columns from ``start`` on."""
    part = next(passes)
    while True:
        total = yield partial(_of_columns, part, start)
        try:
            part = passes.send(total)
        except StopIteration:
            return


def _of_columns(part: Part, start: int, x: Tensor, y: Labels) -> Any:  # noqa: ANN401
    return part(x[:, start:], y)

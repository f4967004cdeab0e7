"""What a run reads once, before its first epoch: pixels where they fit in memory, or features of them."""

from collections.abc import Callable
from itertools import chain

from nero_core.training.features import Features
from nero_core.training.images import Images
from nero_core.training.learner import Learner
from nero_core.training.run_files import RunFiles


def read_parts(
    training: Images,
    validation: Images,
    observer: Learner | None,
    files: RunFiles,
    report: Callable[[int, int], None],
) -> tuple[Images, Images] | tuple[Features, Features]:
    """The two parts, read.

    Args:
        training: images to learn from.
        validation: images to measure on.
        observer: its features are wanted in the place of pixels; None for pixels.
        files: where features are kept for a run that goes on.
        report: told (images read, images in all).

    Raises:
        ImageError: an image cannot be decoded.
    """
    done, total = 0, len(training) + len(validation)
    if observer is None:
        for read in chain(training.read(), validation.read()):
            done += read
            report(done, total)
        return training, validation
    neurons = observer.head.in_features
    parts = {"training": Features(training, neurons), "validation": Features(validation, neurons)}
    if not files.load_features(parts):
        for read in chain.from_iterable(part.read(observer.features) for part in parts.values()):
            done += read
            report(done, total)
        files.save_features(parts)
    return parts["training"], parts["validation"]

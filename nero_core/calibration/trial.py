"""A classifier tried on labelled images before anything is made of it: does it know the classes that it is given?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from nero_core.data.archive import unpacked
from nero_core.data.folders import ImageFolder, iterate_batches, read_folder
from nero_core.device import pick_device
from nero_core.models.checkpoint import load_checkpoint
from nero_core.models.classifier import Classifier

TRIED = 120  # images: some seconds without a GPU, and a share that is known to within a tenth
_SURE = 2.0  # standard deviations above guessing from which a share is no accident (one-sided 2 %)
_BETTER = 0.1  # of the images: a gain of less is no likely reason
_BATCH = 16

Normalisation = tuple[Sequence[float], Sequence[float]]


@dataclass(frozen=True, slots=True)
class Trial:
    """What a classifier says of labelled images.

    Attributes:
        classes: in the order of the head.
        confusion: images by their folder (rows) and by the class of the largest logit (columns).
        neurons: feature channels of the classifier.
        components: PCA components that NERO wants, and so fit images that it needs.
        elsewhere: how many would be right under other normalisations, by their name; tried only where few are right.
    """

    classes: tuple[str, ...]
    confusion: Int[Tensor, "classes classes"]
    neurons: int
    components: int
    elsewhere: Mapping[str, int]

    @property
    def images(self) -> int:
        """How many were tried."""
        return int(self.confusion.sum())

    @property
    def right(self) -> int:
        """How many were named as their folder is."""
        return int(self.confusion.diagonal().sum())

    @property
    def accuracy(self) -> float:
        """Their share."""
        return self.right / max(1, self.images)

    @property
    def by_guessing(self) -> float:
        """The share that agrees by chance between these folders and these answers: ``Σ_c p_c q_c`` of their shares.

        Reference:
            Cohen, A coefficient of agreement for nominal scales, Educational and Psychological Measurement 1960.
        """
        table = self.confusion.double() / max(1, self.images)
        return float((table.sum(dim=0) * table.sum(dim=1)).sum())

    @property
    def is_guessing(self) -> bool:
        """Whether so few are right that guessing would do as well, or better."""
        chance = self.by_guessing
        spread = (chance * (1 - chance) / max(1, self.images)) ** 0.5
        return bool(self.accuracy <= chance + _SURE * spread)

    @property
    def likely_order(self) -> tuple[str, ...]:
        """The order of names under which most would be right, where that is far more than now; else nothing."""
        if self.right_in_likely_order - self.right < max(2.0, _BETTER * self.images):
            return ()
        return tuple(self.classes[folder] for folder in self._folder_of_output)

    @property
    def right_in_likely_order(self) -> int:
        """How many would be right in the order of names under which most would."""
        return int(self.confusion[list(self._folder_of_output), range(len(self.classes))].sum())

    @property
    def _folder_of_output(self) -> tuple[int, ...]:
        """The folder that each output answers to, one each, so that most images are right."""
        from scipy.optimize import linear_sum_assignment  # not before: it takes half a second to import

        _, folders = linear_sum_assignment(self.confusion.numpy().T, maximize=True)
        return tuple(folders.tolist())

    @property
    def likely_normalisation(self) -> str:
        """The normalisation under which far more would be right than now; else nothing."""
        name = max(self.elsewhere, key=lambda key: self.elsewhere[key], default="")
        return name if name and self.elsewhere[name] - self.right >= max(2.0, _BETTER * self.images) else ""

    @property
    def mistakes(self) -> tuple[tuple[str, str, int], ...]:
        """Folder, class that was said instead, and how often; the most frequent first."""
        wrong = self.confusion.clone().fill_diagonal_(0)
        pairs = [(int(wrong[row, column]), int(row), int(column)) for row, column in wrong.nonzero().tolist()]
        return tuple((self.classes[row], self.classes[column], count) for count, row, column in sorted(pairs)[::-1])


def try_classifier(
    checkpoint: str | Path,
    data: str | Path,
    *,
    most: int = TRIED,
    normalisations: Mapping[str, Normalisation] = MappingProxyType({}),
    inside: Path | None = None,
    device: str = "auto",
) -> Trial:
    """Ask a classifier for the class of some of its labelled images, of each class equally many as far as there are.

    Args:
        checkpoint: checkpoint folder.
        data: class-per-folder images, a folder or a .zip; folder names are the checkpoint's class names.
        most: images to try; at least two a class are.
        normalisations: mean and deviation to try where few are right, by name.
        inside: folder to unpack in; the system's own where None.
        device: where to compute.

    Raises:
        ArchiveError: the .zip is damaged, hostile or beyond the limits.
        CalibrationError: a class has no images.
        CheckpointError: the checkpoint cannot be loaded.
        ImageError: an image cannot be decoded.
    """
    from nero_core.detectors.nero import NERO  # not before: it imports pytorch-ood

    classifier, card = load_checkpoint(checkpoint, pick_device(device))
    with unpacked(data, inside=inside) as folder:
        images = read_folder(folder, card.classes)
        images = images.select(_evenly(images.labels, most))
        confusion = _confusion(classifier, images)
        facts = (card.classes, confusion, classifier.head.neurons, NERO(classifier.head).components_wanted)
        trial = Trial(*facts, MappingProxyType({}))
        if not trial.is_guessing or trial.likely_order:
            return trial
        elsewhere = {
            name: int(_confusion(_normalised(classifier, mean, std), images).diagonal().sum())
            for name, (mean, std) in normalisations.items()
        }
    return Trial(*facts, MappingProxyType(elsewhere))


def _confusion(classifier: Classifier, images: ImageFolder) -> Int[Tensor, "classes classes"]:
    count = len(classifier.class_names)
    confusion = torch.zeros(count, count, dtype=torch.int64)
    for batch in iterate_batches(images, classifier.input_size, _BATCH):
        said = classifier.observe(batch).predicted.cpu()
        assert batch.labels is not None
        confusion.index_put_((batch.labels.cpu(), said), torch.ones_like(said), accumulate=True)
    return confusion


def _normalised(classifier: Classifier, mean: Sequence[float], std: Sequence[float]) -> Classifier:
    return Classifier(
        classifier.model, classifier.class_names, classifier.input_size, mean, std, device=classifier.device
    )


def _evenly(labels: Sequence[int], most: int) -> tuple[int, ...]:
    """Places of at most ``most`` images, spread over each class's own; two a class at least."""
    places = np.asarray(labels)
    classes = np.unique(places)
    each = max(2, most // max(1, len(classes)))
    own = [np.flatnonzero(places == label) for label in classes]
    chosen = [rows[np.linspace(0, len(rows) - 1, min(each, len(rows))).astype(int)] for rows in own]
    return tuple(int(place) for place in np.sort(np.concatenate(chosen))) if chosen else ()

"""Detectors on images, as pytorch-ood's own are used: ``fit(loader)``, ``predict(images)``, ``detector(images)``."""

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import torch
from pytorch_ood.api import FeaturesDetector, ModelNotSetException
from torch import Tensor

from nero_core.errors import CalibrationError

Encoder = Callable[[Tensor], Tensor]  # images → pooled features, ``batch neurons``


class ImageDetector(FeaturesDetector):
    """A detector of features that takes images too, once it has what makes features of them.

    Attributes:
        encoder: makes the features of a batch of images, as `nero_core.models.Classifier.features` does; pytorch-ood's
            benchmarks ask for it by this name. None: what comes are features already.
    """

    encoder: Encoder | None = None
    hyperparameter_space: ClassVar[dict[str, list[Any]]] = {}  # of the library's grid search, which needs OOD images

    def fit(self, data_loader: Iterable[tuple[Tensor, Any]]) -> "ImageDetector":
        """Fit on batches ``(images, labels)``, of ID images only; a second call forgets the first.

        Raises:
            CalibrationError: there is no image, or ``fit_features`` refuses what came, such as labels below 0.
            ModelNotSetException: images came, and there is no encoder.
        """
        if not self.requires_fit:
            return self
        features, labels = [], []
        for x, y in data_loader:
            features.append(self._encoded(x).cpu())
            labels.append(torch.as_tensor(y).cpu())
        if not features:
            raise CalibrationError("Expected batches of images and labels to fit on. Found none. Give another loader.")
        self.fit_features(torch.cat(features), torch.cat(labels))
        return self

    def predict(self, x: Tensor) -> Tensor:
        """Scores of a batch of images; higher = more OOD.

        Raises:
            RequiresFittingException: the method needs a fit and got none.
            ModelNotSetException: images came, and there is no encoder.
            CalibrationError: ``predict_features`` refuses what came.
        """
        scores: Tensor = self.predict_features(self._encoded(x))
        return scores

    @torch.no_grad()
    def _encoded(self, x: Tensor) -> Tensor:
        if self.encoder is not None:
            return self.encoder(x).flatten(1)
        if x.ndim == 2:
            return x
        raise ModelNotSetException(
            f"Expected features of shape (batch, neurons), or an encoder that makes them of images. Found images of "
            f"shape {tuple(x.shape)} and no encoder. Give build_detector(…, encoder=classifier.features)."
        )

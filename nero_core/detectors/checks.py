"""What every detector asks of the features and labels it is given."""

from torch import Tensor

from nero_core.errors import CalibrationError


def check_features(x: Tensor, neurons: int) -> None:
    """See that features feed a head of so many neurons and are finite.

    Raises:
        CalibrationError: they do not, or are not.
    """
    if x.ndim != 2 or x.shape[1] != neurons:
        raise CalibrationError(
            f"Expected features of shape (batch, {neurons}), as the head has. "
            f"Found {tuple(x.shape)}. Use the features that feed this head."
        )
    if not bool(x.isfinite().all()):
        raise CalibrationError("Expected finite features. Found NaN or infinity. Check the image and the weights.")


def check_labels(x: Tensor, y: Tensor) -> None:
    """See that there is one label for each image.

    Raises:
        CalibrationError: there is not.
    """
    if y.shape != x.shape[:1]:
        raise CalibrationError(
            f"Expected one label for each of {len(x)} images. Found shape {tuple(y.shape)}. Give a label vector."
        )

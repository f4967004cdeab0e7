"""What was fitted on all images, as the bytes of ``fitted.safetensors``: tensors by ``METHOD/NAME``."""

from collections.abc import Mapping
from types import MappingProxyType

from safetensors import SafetensorError
from safetensors.torch import load, save

from nero_core.calibration.feature_bank_file import no_safetensors
from nero_core.detectors import STREAMED, restored
from nero_core.detectors.detector import State
from nero_core.errors import BundleError, CalibrationError
from nero_core.models.tensor_file import read_header
from nero_core.types import Head


def pack_fitted(state: State) -> bytes:
    """The file's bytes."""
    return save({name: values.cpu().contiguous() for name, values in state.items()})


def unpack_fitted(data: bytes, head: Head, stages: Mapping[str, int], epsilon: float) -> State:
    """What was fitted, on the CPU, once every method could be made of it.

    Args:
        data: the file.
        head: of the model.
        stages: channels of each stage of the model, in the order of the network.
        epsilon: ε of NERO's rule.

    Raises:
        BundleError: tensors that are no state of these methods with such a model.
    """
    try:
        header = read_header(data)
        strange = sorted(name for name in header if name.partition("/")[0] not in STREAMED)
        if strange:
            raise BundleError(
                f"Expected what {', '.join(STREAMED)} found on all images. Found {strange[0][:80]!r}. "
                "Make the bundle again."
            )
        state = MappingProxyType(load(data))
        for name in STREAMED:
            restored(name, head, stages, state, **({"epsilon": epsilon} if name == "nero" else {}))
    except (SafetensorError, ValueError) as error:
        raise no_safetensors(str(error), "what was fitted on all images") from error
    except CalibrationError as error:
        raise BundleError(f"What was fitted on all images cannot be used. {error}") from error
    return state

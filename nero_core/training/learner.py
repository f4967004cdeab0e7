"""A classifier that learns."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from nero_core.device import float64, has_bfloat16
from nero_core.models.classifier import Classifier
from nero_core.training.features import Features
from nero_core.training.images import Images

Inputs = UInt8[Tensor, "batch 3 height width"] | Float[Tensor, "batch neurons"]  # pixels, or features of them


class Learner:
    """A classifier and its Adam.

    Args:
        classifier: it learns in place.
        rate: of Adam.
        device: where to compute.
        frozen: only the head learns; the backbone stays in eval mode, so that no statistics move either, and computes
            in full float32, as it will when its features are scored.
    """

    def __init__(self, classifier: Classifier, rate: float, device: torch.device, frozen: bool = False) -> None:
        self.device, self.frozen = device, frozen
        self.model = classifier.model.to(device).to(memory_format=torch.channels_last).requires_grad_(not frozen)
        self.head: nn.Linear = self.model.get_classifier()  # type: ignore[operator]
        self.head.requires_grad_(True)
        self.adam = torch.optim.Adam([own for own in self.model.parameters() if own.requires_grad], lr=rate)
        self.best: dict[str, Tensor] = {}
        self._mean = torch.tensor(classifier.mean, device=device).view(1, 3, 1, 1)
        self._std = torch.tensor(classifier.std, device=device).view(1, 3, 1, 1)

    def learn(self, inputs: Inputs, labels: Int[Tensor, " batch"], rate: float) -> tuple[float, int]:
        """One step of Adam; the mean loss and the number of right answers before it."""
        self.model.train(not self.frozen)
        for group in self.adam.param_groups:
            group["lr"] = rate
        with self._one_algorithm():
            logits = self._logits(inputs)
            labels = labels.to(self.device)
            loss = nn.functional.cross_entropy(logits, labels)
            self.adam.zero_grad()
            loss.backward()
            self.adam.step()
        return float(loss.detach()), int((logits.detach().argmax(dim=1) == labels).sum())

    @torch.no_grad()
    def validate(self, images: Images | Features) -> tuple[float | None, float | None]:
        """Share of right answers and mean cross-entropy, or None where there are no images."""
        self.model.eval()
        hits, loss, count = 0, 0.0, len(images)
        for inputs, labels in images.batches(range(count)):
            with self._one_algorithm():
                logits = self._logits(inputs).cpu()
            hits += int((logits.argmax(dim=1) == labels).sum())
            loss += float(nn.functional.cross_entropy(float64(logits), labels, reduction="sum"))
        return (hits / count, loss / count) if count else (None, None)

    @torch.no_grad()
    def features(self, pixels: UInt8[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch neurons"]:
        """What the head of a frozen backbone sees, on the CPU: what `Classifier.features` gives for these images."""
        self.model.eval()
        with self._one_algorithm(), self._autocast():
            maps = self.model.forward_features(self._normalised(pixels))  # type: ignore[operator]
            features: Tensor = self.model.forward_head(maps, pre_logits=True)  # type: ignore[operator]
        return features.float().cpu()

    def keep(self) -> None:
        """Remember these weights as the best so far."""
        self.best = {name: tensor.detach().cpu().clone() for name, tensor in self._learnt().items()}

    def restore(self) -> None:
        """Go back to the weights that were kept."""
        self.model.load_state_dict(self.best, strict=not self.frozen)

    def state(self) -> dict[str, Tensor]:
        """Weights that learn, their moments, and the best weights, under the names of the parameters."""
        tensors = {f"model.{name}": tensor for name, tensor in self._learnt().items()}
        for name, parameter in self._learning():
            tensors |= {f"adam.{name}.{key}": value for key, value in self.adam.state[parameter].items()}
        tensors |= {f"best.{name}": tensor for name, tensor in self.best.items()}
        return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Take over a state; memory layouts stay, since sums in another order would round differently."""
        weights, self.best = (
            {name.removeprefix(kind): tensor for name, tensor in tensors.items() if name.startswith(kind)}
            for kind in ("model.", "best.")
        )
        if self.frozen and weights.keys() != self._learnt().keys():
            raise KeyError("the state of a run whose backbone learns")
        self.model.load_state_dict(weights, strict=not self.frozen)
        for name, parameter in self._learning():
            self.adam.state[parameter] = {
                key: torch.empty_like(parameter, requires_grad=False).copy_(tensors[f"adam.{name}.{key}"])
                for key in ("exp_avg", "exp_avg_sq")
            } | {"step": tensors[f"adam.{name}.step"].clone()}

    def _learning(self) -> list[tuple[str, nn.Parameter]]:
        return [(name, parameter) for name, parameter in self.model.named_parameters() if parameter.requires_grad]

    def _learnt(self) -> dict[str, Tensor]:
        """What a run changes: everything, or the head alone."""
        return dict(self._learning()) if self.frozen else self.model.state_dict()

    def _logits(self, inputs: Inputs) -> Float[Tensor, "batch classes"]:
        with self._autocast():
            if inputs.ndim == 2:
                logits: Tensor = self.head(inputs.to(self.device))
            else:
                logits = self.model(self._normalised(inputs))
        return logits.float()

    def _normalised(self, pixels: UInt8[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch 3 height width"]:
        inputs = (pixels.to(self.device, non_blocking=pixels.is_pinned()).float() / 255 - self._mean) / self._std
        return inputs.contiguous(memory_format=torch.channels_last)

    def _autocast(self) -> torch.autocast:
        is_enabled = not self.frozen and has_bfloat16(self.device)
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=is_enabled)

    @contextmanager
    def _one_algorithm(self) -> Iterator[None]:
        """cuDNN's flags for learning and measuring alike: no search for the fastest algorithm, which differs by run."""
        flags = {"enabled": True, "benchmark": False, "deterministic": True, "allow_tf32": not self.frozen}
        with torch.backends.cudnn.flags(**flags):
            yield

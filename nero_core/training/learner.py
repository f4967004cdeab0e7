"""A classifier that learns."""

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from nero_core.models.classifier import Classifier
from nero_core.training.images import Images


class Learner:
    """A classifier and its Adam."""

    def __init__(self, classifier: Classifier, rate: float, device: torch.device) -> None:
        self.device = device
        self.model = classifier.model.to(device).to(memory_format=torch.channels_last).requires_grad_(True)
        self.adam = torch.optim.Adam(self.model.parameters(), lr=rate)
        self._mean = torch.tensor(classifier.mean, device=device).view(1, 3, 1, 1)
        self._std = torch.tensor(classifier.std, device=device).view(1, 3, 1, 1)

    def learn(
        self, pixels: UInt8[Tensor, "batch 3 height width"], labels: Int[Tensor, " batch"], rate: float
    ) -> tuple[float, int]:
        """One step of Adam; the mean loss and the number of right answers before it."""
        self.model.train()
        for group in self.adam.param_groups:
            group["lr"] = rate
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=True):
            logits = self._logits(pixels)
            labels = labels.to(self.device)
            loss = nn.functional.cross_entropy(logits, labels)
            self.adam.zero_grad()
            loss.backward()
            self.adam.step()
        return float(loss.detach()), int((logits.detach().argmax(dim=1) == labels).sum())

    @torch.no_grad()
    def accuracy(self, images: Images) -> float | None:
        """Share of right answers, or None where there are no images."""
        self.model.eval()
        order = list(range(len(images)))
        hits = [(self._logits(pixels).argmax(dim=1).cpu() == labels).sum() for pixels, labels in images.batches(order)]
        return float(sum(hits)) / len(order) if order else None

    def state(self) -> dict[str, Tensor]:
        """Weights and moments, under the names of the parameters."""
        tensors = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        for name, parameter in self.model.named_parameters():
            tensors |= {f"adam.{name}.{key}": value for key, value in self.adam.state[parameter].items()}
        return {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Take over a state; memory layouts stay, since sums in another order would round differently."""
        self.model.load_state_dict(
            {name.removeprefix("model."): tensor for name, tensor in tensors.items() if name.startswith("model.")}
        )
        for name, parameter in self.model.named_parameters():
            self.adam.state[parameter] = {
                key: torch.empty_like(parameter, requires_grad=False).copy_(tensors[f"adam.{name}.{key}"])
                for key in ("exp_avg", "exp_avg_sq")
            } | {"step": tensors[f"adam.{name}.step"].clone()}

    def _logits(self, pixels: UInt8[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch classes"]:
        inputs = (pixels.to(self.device).float() / 255 - self._mean) / self._std
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.device.type == "cuda"):
            logits: Tensor = self.model(inputs.contiguous(memory_format=torch.channels_last))
        return logits.float()

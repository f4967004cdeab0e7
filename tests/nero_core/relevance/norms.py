"""BatchNorms far from the identity, as training leaves them."""

from torch import nn


def randomise_norms(model: nn.Module) -> None:
    """Draw the statistics and the affine of every BatchNorm."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 2.0)
            module.weight.data.uniform_(0.5, 1.5)
            module.bias.data.uniform_(-0.5, 0.5)

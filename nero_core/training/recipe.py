"""What a run does unless told otherwise: learning rate, schedule and augmentation."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from torchvision.transforms import v2


@dataclass(frozen=True, slots=True)
class Recipe:
    """Rate of Adam, its schedule (a key of ``SCHEDULES``) and the augmentation (a key of ``AUGMENTATIONS``)."""

    learning_rate: float
    schedule: str
    augment: str


RECIPES: dict[str, Recipe] = {
    "pretrained": Recipe(1e-4, "constant", "nero"),  # NERO's published comparison
    "frozen": Recipe(1e-3, "cosine", "none"),  # of a head on features, which are computed once where nothing varies
    "scratch": Recipe(1e-3, "cosine", "light"),  # random weights and few images need a higher rate
}

AUGMENTATIONS: dict[str, v2.Transform] = {
    "none": v2.Identity(),
    "light": v2.Compose(
        [v2.RandomHorizontalFlip(), v2.RandomVerticalFlip(), v2.ColorJitter(brightness=0.15, contrast=0.15)]
    ),
    "nero": v2.Compose(  # the training of NERO's published comparison
        [
            v2.RandomHorizontalFlip(),
            v2.RandomVerticalFlip(),
            v2.ColorJitter(brightness=0.25, contrast=0.25, saturation=0.25, hue=0.25),
            v2.RandomInvert(p=0.3),
            v2.RandomEqualize(p=0.3),
        ]
    ),
}
SCHEDULES: dict[str, Callable[[float], float]] = {  # share of the run done, in [0, 1] → factor on the learning rate
    "constant": lambda done: 1.0,
    "cosine": lambda done: min(1.0, (done + 1e-3) / 0.05) * 0.5 * (1 + math.cos(math.pi * done)),  # 5 % warm-up
}

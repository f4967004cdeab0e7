"""What the room hands on."""

from .progress import EpochMetrics as EpochMetrics
from .progress import TrainingStep as TrainingStep
from .recipe import AUGMENTATIONS as AUGMENTATIONS
from .recipe import RECIPES as RECIPES
from .recipe import SCHEDULES as SCHEDULES
from .recipe import Recipe as Recipe
from .train import train as train

"""Train a classifier on a class-per-folder dataset: seeded, and resumable after a kill at any moment.

Everything random derives from (seed, epoch), so on the CPU a run that is continued gives the weights of one that was
never stopped, bit by bit (same machine, same number of threads, same versions). On a GPU it gives nearly those.
"""

from nero_core.training.progress import EpochMetrics, TrainingStep
from nero_core.training.recipe import AUGMENTATIONS, RECIPES, SCHEDULES, Recipe
from nero_core.training.train import train

__all__ = ["AUGMENTATIONS", "RECIPES", "SCHEDULES", "EpochMetrics", "Recipe", "TrainingStep", "train"]

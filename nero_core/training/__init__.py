"""Train a classifier on a class-per-folder dataset: seeded, and resumable after a kill at any moment.

Everything random derives from (seed, epoch), so a run that is continued gives the weights of one that was never stopped
(same machine, same number of threads).
"""

from nero_core.training.progress import EpochMetrics, TrainingStep
from nero_core.training.recipe import AUGMENTATIONS, RECIPES, SCHEDULES, Recipe
from nero_core.training.train import train

__all__ = ["AUGMENTATIONS", "RECIPES", "SCHEDULES", "EpochMetrics", "Recipe", "TrainingStep", "train"]

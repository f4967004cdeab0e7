"""Classifiers seen as features, head and last feature map, and the folders that they are kept in."""

from nero_core.models.checkpoint import ModelCard, TrainingFacts, load_checkpoint, read_model_card, save_checkpoint
from nero_core.models.classifier import IMAGENET_MEAN, IMAGENET_STD, Classifier, create_classifier

__all__ = [
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "Classifier",
    "ModelCard",
    "TrainingFacts",
    "create_classifier",
    "load_checkpoint",
    "read_model_card",
    "save_checkpoint",
]

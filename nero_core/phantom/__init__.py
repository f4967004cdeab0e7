"""Synthetic endoscopy: phantoms are drawn (``drawing``), perturbed (``perturbation``) and asked about (``quiz``)."""

from nero_core.phantom.drawing import CLASSES, ID_CLASSES, OOD_CLASSES, Phantom, draw_phantom, write_phantoms
from nero_core.phantom.perturbation import (
    FILLS,
    LESIONS,
    PERTURBATIONS,
    Lesion,
    Perturbation,
    Rectangle,
    perturb,
)
from nero_core.phantom.quiz import QuizCase, can_be_quizzed, quiz_case

__all__ = [
    "CLASSES",
    "FILLS",
    "ID_CLASSES",
    "LESIONS",
    "OOD_CLASSES",
    "PERTURBATIONS",
    "Lesion",
    "Perturbation",
    "Phantom",
    "QuizCase",
    "Rectangle",
    "can_be_quizzed",
    "draw_phantom",
    "perturb",
    "quiz_case",
    "write_phantoms",
]

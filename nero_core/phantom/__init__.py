"""Synthetic endoscopy: phantoms are drawn (``drawing``), perturbed (``perturb``) and asked about (``quiz``)."""

"""Learn: the lesson, perturb and watch, the quiz."""

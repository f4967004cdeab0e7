"""What is let go when nobody looks any more: all that was made of visitors' images."""

from dashboard.resources import case_reports, explanations, images, learning, neurons, verdicts, videos, worklists

OF_IMAGES = (  # the caches that hold pictures, maps or features; the others hold a few numbers an image
    case_reports._case,
    explanations._drawn_text,
    explanations._explanation,
    explanations._similar,
    explanations._unlikeness,
    images._own_size,
    images._picture,
    learning._perturbed,
    learning._perturbed_explanation,
    neurons._concept,
    verdicts._batch,
    verdicts._observation,
    verdicts._what_if,
    videos._video_frame,
    worklists._large,
    worklists._small,
)


def forget_images() -> None:
    """Forget what was made of visitors' images; reference sets stay loaded, and the rest can be made again."""
    images.forget_pictures()
    for cached in OF_IMAGES:
        cached.clear()

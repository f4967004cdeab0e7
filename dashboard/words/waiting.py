"""What is said of background tasks, of files and of links."""

from collections.abc import Mapping

from dashboard.words.numbers import duration, listed, plain

STOPPED = "This was stopped before it was finished. Anyone who waits for it can stop it, for everybody."
FORGOTTEN = (
    "This was removed from the queue before it began: no page was waiting for it, and many other tasks were waiting."
)


def comparing(many_wait: bool) -> str:
    """What is said until a verdict is there."""
    if many_wait:
        return "Many images wait for a verdict on this server. Yours comes by itself as soon as there is room …"
    return "Comparing with the reference images …"


def stage(name: str, done: int, total: int, seconds: float) -> str:
    """What a job is doing: ``Observing fit images: 96 of 381, for 12 s``."""
    what = f"{name[:1].upper()}{name[1:]}" if name else "Starting"
    far = f": {done} of {total}" if total > 1 else ""
    return f"{what}{far}, for {duration(seconds)}"


def some_time(images: int) -> str:
    """How long a comparison of all methods on so many images takes, as measured on two CPU cores."""
    if images <= 1500:
        return "some ten seconds, or half a minute on a busy server"
    return "a minute or two" if images <= 10_000 else "several minutes"


def contents(classes: Mapping[str, int], skipped: int, reasons: str = "") -> str:
    """What a set of images holds: ``60 images of 3 classes: a 20, b 20, c 20``; and what of it is left out, and why."""
    total, count = sum(classes.values()), len(classes)
    listing = listed([f"{name} {images}" for name, images in classes.items()])
    why, left = f": {reasons}" if reasons else "", ""
    if skipped:
        left = f" {skipped} other {'file is' if skipped == 1 else 'files are'} left out{why}."
    elif reasons:
        left = f" Left out{why}."
    classes_text = f"{count} {'class' if count == 1 else 'classes'}"
    return f"{total} {'image' if total == 1 else 'images'} of {classes_text}: {listing}.{left}"


def queued(ahead: int, is_held_up: bool = False) -> str:
    """Why a background task has not begun; held up by one that it may not run beside."""
    if is_held_up:
        return "Waiting: the server is busy with a task of this kind, or with ending one. This begins after it."
    others = "the next one ends" if ahead == 0 else f"{ahead} that {'was' if ahead == 1 else 'were'} asked for earlier"
    return f"Waiting: the server is busy with other tasks. This begins after {others}."


def waiting(ahead: int, at_once: int) -> str:
    """Why a job has not begun."""
    first = ahead - at_once + 1
    if first <= 0:
        return "It is about to start."
    behind = "one that was asked for earlier" if first == 1 else f"{first} that were asked for earlier"
    return f"The server runs {at_once} jobs at once; this one starts after {behind}."


def not_offered(what: str, asked: str, shown: str) -> str:
    """The link asks a widget for what it does not offer; ``shown`` is nothing where it shows nothing."""
    instead = f"this is {plain(shown)}" if shown else "none is chosen"
    return f"The link's {what} {plain(asked[:40])} is not available here; {instead}."


def composite_missing(asked: str, title: str) -> str:
    """The URL names a composite that is not to be had."""
    return f"The link names the composite {plain(asked)}, which does not suit this classifier. This is {title}."

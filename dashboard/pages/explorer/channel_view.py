"""What the page of a channel knows of it, and what its cards share."""

from dataclasses import dataclass

from dashboard import resources
from dashboard.resources import Source
from nero_core import Inspector
from nero_core.errors import NeroError
from nero_core.figures import MUCH_CANCELLATION, SIGNS_CANCEL
from nero_core.types import ChannelReferences, ChannelSummary, ConceptDepth, UpstreamChannels


@dataclass(frozen=True, slots=True)
class ChannelView:
    """What is known of one channel.

    Attributes:
        channel: its number.
        summary: the channel in the fit bank.
        depth: the channel in the image at hand; None without an image or without an honest heatmap.
        here: relevance in the image at hand, where there is one.
        problem: why there is no depth, in a sentence; empty where there is one, or no image.
    """

    channel: int
    summary: ChannelSummary
    depth: ConceptDepth | None
    here: float | None
    problem: str = ""


def channel_view(inspector: Inspector, item: Source | None, channel: int) -> ChannelView:
    """Of one channel, with the image at hand where there is one."""
    summary = resources.channel_summary(inspector, channel)
    depth = here = None
    problem = ""
    if item is not None:
        try:
            here = float(resources.channels(inspector, item).relevance[channel])
            depth = resources.concept(inspector, item, channel)
        except NeroError as error:  # the rest of the page stands; said where the channel would be shown
            problem = str(error)
    return ChannelView(channel, summary, depth, here, problem)


def named(views: list[ChannelView]) -> str:
    """``channel 5``, ``channel 5 and 6``: for the name of a file."""
    return f"channel {' and '.join(str(view.channel) for view in views)}"


def cancels(*shown: ChannelReferences | UpstreamChannels) -> str:
    """What the pictures mean by signs that cancel, where one of them says so."""
    return (
        f" {SIGNS_CANCEL}."
        if any(cancellation > MUCH_CANCELLATION for maps in shown for cancellation in maps.cancellation)
        else ""
    )

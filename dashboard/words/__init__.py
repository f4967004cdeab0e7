"""Numbers into sentences. Plain and precise; never a diagnosis."""

from dashboard.words.channels import (
    ALL_ZERO,
    LITTLE_CONTRAST,
    channel,
    channel_in_set,
    chosen_images,
    concept,
    conservation,
    faithfulness,
    lost,
    map_keeps,
    no_such_channel,
    weight,
)
from dashboard.words.methods import MEANING, agreement, figure, interval, method, standing
from dashboard.words.numbers import duration, listed, percent, plain, tex
from dashboard.words.verdicts import ADVICE, DIMMED, SYMBOL, change, p_value, tally, threshold
from dashboard.words.waiting import FORGOTTEN, STOPPED, composite_missing, contents, not_offered, queued, stage, waiting
from nero_core.figures import HEADLINE, SYNTHETIC, number
from nero_core.figures import channel_use as use

__all__ = [
    "ADVICE",
    "ALL_ZERO",
    "DIMMED",
    "FORGOTTEN",
    "HEADLINE",
    "LITTLE_CONTRAST",
    "MEANING",
    "STOPPED",
    "SYMBOL",
    "SYNTHETIC",
    "agreement",
    "change",
    "channel",
    "channel_in_set",
    "chosen_images",
    "composite_missing",
    "concept",
    "conservation",
    "contents",
    "duration",
    "faithfulness",
    "figure",
    "interval",
    "listed",
    "lost",
    "map_keeps",
    "method",
    "no_such_channel",
    "not_offered",
    "number",
    "p_value",
    "percent",
    "plain",
    "queued",
    "stage",
    "standing",
    "tally",
    "tex",
    "threshold",
    "use",
    "waiting",
    "weight",
]

"""The records that flow from an uploaded file to the screen. They are frozen: each step makes a new one.

``ImageBatch`` → ``Observation`` → ``Detection`` → ``Explanation``; a ``Head`` is the classifier's last linear layer.
"""

from nero_core.types.case import DrawnText, PictureMeasure, SimilarCases
from nero_core.types.detection import TESTS, VERDICT, ClassLimits, Detection, Limits, ReferenceScores, Verdict
from nero_core.types.distance_shares import DistanceShares
from nero_core.types.explanation import (
    BlockConservation,
    Channels,
    Concept,
    Explanation,
    Faithfulness,
    FlippingCurves,
    Imputation,
    LogitPath,
    MissingConcept,
    Output,
)
from nero_core.types.explorer import (
    ChannelReferences,
    ChannelStatistics,
    ChannelSummary,
    ConceptDepth,
    MapPlace,
    MeanRelevance,
    OodOnMap,
    RelevanceMap,
    UpstreamChannels,
)
from nero_core.types.observation import Head, ImageBatch, Observation
from nero_core.types.stages import LAST_STAGE, Stages
from nero_core.types.timeline import FrameAccount, FrameScore, Stretch, Timeline, is_unlike, time_stamp
from nero_core.types.unlikeness import Unlikeness
from nero_core.types.what_if import WhatIf, WhatIfSettings

__all__ = [
    "LAST_STAGE",
    "TESTS",
    "VERDICT",
    "BlockConservation",
    "ChannelReferences",
    "ChannelStatistics",
    "ChannelSummary",
    "Channels",
    "ClassLimits",
    "Concept",
    "ConceptDepth",
    "Detection",
    "DistanceShares",
    "DrawnText",
    "Explanation",
    "Faithfulness",
    "FlippingCurves",
    "FrameAccount",
    "FrameScore",
    "Head",
    "ImageBatch",
    "Imputation",
    "Limits",
    "LogitPath",
    "MapPlace",
    "MeanRelevance",
    "MissingConcept",
    "Observation",
    "OodOnMap",
    "Output",
    "PictureMeasure",
    "ReferenceScores",
    "RelevanceMap",
    "SimilarCases",
    "Stages",
    "Stretch",
    "Timeline",
    "Unlikeness",
    "UpstreamChannels",
    "Verdict",
    "WhatIf",
    "WhatIfSettings",
    "is_unlike",
    "time_stamp",
]

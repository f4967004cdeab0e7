"""What several users share: loaded bundles and finished results, in bounded caches.

Records are frozen and nobody writes to their tensors, so they are shared as they are (``cache_resource``) and not
copied for each session. Results are kept under the digest of the image's bytes, the digest of the bundle and the
setting; a file's name is never part of what is kept, since two people may have one image under different names.
"""

from dashboard.resources import worklists
from dashboard.resources.background_tasks import (
    comparison,
    comparison_so_far,
    faithfulness,
    list_report,
    timeline,
    umap,
)
from dashboard.resources.bundles import (
    answer_once,
    bundle_paths,
    explorer,
    inspector,
    key,
    name_of,
    own_bundles,
    samples,
)
from dashboard.resources.case_reports import ReportForm, ReportSettings, case_report, report_file
from dashboard.resources.explanations import (
    blocks,
    concepts,
    drawn_text,
    explanation,
    less_than_usual,
    missing_evidence,
    picture_check,
    share_unlike,
    similar,
    unlikeness,
)
from dashboard.resources.forgetting import forget_images
from dashboard.resources.images import HOUR, Source, note, picture, problem, sides, source, sources, tags
from dashboard.resources.learning import (
    Perturbed,
    drawn_case,
    has_own_cases,
    own_answer,
    own_case,
    own_samples,
    perturbed,
    perturbed_explanation,
    shows_own_pictures,
)
from dashboard.resources.neurons import channel_summary, concept, ood_on_map, place, reference_channels
from dashboard.resources.passes import many_wait
from dashboard.resources.turns import TURNS
from dashboard.resources.verdicts import (
    answer,
    channels,
    detection,
    job_result,
    observation,
    ranked,
    ranks,
    scored,
    stored_comparison,
    what_if,
)
from dashboard.resources.videos import frame_key, is_video, video_frame, video_problem

__all__ = [
    "HOUR",
    "TURNS",
    "Perturbed",
    "ReportForm",
    "ReportSettings",
    "Source",
    "answer",
    "answer_once",
    "blocks",
    "bundle_paths",
    "case_report",
    "channel_summary",
    "channels",
    "comparison",
    "comparison_so_far",
    "concept",
    "concepts",
    "detection",
    "drawn_case",
    "drawn_text",
    "explanation",
    "explorer",
    "faithfulness",
    "forget_images",
    "frame_key",
    "has_own_cases",
    "inspector",
    "is_video",
    "job_result",
    "key",
    "less_than_usual",
    "list_report",
    "many_wait",
    "missing_evidence",
    "name_of",
    "note",
    "observation",
    "ood_on_map",
    "own_answer",
    "own_bundles",
    "own_case",
    "own_samples",
    "perturbed",
    "perturbed_explanation",
    "picture",
    "picture_check",
    "place",
    "problem",
    "ranked",
    "ranks",
    "reference_channels",
    "report_file",
    "samples",
    "scored",
    "share_unlike",
    "shows_own_pictures",
    "sides",
    "similar",
    "source",
    "sources",
    "stored_comparison",
    "tags",
    "timeline",
    "umap",
    "unlikeness",
    "video_frame",
    "video_problem",
    "what_if",
    "worklists",
]

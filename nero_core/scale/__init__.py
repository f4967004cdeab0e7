"""Many images on many workers: units of images, scored by stateful workers of Ray Data, a Parquet part each.

Ray is an extra (``pip install "nero-dashboard[scale]"``) and imported when it is first asked for; the same units also
run in one process, one after another. See docs/scale.md.
"""

from nero_core.scale.cluster import Cluster, open_cluster
from nero_core.scale.engine import Engine, OneProcess
from nero_core.scale.observe import FillOn, ObserveOn
from nero_core.scale.parts import PartSettings
from nero_core.scale.score import Scored, score_into_parts

__all__ = [
    "Cluster",
    "Engine",
    "FillOn",
    "ObserveOn",
    "OneProcess",
    "PartSettings",
    "Scored",
    "open_cluster",
    "score_into_parts",
]

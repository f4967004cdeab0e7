"""What the room hands on."""

from .frames import Frame as Frame
from .frames import Video as Video
from .limits import SUFFIXES as SUFFIXES
from .limits import VideoLimits as VideoLimits
from .limits import video_kind as video_kind
from .sampling import Sampling as Sampling
from .stretches import GAP as GAP
from .stretches import LEAST as LEAST
from .stretches import find_stretches as find_stretches
from .timeline import score_video as score_video

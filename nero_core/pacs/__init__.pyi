"""What the room hands on: the one list of its public names, which ``__init__`` reads."""

from .answer import REVIEWED as REVIEWED
from .answer import send_back as send_back
from .archive import Archive as Archive
from .archive import Instance as Instance
from .archive import Study as Study
from .results import ImageResult as ImageResult
from .results import ResultContext as ResultContext
from .secondary_capture import secondary_capture as secondary_capture
from .settings import PacsSettings as PacsSettings
from .settings import pacs_is_configured as pacs_is_configured
from .settings import read_settings as read_settings
from .structured_report import structured_report as structured_report
from .worklist_source import STUDY as STUDY
from .worklist_source import study_lister as study_lister
from .worklist_source import study_source as study_source

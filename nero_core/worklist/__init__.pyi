"""What the room hands on: the one list of its public names, which ``__init__`` reads."""

from .duplicates import Duplicates as Duplicates
from .duplicates import near_duplicates as near_duplicates
from .files import File as File
from .files import files_of as files_of
from .files import keep_files as keep_files
from .quality import ClassCounts as ClassCounts
from .quality import Counts as Counts
from .quality import Quality as Quality
from .quality import Week as Week
from .quality import quality as quality
from .run import Summary as Summary
from .run import begin as begin
from .run import check_files as check_files
from .run import score_worklist as score_worklist
from .run import summary as summary
from .scores import score_files as score_files
from .table import FORMATS as FORMATS
from .table import export as export
from .words import DECISION as DECISION
from .words import item_name as item_name

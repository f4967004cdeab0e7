"""What the room hands on: the one list of its public names, which ``__init__`` reads."""

from .confirmed import Confirmed as Confirmed
from .confirmed import confirmed_images as confirmed_images
from .duplicates import Duplicates as Duplicates
from .duplicates import near_duplicates as near_duplicates
from .files import File as File
from .files import files_of as files_of
from .files import keep_files as keep_files
from .from_reviews import calibrate_from_reviews as calibrate_from_reviews
from .from_reviews import check_confirmed as check_confirmed
from .from_reviews import record_origin as record_origin
from .over_time import ClassCounts as ClassCounts
from .over_time import Counts as Counts
from .over_time import Quality as Quality
from .over_time import Week as Week
from .over_time import quality as quality
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

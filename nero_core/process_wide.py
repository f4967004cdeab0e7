"""What belongs to the whole process, and may therefore be changed by one thread at a time."""

import threading

PROCESS_WIDE = threading.RLock()  # matplotlib's settings and fonts and the filters of warnings

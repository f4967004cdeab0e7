"""Pictures and plots: arrays to pictures (``render``), figures for papers (matplotlib), and the words they share.

``__init__.pyi`` lists the names; each is imported when it is first used, so that a picture does not wait for what only
the plots need.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

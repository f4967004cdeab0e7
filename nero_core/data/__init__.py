"""Where images come from: files (``decode``), class-per-folder datasets (``folders``), archives (``archive``).

``__init__.pyi`` lists the names; each is imported when it is first used, so that a PNG does not wait for what only
DICOM files need.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

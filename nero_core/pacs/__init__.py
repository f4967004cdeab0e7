"""A hospital's archive of images (PACS) over DICOMweb: find a study, fetch it, send the results back.

``__init__.pyi`` lists what the room hands on; each name is imported when it is first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

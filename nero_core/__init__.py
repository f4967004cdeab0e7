"""The engine: decode, observe, detect, explain. It knows no screen.

``__init__.pyi`` lists what the package hands on. Each name is imported when it is first used, so that ``nero --help``
does not wait for PyTorch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

"""Frames of a video as pictures (``frames``), and what a detector says of them over time (``timeline``)."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

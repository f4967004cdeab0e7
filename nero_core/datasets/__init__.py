"""Published datasets: ``download`` fetches one, ``protocol`` says which class is what, ``prepare`` splits it."""

from nero_core.datasets.prepare import Prepared, prepare
from nero_core.datasets.prepare_split import Shares
from nero_core.datasets.protocol import Protocol, published_protocol, read_protocol

__all__ = ["Prepared", "Protocol", "Shares", "prepare", "published_protocol", "read_protocol"]

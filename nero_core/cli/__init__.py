"""The console script ``nero``. Heavy libraries are imported inside the commands: ``nero --help`` answers at once."""

from nero_core.cli.app import main

__all__ = ["main"]

"""An Orthanc for the page."""

from tests.nero_core.pacs.conftest import orthanc

__all__ = ["orthanc"]

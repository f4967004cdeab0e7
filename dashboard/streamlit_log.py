"""Streamlit's and uvicorn's loggers write to the server's log; by themselves they write lines of their own, in which
addresses of visitors stand."""

import logging

from streamlit import logger as streamlit_logger
from uvicorn.config import LOGGING_CONFIG


def take_over() -> None:
    """Of the loggers that there are, and of those to come."""
    streamlit_logger.setup_formatter = hand_on
    streamlit_logger.update_formatter()
    for settings in LOGGING_CONFIG["loggers"].values():  # which uvicorn applies when it starts
        settings.update(handlers=[], propagate=True)


def hand_on(logger: logging.Logger) -> None:
    """Take away a logger's own output; its records go on to the root."""
    logger.handlers.clear()
    logger.propagate = True

"""The only place that names a session key or a query parameter: a module for each page, and ``site`` for all.

A widget whose key stands under "in the URL" is bound to it by Streamlit, under that name, so that a colleague opens the
same view; the reference set is written there by hand, since it lasts over all pages. Uploaded images never are: they
live in the session alone.
"""

from dashboard.state import compare, explorer, images, jobs, learn, quality, screen, site, worklist

__all__ = ["compare", "explorer", "images", "jobs", "learn", "quality", "screen", "site", "worklist"]

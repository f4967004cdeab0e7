"""The store: worklists, results, reviews, jobs and the audit log, in SQLite or PostgreSQL.

``open_store`` gives a ``Store``; every function takes it first. What comes back are frozen records, never rows of the
database. ``__init__.pyi`` lists the names; each is imported when it is first used, so that ``nero --help`` does not
wait for SQLAlchemy.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

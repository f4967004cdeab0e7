"""Train a classifier on a class-per-folder dataset: seeded, and resumable after a kill at any moment.

Everything random derives from (seed, epoch), so on the CPU a run that is continued gives the weights of one that was
never stopped, bit by bit (same machine, same number of threads, same versions). On a GPU it gives nearly those.

``__init__.pyi`` lists the names; each is imported when it is first used, so that processes that only read images start
sooner.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

"""Which files' tests one process runs, where several share the tests: those that share what takes long to make."""

from xdist.scheduler import LoadFileScheduling

TOGETHER = {  # what they share → the files, by the end of their path
    "a server and a browser": tuple(
        f"tests/browser/test_{name}.py"
        for name in ("compare_methods", "learn", "neuron_explorer", "screen_an_image", "video", "your_own_model")
    ),
    "compiled UMAP": (
        "tests/dashboard/pages/explorer/test_image_map.py",
        "tests/dashboard/test_resources.py",
        "tests/nero_core/explain/test_relevance_map.py",
        "tests/nero_core/test_explorer_statistics.py",
    ),
}


class Together(LoadFileScheduling):
    """A file's tests stay in one process, and so do those of files that share something."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return next((shared for shared, files in TOGETHER.items() if file in files), file)

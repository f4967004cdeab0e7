"""The measurements behind ``docs/benchmark.md``: each table of the page is printed by one command of this folder."""

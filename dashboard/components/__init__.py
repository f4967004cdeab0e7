"""The parts of the pages. Each draws itself and owns its widgets."""

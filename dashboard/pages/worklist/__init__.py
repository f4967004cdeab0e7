"""Worklist: many images as one list, scored in the background, read one by one."""

"""Work that outlives a page's run: in processes of its own (``jobs``), in threads that users share
(``background_task``)."""

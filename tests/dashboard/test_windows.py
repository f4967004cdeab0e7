"""Windows: what was made of images is forgotten when nobody has been there for a while, and not before."""

import threading
from collections.abc import Callable

from streamlit.testing.v1 import AppTest

from dashboard import resources
from dashboard.resources import images
from dashboard.windows import Windows, forget
from tests.dashboard.material import no_traceback


def test_what_was_made_of_images_is_forgotten_after_the_last_window_has_been_closed_for_a_while():
    forgotten = threading.Event()
    windows = Windows(forgotten.set, rest=0.05)
    windows.opened()
    windows.opened()
    windows.closed()
    assert not forgotten.wait(0.3)  # one is still open
    windows.closed()
    assert forgotten.wait(120)


def test_a_page_that_is_loaded_again_finds_everything():
    forgotten = threading.Event()
    windows = Windows(forgotten.set, rest=0.3)
    windows.opened()
    windows.closed()
    windows.opened()
    assert not forgotten.wait(0.6)


def test_pictures_and_maps_go_and_the_reference_set_stays(app: Callable[..., AppTest]):
    running = app(sample="polyps")
    no_traceback(running)
    [path] = resources.bundle_paths().values()
    loaded = resources.inspector(path)
    assert images._rasters()._pictures
    forget()
    assert not images._rasters()._pictures
    assert resources.inspector(path) is loaded
    no_traceback(running.run())  # and all is made again
    assert images._rasters()._pictures

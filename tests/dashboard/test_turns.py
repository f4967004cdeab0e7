"""Turns: what comes after a verdict waits for the verdicts of others, but not for ever."""

import threading
import time

from dashboard.resources.turns import Turns


def test_who_has_a_verdict_waits_until_the_others_have_theirs():
    turns, order, begun = Turns(patience=20.0), list[str](), threading.Event()

    def other() -> None:
        with turns.verdict():
            begun.set()
            time.sleep(0.2)
            order.append("verdict")

    thread = threading.Thread(target=other)
    thread.start()
    assert begun.wait(120)
    turns.wait_for_verdicts()
    order.append("maps")
    thread.join()
    assert order == ["verdict", "maps"]
    assert turns.wait_for_verdicts() < 5  # nobody is left


def test_a_verdict_that_takes_long_holds_nobody_up_for_longer_than_patience_lasts():
    turns = Turns(patience=0.05)
    with turns.verdict():
        assert 0.05 <= turns.wait_for_verdicts() < 10


def test_a_verdict_that_fails_holds_nobody_up():
    turns = Turns(patience=20.0)
    try:
        with turns.verdict():
            raise ValueError
    except ValueError:
        assert turns.wait_for_verdicts() < 5


def test_maps_of_some_are_computed_at_once_and_others_wait():
    turns, together, most = Turns(maps_at_once=1), list[int](), list[int]()

    def compute() -> None:
        with turns.maps():
            together.append(1)
            most.append(len(together))
            time.sleep(0.02)
            together.pop()

    threads = [threading.Thread(target=compute) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1, 1, 1, 1]

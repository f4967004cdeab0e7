"""``python -I -S warm_python.py ADDRESS -m MODULE …``: as ``python -m MODULE …``, in a process forked at ADDRESS.

For code that starts processes itself: see ``tests.warm_process``. Signals go on to it, and its status comes back.
"""

import json
import os
import signal
import socket
import sys
from types import FrameType

HANDED_ON = (signal.SIGTERM, signal.SIGINT)


def main(address: str, *arguments: str) -> None:
    """Begin it, wait, and end as it does."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        here = os.getcwd()  # noqa: PTH109  pathlib takes longer to import than all else here
        asked = {"arguments": arguments, "env": dict(os.environ), "cwd": here, "closed": []}
        socket.send_fds(connection, [b"!"], [0, 1, 2])
        connection.sendall(f"{json.dumps(asked)}\n".encode())
        answers = connection.makefile("r")
        pid = int(answers.readline())

        def hand_on(number: int, frame: FrameType | None) -> None:
            os.kill(pid, number)

        for number in HANDED_ON:
            signal.signal(number, hand_on)
        status = os.waitstatus_to_exitcode(int(answers.readline()))
    if status < 0:
        signal.signal(-status, signal.SIG_DFL) if -status in HANDED_ON else None
        os.kill(os.getpid(), -status)
    sys.exit(status)


if __name__ == "__main__":
    main(*sys.argv[1:])

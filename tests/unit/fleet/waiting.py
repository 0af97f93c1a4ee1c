"""Wait for a condition, with a limit."""

import threading
import time
from collections.abc import Callable
from typing import Any

LIMIT_SECONDS = 30.0
POLL_SECONDS = 0.02


def wait_for(condition: Callable[[], Any]) -> None:
    until = time.monotonic() + LIMIT_SECONDS
    while not condition():
        assert time.monotonic() < until, "it did not come true"
        threading.Event().wait(POLL_SECONDS)

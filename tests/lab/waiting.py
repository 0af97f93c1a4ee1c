"""Waiting for what takes a moment, with a limit."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

SECONDS = 15.0
PAUSE_SECONDS = 0.2


def until(condition: Callable[[], Any], what: str, seconds: float = SECONDS) -> Any:
    """The first true answer of ``condition``; it fails after ``seconds``, naming ``what`` did not come."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"not within {seconds:.0f} s: {what}"
        time.sleep(PAUSE_SECONDS)
    return found

"""The life of a runtime: load, say ready, ping while it answers, end in order."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn

from freehold.runtime.engine import Engine
from freehold.service.notify import Supervisor

ENDINGS = frozenset({signal.SIGTERM, signal.SIGINT})
LOAD_POLL_SECONDS = 0.05
PING_SECONDS = 10.0

Say = Callable[[str], None]


@dataclass
class Life:
    """One engine from start to end. ``wait(seconds)`` returns true when the process is asked to end."""

    start: Callable[[], Engine]
    healthy: Callable[[], bool]
    supervisor: Supervisor
    wait: Callable[[float], bool]
    say: Say
    clock: Callable[[], float] = time.monotonic
    _engine: Engine | None = None
    _failure: BaseException | None = None
    _was_healthy: bool = field(default=True)

    def run(self) -> None:
        """Serve until asked to end; raises what the engine raised when it did not start."""
        if not self._load():
            self.say("asked to end while loading")
            return
        while not self.wait(self.supervisor.ping_seconds(PING_SECONDS)):
            self._ping()
        self.supervisor.stopping("ending")
        self.say("ending: asked to")

    def _load(self) -> bool:
        began = self.clock()
        loading = threading.Thread(target=self._start, name="load", daemon=True)
        loading.start()
        while self._failure is None and (self._engine is None or not self.healthy()):
            if self.wait(LOAD_POLL_SECONDS):
                return False
        if self._failure is not None:
            raise self._failure
        self.say(f"model loaded, /health answers, after {self.clock() - began:.1f} s")
        self.supervisor.ready("serving")
        return True

    def _start(self) -> None:
        try:
            self._engine = self.start()
        except BaseException as error:  # noqa: BLE001  it belongs to the main thread, which raises it
            self._failure = error

    def _ping(self) -> None:
        healthy = self.healthy()
        if healthy:
            self.supervisor.alive()
        if healthy != self._was_healthy:
            text = "/health answers again" if healthy else "/health does not answer: the watchdog is not pinged"
            self.say(text)
            self.supervisor.status(text)
        self._was_healthy = healthy


def hold_endings() -> None:
    """Keep SIGTERM and SIGINT for :func:`asked_to_end`. Call it before any thread is made: threads inherit it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)


def asked_to_end(seconds: float) -> bool:
    """Wait for SIGTERM or SIGINT, at most ``seconds``."""
    return signal.sigtimedwait(ENDINGS, seconds) is not None


def leave() -> NoReturn:
    """End the process at once, with success.

    Not through the engine's own end: it cannot be interrupted while it loads, and with requests in flight it waits for
    its HTTP threads for ever, as they wait for it (seen in 2026.10 with 40 streams). Nothing is lost: it keeps nothing
    on disk, and the gateway before it has drained.
    """
    os._exit(0)

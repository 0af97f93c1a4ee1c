"""Messages on their way: each path has its own thread, so that a slow one holds up no other.

A message that is not taken is tried again, with pauses that double up to a bound, until it is taken or a newer one of
the same monitor takes its place: at most one message of each monitor waits.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable

from freehold.dead_mans_switch.message import Message
from freehold.dead_mans_switch.paths import PartlyTakenError, Way

FIRST_PAUSE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 300.0


class Outbox:
    """What waits for one path. :meth:`step` does the work; a thread calls it, or a test."""

    def __init__(
        self, way: Way, say: Callable[[str], None], taken: Callable[[Message], None] = lambda _message: None
    ) -> None:
        self.way, self.outcomes = way, Counter[str]()
        self._say, self._taken = say, taken
        self._waiting: dict[str, Message] = {}
        self._pause, self._not_before = FIRST_PAUSE_SECONDS, 0.0
        self._news = threading.Condition()

    def put(self, message: Message) -> None:
        """Take the place of what waits for the same monitor; it is tried at once."""
        with self._news:
            self._waiting[message.event.monitor] = message
            self._pause, self._not_before = FIRST_PAUSE_SECONDS, 0.0
            self._news.notify()

    def waiting(self) -> int:
        """How many messages were not taken yet."""
        with self._news:
            return len(self._waiting)

    def step(self, now: float) -> None:
        """Try what waits, if its time has come."""
        with self._news:
            due = list(self._waiting.values()) if now >= self._not_before else []
        for message in due:
            if not self._sent(message):
                self._later(now)
                return
            self._forget(message)
            self._taken(message)

    def run(self, stop: threading.Event, clock: Callable[[], float] = time.monotonic) -> None:
        """Until ``stop``; wakes for news, and when the next try is due."""
        while not stop.is_set():
            self.step(clock())
            with self._news:
                self._news.wait(1.0)

    def _sent(self, message: Message) -> bool:
        """Whether it is done with: some of those that it is for have it. All else is tried again."""
        try:
            self.way.send(message)
        except PartlyTakenError as error:
            self.outcomes.update(("sent", "failed"))
            self._say(f'{self.way.name}: "{message.subject}" was taken, but {error}')
            return True
        except Exception as error:  # noqa: BLE001  a path that breaks must end neither the switch nor the other paths
            self.outcomes["failed"] += 1
            self._say(f'{self.way.name}: "{message.subject}" was not taken: {reason(error)}')
            return False
        self.outcomes["sent"] += 1
        self._say(f'{self.way.name}: "{message.subject}" was taken')
        return True

    def _forget(self, message: Message) -> None:
        with self._news:
            if self._waiting.get(message.event.monitor) is message:  # not a newer one
                del self._waiting[message.event.monitor]

    def _later(self, now: float) -> None:
        with self._news:
            self._not_before = now + self._pause
            self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)


def reason(error: Exception) -> str:
    """Why something was not taken. The words of a mistake of ours are kept back: they may quote a password."""
    name = type(error).__name__
    return f"{name}: {error}" if isinstance(error, OSError) else f"{name}, a mistake of the switch"


def total(outboxes: Iterable[Outbox]) -> dict[tuple[str, str], int]:
    """How many messages by path and outcome; both outcomes of each path, so that a rate of zero can be seen."""
    return {(box.way.name, outcome): box.outcomes[outcome] for box in outboxes for outcome in ("sent", "failed")}

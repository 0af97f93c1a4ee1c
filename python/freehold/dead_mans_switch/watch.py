"""Who was heard when, and who has to be told of: pure, with times from outside.

Times are seconds of the machine's monotonic clock, so that a step of the wall clock neither hides a silence nor makes
one up. The wall clock's time is kept beside it for people.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

Kind = Literal["silent", "still silent", "back", "test"]


@dataclass(frozen=True)
class Patience:
    """Seconds without a beat until a monitor is silent, and until a silence that lasts is told again."""

    silence: float = 300.0
    repeat: float = 3600.0


@dataclass(frozen=True)
class Event:
    """What the operator has to know. ``seconds`` of silence are at least these: the machine may have been down."""

    kind: Kind
    monitor: str
    seconds: float
    last_beat_unix: float | None


@dataclass(frozen=True)
class Heard:
    """One monitor. ``since`` is its last beat, or when waiting for the first began; ``told`` the last message.

    ``delivered``: some path has taken the message of this silence.
    """

    since: float
    last_beat_unix: float | None = None
    silent: bool = False
    told: float = 0.0
    delivered: bool = False


class Watch:
    """All monitors that are waited for. Beats come in threads of the receiver."""

    def __init__(
        self, monitors: Iterable[str], patience: Patience, now: float, known: Mapping[str, Heard] | None = None
    ) -> None:
        self._patience, self._guard = patience, threading.Lock()
        self._heard = {name: (known or {}).get(name, Heard(now)) for name in monitors}

    def __contains__(self, monitor: object) -> bool:
        return monitor in self._heard

    def heard(self) -> dict[str, Heard]:
        """A copy of what is known."""
        with self._guard:
            return dict(self._heard)

    def beat(self, monitor: str, now: float, wall: float) -> Event | None:
        """Note a beat; the event that a silence is over, if it was one."""
        with self._guard:
            before = self._heard[monitor]
            self._heard[monitor] = Heard(now, wall)
        return Event("back", monitor, now - before.since, before.last_beat_unix) if before.silent else None

    def due(self, now: float) -> list[Event]:
        """Who has become silent, and whose silence is to be told again."""
        with self._guard:
            events = list(self._due(now))
            for event in events:
                self._heard[event.monitor] = replace(self._heard[event.monitor], silent=True, told=now, delivered=False)
        return events

    def _due(self, now: float) -> Iterator[Event]:
        for monitor, heard in self._heard.items():
            seconds = now - heard.since
            if not heard.silent and seconds >= self._patience.silence:
                yield Event("silent", monitor, seconds, heard.last_beat_unix)
            elif heard.silent and now - heard.told >= self._patience.repeat:
                yield Event("still silent", monitor, seconds, heard.last_beat_unix)

    def delivered(self, monitor: str) -> None:
        """Some path has taken the message of a silence: after a restart it need not be sent at once."""
        with self._guard:
            heard = self._heard.get(monitor)
            if heard is not None and heard.silent:
                self._heard[monitor] = replace(heard, delivered=True)

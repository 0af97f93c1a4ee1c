"""Who was heard when, and who has to be told of: pure, with times from outside.

Times are seconds of the machine's monotonic clock, so that a step of the wall clock neither hides a silence nor makes
one up. The wall clock's time is kept beside it for people.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

NEVER = float("-inf")
"""When something was told that has to be told again at the next look."""

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

    ``delivered``: some path has taken the message of this silence. ``back``: that the one before is over, until some
    path has taken it.
    """

    since: float
    last_beat_unix: float | None = None
    silent: bool = False
    told: float = 0.0
    delivered: bool = False
    back: Event | None = None


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
            event = _back(monitor, before, now) if before.silent else None
            told = before.told if event is None else now
            self._heard[monitor] = Heard(now, wall, told=told, back=event or before.back)
        return event

    def due(self, now: float) -> list[Event]:
        """Who has become silent, whose silence is to be told again, and what was not taken before a restart."""
        with self._guard:
            events = list(self._due(now))
            for event in events:
                before = self._heard[event.monitor]
                said = replace(before, told=now)
                silent = replace(said, silent=True, delivered=False, back=None)
                self._heard[event.monitor] = said if event.kind == "back" else silent
        return events

    def _due(self, now: float) -> Iterator[Event]:
        for monitor, heard in self._heard.items():
            seconds = now - heard.since
            if not heard.silent and seconds >= self._patience.silence:
                yield Event("silent", monitor, seconds, heard.last_beat_unix)
            elif heard.silent and now - heard.told >= self._patience.repeat:
                yield Event("still silent", monitor, seconds, heard.last_beat_unix)
            elif heard.back is not None and heard.told == NEVER:
                yield heard.back

    def delivered(self, event: Event) -> None:
        """Some path has taken the message: after a restart it need not be sent at once."""
        with self._guard:
            heard = self._heard.get(event.monitor)
            if heard is not None and heard.back == event:
                self._heard[event.monitor] = replace(heard, back=None)
            elif heard is not None and _is_of_this_silence(event, heard):
                self._heard[event.monitor] = replace(heard, delivered=True)


def _back(monitor: str, before: Heard, now: float) -> Event:
    return Event("back", monitor, now - before.since, before.last_beat_unix)


def _is_of_this_silence(event: Event, heard: Heard) -> bool:
    """A slow path may take what was said of the silence before."""
    return heard.silent and event.kind != "back" and event.last_beat_unix == heard.last_beat_unix

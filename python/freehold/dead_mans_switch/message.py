"""What an event reads like: plain words, for a person who was woken by it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from freehold.dead_mans_switch.watch import Event, Kind

RUNBOOK = "docs/monitoring.md"


@dataclass(frozen=True)
class Message:
    """One event in words; ``switch`` is the host that says it."""

    event: Event
    switch: str

    @property
    def subject(self) -> str:
        """One line."""
        name = self.event.monitor
        lines: dict[Kind, str] = {
            "silent": f"[Freehold] monitor {name} is silent: alerts do not reach you",
            "still silent": f"[Freehold] monitor {name} is still silent",
            "back": f"[Freehold] monitor {name} is back",
            "test": f"[Freehold] test of the dead man's switch on {self.switch}",
        }
        return lines[self.event.kind]

    @property
    def text(self) -> str:
        """The whole message."""
        return "\n".join([*self._lines(), "", f"Said by the dead man's switch on {self.switch}.", ""])

    def _lines(self) -> list[str]:
        event = self.event
        if event.kind == "test":
            return ["This is a test. When a monitor falls silent, it is said this way."]
        if event.kind == "back":
            return [f"Beats of {event.monitor} arrive again. It was silent for {_long(event.seconds)} or more."]
        return [
            f"found:    no beat of {event.monitor} for {_long(event.seconds)} or more; the last came {self._last()}",
            "expected: a beat each minute",
            "why:      Prometheus, Alertmanager, that host or the way from it is down: no alert reaches you",
            f'fix:      {RUNBOOK}, "When the dead man\'s switch speaks"',
        ]

    def _last(self) -> str:
        last = self.event.last_beat_unix
        if last is None:
            return "never"
        return f"at {dt.datetime.fromtimestamp(last, dt.UTC):%Y-%m-%d %H:%M:%S} UTC by the clock of {self.switch}"

    def as_json(self) -> dict[str, object]:
        """For a web hook."""
        event = self.event
        return {
            "event": event.kind.replace(" ", "_"),
            "monitor": event.monitor,
            "silent_seconds": round(event.seconds),
            "last_beat_unix": event.last_beat_unix,
            "switch": self.switch,
            "subject": self.subject,
            "text": self.text,
        }


def _long(seconds: float) -> str:
    whole = int(seconds)
    hours, minutes = whole // 3600, whole % 3600 // 60
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"

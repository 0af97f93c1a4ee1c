"""What is known of the monitors, on disk: a restart neither forgets a silence nor makes one up."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from freehold.dead_mans_switch.watch import NEVER, Event, Heard

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
"""The monotonic clock begins anew with it."""

Say = Callable[[str], None]


def this_boot(path: Path = BOOT_ID) -> str:
    """Which run of the kernel this is."""
    return path.read_text(encoding="ascii").strip()


class Store:
    """One small JSON file, replaced as a whole."""

    def __init__(self, file: Path, boot: str, say: Say) -> None:
        self._file, self._boot, self._say = file, boot, say

    def load(self, now: float) -> dict[str, Heard]:
        """What the run before knew. A file that cannot be read is said, and waiting begins anew."""
        try:
            kept = json.loads(self._file.read_bytes())
            return {str(name): self._taken(row, now, kept["boot"]) for name, row in kept["monitors"].items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            self._say(f"{self._file} is not taken, waiting begins anew: {type(error).__name__}: {error}")
            return {}

    def save(self, heard: Mapping[str, Heard]) -> None:
        """Replace the file. A disk that is full must not keep the operator from being told: it is only said."""
        kept = {"boot": self._boot, "monitors": {name: asdict(row) for name, row in heard.items()}}
        draft = self._file.with_name(f"{self._file.name}.new")
        try:
            with draft.open("w", encoding="utf-8") as stream:
                json.dump(kept, stream)
                stream.flush()
                os.fsync(stream.fileno())
            draft.replace(self._file)
        except OSError as error:
            self._say(f"{self._file} cannot be written: {error}")

    def _taken(self, row: Mapping[str, Any], now: float, boot: str) -> Heard:
        """One row. Of another boot only the wall clock's time and the fact of a silence mean something."""
        last, back = row["last_beat_unix"], row.get("back")
        heard = Heard(
            _past(row["since"], now),
            None if last is None else float(last),
            silent=row["silent"] is True,
            told=_past(row["told"], now),
            delivered=row["delivered"] is True,
            back=None if back is None else _event(back),
        )
        if boot != self._boot:
            heard = replace(heard, since=now, told=now)
        # Told and taken by nobody: at the next look it is due again.
        owed = heard.back is not None or (heard.silent and not heard.delivered)
        return replace(heard, told=NEVER) if owed else heard


def _event(row: Mapping[str, Any]) -> Event:
    last = row["last_beat_unix"]
    return Event("back", str(row["monitor"]), float(row["seconds"]), None if last is None else float(last))


def _past(said: Any, now: float) -> float:
    """A time that lies ahead is damage; believed, it would put the silence off for as long."""
    at = float(said)
    return now if math.isnan(at) else min(at, now)

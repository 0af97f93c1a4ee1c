"""The digests of a node's weights, looked at once a day: what was found is kept beside the page, across restarts.

Every byte of every model is read for it. What was whole is looked at again after a day; what was not, or could not be
looked at, after an hour, so that a repair shows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from freehold.service.textfile import write
from freehold.sovereignty import page
from freehold.sovereignty.checks import weights_digest
from freehold.sovereignty.node_settings import NodeSettings
from freehold.sovereignty.result import CheckResult

DAY_SECONDS, HOUR_SECONDS = 86_400.0, 3_600.0
CHECK = "weights_digest"

Verify = Callable[[dict[str, str]], Mapping[str, Any]]


@dataclass(frozen=True)
class Looked:
    """What was found for one model: ``at`` in UNIX seconds, ``digest`` the one that it was compared with."""

    at: float
    digest: str
    reading: Mapping[str, Any]

    def due(self, digest: str, now: float) -> bool:
        """Whether to look again. A time that lies ahead is another clock's."""
        pause = DAY_SECONDS if self.reading.get("returncode") == 0 else HOUR_SECONDS
        return digest != self.digest or not 0 <= now - self.at < pause


@dataclass(frozen=True)
class Digests:
    """``file`` is the page; what was found is in a file beside it."""

    file: Path
    settings: NodeSettings
    verify: Verify
    clock: Callable[[], float]

    def run(self, *, all_now: bool = False) -> list[CheckResult]:
        """Look at each model that is due, and write the page after each; returns every model's result."""
        kept = {name: one for name, one in self._kept() if one.digest == self.settings.models.get(name)}
        self._write(kept)
        for name, digest in self.settings.models.items():
            if all_now or name not in kept or kept[name].due(digest, self.clock()):
                reading = self.verify({name: digest})[name]
                kept[name] = Looked(self.clock(), digest, reading)
                self._write(kept)
        return self._results(kept)

    @property
    def _notes(self) -> Path:
        return self.file.with_suffix(".json")

    def _kept(self) -> Iterator[tuple[str, Looked]]:
        """What earlier runs noted; notes that are damaged are no notes, and the model is looked at anew."""
        try:
            for name, row in json.loads(self._notes.read_text(encoding="utf-8")).items():
                yield str(name), Looked(float(row["at"]), str(row["digest"]), dict(row["reading"]))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return

    def _write(self, kept: Mapping[str, Looked]) -> None:
        times = {CHECK: min(one.at for one in kept.values())} if kept else {}
        write(self._notes, json.dumps({name: asdict(one) for name, one in kept.items()}, indent=2))
        write(self.file, page.of_results(self._results(kept)) + page.of_times(times))

    def _results(self, kept: Mapping[str, Looked]) -> list[CheckResult]:
        facts = {"weights": {name: one.reading for name, one in kept.items()}}
        found = []
        for name in self.settings.models:
            at = kept[name].at if name in kept else self.clock()
            said = datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
            found += weights_digest(self.settings.node, facts, [name], said)
        return found

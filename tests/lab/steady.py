"""Traffic beside a test: starts tests/lab/sdk/steady_talk.py outside, and gathers what its clients met."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.lab.sdk.steady_talk import Outcome
from tests.lab.world import Document

from freehold.lab import outside
from freehold.lab.plan import lab_plan
from freehold.paths import PROJECT

LIMIT_SECONDS = 60.0
BUSY = {(503, "busy"), (529, "overloaded_error")}
"""How each protocol's clients hear of it."""


@dataclass
class Traffic:
    """What came of each request so far. The clock is the clients' own: they are on this machine."""

    outcomes: list[Outcome] = field(default_factory=list)

    def wait(self, condition: Callable[[list[Outcome]], Any], what: str, seconds: float = LIMIT_SECONDS) -> None:
        """Wait until the outcomes are as ``condition`` says."""
        end = time.monotonic() + seconds
        while not condition(self.outcomes):
            assert time.monotonic() < end, f"{what}: {self.outcomes[-3:]}"
            threading.Event().wait(0.05)

    def wait_for_more(self, count: int = 12) -> None:
        """Wait until that many requests that begin from now on were answered."""
        now = time.monotonic()
        self.wait(lambda all_of: sum(one.begun > now for one in all_of) >= count, "no more answers")


@contextmanager
def steady(
    document: Document,
    key: str,
    urls: Iterable[str],
    *,
    name: str,
    mix: Iterable[str],
    per_second: float,
    tokens: int = 24,
) -> Iterator[Traffic]:
    """Ask ``urls`` in turn, each kind of ``mix`` in turn, until the ``with`` ends: every outcome is known then."""
    models = {model["kind"]: model["name"] for model in document["models"]}
    asked = {"key": key, "urls": [*urls], "mix": [*mix], "per_second": per_second, "tokens": tokens, "name": name}
    words = outside.command(lab_plan(), [sys.executable, "-m", "tests.lab.sdk.steady_talk"])
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=PROJECT)
    assert process.stdin
    assert process.stdout
    traffic = Traffic()
    lines = process.stdout
    reader = threading.Thread(target=lambda: traffic.outcomes.extend(Outcome(**json.loads(line)) for line in lines))
    reader.start()
    process.stdin.write(json.dumps(asked | {"chat": models["chat"], "embedding": models["embedding"]}) + "\n")
    process.stdin.flush()
    try:
        yield traffic
    finally:
        process.stdin.close()
        code = process.wait(2 * LIMIT_SECONDS)
        reader.join()
    assert code == 0


def lost(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Those that got neither an answer nor an error of the protocol's."""
    return [one for one in outcomes if not (one.whole or one.code)]


def unanswered(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Those that got no whole answer, and were not asked to come again because more were there than are served at once.

    Who waited for a restart comes together with all others who did; on a machine that has other things to do some of
    them hear that it is busy, before anything was begun for them.
    """
    return [one for one in outcomes if not (one.whole or (one.status, one.code) in BUSY)]

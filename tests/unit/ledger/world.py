"""What tests of the ledger share: a turned clock, keys, rows, asks."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from freehold.ledger.caps import Amount, Caps, spent
from freehold.ledger.clock import LedgerClock, remembered
from freehold.ledger.exceptions import Ask
from freehold.ledger.frontier import CAPPED, Ending, Frontier, Refusal, Reservation
from freehold.ledger.key_records import Key, KeyLimits
from freehold.ledger.keys import KeyTable
from freehold.ledger.periods import HOUR_MS, day
from freehold.ledger.store import Store
from freehold.ledger.usage import UsageRow, insert

START_MS = int(datetime(2026, 11, 21, 10, 30, tzinfo=UTC).timestamp()) * 1000
USD = 10**9
OPEN_CAPS = Caps(share_ppm=1_000_000, nano_usd_per_day=1000 * USD, nano_usd_per_month=10_000 * USD)
FREE = KeyLimits(frontier=True)
DONE = Ending("answered")


class Time:
    """A wall clock and a monotonic one. They run together, unless a test steps the wall clock."""

    def __init__(self, wall_ms: int, boot: str = "boot-1") -> None:
        self.wall_ms, self.mono_ms, self.boot = wall_ms, 5_000_000, boot

    def run(self, ms: int) -> None:
        self.wall_ms += ms
        self.mono_ms += ms

    def step(self, ms: int) -> None:
        self.wall_ms += ms

    def reboot(self, off_ms: int = 60_000) -> None:
        self.wall_ms, self.mono_ms, self.boot = self.wall_ms + off_ms, 1000, self.boot + "'"

    def clock(self, store: Store) -> LedgerClock:
        return LedgerClock(
            remembered(store), wall=lambda: self.wall_ms * 10**6, monotonic=lambda: self.mono_ms * 10**6, boot=self.boot
        )


@dataclass(frozen=True)
class Tokens:
    prompt: int = 0
    cached: int = 0
    completion: int = 0


class World:
    """One node."""

    def __init__(self, store: Store, time: Time, caps: Caps | None = OPEN_CAPS) -> None:
        self.store, self.time = store, time
        self.clock = time.clock(store)
        self.keys = KeyTable(store, self.clock)
        self.frontier = Frontier(store, self.clock, caps)

    def key(self, name: str = "agent", limits: KeyLimits = FREE) -> Key:
        return self.keys.create(name, sha(name), limits)

    def local(self, tokens: int, hours_ago: int = 0) -> None:
        at = self.clock.now_ms() - hours_ago * HOUR_MS
        with self.store.transaction() as connection:
            self._rows = getattr(self, "_rows", 0) + 1
            assert insert(connection, [row(f"local-{id(self)}-{self._rows}", at, prompt=tokens)]) == 0

    def reserve(self, key: Key, tokens: int, nano_usd: int = 0, request: str = "r") -> Reservation | Refusal:
        return self.frontier.reserve(replace(ask(key), request_id=request, worst=Amount(tokens, nano_usd)))

    def reserved(self, key: Key, tokens: int, nano_usd: int = 0, request: str = "r") -> Reservation:
        done = self.reserve(key, tokens, nano_usd, request)
        assert isinstance(done, Reservation), done
        return done

    def refused(self, key: Key, tokens: int, nano_usd: int = 0) -> Refusal:
        done = self.reserve(key, tokens, nano_usd)
        assert isinstance(done, Refusal), done
        return done


def chance(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311  a fixed seed, so that a failure repeats


def charged(world: World) -> Amount:
    with world.store.reading() as connection:
        return spent(connection, "day", day(world.clock.now_ms()))


def names(refusal: Refusal) -> list[str]:
    assert refusal.code == CAPPED
    return [cap.name for cap in refusal.caps]


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def ask(key: Key) -> Ask:
    return Ask("r", key.id, "asked_for", "/v1/chat/completions", "gpt", "big-model", "acme", "acme/big@2026-11",
               Amount(100, USD))  # fmt: skip


def row(request_id: str, at_ms: int = START_MS, *, prompt: int = 0, completion: int = 0, key: str = "k_1") -> UsageRow:
    return UsageRow(
        request_id, at_ms, key, f"name of {key}", "/v1/chat/completions", "gpt", "tiny", "node1", "local", 200,
        prompt=prompt, completion=completion,
    )  # fmt: skip

"""The gateway's books: who may do how much, and what each request was. Local traffic goes on without them.

The ledger may be out of reach when the gateway starts: a full disk, a damaged file. Then the keys are those of the
settings, quotas begin at nothing, rows are not kept, and nothing may leave; :attr:`Books.problem` says why.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from freehold.errors import FreeholdError, FreeholdErrors
from freehold.gateway import config as settings
from freehold.ledger import clock as clocks
from freehold.ledger import replication, usage
from freehold.ledger.clock import LedgerClock
from freehold.ledger.declared import Declared, sync_declared
from freehold.ledger.key_records import DECLARED, Key, KeyLimits
from freehold.ledger.keys import KeyTable, KeyWatch
from freehold.ledger.periods import MINUTE_MS, end_of_date_ms
from freehold.ledger.quota import OverQuota, Quota, Ticket
from freehold.ledger.store import Store
from freehold.ledger.usage import UsageRow
from freehold.ledger.writer import UsageWriter

log = logging.getLogger("freehold.gateway")

KEEP_DAYS = 90
"""Single requests are kept this long; the sums of each day for good."""

CLOSE_SECONDS = 5.0


@dataclass
class Books:
    """Use :func:`opened`, and :meth:`close` at the end. All calls but ``put`` of the writer come from one thread."""

    clock: LedgerClock
    quota: Quota
    keys: dict[str, Key]
    problem: FreeholdError | FreeholdErrors | None = None
    table: KeyTable | None = None
    writer: UsageWriter | None = None
    lost_rows: int = 0
    version: int = 0
    """The number of the last change of keys that is in force here."""
    own: frozenset[str] | None = None
    """On a follower the digests of its own settings: a key of the stack opens where both have it. None elsewhere."""
    _watch: KeyWatch | None = field(default=None)
    _read_again_ms: int = 0
    _barred: frozenset[str] = frozenset()

    def key_of(self, digest: str) -> Key | None:
        """The living key with this SHA-256."""
        key = self.keys.get(digest)
        return key if key is not None and key.opens(digest, self.clock.now_ms()) else None

    def bar(self, digests: frozenset[str]) -> None:
        """Let these in no more, even if the ledger cannot be told; until the process ends."""
        if digests - self._barred:
            self._barred |= digests
            self.keys = self._open(self.keys)

    def begin(self, key: Key, worst_tokens: int) -> Ticket | OverQuota:
        """Let a request in that may use up to ``worst_tokens``, or say which limit is in the way."""
        return self.quota.start(key.id, key.limits, worst_tokens)

    def end(self, ticket: Ticket, row: UsageRow | None, beside: int = 0) -> None:
        """Settle what was let in, and keep its row; ``beside`` are tokens that have their own row already."""
        self.quota.settle(ticket, beside if row is None else beside + row.prompt + row.completion)
        if row is None:
            return
        if self.writer is None or not self.writer.put(row):
            self.lost_rows += 1

    def look(self) -> bool:
        """Read the keys again if somebody changed them, and once a minute; tell whether that was so."""
        if self.table is None or self._watch is None:
            return False
        try:
            clocks.follow_owner(self.table.store, self.clock)
            due = self._watch.changed() or self.clock.now_ms() >= self._read_again_ms
            if due:
                version = self.table.version()  # before the keys: it may say less than is known, never more
                self.keys, self.version = self._open(self.table.by_digest()), version
                self._read_again_ms = self.clock.now_ms() + MINUTE_MS
        except FreeholdError as error:
            self.problem = error  # the keys that are known go on
            return False
        else:
            self.problem = None
            return due

    def _open(self, keys: dict[str, Key]) -> dict[str, Key]:
        return {
            digest: key for digest, key in keys.items() if digest not in self._barred and self._is_ours(digest, key)
        }

    def _is_ours(self, digest: str, key: Key) -> bool:
        return self.own is None or key.origin != DECLARED or digest in self.own

    @property
    def writable(self) -> bool:
        """Whether what is written now reaches the disk."""
        return self.problem is None and self.writer is not None and self.writer.writable

    def prune(self) -> int:
        """Drop single requests of long ago; how many went. It waits for the disk: not for the event loop."""
        if self.table is None:
            return 0
        with Store.open(self.table.store.path) as store:
            return usage.prune(store, self.clock.now_ms(), KEEP_DAYS)

    def close(self) -> None:
        """Write what waits."""
        if self.writer is not None:
            self.lost_rows += self.writer.close(CLOSE_SECONDS)
        if self.table is not None:
            self.table.store.close()


def opened(path: Path | None, keys: Iterable[settings.Key], *, follows: bool = False) -> Books:
    """The books at ``path``, with the settings' keys in them; without a path, or where it fails, only those keys.

    ``follows``: the table is the authority's, once it was heard. The settings alone open nothing then, and a key of
    the stack that they do not have stays closed here: neither an older nor a newer roll of them opens anything.
    """
    declared = [declared_of(key) for key in keys]
    if path is None:
        return _without(declared, None)
    try:
        return _at(path, declared, follows=follows)
    except (FreeholdError, FreeholdErrors) as error:
        log.error("the ledger cannot be used; local traffic goes on, nothing leaves: %s", error)  # noqa: TRY400  said whole
        return _without(declared, error)


def declared_of(key: settings.Key) -> Declared:
    """A key of the settings as the ledger has it. Its last day is a whole one, UTC."""
    limits = KeyLimits(
        models=key.models or None,
        requests_per_minute=key.requests_per_minute or None,
        tokens_per_day=key.tokens_per_day or None,
        concurrent=key.concurrent or None,
        frontier=key.frontier,
        status=key.status,
        frontier_tokens_per_day=key.frontier_tokens_per_day or None,
        frontier_nano_usd_per_month=key.frontier_nano_usd_per_month or None,
    )
    return Declared(key.name, key.sha256, limits, end_of_date_ms(key.expires) if key.expires else None)


def _at(path: Path, declared: list[Declared], *, follows: bool) -> Books:
    store = Store.open(path)
    try:
        clock = clocks.of_machine(store)
        clocks.follow_owner(store, clock)
        table = KeyTable(store, clock)
        _sync(table, declared, follows=follows)
        quota = Quota(clock.now_ms, usage.tokens_of_day(store, clock.now_ms()))
        writer = UsageWriter(lambda: Store.open(path), clock)
    except BaseException:
        store.close()
        raise
    writer.start()
    own = frozenset(one.sha256 for one in declared) if follows else None
    books = Books(clock, quota, {}, table=table, writer=writer, own=own, _watch=KeyWatch(table))
    books.look()
    return books


def _sync(table: KeyTable, declared: list[Declared], *, follows: bool) -> None:
    if not follows or not replication.position(table)[0]:
        sync_declared(table, declared)


def _without(declared: list[Declared], problem: FreeholdError | FreeholdErrors | None) -> Books:
    clock = LedgerClock(None, wall=time.time_ns, monotonic=time.monotonic_ns, boot="")
    now = clock.now_ms()
    keys = {
        one.sha256: Key(one.id, one.name, one.sha256, DECLARED, now, one.expires_ms, None, "", "", 0, one.limits, 0)
        for one in declared
    }
    return Books(clock, Quota(clock.now_ms), keys, problem)

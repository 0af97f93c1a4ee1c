"""What tests of leases look at: the authority's ledger, and a line that loses and repeats messages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.unit.gateway.authority.federation import Holder

from freehold.errors import UnknownStateError
from freehold.gateway.authority.line import Line
from freehold.gateway.authority.messages import LEASE
from freehold.ledger.audit import audit
from freehold.ledger.caps import Amount, Caps, spent
from freehold.ledger.clock import of_machine
from freehold.ledger.leases import Granted, LeaseBook
from freehold.ledger.periods import day
from freehold.ledger.store import Store

DAY_USD = 100


@dataclass
class Books:
    """What the authority has on record."""

    path: Path

    @contextmanager
    def store(self) -> Iterator[Store]:
        with Store.open(self.path) as store:
            yield store

    @property
    def charged(self) -> Amount:
        with self.store() as store, store.reading() as connection:
            return spent(connection, "day", day(of_machine(store).now_ms()))

    @property
    def outstanding(self) -> list[Granted]:
        with self.store() as store:
            return LeaseBook(store, of_machine(store), Caps()).outstanding()

    @property
    def clean(self) -> bool:
        with self.store() as store:
            return not audit(store)


class Lossy(Line):
    """A line that loses or repeats what a test says; the real one behind it."""

    lose_answer: str = ""
    twice: bool = False
    questions: int = 0

    async def ask(self, path: str, body: bytes, seconds: float) -> bytes:
        self.questions += path == LEASE
        answer = await super().ask(path, body, seconds)
        if self.twice:
            answer = await super().ask(path, body, seconds)
        if path == self.lose_answer:
            raise UnknownStateError("AUTHORITY_SILENT", "a test", "the answer was lost")
        return answer


def lossy(holder: Holder) -> Lossy:
    follower, allowance = holder.role.follower, holder.role.leases
    assert follower is not None
    assert allowance is not None
    line = Lossy(follower.line.fleet, follower.line.authority)
    follower.line = allowance.line = line
    return line

"""Puts finished exchanges into the books: one row for each request that was let in."""

from __future__ import annotations

from dataclasses import dataclass, field

from freehold.gateway.books import Books
from freehold.gateway.exchange import Exchange
from freehold.gateway.ids import Ids
from freehold.ledger.usage import UsageRow

MS = 1000


@dataclass(frozen=True)
class LedgerRecorder:
    """``node`` is this one's name."""

    books: Books
    node: str
    ids: Ids = field(default_factory=Ids)

    def record(self, exchange: Exchange) -> None:
        """Settle the caller's quota and keep the row; of one that was not let in there is nothing to keep."""
        if exchange.ticket is None:
            return
        ticket, exchange.ticket = exchange.ticket, None
        if exchange.on_record:
            self.books.end(ticket, None, exchange.spent_beside)
            return
        first = exchange.seconds_to_first_token
        row = UsageRow(
            # A client may choose its id, and the same one twice: a row that is "there already" would not be counted.
            request_id=f"{exchange.id}.{self.ids.next()}",
            at_ms=ticket.at_ms,
            key_id=ticket.key_id,
            key_name=exchange.key,
            path=exchange.path,
            asked=exchange.model_asked,
            served=exchange.model,
            replica=exchange.replica or self.node,
            route=exchange.route,
            status=exchange.status,
            reason=exchange.reason,
            cut=str(exchange.cut),
            prompt=exchange.usage.prompt,
            cached=exchange.usage.cached,
            completion=exchange.usage.completion,
            duration_ms=round(exchange.seconds * MS),
            first_token_ms=None if first is None else round(first * MS),
        )
        # A stream that was cut before its engine told what it had read: the key is charged with the most that can be.
        unseen = 0 if exchange.counted or exchange.usage.prompt else exchange.prompt_at_most
        self.books.end(ticket, row, exchange.spent_beside + unseen)

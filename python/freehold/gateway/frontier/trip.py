"""One request's way out: a permit, a reservation on the disk, one try, the answer passed on, and what it cost put down.

Whatever happens in between, what was reserved is settled or given back and the permit with it. Where nobody can tell
exactly what a request used, its reservation is its cost.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto

from freehold.gateway import body as bodies
from freehold.gateway import passing
from freehold.gateway.client import Connection, LostError
from freehold.gateway.exchange import Cut, Exchange
from freehold.gateway.front import CLIENT_WENT, JSON, answer
from freehold.gateway.frontier import refusing, statuses
from freehold.gateway.frontier.allowance import Allowance
from freehold.gateway.frontier.ends import End, ProviderConnection
from freehold.gateway.frontier.ledger import Reservations
from freehold.gateway.frontier.meters import ProviderMeter, meter_of
from freehold.gateway.frontier.metrics import FrontierMetrics
from freehold.gateway.frontier.outgoing import Json, Measure, outgoing
from freehold.gateway.frontier.reading import counts_of
from freehold.gateway.frontier.refusing import BAD_GATEWAY, Miss
from freehold.gateway.frontier.standing import why
from freehold.gateway.frontier.ways import Way
from freehold.gateway.policy.breaker import Permit
from freehold.gateway.policy.reasons import Reason
from freehold.gateway.request import Request
from freehold.gateway.upstream import json_object
from freehold.gateway.usage import Usage
from freehold.ledger.caps import Amount
from freehold.ledger.exceptions import Ask
from freehold.ledger.frontier import Ending, Refusal, Reservation
from freehold.ledger.periods import SECOND_MS
from freehold.ledger.usage import FRONTIER
from freehold.prices.cost import Counts

log = logging.getLogger("freehold.gateway.frontier")

OK = 200
ID_BYTES = 6
LONGEST_ERROR = 64 * 1024
LONGEST_ANSWER = 64 * 1024 * 1024
ANSWERED, REFUSED = "answered", "refused by the provider"
DOUBT_LEFT, DOUBT_BROKEN, DOUBT_UNCOUNTED, DOUBT_DRAINED = (
    "in doubt: the client left", "in doubt: the provider broke off", "in doubt: not counted exactly",
    "in doubt: the gateway ended",
)  # fmt: skip
NOT_REACHED, LEFT = "the provider was not reached", "the client left before it"


class Health(Enum):
    """What a try says of the provider."""

    UNKNOWN = auto()
    WELL = auto()
    ILL = auto()


@dataclass
class Account:
    """What is to be settled. ``free``: the provider itself says that it did not serve it."""

    reservation: Reservation
    sent: bool = False
    free: bool = False
    counts: Counts | None = None
    outcome: str = LEFT
    status: int = CLIENT_WENT
    health: Health = Health.UNKNOWN
    wait: float | None = None

    def ended(self, outcome: str, status: int, health: Health) -> None:
        """Note how it went."""
        self.outcome, self.status, self.health = outcome, status, health


@dataclass(frozen=True)
class Begun:
    """An answer whose first piece was looked at already."""

    first: list[bytes]
    rest: Connection

    async def piece(self) -> bytes:
        """Return the first piece, then the others."""
        return self.first.pop() if self.first else await self.rest.piece()


@dataclass(frozen=True)
class Trip:
    """``body`` is the client's; ``worst`` what is reserved; ``obtain`` whether a lease may still be asked for."""

    way: Way
    end: End
    ledger: Reservations
    allowance: Allowance
    metrics: FrontierMetrics
    now_ms: Callable[[], int]
    request: Request
    exchange: Exchange
    body: Json
    measure: Measure
    worst: Amount
    key_id: str
    reason: str
    obtain: bool

    async def run(self) -> Miss | None:
        """Return none where the provider answered and the client has it; else why not, with nothing passed on.

        Raises a refusal for what the provider did not take from the client.
        """
        data = bodies.dump(outgoing(self.body, self.exchange.path, self.way.route.provider_model, self.measure))
        permit, account = self.end.breaker.take(), None
        if permit is None:
            return Miss(Reason.PROVIDER_DARK, self.end.breaker.wait)
        try:
            booked = await self._reserve()
            if isinstance(booked, Refusal):
                return Miss(why(booked), self._reopens(booked))
            account = Account(booked)
            self.metrics.reserved(self.way, self.worst)
            return await self._go(data, account)
        finally:
            self._close(account, permit)

    async def _reserve(self) -> Reservation | Refusal:
        at = self._at(self.now_ms())
        ask = Ask(
            # A client may choose its id, and the same one twice.
            f"{self.exchange.id}.{secrets.token_hex(ID_BYTES)}", self.key_id, self.reason, self.exchange.path,
            self.exchange.model_asked, self.way.route.provider_model, self.way.provider.name, self.way.price_id(at),
            self.worst,
        )  # fmt: skip
        found = await self.ledger.reserve(ask)
        if not isinstance(found, Refusal) or why(found) is not Reason.NO_LEASE or not self.obtain:
            return found
        return await self.ledger.reserve(ask) if await self.allowance.obtain(self.key_id, self.worst) else found

    async def _go(self, data: bytes, account: Account) -> Miss | None:
        try:
            connection = await self.end.reach()
        except (LostError, OSError) as error:
            log.warning("provider %s was not reached: %s", self.way.provider.name, type(error).__name__)
            account.ended(NOT_REACHED, 0, Health.ILL)
            return Miss(Reason.PROVIDER_DARK)
        try:
            account.sent, account.outcome = True, DOUBT_LEFT
            version = self.request.header(b"anthropic-version") or b""
            status = await self.end.send(
                connection, self.exchange.path, data, fresh_id=account.reservation.id, version=version
            )
            if status == OK:
                await self._answered(connection, account)
                return None
            return await self._declined(connection, status, account)
        except LostError:
            log.warning("provider %s broke off", self.way.provider.name)
            account.ended(DOUBT_BROKEN, 0, Health.ILL)
            return Miss(Reason.PROVIDER_DARK)
        finally:
            self.end.release(connection)

    async def _answered(self, connection: Connection, account: Account) -> None:
        meter = meter_of(self.exchange.path, self.body, media=self.measure.media)
        if meter is not None:
            await self._stream(connection, meter, account)
            return
        said = await connection.whole(LONGEST_ANSWER)
        told = json_object(said)
        if not connection.complete or not told:  # longer than any answer, or none
            raise LostError
        account.counts = counts_of(self.exchange.path, told, media=self.measure.media)
        account.ended(ANSWERED, OK, Health.WELL)
        self._name()
        await answer(self.request, self.exchange, OK, JSON, said)

    async def _stream(self, connection: Connection, meter: ProviderMeter, account: Account) -> None:
        first = await connection.piece()
        if not first:
            raise LostError
        self._name()
        account.status = OK
        try:
            source = Begun([first], connection)
            await passing.stream(
                source, meter, self.request, self.exchange, lambda: refusing.broken(self.way.provider.name)
            )
        finally:
            account.counts = meter.counts
        if meter.done and not meter.failed:
            account.ended(ANSWERED, OK, Health.WELL)
        elif meter.failed or connection.lost or connection.complete:
            account.ended(DOUBT_BROKEN, OK, Health.ILL)

    async def _declined(self, connection: Connection, status: int, account: Account) -> Miss:
        words = await _words(connection)
        account.free = statuses.free(status)
        name = self.way.provider.name
        if status in statuses.CLIENTS:
            account.ended(f"{REFUSED} ({status})", status, Health.WELL)
            raise refusing.declined(name, status, words)
        account.ended(f"{REFUSED if account.free else DOUBT_BROKEN} ({status})", status, Health.ILL)
        if status in statuses.OURS:
            log.error("provider %s answers %d to us: look at its key, its model's name and the account", name, status)
            return Miss(Reason.PROVIDER_DARK, status=BAD_GATEWAY)
        if isinstance(connection, ProviderConnection):
            account.wait = connection.retry_after
        return Miss(Reason.PROVIDER_DARK, account.wait)

    def _name(self) -> None:
        self.exchange.route, self.exchange.model = FRONTIER, self.way.there

    def _close(self, account: Account | None, permit: Permit) -> None:
        self._report(account, permit)
        if account is None:
            return
        if not account.sent:
            self.ledger.abandon(account.reservation, account.outcome)
            self.metrics.settled(self.way, Counts(0, 0), 0, account.outcome)
            return
        spent, nano, outcome = self._spent(account)
        first = self.exchange.seconds_to_first_token
        ending = Ending(
            outcome, account.status, cut=str(self.exchange.cut or self.request.cut),
            first_token_ms=None if first is None else round(first * SECOND_MS),
        )  # fmt: skip
        self.ledger.settle(account.reservation, spent, nano, ending)
        self.metrics.settled(self.way, spent, nano, outcome)
        self.exchange.on_record, self.exchange.spent_beside = True, spent.prompt + spent.completion
        if self.exchange.route == FRONTIER:
            self.exchange.usage = Usage(spent.prompt, spent.cached, spent.completion)

    def _report(self, account: Account | None, permit: Permit) -> None:
        breaker = self.end.breaker
        if account is None or account.health is Health.UNKNOWN:
            breaker.dropped(permit)
        elif account.health is Health.WELL:
            breaker.succeeded(permit)
        elif account.wait is not None:
            breaker.told_to_wait(permit, account.wait)
        else:
            breaker.failed(permit)

    def _spent(self, account: Account) -> tuple[Counts, int, str]:
        if account.free:
            return Counts(0, 0), 0, account.outcome
        if account.counts is not None:
            began, ended = self._at(account.reservation.at_ms), self._at(self.now_ms())
            nano = self.way.cost(account.counts, began, ended)
            if nano is not None:
                return account.counts, nano, account.outcome
        outcome = DOUBT_UNCOUNTED if account.outcome == ANSWERED else account.outcome
        if outcome == DOUBT_LEFT and self.request.cut is Cut.DRAIN:
            outcome = DOUBT_DRAINED
        return Counts(self.measure.prompt, self.measure.completion), self.worst.nano_usd, outcome

    def _reopens(self, refusal: Refusal) -> float | None:
        at = refusal.reopens_ms
        return None if at is None else max(0.0, (at - self.now_ms()) / SECOND_MS)

    @staticmethod
    def _at(ms: int) -> datetime:
        return datetime.fromtimestamp(ms / SECOND_MS, UTC)


async def _words(connection: Connection) -> str:
    try:
        error = json_object(await connection.whole(LONGEST_ERROR)).get("error")
    except LostError:
        return ""
    return str(error.get("message") or "") if isinstance(error, dict) else ""

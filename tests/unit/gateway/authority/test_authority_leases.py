"""Allowances over the mesh: asked for once, spent once, given back; whatever becomes of messages and processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.unit.gateway.authority.federation import (
    AUTHORITY,
    LEAVES,
    MADE,
    USD,
    Federation,
    Holder,
    command,
    digest,
    frontier,
)
from tests.unit.gateway.harness import Harness
from tests.unit.ledger.world import DONE, Tokens

from freehold.errors import UnknownStateError
from freehold.gateway.authority import leases
from freehold.gateway.authority.follower import Follower
from freehold.gateway.authority.line import Line
from freehold.gateway.authority.messages import FOLLOW, LEASE
from freehold.ledger import exceptions, problems, report
from freehold.ledger.audit import audit
from freehold.ledger.caps import Amount, Caps, spent
from freehold.ledger.clock import of_machine
from freehold.ledger.frontier import Refusal, Reservation
from freehold.ledger.key_records import KeyLimits
from freehold.ledger.leases import Granted, LeaseBook
from freehold.ledger.periods import day
from freehold.ledger.store import Store

DAY_USD = 100


@pytest.fixture
def authority(site: Federation, stack: ExitStack) -> Harness:
    return stack.enter_context(site.authority(frontier=frontier(DAY_USD)))


@pytest.fixture
def key(site: Federation, authority: Harness) -> str:
    del authority  # its ledger is there then
    with command(site.ledger(AUTHORITY)) as keys:
        return keys.create("agent", digest(MADE), LEAVES).id


@dataclass
class Books:
    """What the authority has on record."""

    path: Path

    @contextmanager
    def store(self) -> Any:
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


@pytest.fixture
async def holder(site: Federation, authority: Harness) -> AsyncIterator[Holder]:
    with site.holder("gpu2", authority) as made:
        yield made


@pytest.fixture
def down(authority: Harness) -> Callable[[], None]:
    """Ends the authority's gateway."""

    def end() -> None:
        authority.end()
        authority.thread.join(10)

    return end


@pytest.fixture
def anew(site: Federation, stack: ExitStack, authority: Harness) -> Callable[..., None]:
    """Begins it again where it was, with an older ledger if it is given one."""

    def begin(copy: Path | None = None) -> None:
        assert authority.addresses.mesh is not None
        if copy is not None:
            for side in ("-wal", "-shm"):
                Path(f"{site.ledger(AUTHORITY)}{side}").unlink(missing_ok=True)
            copy.replace(site.ledger(AUTHORITY))
        stack.enter_context(site.authority(mesh_port=authority.addresses.mesh[1], frontier=frontier(DAY_USD)))

    return begin


@pytest.fixture
def ledger(site: Federation) -> Books:
    return Books(site.ledger(AUTHORITY))


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


async def test_what_is_lent_can_be_spent_and_the_rest_comes_back(holder: Holder, key: str, ledger: Books) -> None:
    assert await holder.follow()
    refused = holder.ask(key, 100, USD)
    assert isinstance(refused, Refusal)
    assert [cap.name for cap in refused.caps] == ["lease", "lease"], "tokens and money"
    assert await holder.obtain(key, 100, USD)
    assert ledger.charged == Amount(leases.TIMES * 100, leases.TIMES * USD)
    for _ in range(leases.TIMES):
        reserved = holder.ask(key, 100, USD)
        assert isinstance(reserved, Reservation)
        holder.frontier.settle(reserved.id, Tokens(30, 0, 10), USD // 2, DONE)
    assert holder.role.follower is not None
    await holder.role.follower.farewell()
    assert ledger.charged == Amount(40 * leases.TIMES, leases.TIMES * USD // 2)
    assert ledger.outstanding == []
    assert ledger.clean
    assert isinstance(holder.ask(key, 1, 1), Refusal), "what was given back is not spent"


async def test_what_left_by_a_follower_is_in_the_usage_once(
    holder: Holder, site: Federation, key: str, ledger: Books
) -> None:
    assert await holder.follow()
    assert await holder.obtain(key, 100, USD)
    holder.frontier.settle(holder.ask(key, 100, USD).id, Tokens(30, 0, 10), 5, DONE)
    assert holder.role.follower is not None
    await holder.role.follower.farewell()
    with ledger.store() as store, Store.open(site.ledger("gpu2")) as own:
        today = day(of_machine(store).now_ms())
        exports = [report.export(one, name, today, today) for one, name in ((store, AUTHORITY), (own, "gpu2"))]
        with store.reading() as connection:
            assert len(exceptions.select(connection, "node = 'gpu2'")) == 1, "the authority has it on record, too"
    assert report.report(exports).total == (1, 30, 0, 10, 5)
    assert [len(one["exceptions"]) for one in exports] == [0, 1]


async def test_a_crowd_asks_once_and_all_of_it_is_covered(holder: Holder, key: str, ledger: Books) -> None:
    line = lossy(holder)
    assert await holder.follow()
    told = await asyncio.gather(*(holder.obtain(key, 10, USD) for _ in range(10)))
    assert all(told)
    assert line.questions == 1
    assert all(isinstance(holder.ask(key, 10, USD), Reservation) for _ in range(10))
    assert ledger.charged.nano_usd == 10 * leases.TIMES * USD


async def test_where_caps_refuse_much_just_enough_is_asked_for_and_then_nobody_for_a_moment(
    holder: Holder, key: str, ledger: Books
) -> None:
    line = lossy(holder)
    assert await holder.follow()
    assert await holder.obtain(key, 10, 30 * USD)
    assert (line.questions, ledger.charged.nano_usd) == (2, 30 * USD)
    told = await asyncio.gather(*(holder.obtain(key, 10, 30 * USD) for _ in range(4)))
    assert told == [True, True, False, False], "as many as the day has money for, in their order"
    assert line.questions == 4
    assert not await holder.obtain(key, 10, 30 * USD)
    assert not await holder.obtain(key, 10, 30 * USD)
    assert line.questions == 5, "the second one of them asked nobody"
    assert await holder.obtain(key, 10, USD), "less may fit, so that is asked"
    assert ledger.charged.nano_usd <= DAY_USD * USD


async def test_without_the_authority_there_is_no_lease_and_no_waiting(
    holder: Holder, key: str, authority: Harness
) -> None:
    line = lossy(holder)
    assert not await holder.obtain(key, 10, USD), "it was never heard"
    assert line.questions == 0
    assert await holder.follow()
    assert await holder.obtain(key, 10, USD), "the control"
    authority.end()
    authority.thread.join(10)
    assert not await holder.obtain(key, 10, USD)
    assert not await holder.follow()
    before = line.questions
    assert not await holder.obtain(key, 10, USD)
    assert line.questions == before


async def test_an_answer_that_was_lost_is_given_back(holder: Holder, key: str, ledger: Books) -> None:
    line = lossy(holder)
    assert await holder.follow()
    line.lose_answer = LEASE
    assert not await holder.obtain(key, 10, USD)
    assert ledger.charged.nano_usd == leases.TIMES * USD, "lent, and the holder does not know"
    assert isinstance(holder.ask(key, 10, USD), Refusal)
    line.lose_answer = FOLLOW
    assert not await holder.follow()
    assert ledger.charged.nano_usd == 0
    line.lose_answer = ""
    assert await holder.follow()
    assert ledger.charged.nano_usd == 0
    assert ledger.outstanding == []
    assert ledger.clean


async def test_messages_that_come_twice_count_once(holder: Holder, key: str, ledger: Books) -> None:
    line = lossy(holder)
    line.twice = True
    assert await holder.follow()
    assert await holder.obtain(key, 10, USD)
    assert len(ledger.outstanding) == 1
    reserved = holder.ask(key, 10, USD)
    holder.frontier.settle(reserved.id, Tokens(5), USD, DONE)
    assert holder.role.follower is not None
    await holder.role.follower.farewell()
    assert ledger.charged == Amount(5, USD)
    assert ledger.clean


async def test_a_holder_that_is_killed_reports_when_it_is_back_and_spends_nothing_more(
    site: Federation, authority: Harness, key: str, ledger: Books
) -> None:
    with site.holder("gpu2", authority) as holder:
        assert await holder.follow()
        assert await holder.obtain(key, 10, USD)
        assert isinstance(holder.ask(key, 10, USD), Reservation)  # and then it is killed
    assert ledger.charged.nano_usd == leases.TIMES * USD
    with site.holder("gpu2", authority) as again:
        assert isinstance(again.ask(key, 10, USD), Refusal)
        assert await again.follow()
        assert ledger.charged == Amount(10, USD), "what was open is spent, the rest is given back"
        assert ledger.outstanding == []
        assert await again.follow()
    assert ledger.clean


async def test_a_restart_of_the_authority_lends_nothing_twice(
    holder: Holder, key: str, down: Callable[[], None], anew: Callable[..., None], ledger: Books
) -> None:
    assert await holder.follow()
    assert await holder.obtain(key, 10, USD)
    down()
    assert isinstance(holder.ask(key, 10, USD), Reservation), "a lease holds without the authority, until it ends"
    assert not await holder.follow()
    anew()
    assert await holder.follow()
    assert ledger.charged.nano_usd == leases.TIMES * USD
    assert await holder.obtain(key, 10, USD)
    assert len(ledger.outstanding) == 2


async def test_an_older_ledger_of_the_authority_hears_what_was_spent(
    holder: Holder, key: str, down: Callable[[], None], anew: Callable[..., None], ledger: Books
) -> None:
    """The lease and its spending are not in the copy that was brought back; the report puts them there."""
    copy = ledger.path.parent / "copy"
    with command(ledger.path) as keys:
        keys.store.copy_to(copy)
    assert await holder.follow()
    assert await holder.obtain(key, 10, USD)
    reserved = holder.ask(key, 10, USD)
    down()
    anew(copy)
    assert ledger.charged.nano_usd == 0
    holder.frontier.settle(reserved.id, Tokens(5), USD, DONE)
    assert await holder.follow()
    assert holder.role.follower is not None
    await holder.role.follower.farewell()
    assert ledger.charged == Amount(5, USD)
    assert ledger.clean


@pytest.mark.parametrize("step_ms", [-3_600_000, 3_600_000])
async def test_a_lease_ends_by_a_clock_that_nobody_can_set(
    holder: Holder, key: str, ledger: Books, step_ms: int
) -> None:
    assert await holder.follow()
    assert await holder.obtain(key, 10, USD)
    wall, monotonic = holder.books.clock._wall, holder.books.clock._monotonic
    holder.books.clock._wall = lambda: wall() + step_ms * 10**6
    if step_ms < 0:
        assert isinstance(holder.ask(key, 10, 0), Reservation), "set back: as long as before"
    else:
        assert isinstance(holder.ask(key, 10, 0), Refusal), "set forward by an hour: nothing leaves"
    holder.books.clock._monotonic = lambda: monotonic() + (leases.LEASE_SECONDS + 1) * 10**9
    holder.books.clock._wall = wall
    assert isinstance(holder.ask(key, 10, USD), Refusal)
    for reservation in holder.frontier.left_open():
        holder.frontier.settle(reservation.id, Tokens(10), 0, DONE)
    assert await holder.follow()
    assert ledger.charged.nano_usd == 0, "run out, closed, and given back by the follower's own round"


async def test_a_key_that_may_not_leave_gets_no_lease_and_one_revoked_spends_none(
    holder: Holder, key: str, ledger: Books
) -> None:
    with command(ledger.path) as keys:
        other = keys.create("other-agent", digest("fh-other"), KeyLimits()).id
        assert await holder.follow()
        assert not await holder.obtain(other, 10, USD)
        assert await holder.obtain(key, 10, USD)
        keys.revoke("agent", "stolen")
    assert await holder.follow()
    assert isinstance(holder.ask(key, 10, USD), Refusal)


async def test_a_full_disk_lends_nothing_and_raises_nothing(holder: Holder, key: str) -> None:
    assert await holder.follow()
    assert holder.role.leases is not None
    filing = holder.role.leases.filing
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Store, "transaction", _full)
        assert not await holder.obtain(key, 10, USD)
    assert holder.role.leases.asked["failed"] == 1
    assert await holder.obtain(key, 10, USD), "and goes on when there is room"
    assert filing.holdings.living() == 1


def _full(self: Store) -> Any:
    raise problems.unwritable(self.path, "database or disk is full")


def test_the_follower_pauses_longer_while_nobody_answers() -> None:
    pauses, pause = [], 0.0
    lost: Callable[..., float] = Follower._pause
    follower = object.__new__(Follower)
    follower.up = False
    for _ in range(5):
        pause = lost(follower, pause, more=False)
        pauses.append(pause)
    assert pauses == [1.0, 2.0, 4.0, 4.0, 4.0]
    follower.up = True
    assert (lost(follower, 4.0, more=False), lost(follower, 4.0, more=True)) == (1.0, 0.0)

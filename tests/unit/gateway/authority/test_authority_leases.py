"""Allowances over the mesh: asked for once, spent once, given back; whatever becomes of messages and processes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tests.unit.gateway.authority.federation import (
    AUTHORITY,
    USD,
    Federation,
    Holder,
    command,
    digest,
)
from tests.unit.gateway.authority.lending import DAY_USD, Books, lossy
from tests.unit.gateway.harness import Harness
from tests.unit.ledger.world import DONE, Tokens

from freehold.gateway.authority import leases
from freehold.gateway.authority.follower import Follower
from freehold.ledger import exceptions, report
from freehold.ledger.caps import Amount
from freehold.ledger.clock import of_machine
from freehold.ledger.frontier import Refusal, Reservation
from freehold.ledger.key_records import KeyLimits
from freehold.ledger.periods import day
from freehold.ledger.store import Store


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
    assert await holder.follow()
    with holder.frontier.store.reading() as connection:
        waiting = connection.execute("SELECT count(*) FROM leases_held WHERE state = 'asked'").fetchone()
    assert waiting == (0,), "what was refused is forgotten"


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

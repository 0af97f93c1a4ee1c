"""Leases: the caps hold whatever becomes of the messages, the holders, and the clocks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.ledger.fleet import DAY_CAPS as CAPS
from tests.unit.ledger.fleet import Fleet, charged, clean, fleet
from tests.unit.ledger.world import DONE, FREE, START_MS, Time, Tokens, World

from freehold.errors import FreeholdError
from freehold.ledger import exceptions, holdings
from freehold.ledger.caps import Amount
from freehold.ledger.frontier import CAPPED, KEY_REFUSED, UNWRITABLE, Refusal
from freehold.ledger.holdings import Lease
from freehold.ledger.periods import HOUR_MS, next_day_ms


def test_a_grant_is_taken_before_it_is_answered_and_the_rest_comes_back(pair: Fleet) -> None:
    key = pair.authority.key()
    pair.share_keys()
    lease = pair.lent("a", key, 500, 400)
    assert charged(pair) == Amount(500, 400)
    holder = pair.holders["a"]
    holder.frontier.settle(holder.reserved(key, 100, 90).id, Tokens(30, 0, 10), 25, DONE)
    pair.report("a")
    assert charged(pair) == Amount(500, 400)  # the lease still runs
    holder.frontier.holdings.close(lease.id)
    (report,) = pair.report("a")
    assert report.final
    assert charged(pair) == Amount(40, 25)
    assert pair.report("a") == []
    assert pair.book.outstanding() == []
    assert clean(pair)


def test_without_a_lease_nothing_leaves(pair: Fleet) -> None:
    key = pair.authority.key()
    pair.share_keys()
    refusal = pair.holders["a"].refused(key, 1)
    assert refusal.code == CAPPED
    assert [(cap.name, cap.left) for cap in refusal.caps] == [("lease", 0)]


def test_a_lease_is_for_one_key(pair: Fleet) -> None:
    key, other = pair.authority.key(), pair.authority.key("other")
    pair.share_keys()
    pair.lent("a", key, 500, 400)
    assert pair.holders["a"].refused(other, 1).caps[0].name == "lease"
    pair.authority.keys.revoke("agent", "")
    pair.share_keys()
    assert pair.holders["a"].refused(key, 1).code == KEY_REFUSED
    refusal = pair.lend("a", key, 1, 1)
    assert isinstance(refusal, Refusal)
    assert refusal.code == KEY_REFUSED


def test_a_lease_of_many_small_requests_closes_before_its_report_is_too_long(
    pair: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holdings, "MOST_REQUESTS", 3)
    key = pair.authority.key()
    pair.share_keys()
    holder = pair.holders["a"]
    pair.lent("a", key, 500, 400)
    for number in range(3):
        holder.frontier.settle(holder.reserved(key, 10, 10, f"r{number}").id, Tokens(1, 0, 1), 1, DONE)
    assert holder.refused(key, 10, 10).caps[0].name == "lease"
    (report,) = pair.report("a")
    assert (report.final, len(report.rows)) == (True, 3)
    assert charged(pair) == Amount(6, 3)
    assert clean(pair)


def test_no_more_is_taken_from_a_lease_than_it_holds(pair: Fleet) -> None:
    key = pair.authority.key()
    pair.share_keys()
    pair.lent("a", key, 100, 100)
    holder = pair.holders["a"]
    holder.reserved(key, 60, 10)
    refusal = holder.refused(key, 41, 91)
    assert [(cap.unit, cap.left) for cap in refusal.caps] == [("tokens", 40), ("nano_usd", 90)]
    pair.lent("a", key, 41, 1)
    assert [cap.unit for cap in holder.refused(key, 41, 2).caps] == ["tokens"]  # no request is paid by two leases
    holder.reserved(key, 41, 1)


def test_a_lease_ends_by_the_holders_clock(pair: Fleet) -> None:
    key = pair.authority.key()
    pair.share_keys()
    pair.lent("a", key, 100, 100, seconds=60)
    holder = pair.holders["a"]
    holder.time.run(59_999)
    holder.time.step(-HOUR_MS)  # setting the clock back makes it no longer
    reservation = holder.reserved(key, 10, 10)
    holder.time.run(1)
    assert holder.refused(key, 10).caps[0].name == "lease"
    (report,) = pair.report("a")
    assert not report.final  # one request is still out
    assert charged(pair) == Amount(100, 100)
    holder.frontier.settle(reservation.id, Tokens(5), 5, DONE)
    pair.report("a")
    assert charged(pair) == Amount(5, 5)


def test_a_partition_leaves_the_lease_spent_until_its_report_comes(pair: Fleet) -> None:
    key = pair.authority.key()
    pair.share_keys()
    pair.lent("a", key, 10, 800, seconds=60)
    holder = pair.holders["a"]
    holder.frontier.settle(holder.reserved(key, 1, 100).id, Tokens(1), 100, DONE)
    pair.run(HOUR_MS)
    assert charged(pair).nano_usd == 800
    refusal = pair.authority.refused(key, 1, 201)
    assert [(cap.name, cap.left) for cap in refusal.caps] == [("fleet_day", 200)]
    assert pair.book.outstanding()[0].expires_ms < pair.authority.clock.now_ms()
    pair.report("a")
    assert charged(pair).nano_usd == 100
    pair.authority.reserved(key, 1, 900)


def test_a_report_counts_once_however_often_it_comes(pair: Fleet) -> None:
    key = pair.authority.key()
    pair.share_keys()
    lease = pair.lent("a", key, 100, 100)
    holder = pair.holders["a"]
    holder.frontier.settle(holder.reserved(key, 60, 10).id, Tokens(5), 7, DONE)
    early = holder.frontier.holdings.reports()[0]
    holder.frontier.settle(holder.reserved(key, 60, 10).id, Tokens(6), 8, DONE)
    holder.frontier.holdings.close(lease.id)
    first = pair.report("a", answered=False)
    assert charged(pair) == Amount(11, 15)
    assert pair.report("a", answered=False) == first
    pair.book.report("a", early)  # a message that was on its way for long
    assert charged(pair) == Amount(11, 15)
    assert clean(pair)


def test_an_answer_that_was_lost_is_asked_for_again_or_given_back(pair: Fleet) -> None:
    key = pair.authority.key()
    pair.share_keys()
    asked = pair.ask("a", key, 100, 100, seconds=60)
    pair.book.grant("a", asked)
    pair.run(20_000)
    again = pair.book.grant("a", asked)
    assert isinstance(again, Lease)
    assert again.seconds == 40
    assert charged(pair) == Amount(100, 100)
    pair.restart("a")
    (report,) = pair.report("a")
    assert report.final
    assert charged(pair) == Amount(0, 0)
    with pytest.raises(FreeholdError, match="LEASE_NOT_ASKED"):
        pair.holders["a"].frontier.holdings.hold(again)
    with pytest.raises(FreeholdError, match="LEASE_REFUSED"):
        pair.book.grant("a", asked)  # the same ask, late: what was given back is not lent without being taken again


def test_an_ask_that_comes_after_its_report_is_refused(pair: Fleet) -> None:
    key = pair.authority.key()
    pair.share_keys()
    asked = pair.ask("a", key, 100, 100)
    pair.restart("a")
    pair.report("a")
    with pytest.raises(FreeholdError, match="LEASE_REFUSED"):
        pair.book.grant("a", asked)
    assert charged(pair) == Amount(0, 0)


def test_grants_keep_to_the_share_of_all_nodes_tokens(tmp_path: Path) -> None:
    with fleet(tmp_path, replace(CAPS, share_ppm=50_000), skew_ms=0) as pair:
        key = pair.authority.key()
        pair.share_keys()
        assert isinstance(pair.lend("a", key, 52, 1), Refusal)
        pair.holders["b"].local(600)
        pair.holders["a"].local(300)
        pair.authority.local(100)
        pair.report("a")
        pair.report("b")
        pair.report("b")  # sums, not differences: twice is once
        refusal = pair.lend("a", key, 53, 1)
        assert isinstance(refusal, Refusal)
        assert refusal.caps[0].left == 52
        pair.lent("a", key, 40, 1)
        pair.book.local_tokens("b", dict.fromkeys(pair.holders["b"].frontier.holdings.local_hours(0), 5))  # never fewer
        pair.authority.reserved(key, 12)


def test_a_keys_allowance_is_the_fleets(pair: Fleet) -> None:
    key = pair.authority.key(limits=replace(FREE, frontier_tokens_per_day=100))
    pair.share_keys()
    pair.lent("a", key, 60, 1)
    refusal = pair.lend("b", key, 41, 1)
    assert isinstance(refusal, Refusal)
    assert [cap.name for cap in refusal.caps] == ["key_day"]
    pair.lent("b", key, 40, 1)
    assert pair.authority.refused(key, 1).caps[0].name == "key_day"


def test_a_lease_never_outlives_the_authoritys_day(pair: Fleet) -> None:
    key = pair.authority.key()
    pair.share_keys()
    pair.run(next_day_ms(START_MS) - START_MS - 5000)
    assert pair.lent("a", key, 1, 1, seconds=600).seconds == 5
    pair.run(4500)
    refusal = pair.lend("a", key, 1, 1)
    assert isinstance(refusal, Refusal)
    assert refusal.reopens_ms == next_day_ms(START_MS)


def test_no_lease_survives_a_restart_of_the_holder(pair: Fleet) -> None:
    key = pair.authority.key()
    pair.share_keys()
    pair.lent("a", key, 100, 100)
    pair.holders["a"].reserved(key, 60, 10)
    pair.restart("a")
    assert pair.holders["a"].refused(key, 1).caps[0].name == "lease"
    (report,) = pair.report("a")
    assert report.final
    assert charged(pair) == Amount(60, 10)  # what was open counts in full
    with pair.authority.store.reading() as connection:
        (left,) = exceptions.select(connection, "node = 'a'")
    assert left.state == "unsettled"
    assert clean(pair)


def test_an_authority_from_an_older_copy_learns_what_was_spent(pair: Fleet, tmp_path: Path) -> None:
    key = pair.authority.key()
    pair.share_keys()
    copy = tmp_path / "copy" / "ledger.sqlite3"
    copy.parent.mkdir(mode=0o700)
    pair.authority.store.copy_to(copy)
    lease = pair.lent("a", key, 100, 100)
    holder = pair.holders["a"]
    holder.frontier.settle(holder.reserved(key, 60, 10).id, Tokens(5), 7, DONE)
    holder.frontier.holdings.close(lease.id)
    with type(pair.authority.store).open(copy) as store:
        restored = Fleet(World(store, pair.authority.time, CAPS), pair.holders, CAPS)
        restored.report("a")
        assert charged(restored) == Amount(5, 7)
        assert clean(restored)


def test_an_authority_that_cannot_write_lends_nothing(pair: Fleet) -> None:
    key = pair.authority.key()
    pair.share_keys()
    asked = pair.ask("a", key, 1, 1)
    with pair.authority.store.reading() as connection:
        connection.execute("PRAGMA query_only = ON")
    refusal = pair.book.grant("a", asked)
    assert isinstance(refusal, Refusal)
    assert refusal.code == UNWRITABLE


def test_the_clock_of_a_holder_is_its_own(pair: Fleet) -> None:
    assert isinstance(pair.holders["a"].time, Time)
    assert pair.holders["a"].clock.now_ms() < pair.authority.clock.now_ms() < pair.holders["b"].clock.now_ms()

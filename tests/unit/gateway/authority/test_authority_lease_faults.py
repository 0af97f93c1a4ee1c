"""What became of a lease when a message, a process, a ledger, a clock or a disk fails: not spent twice, not lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.unit.gateway.authority.federation import AUTHORITY, MADE, USD, Federation, Holder, command, digest
from tests.unit.gateway.authority.lending import Books, lossy
from tests.unit.gateway.harness import Harness
from tests.unit.ledger.world import DONE, Tokens

from freehold.gateway.authority import desk, filing, leases, messages
from freehold.gateway.authority.messages import FOLLOW, LEASE
from freehold.gateway.frontier.outgoing import RESPONSES
from freehold.keys import clock, passphrase, revocation, rotation
from freehold.keys.roots import RootKey
from freehold.ledger import exceptions, problems
from freehold.ledger.caps import Amount
from freehold.ledger.frontier import Refusal, Reservation
from freehold.ledger.holdings import MOST_REQUESTS, LeaseReport
from freehold.ledger.store import Store


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


async def test_a_key_that_is_revoked_is_closed_though_the_follower_cannot_write_it_down(
    holder: Holder, key: str, ledger: Books
) -> None:
    del key  # its name is enough
    assert await holder.follow()
    assert holder.books.key_of(digest(MADE)) is not None
    with command(ledger.path) as keys:
        keys.revoke("agent", "stolen")
    own, whole = holder.role.store, Store.transaction

    def full(self: Store) -> Any:
        return _full(self) if self is own else whole(self)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Store, "transaction", full)
        assert not await holder.follow()
        assert holder.books.key_of(digest(MADE)) is None
    assert await holder.follow(), "and goes on when there is room"


async def test_an_authority_whose_certificate_was_revoked_is_not_asked_again(holder: Holder, site: Federation) -> None:
    """The connection to it was kept."""
    assert await holder.follow()
    root = RootKey(passphrase.from_file(site.folder / "secret"))
    rotation.revoke(site.keys, revocation.matching(site.keys, AUTHORITY, clock.now), "stolen", root)
    replace_text(site.folder / "gpu2" / "crl.pem", revocation.bundle(site.keys))
    assert not await holder.follow()


def replace_text(path: Path, text: str) -> None:
    path.write_text(text)


def _full(self: Store) -> Any:
    raise problems.unwritable(self.path, "database or disk is full")


def test_as_many_reports_as_go_at_once_fit_into_one_message() -> None:
    name = "n" * 128
    row = exceptions.ExceptionRow(
        "i" * 24, "", 10**13, "q" * 80, "k" * 20, "k" * 64, "asked_for", RESPONSES, name, name, name, name, "l" * 24,
        10**9, 10**12, exceptions.SETTLED, 10**9, 10**9, 10**9, 10**9, 10**12, 0, "in doubt: the provider broke off",
        10**13,
    )  # fmt: skip
    report = LeaseReport("l" * 24, "k" * 20, final=True, spent=Amount(1, 1), rows=(row,) * MOST_REQUESTS)
    said = messages.dumped(messages.Follow(reports=(report,) * filing.REPORTS_AT_ONCE).as_json())
    rest = 100 * 1000  # keys and hours of a first word
    assert len(said) + rest < desk.BODY_BYTES

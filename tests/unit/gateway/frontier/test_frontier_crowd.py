"""Crowds and kills: no number of requests passes a cap together, no kill makes a reservation vanish."""

from __future__ import annotations

import asyncio
import http.client
import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from tests.unit.gateway.frontier.provider import Provider
from tests.unit.gateway.frontier.site import MAY, USD, Site, chat, site
from tests.unit.gateway.harness import CHAT, eventually

from freehold.gateway.authority.leases import Leases
from freehold.gateway.config import Limits
from freehold.gateway.frontier.ledger import REST_SECONDS, Reservations
from freehold.ledger import clock as clocks
from freehold.ledger.caps import Amount, Caps
from freehold.ledger.exceptions import Ask
from freehold.ledger.frontier import UNWRITABLE, Frontier, Refusal, Reservation
from freehold.ledger.holdings import Holdings, Lease
from freehold.ledger.keys import KeyTable
from freehold.ledger.problems import busy
from freehold.ledger.store import Store

CROWD = 200


def test_of_a_crowd_as_many_leave_as_the_cap_has_room_for(provider: Provider, ca: str, tmp_path: Path) -> None:
    with site(provider, ca, tmp_path / "one") as here:
        here.ask(chat())
        each = here.settled()[0]["worst_nano_usd"]
    provider.seen.clear()
    limits = replace(Limits(), drain_seconds=1, concurrent_per_key=256, concurrent=512)
    with site(provider, ca, tmp_path / "all", limits, nano_usd_per_day=3 * each + each // 2) as here:
        provider.ill = "uncounted"  # each stays at its worst case, so that no room comes back
        with ThreadPoolExecutor(CROWD) as pool:
            routes = [headers["x-freehold-route"] for _, _, headers in pool.map(here.ask, [chat()] * CROWD)]
        assert (routes.count("frontier"), len(provider.seen)) == (3, 3)
        assert routes.count("local") == CROWD - 3 - routes.count(None)
        assert sum(row["charged_nano_usd"] for row in here.settled(3)) <= 3 * each + each // 2
        here.agree()


def test_the_share_holds_against_what_was_served_here(provider: Provider, ca: str, tmp_path: Path) -> None:
    with site(provider, ca, tmp_path, share_ppm=500_000) as here:
        assert here.ask(chat())[2]["x-freehold-frontier"] == "share_cap"
        for _ in range(170):  # of 14 tokens each: the reservation is about 2,250
            here.ask(chat(model=CHAT))
        here.usage(171)
        assert here.ask(chat())[2]["x-freehold-route"] == "frontier"
        assert 0 < here.gateway.count("freehold_frontier_share") < 0.5
        assert here.gateway.count("freehold_frontier_share_cap") == 0.5


def _gateway_of_its_own(folder: Path, port: int, ca: str, channel: Connection) -> None:
    with site(Provider(port), ca, folder) as here:
        channel.send(here.gateway.addresses.public)
        threading.Event().wait(60)


def test_a_kill_leaves_the_reservation_and_the_next_start_counts_it_as_spent(
    provider: Provider, ca: str, tmp_path: Path
) -> None:
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    child = spawn.Process(target=_gateway_of_its_own, args=(tmp_path, provider.port, ca, theirs), daemon=True)
    child.start()
    try:
        assert ours.poll(30)
        host, port = ours.recv()
        connection = http.client.HTTPConnection(host, port, timeout=10)
        connection.request("POST", "/v1/chat/completions", json.dumps(chat("mute")), {"Authorization": f"Bearer {MAY}"})
        eventually(lambda: provider.seen)
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
    finally:
        child.kill()
        child.join(10)
    with site(provider, ca, tmp_path) as here:
        (row,) = here.settled(1, "unsettled")
        assert (row["charged_nano_usd"], row["charged_tokens"]) == (row["worst_nano_usd"], row["worst_tokens"])
        assert here.gateway.count("freehold_frontier_spent_usd", period="day") == row["worst_nano_usd"] / USD
        assert here.gateway.count("freehold_frontier_open_reservations") == 0
        assert here.ask(chat())[2]["x-freehold-route"] == "frontier"
        here.agree()


class Lender:
    """An authority that lends for ``times`` questions, into the follower's own ledger."""

    def __init__(self, path: Path, times: int) -> None:
        self.path, self.times, self.asked = path, times, 0

    async def obtain(self, key_id: str, worst: Amount) -> bool:
        self.asked += 1
        if self.asked > self.times:
            return False
        await asyncio.to_thread(self._lend, key_id, worst)
        return True

    def _lend(self, key_id: str, worst: Amount) -> None:
        with Store.open(self.path) as store:
            holdings = Holdings(store, clocks.of_machine(store))
            ask = holdings.ask(key_id, worst, 600)
            holdings.hold(Lease(ask.id, ask.key_id, ask.tokens, ask.nano_usd, ask.seconds))


@contextmanager
def follower(
    provider: Provider, ca: str, folder: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> Iterator[tuple[Site, Lender]]:
    lender = Lender(folder / "books" / "ledger.sqlite3", times)
    monkeypatch.setattr(Leases, "obtain", lambda _, key_id, worst: lender.obtain(key_id, worst))
    with site(provider, ca, folder, change=lambda config: replace(config, authority="gpu0")) as here:
        yield here, lender


def test_a_follower_spends_what_it_was_lent_and_asks_once_a_request(
    provider: Provider, ca: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with follower(provider, ca, tmp_path, monkeypatch, times=1) as (here, lender):
        assert here.ask(chat())[2]["x-freehold-route"] == "frontier"
        (row,) = here.settled()
        assert (row["lease_id"] is not None, lender.asked) == (True, 1)
        assert here.ask(chat(n=2))[2]["x-freehold-frontier"] == "no_lease"  # more than what is left
        assert lender.asked == 2
        assert here.ask(chat(words="x"))[2]["x-freehold-frontier"] == "no_lease"
        assert (len(provider.seen), lender.asked) == (1, 3)


def frontier_at(path: Path) -> Frontier:
    store = Store.open(path)
    return Frontier(store, clocks.of_machine(store), Caps(1_000_000, 24, USD, USD))


def ask_of(path: Path, key_id: str) -> Ask:
    del path
    return Ask("r", key_id, "name", "/v1/x", "a", "b", "acme", "p", Amount(10, 10))


@pytest.fixture
def ledger(tmp_path: Path) -> tuple[Path, str]:
    from freehold.ledger.key_records import KeyLimits  # noqa: PLC0415  here only

    path = tmp_path / "ledger" / "ledger.sqlite3"
    with Store.open(path) as store:
        key = KeyTable(store, clocks.of_machine(store)).create("k", "a" * 64, KeyLimits(frontier=True))
    return path, key.id


def test_who_is_cancelled_while_reserving_gives_it_back(ledger: tuple[Path, str]) -> None:
    path, key_id = ledger
    entered, go = threading.Event(), threading.Event()

    class Slow(Frontier):
        def reserve(self, ask: Ask) -> Any:
            entered.set()
            assert go.wait(10)
            return super().reserve(ask)

    def opener() -> Frontier:
        made = frontier_at(path)
        return Slow(made.store, made.clock, made.caps)

    async def main() -> list[str]:
        thread = Reservations(opener, 24)
        thread.start()
        task = asyncio.create_task(thread.reserve(ask_of(path, key_id)))
        await asyncio.to_thread(entered.wait, 10)
        task.cancel()
        await asyncio.wait([task])
        go.set()
        await thread.close()
        with Store.open(path) as store, store.reading() as connection:
            return [str(row[0]) for row in connection.execute("SELECT state FROM exceptions")]

    assert asyncio.run(main()) == ["abandoned"]


def test_a_crowd_at_a_ledger_that_is_held_waits_for_one_failure(ledger: tuple[Path, str]) -> None:
    path, key_id = ledger
    tries, go = [], threading.Event()

    class Held(Frontier):
        def reserve(self, ask: Ask) -> Any:
            tries.append(ask)
            assert go.wait(10)
            return super().reserve(ask) if len(tries) > 1 else Refusal(UNWRITABLE, problem=busy(path))

    def opener() -> Frontier:
        made = frontier_at(path)
        return Held(made.store, made.clock, made.caps)

    async def main() -> None:
        now = 1000.0
        thread = Reservations(opener, 24, lambda: now)
        thread.start()
        crowd = [asyncio.create_task(thread.reserve(ask_of(path, key_id))) for _ in range(20)]
        await asyncio.sleep(0)  # all of them are in line before the first one fails
        go.set()
        assert all(isinstance(found, Refusal) for found in await asyncio.gather(*crowd))
        assert len(tries) == 1
        assert (await thread.standing(key_id, Amount(1, 1))).ledger_writable is False
        now += REST_SECONDS
        assert isinstance(await thread.reserve(ask_of(path, key_id)), Reservation)
        await thread.close()

    asyncio.run(main())


def test_a_settlement_that_fails_is_tried_again(ledger: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> None:
    from freehold.gateway.frontier import ledger as module  # noqa: PLC0415
    from freehold.ledger.problems import unwritable  # noqa: PLC0415

    path, key_id = ledger
    monkeypatch.setattr(module, "PAUSES", (0.0, 0.0))
    failures = [unwritable(path, "full")] * 2

    class Ill(Frontier):
        def abandon(self, reservation_id: str, outcome: str) -> Any:
            if failures:
                raise failures.pop()
            return super().abandon(reservation_id, outcome)

    def opener() -> Frontier:
        made = frontier_at(path)
        return Ill(made.store, made.clock, made.caps)

    async def main() -> None:
        thread = Reservations(opener, 24)
        thread.start()
        found = await thread.reserve(ask_of(path, key_id))
        assert isinstance(found, Reservation)
        thread.abandon(found, "x")
        await thread.close()

    asyncio.run(main())
    frontier = frontier_at(path)
    assert frontier.left_open() == []
    frontier.store.close()

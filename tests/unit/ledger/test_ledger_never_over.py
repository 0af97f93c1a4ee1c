"""Whatever order things come in, no limit is passed: judged by the rows, not by the sums that were asked."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.unit.ledger.world import (
    DONE,
    USD,
    Time,
    Tokens,
    World,
    chance,
    row,
)

from freehold.ledger import exceptions
from freehold.ledger.audit import audit
from freehold.ledger.caps import Caps, within_share
from freehold.ledger.frontier import Reservation
from freehold.ledger.key_records import KeyLimits
from freehold.ledger.periods import HOUR_MS, day, month
from freehold.ledger.store import Store
from freehold.ledger.usage import insert

SHARE = Caps(share_ppm=50_000, nano_usd_per_day=USD, nano_usd_per_month=USD)


@pytest.mark.parametrize("seed", range(12))
def test_no_interleaving_of_requests_settlements_and_restarts_passes_a_cap(store: Store, time: Time, seed: int) -> None:
    """After each step, what could have been spent by then is within every limit."""
    seeded, caps = chance(seed), Caps(100_000, window_hours=24, nano_usd_per_day=4000, nano_usd_per_month=30_000)
    world = World(store, time, caps)
    limits = KeyLimits(frontier=True, frontier_tokens_per_day=3000, frontier_nano_usd_per_month=9000)
    keys = [world.key("a", limits), world.key("b", limits)]
    let_out: list[Reservation] = []
    passed = 0
    for step in range(250):
        time.run(seeded.randrange(2 * HOUR_MS))
        deed = seeded.random()
        if deed < 0.35:
            with store.transaction() as connection:
                insert(connection, [row(f"l{step}", world.clock.now_ms(), prompt=seeded.randrange(8000))])
        elif deed < 0.75:
            said = world.reserve(seeded.choice(keys), 1 + seeded.randrange(900), seeded.randrange(1500), f"f{step}")
            if isinstance(said, Reservation):
                let_out.append(said)
                passed += 1
                _share_holds(store, world.clock.now_ms(), caps)
        elif deed < 0.85 and let_out:
            one = let_out.pop(seeded.randrange(len(let_out)))
            used, cost = seeded.randrange(one.worst.tokens + 1), seeded.randrange(one.worst.nano_usd + 1)
            world.frontier.settle(one.id, Tokens(used), cost, DONE)
        elif deed < 0.95 and let_out:
            world.frontier.abandon(let_out.pop().id, "not sent")
        else:
            world = World(store, time, caps)
            assert world.frontier.recover() == len(let_out)
            let_out.clear()
    assert passed > 10
    assert audit(store) == []
    _money_holds(store, caps, limits)


def test_processes_at_once_pass_no_cap_and_leave_nothing_over(world: World) -> None:
    """Each has a connection of its own; together they get exactly what there is."""
    world.frontier.caps = caps = Caps(1_000_000, nano_usd_per_day=50, nano_usd_per_month=50)
    key = world.key()

    def greedy(_: int) -> int:
        with Store.open(world.store.path, busy_ms=30_000) as store:
            own = World(store, world.time, caps)
            return sum(isinstance(own.reserve(key, 1, 1), Reservation) for _ in range(25))

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(greedy, range(4))) == 50
    assert audit(world.store) == []


def _share_holds(store: Store, now_ms: int, caps: Caps) -> None:
    """By the rows, over the exact window: not by the sums that were asked."""
    since = now_ms - caps.window_hours * HOUR_MS
    with store.reading() as connection:
        away = connection.execute("SELECT sum(charged_tokens) FROM exceptions WHERE at_ms > ?", (since,)).fetchone()[0]
        here = connection.execute(
            "SELECT coalesce(sum(prompt + completion), 0) FROM usage WHERE route = 'local' AND at_ms > ?", (since,)
        ).fetchone()[0]
    assert within_share(caps, away, here)


def _money_holds(store: Store, caps: Caps, limits: KeyLimits) -> None:
    with store.reading() as connection:
        rows = exceptions.select(connection, "1")
    for period, most in ((day, caps.nano_usd_per_day), (month, caps.nano_usd_per_month)):
        for number in {period(each.at_ms) for each in rows}:
            assert sum(each.charged_nano_usd for each in rows if period(each.at_ms) == number) <= most
    for key_id, number in {(each.key_id, day(each.at_ms)) for each in rows}:
        own = [each.charged_tokens for each in rows if (each.key_id, day(each.at_ms)) == (key_id, number)]
        assert sum(own) <= (limits.frontier_tokens_per_day or 0)

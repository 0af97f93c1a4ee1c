"""A process that works on a ledger until it is killed: run by test_ledger_killed.py, never imported by others.

``killed.py FOLDER ROLE SEED STATEMENT``: before the STATEMENT-th SQL statement runs, the process sends itself SIGKILL.
Each line on stdout is something that left the process: a request that may have been sent, a lease that was answered. It
is written before the work goes on, as a socket would take it.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
from pathlib import Path

from tests.unit.ledger.world import DONE, Time, Tokens, World, chance

from freehold.ledger.caps import Amount, Caps
from freehold.ledger.frontier import Reservation
from freehold.ledger.holdings import Lease, LeaseAsk, LeaseReport
from freehold.ledger.key_records import Key
from freehold.ledger.leases import LeaseBook
from freehold.ledger.store import Store

CAPS = Caps(1_000_000, nano_usd_per_day=20_000, nano_usd_per_month=20_000)


def main() -> None:
    folder, role, seed, statement = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    store = Store.open(folder / "ledger.sqlite3")
    caps = None if role == "holder" else CAPS
    world = World(store, Time(int((folder / "now").read_text(encoding="ascii"))), caps)
    world.frontier.recover()
    key = world.keys.get("agent")
    with store.reading() as connection:
        connection.set_trace_callback(Fuse(statement))
    seeded = chance(seed)
    for number in range(200):
        request = f"{os.getpid()}-{number}"
        if role == "gateway":
            serve(world, key, request, seeded)
        elif role == "holder":
            hold(world, key, seeded)
            serve(world, key, request, seeded)
        else:
            lend(LeaseBook(store, world.clock, CAPS), request, key.id, seeded.randrange(1, 300), back=bool(number % 2))


def serve(world: World, key: Key, request: str, seeded: random.Random) -> None:
    reservation = world.reserve(key, 1 + seeded.randrange(50), seeded.randrange(300), request)
    if isinstance(reservation, Reservation):
        worst = reservation.worst
        say("sent", reservation.id, worst)
        used = Amount(seeded.randrange(worst.tokens + 1), seeded.randrange(worst.nano_usd + 1))
        world.frontier.settle(reservation.id, Tokens(used.tokens), used.nano_usd, DONE)
        say("used", reservation.id, used)


def hold(world: World, key: Key, seeded: random.Random) -> None:
    if seeded.random() < 0.3:
        ask = world.frontier.holdings.ask(key.id, Amount(100, 1000), 60)
        world.frontier.holdings.hold(Lease(**ask.as_json()))


def lend(book: LeaseBook, lease_id: str, key_id: str, nano_usd: int, *, back: bool) -> None:
    answer = book.grant("a", LeaseAsk(lease_id, key_id, 10, nano_usd, 60))
    if isinstance(answer, Lease):
        say("sent", lease_id, Amount(10, nano_usd))
        if back:  # its holder spent nothing of it
            say("used", lease_id, Amount(0, 0))
            book.report("a", LeaseReport(lease_id, key_id, final=True, spent=Amount(0, 0), rows=()))


def say(what: str, name: str, amount: Amount) -> None:
    os.write(1, (json.dumps([what, name, amount.tokens, amount.nano_usd]) + "\n").encode())


class Fuse:
    """Counts statements; the last one it sees is never run."""

    def __init__(self, left: int) -> None:
        self.left = left

    def __call__(self, statement: str) -> None:
        del statement
        self.left -= 1
        if self.left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()

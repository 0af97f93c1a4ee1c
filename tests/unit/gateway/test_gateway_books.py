"""The books of a gateway: keys of settings and commands, quotas that survive, rows; and what goes on without them."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from freehold.gateway import books
from freehold.gateway.books import Books
from freehold.gateway.config import Key
from freehold.gateway.exchange import Exchange
from freehold.gateway.recorder import LedgerRecorder
from freehold.gateway.usage import Usage
from freehold.ledger.key_records import KeyLimits
from freehold.ledger.keys import KeyTable
from freehold.ledger.quota import OverQuota, Ticket
from freehold.ledger.store import Store
from freehold.ledger.usage import UsageRow


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


OPERATOR = Key("operator", digest("a"), tokens_per_day=100)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "books" / "ledger.sqlite3"


@pytest.fixture
def opened(path: Path) -> Iterator[Books]:
    made = books.opened(path, [OPERATOR])
    yield made
    made.close()


def row(ticket: Ticket, request: str = "req_1", prompt: int = 30, completion: int = 12) -> UsageRow:
    return UsageRow(
        request, ticket.at_ms, ticket.key_id, "operator", "/v1/x", "m", "m", "gpu1", "local", 200,
        prompt=prompt, completion=completion,
    )  # fmt: skip


def begun(books_: Books, worst: int) -> Ticket:
    key = books_.key_of(OPERATOR.sha256)
    assert key is not None
    ticket = books_.begin(key, worst)
    assert isinstance(ticket, Ticket), ticket
    return ticket


def test_keys_of_the_settings_open_and_others_do_not(opened: Books) -> None:
    key = opened.key_of(OPERATOR.sha256)
    assert key is not None
    assert (key.name, key.limits.tokens_per_day, key.limits.requests_per_minute) == ("operator", 100, None)
    assert opened.key_of(digest("b")) is None
    assert opened.writable


def test_a_key_that_a_command_makes_or_revokes_is_seen(opened: Books, path: Path) -> None:
    with Store.open(path) as other:
        table = KeyTable(other, opened.clock)
        table.create("alice", digest("b"), KeyLimits())
        assert opened.look()
        assert opened.key_of(digest("b")) is not None
        table.revoke("alice", "gone")
        assert opened.look()
        assert opened.key_of(digest("b")) is None
    assert not opened.look()


def test_the_worst_case_is_held_and_what_was_used_stays_over_a_restart(opened: Books, path: Path) -> None:
    first = begun(opened, 80)
    key = opened.key_of(OPERATOR.sha256)
    assert key is not None
    assert isinstance(opened.begin(key, 30), OverQuota)
    opened.end(first, row(first))
    assert opened.quota.used(key.id) == 42
    opened.close()
    again = books.opened(path, [OPERATOR])
    assert again.quota.used(key.id) == 42
    assert isinstance(again.begin(key, 59), OverQuota)
    again.close()


def test_a_request_that_used_nothing_leaves_no_row_and_costs_nothing(opened: Books, path: Path) -> None:
    ticket = begun(opened, 80)
    opened.end(ticket, None)
    assert opened.writer is not None
    assert opened.writer.flush(5)
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM usage").fetchone() == (0,)
    assert isinstance(begun(opened, 100), Ticket)


def test_without_a_ledger_local_traffic_goes_on_and_that_is_told(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    path.write_bytes(b"not a database" * 1000)
    made = books.opened(path, [OPERATOR])
    assert made.problem is not None
    assert not made.writable
    ticket = begun(made, 80)
    made.end(ticket, row(ticket))
    assert made.lost_rows == 1
    assert path.read_bytes().startswith(b"not a database"), "what lies there is for a person to look at"
    made.close()


@pytest.mark.parametrize(("expires", "opens"), [("2020-01-01", False), ("2999-12-31", True), ("", True)])
def test_a_key_ends_with_its_last_day(
    path: Path,
    expires: str,
    opens: bool,  # noqa: FBT001  a parameter of the test
) -> None:
    made = books.opened(path, [Key("operator", digest("a"), expires=expires)])
    assert (made.key_of(digest("a")) is not None) is opens
    made.close()
    without = books.opened(None, [Key("operator", digest("a"), expires=expires)])
    assert (without.key_of(digest("a")) is not None) is opens


def test_old_requests_go_and_their_sums_stay(opened: Books, path: Path) -> None:
    ticket = begun(opened, 80)
    opened.end(ticket, row(ticket)._replace(at_ms=1_600_000_000_000))
    assert opened.writer is not None
    assert opened.writer.flush(5)
    assert opened.prune() == 1
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT sum(prompt + completion) FROM totals").fetchone() == (42,)


@pytest.mark.parametrize(
    ("counted", "prompt", "used"),
    [
        (False, 0, 507),  # the engine had not told yet what it had read
        (False, 20, 27),
        (True, 0, 7),
    ],
)
def test_a_stream_that_was_cut_uncounted_uses_up_the_most_that_its_prompt_can_be(
    counted: bool,  # noqa: FBT001  a parameter of the test
    prompt: int,
    used: int,
) -> None:
    kept = books.opened(None, [Key("alice", digest("b"), tokens_per_day=1000)])
    ticket = kept.begin(kept.keys[digest("b")], 600)
    assert isinstance(ticket, Ticket)
    exchange = Exchange(ticket=ticket, counted=counted, prompt_at_most=500, usage=Usage(prompt, 0, 7))
    LedgerRecorder(kept, "gpu1").record(exchange)
    assert kept.quota.used(ticket.key_id) == used

"""Messages about leases that are wrong, late, or somebody else's: refused, and nothing is given back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.ledger.fleet import Fleet, charged
from tests.unit.ledger.world import DONE, Tokens

from freehold.errors import FreeholdError
from freehold.ledger.caps import Amount
from freehold.ledger.holdings import LeaseAsk, LeaseReport


def test_another_node_can_neither_take_nor_report_a_lease(pair: Fleet) -> None:
    key = pair.authority.key()
    pair.share_keys()
    asked = pair.ask("a", key, 100, 100)
    pair.book.grant("a", asked)
    with pytest.raises(FreeholdError, match="LEASE_REFUSED"):
        pair.book.grant("b", asked)
    with pytest.raises(FreeholdError, match="LEASE_REFUSED"):
        pair.book.grant("a", replace(asked, tokens=101))
    with pytest.raises(FreeholdError, match="LEASE_REFUSED"):
        pair.book.report("b", LeaseReport(asked.id, key.id, final=True, spent=Amount(0, 0), rows=()))
    assert charged(pair) == Amount(100, 100)


def test_a_report_whose_rows_do_not_add_up_gives_nothing_back(pair: Fleet) -> None:
    key = pair.authority.key()
    pair.share_keys()
    lease = pair.lent("a", key, 100, 100)
    holder = pair.holders["a"]
    holder.frontier.settle(holder.reserved(key, 60, 10).id, Tokens(5), 7, DONE)
    holder.frontier.holdings.close(lease.id)
    (report,) = holder.frontier.holdings.reports()
    wrong = (
        replace(report, rows=()),
        replace(report, spent=Amount(0, 0)),
        replace(report, rows=(replace(report.rows[0], lease_id="other"),)),
    )
    for one in wrong:
        with pytest.raises(FreeholdError, match="LEASE_REPORT_WRONG"):
            pair.book.report("a", one)
    assert charged(pair) == Amount(100, 100)
    pair.book.report("a", report)
    # A row that hides behind the id of another one would not be counted either.
    lent = pair.lent("a", key, 100, 100)
    hidden = replace(report.rows[0], lease_id=lent.id)
    with pytest.raises(FreeholdError, match="LEASE_REPORT_WRONG"):
        pair.book.report("a", LeaseReport(lent.id, key.id, final=True, spent=hidden.charged, rows=(hidden,)))
    assert charged(pair) == Amount(105, 107)


@pytest.mark.parametrize(
    "told",
    [
        {"id": "x", "key_id": "k", "tokens": -1, "nano_usd": 0, "seconds": 1},
        {"id": "x", "key_id": "k", "tokens": 1, "nano_usd": 0, "seconds": 10**9},
        {"id": "x", "key_id": "k", "tokens": 1.5, "nano_usd": 0, "seconds": 1},
        {"id": "", "key_id": "k", "tokens": 1, "nano_usd": 0, "seconds": 1},
        {"id": "x"},
    ],
)
def test_absurd_asks_are_refused(told: dict[str, object]) -> None:
    with pytest.raises(FreeholdError, match=r"LEDGER_BAD_AMOUNT|LEASE_BAD_MESSAGE"):
        LeaseAsk.from_json(told)


def test_absurd_reports_are_refused(pair: Fleet) -> None:
    key = pair.authority.key()
    pair.share_keys()
    pair.lent("a", key, 100, 100)
    holder = pair.holders["a"]
    holder.frontier.settle(holder.reserved(key, 60, 10).id, Tokens(5), 7, DONE)
    told = holder.frontier.holdings.reports()[0].as_json()
    for name, value in (("charged_tokens", -5), ("charged_nano_usd", 1.5), ("state", "open"), ("id", 7), ("extra", 1)):
        with pytest.raises(FreeholdError, match="LEASE_BAD_MESSAGE"):
            LeaseReport.from_json({**told, "rows": [{**told["rows"][0], name: value}]})
    assert LeaseReport.from_json({**told, "final": "yes"}).final is False
    for hours in ({5: -1}, {-1: 5}):
        with pytest.raises(FreeholdError, match="LEDGER_BAD_AMOUNT"):
            pair.book.local_tokens("a", hours)

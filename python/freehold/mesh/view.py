"""The tables of ``freehold mesh`` for people."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

from freehold.mesh.reach import HEADINGS
from freehold.mesh.scan import Finding
from freehold.mesh.status import PeerState

PLAIN_WIDTH = 150


def show(table: Table) -> None:
    """Print it; where there is no terminal, a line is as long as the table needs."""
    (Console() if sys.stdout.isatty() else Console(width=PLAIN_WIDTH)).print(table)


def peers(states: Iterable[PeerState]) -> Table:
    """One line a peer."""
    table = Table("peer", "mesh address", "endpoint", "last handshake", "received", "sent", "session")
    for one in states:
        age = "never" if one.handshake_age is None else f"{one.handshake_age:.0f} s ago"
        session = "up" if one.up else "in maintenance" if one.maintenance else "[red]down[/red]"
        sizes = (f"{one.received_bytes} B", f"{one.sent_bytes} B")
        table.add_row(one.name, one.mesh_address, one.endpoint or "-", age, *sizes, session)
    return table


def table(rows: Iterable[Sequence[str]]) -> Table:
    """Who may reach what."""
    made = Table(*HEADINGS, title="Open on every node; what no line says is closed")
    for row in rows:
        made.add_row(*row)
    return made


def findings(found: Sequence[Finding]) -> Table:
    """What is wrong, and what opened as it may."""
    wrong = [one for one in found if one.wrong]
    verdict = f"{len(wrong)} against the table" if wrong else "as the table says"
    made = Table("from", "to", "address", "port", "found", title=f"{len(found)} doors tried: {verdict}")
    for one in sorted(found, key=lambda each: not each.wrong):
        if one.wrong or one.opened:
            seen = "open" if one.opened else "closed"
            mark = f"[red]{seen}, and must not be[/red]" if one.wrong else seen
            made.add_row(one.vantage, one.host, one.address, str(one.port), mark)
    return made

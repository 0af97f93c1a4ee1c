"""``freehold gateway ledger``: are the books whole, and is their clock right; on every node."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from freehold.errors import FreeholdError, PartialError, raise_all
from freehold.gateway.cli_keys import PLAIN_WIDTH, Document, Json, PrivateKey, ledgers

Hosts = Annotated[list[str] | None, typer.Option("--host", help="Only these nodes; default: all that are not resting.")]
HOUR_MS = 3_600_000


def register(gateway: typer.Typer) -> None:
    """Add ``freehold gateway ledger``."""
    ledger = typer.Typer(no_args_is_help=True, help="The books themselves: check them, set their clock right.")
    ledger.command("check")(check)
    ledger.command("accept-clock")(accept_clock)
    gateway.add_typer(ledger, name="ledger")


def check(
    *, host: Hosts = None, document: Document = None, private_key: PrivateKey = None, as_json: Json = False
) -> None:
    """Read every node's ledger through: the file, and whether its sums agree with its rows. Changes nothing."""
    told = ledgers(document, private_key).of_all("check", host or ())
    answers = {name: one for name, one in told.items() if not isinstance(one, FreeholdError)}
    if as_json:
        print(json.dumps(answers, indent=2))
    else:
        _print(answers)
    raise_all([one for one in told.values() if isinstance(one, FreeholdError)])
    bad = {name: one for name, one in answers.items() if one["wrong"] or one["clock_ahead_ms"]}
    if bad:
        raise _wrong(bad)


def accept_clock(
    node: Annotated[str, typer.Argument(help="The node whose wall clock is right.")],
    *,
    document: Document = None,
    private_key: PrivateKey = None,
    as_json: Json = False,
) -> None:
    """Let a node's ledger follow the wall clock forward, after you looked that the wall clock is right.

    Days and months that it skips begin with empty caps: that is why nobody else may say so.
    """
    told = ledgers(document, private_key).of_node(node, "accept clock")
    if as_json:
        print(json.dumps(told))
    elif told["ahead_ms"]:
        print(f"{node}: its ledger follows, {told['ahead_ms'] / HOUR_MS:.2f} h forward, within a second")
    else:
        print(f"{node}: nothing to do, its ledger and its wall clock agree")


def _print(answers: Mapping[str, Any]) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table("node", "file and sums", "clock")
    for name, one in answers.items():
        ahead = one["clock_ahead_ms"]
        clock = f"the wall clock is {ahead / HOUR_MS:.2f} h ahead of it" if ahead else "right"
        table.add_row(name, "\n".join(one["wrong"]) or "agree", clock)
    (Console() if sys.stdout.isatty() else Console(width=PLAIN_WIDTH)).print(table)


def _wrong(bad: Mapping[str, Any]) -> PartialError:
    stepped = [name for name, one in bad.items() if one["clock_ahead_ms"]]
    return PartialError(
        "LEDGER_WRONG",
        ", ".join(bad),
        "; ".join([*(line for one in bad.values() for line in one["wrong"]), *(f"{name}: clock" for name in stepped)]),
        expected="sums that agree with their rows, and a clock that agrees with the wall",
        why="nothing leaves a node whose ledger's clock was overtaken",
        fix="a clock: look which one is right, then `freehold gateway ledger accept-clock NODE`; sums: keep a copy of "
        "the file and say what happened to it before (docs/gateway.md, the ledger)",
        changed="nothing: it was only read",
    )

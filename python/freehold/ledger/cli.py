"""``freehold usage``: who used what: tokens and requests by key, model, day, route or node; and what left."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from freehold.errors import FreeholdError, PartialError, UsageError

if TYPE_CHECKING:
    from rich.table import Table

PLAIN_WIDTH = 160
FORMS = ("table", "csv", "json")
EPOCH = dt.date(1970, 1, 1)
DAYS = 30


def register(app: typer.Typer) -> None:
    """Add ``freehold usage``."""
    app.command("usage", help=__doc__.split(":", 1)[1].strip().capitalize())(usage)


def usage(
    *,
    by: Annotated[list[str] | None, typer.Option(help="day, key, model, route, node; again for more.")] = None,
    first: Annotated[str | None, typer.Option("--from", help="The first day, YYYY-MM-DD; default: 30 days.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="The last day; default: today (UTC).")] = None,
    exceptions: Annotated[bool, typer.Option("--exceptions", help="Each request that left the fleet.")] = False,
    host: Annotated[list[str] | None, typer.Option(help="Only these nodes; default: all that are not resting.")] = None,
    form: Annotated[str, typer.Option("--format", help="table, csv or json.")] = "table",
    document: Annotated[Path | None, typer.Option(help="The fleet document; default: stack's or lab's.")] = None,
    private_key: Annotated[Path | None, typer.Option(help="The operator's SSH key; default: stack's or lab's.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
) -> None:
    """Ask every node's ledger and add up. Exit code 5: a node could not be asked, and the sums lack it."""
    from freehold.gateway import cli_keys  # noqa: PLC0415
    from freehold.ledger import report  # noqa: PLC0415

    wanted = "json" if as_json else form
    if wanted not in FORMS:
        raise UsageError("USAGE_FORMAT", form, "unknown", expected=", ".join(FORMS))
    today = dt.datetime.now(dt.UTC).date()
    end = _day(last) if last else today
    begin = _day(first) if first else end - dt.timedelta(days=DAYS - 1)
    question = {"first_day": (begin - EPOCH).days, "last_day": (end - EPOCH).days}
    told = cli_keys.ledgers(document, private_key).of_all("usage", host or (), **question)
    exports = [one for one in told.values() if not isinstance(one, FreeholdError)]
    if exceptions:
        _show_exceptions(exports, wanted)
    else:
        found = report.report(exports, tuple(by or ("key", "model")))
        if wanted == "table":
            _print(report.as_table(found))
        else:
            print(report.as_csv(found) if wanted == "csv" else report.as_json(found), end="")
    _refuse_silence({name: one for name, one in told.items() if isinstance(one, FreeholdError)})


def _show_exceptions(exports: list[Any], wanted: str) -> None:
    import json  # noqa: PLC0415

    from freehold.ledger import report_exceptions  # noqa: PLC0415

    if wanted == "json":
        print(json.dumps([row for one in exports for row in one["exceptions"]], indent=2))
    elif wanted == "csv":
        print(report_exceptions.as_csv(exports), end="")
    else:
        _print(report_exceptions.table(exports))


def _print(table: Table) -> None:
    from rich.console import Console  # noqa: PLC0415

    (Console() if sys.stdout.isatty() else Console(width=PLAIN_WIDTH)).print(table)


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise UsageError("USAGE_DAY", text, "no date", expected="YYYY-MM-DD") from error


def _refuse_silence(silent: dict[str, FreeholdError]) -> None:
    if silent:
        raise PartialError(
            "USAGE_INCOMPLETE",
            ", ".join(silent),
            "; ".join(f"{error.code} {error.subject}: {error.found}" for error in silent.values()),
            expected="an answer of every node's ledger",
            why="the sums above lack these nodes",
            fix="freehold status; then the same command again",
        )

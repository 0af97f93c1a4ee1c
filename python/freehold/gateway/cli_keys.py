"""``freehold gateway key``: make, list, limit, rotate and revoke the callers' keys, on the node that keeps them."""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from freehold.gateway import reached
from freehold.gateway.cli_key_options import with_options_of_may
from freehold.gateway.reached import Reached
from freehold.ledger.periods import DAY_MS, HOUR_MS

if TYPE_CHECKING:
    from freehold.gateway.remote import Ledgers

PLAIN_WIDTH = 160
LATER = "it hears of it when it follows the authority again"

Document = Annotated[Path | None, typer.Option(help="The fleet document; default: stack's or lab's.")]
PrivateKey = Annotated[Path | None, typer.Option(help="The operator's SSH key; default: stack's or lab's.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Argument(help="The key's name.")]


def register(gateway: typer.Typer) -> None:
    """Add ``freehold gateway key``."""
    key = typer.Typer(no_args_is_help=True, help="The callers' keys.")
    for name, command in (("new", new), ("list", listed), ("limit", limit), ("rotate", rotate), ("revoke", revoke)):
        key.command(name)(command)
    gateway.add_typer(key, name="key")


def ledgers(document: Path | None, private_key: Path | None) -> Ledgers:
    """The fleet's."""
    from freehold.fleet import target  # noqa: PLC0415  what only a control host has
    from freehold.gateway.remote import Ledgers  # noqa: PLC0415
    from freehold.process import run  # noqa: PLC0415
    from freehold.status.gather import load_document  # noqa: PLC0415

    file = target.document(document)
    return Ledgers(load_document(file), target.private_key(private_key), file.parent / "known_hosts", run)


@with_options_of_may
def new(
    *,
    name: Name,
    told: dict[str, Any],
    document: Document = None,
    private_key: PrivateKey = None,
    as_json: Json = False,
) -> None:
    """Make a key and show it, this once: its SHA-256 is kept. It opens every gateway within seconds."""
    from freehold.gateway import keys  # noqa: PLC0415

    key = keys.new_key()
    fleet = ledgers(document, private_key)
    digest = keys.digest(key.encode())
    made = fleet.of_authority("key new", name=name, sha256=digest, **told)
    _show_key(made, key, reached.ask(fleet, made), as_json=as_json)


def listed(
    *,
    revoked: Annotated[bool, typer.Option(help="Those that were revoked, too.")] = False,
    document: Document = None,
    private_key: PrivateKey = None,
    as_json: Json = False,
) -> None:
    """Show every key: where it is from, what it may, when it ends. Nobody can show a key itself again."""
    found = ledgers(document, private_key).of_authority("key list", revoked=revoked)
    if as_json:
        print(json.dumps({"keys": found}, indent=2))
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table("name", "from", "models", "a minute", "a day", "at once", "frontier", "status", "ends", "state")
    for row in found:
        table.add_row(*cells(row))
    (Console() if sys.stdout.isatty() else Console(width=PLAIN_WIDTH)).print(table)


@with_options_of_may
def limit(
    *,
    name: Name,
    told: dict[str, Any],
    document: Document = None,
    private_key: PrivateKey = None,
    as_json: Json = False,
) -> None:
    """Replace all limits of a key: what is not named has none."""
    fleet = ledgers(document, private_key)
    changed = fleet.of_authority("key limit", name=name, **told)
    found = reached.ask(fleet, changed)
    text = f"{name}: its limits are new, from the next request on; {found.said('in force on', LATER)}"
    print(json.dumps({**changed, **found.as_json()}) if as_json else text)


def rotate(
    *,
    name: Name,
    grace_hours: Annotated[float, typer.Option(min=0, help="How long the old one opens, too.")] = 24,
    document: Document = None,
    private_key: PrivateKey = None,
    as_json: Json = False,
) -> None:
    """Give a caller another key and show it, this once; name, counts and limits stay."""
    from freehold.gateway import keys  # noqa: PLC0415

    key = keys.new_key()
    fleet = ledgers(document, private_key)
    digest = keys.digest(key.encode())
    made = fleet.of_authority("key rotate", name=name, sha256=digest, grace_ms=int(grace_hours * HOUR_MS))
    _show_key(made, key, reached.ask(fleet, made), as_json=as_json)


def revoke(
    *,
    name: Name,
    why: Annotated[str, typer.Option(help="For the record.")] = "",
    document: Document = None,
    private_key: PrivateKey = None,
    as_json: Json = False,
) -> None:
    """Let a key in no more, on any gateway. Exit code 5: it is revoked, and a gateway may not have heard so."""
    fleet = ledgers(document, private_key)
    gone = fleet.of_authority("key revoke", name=name, why=why)
    found = reached.ask(fleet, gone)
    print(json.dumps({**gone, **found.as_json()}) if as_json else reached.revoked(gone, found))
    reached.refuse_open(gone, found)


def cells(row: Mapping[str, Any]) -> list[str]:
    """A key as a line of the table."""
    limits = [row[name] for name in ("requests_per_minute", "tokens_per_day", "concurrent")]
    ends = row["expires_ms"]
    state = f"revoked: {row['revoked_why']}" if row["revoked_ms"] else "good"
    return [
        row["name"],
        row["origin"],
        ", ".join(json.loads(row["models"])) if row["models"] else "all",
        *("-" if one is None else f"{one:,}" for one in limits),
        "may leave" if row["frontier"] else "never",
        "may see it" if row.get("status") else "-",
        dt.datetime.fromtimestamp((ends - DAY_MS) / 1000, dt.UTC).date().isoformat() if ends else "never",
        state,
    ]


def _show_key(row: Mapping[str, Any], key: str, found: Reached, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({**row, "key": key, **found.as_json()}))
        return
    print(f"name  {row['name']}\nkey   {key}\nIt is shown this once, and kept nowhere.")
    print(f"Where: {found.said('it opens', LATER)}.")

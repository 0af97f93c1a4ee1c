"""``freehold drift``: what differs from the last converge, on every node, as a table."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from freehold.errors import PartialError, UnknownStateError, UsageError
from freehold.fleet import target

if TYPE_CHECKING:
    from rich.table import Table

    from freehold.drift.probe import Probe

DRIFT_EXIT = PartialError.exit_code
UNKNOWN_EXIT = UnknownStateError.exit_code
PLAIN_WIDTH = 200


def register(app: typer.Typer) -> None:
    """Add ``freehold drift``."""
    app.command("drift", help=__doc__.split(":", 1)[1].strip().capitalize())(drift)


def drift(
    *,
    host: Annotated[list[str] | None, typer.Option(help="Only these; default: all.")] = None,
    document: Annotated[Path | None, typer.Option(help="The fleet document; default: stack's or lab's.")] = None,
    private_key: Annotated[Path | None, typer.Option(help="The operator's SSH key; default: stack's or lab's.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Ask every node that is not in maintenance. Exit code 5: something differs; 7: one could not be looked at."""
    from freehold.drift import probe  # noqa: PLC0415
    from freehold.status.gather import load_document  # noqa: PLC0415

    fleet = load_document(target.document(document))
    refuse_unknown(fleet, host or [])
    probes = probe.run(fleet, target.private_key(private_key), hosts=host or None)
    show(probes, as_json=as_json)
    raise typer.Exit(exit_code(probes))


def refuse_unknown(fleet: Mapping[str, Any], hosts: list[str]) -> None:
    """A name that no host has would look like a node without drift."""
    known = [entry["name"] for entry in fleet["hosts"]]
    for name in hosts:
        if name not in known:
            raise UsageError("HOST_UNKNOWN", name, "not in the document", expected=", ".join(known))


def exit_code(probes: Mapping[str, Probe]) -> int:
    """The gravest of all nodes that were asked."""
    asked = [found for found in probes.values() if not found.maintenance]
    if not all(found.reachable for found in asked):
        return UNKNOWN_EXIT
    return 0 if all(found.clean for found in asked) else DRIFT_EXIT


def rows(probes: Mapping[str, Probe]) -> list[tuple[str, str, str, str, str]]:
    """Host, kind, name, wanted, found: one line a difference, and one for a node that says something about itself."""
    found = []
    for host, said in probes.items():
        if said.maintenance:
            found.append((host, "maintenance", "the node", "-", "in maintenance"))
        elif not said.reachable:
            found.append((host, "unknown", "the node", "an answer", said.error))
        elif not said.baseline:
            found.append((host, "unknown", "the node", "a finished converge", "none yet"))
        if said.unfinished:
            found.append((host, "converge", "the last one", "finished", "under way, or cut off"))
        found += [(host, item.kind, item.name, item.wanted, item.found) for item in said.items]
    return found


def show(probes: Mapping[str, Probe], *, as_json: bool) -> None:
    """Print JSON, or a table, or that there is nothing."""
    if as_json:
        hosts = {host: {**found.as_json(), "clean": found.clean} for host, found in probes.items()}
        print(json.dumps({"hosts": hosts}, indent=2))
        return
    from rich.console import Console  # noqa: PLC0415

    console = Console() if sys.stdout.isatty() else Console(width=PLAIN_WIDTH)
    resting = [host for host, found in probes.items() if found.maintenance]
    lines = rows(probes)
    console.print(_table(lines) if len(lines) > len(resting) else nothing(len(probes) - len(resting), resting))


def nothing(asked: int, resting: list[str]) -> str:
    """The sentence for no drift on so many nodes."""
    note = f" In maintenance, not asked: {', '.join(resting)}." if resting else ""
    return f"No drift: {asked} node(s) are as their last converge left them.{note}"


def _table(lines: list[tuple[str, str, str, str, str]]) -> Table:
    from rich.table import Table  # noqa: PLC0415

    table = Table("host", "kind", "name", "wanted", "found")
    for line in lines:
        table.add_row(*line)
    return table

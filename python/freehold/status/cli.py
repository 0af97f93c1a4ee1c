"""``freehold status``: what the fleet is, whether it is sovereign, what a token has cost so far."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from freehold.fleet import target
from freehold.paths import lab_paths
from freehold.process import Runner

NOT_WELL_EXIT = 1
UNKNOWN_EXIT = 7
PLAIN_WIDTH = 150


def register(app: typer.Typer) -> None:
    """Add ``freehold status``."""
    app.command("status", help=__doc__.split(":", 1)[1].strip().capitalize())(status)


def status(
    *,
    document: Annotated[Path | None, typer.Option(help="The fleet document; default: stack's or lab's.")] = None,
    private_key: Annotated[Path | None, typer.Option(help="The operator's SSH key; default: stack's or lab's.")] = None,
    known_hosts: Annotated[Path | None, typer.Option(help="Pinned host keys; default: beside the document.")] = None,
    client_key_file: Annotated[
        Path | None, typer.Option(help="A key for the probe; default: stack's or lab's.")
    ] = None,
    kept: Annotated[Path | None, typer.Option(help="Folder of the tallies between calls.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Read every node, judge, price, show. Exit code 1: a check failed or a node does not serve; 7: could not look."""
    from freehold.process import run  # noqa: PLC0415
    from freehold.status import gather  # noqa: PLC0415

    source = target.document(document)
    built = report_on(
        gather.load_document(source),
        source.parent,
        run,
        private_key=target.private_key(private_key),
        known_hosts=known_hosts,
        client_key_file=target.client_key(client_key_file),
        kept=kept,
    )
    show(built, as_json=as_json)
    if built["verdict"] == "NOT SOVEREIGN" or not built["serving"]:
        raise typer.Exit(NOT_WELL_EXIT)
    if built["verdict"] != "SOVEREIGN":
        raise typer.Exit(UNKNOWN_EXIT)


def report_on(
    fleet: dict[str, Any],
    folder: Path,
    runner: Runner,
    *,
    private_key: Path | None = None,
    known_hosts: Path | None = None,
    client_key_file: Path | None = None,
    kept: Path | None = None,
) -> dict[str, Any]:
    """Ask the fleet and judge. ``folder`` is where the document was exported; what is not given is the lab's."""
    from freehold.sovereignty.phone_home import switches  # noqa: PLC0415
    from freehold.status import gather, report  # noqa: PLC0415

    lab = lab_paths()
    key_file = client_key_file or lab.secrets / "operator-key"
    access = gather.Access(
        private_key=private_key or lab.ssh / "id_ed25519",
        known_hosts=known_hosts or folder / "known_hosts",
        client_key=key_file.read_text(encoding="utf-8").strip() if key_file.is_file() else "",
    )
    return report.build(fleet, gather.gather(fleet, access, runner), switches(), kept or folder / "status")


def show(built: dict[str, Any], *, as_json: bool) -> None:
    """Print a report as JSON or as tables."""
    if as_json:
        print(json.dumps(built, indent=2))
        return
    from rich.console import Console  # noqa: PLC0415

    from freehold.status.view import tables  # noqa: PLC0415

    # Where there is no terminal, a line is as long as its table needs.
    console = Console() if sys.stdout.isatty() else Console(width=PLAIN_WIDTH)
    console.print(tables(built))

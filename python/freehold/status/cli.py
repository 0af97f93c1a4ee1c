"""``freehold status``: what the fleet is, whether it is sovereign, what a token has cost so far."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from freehold.paths import lab_paths

NOT_SOVEREIGN_EXIT = 1
UNKNOWN_EXIT = 7


def register(app: typer.Typer) -> None:
    """Add ``freehold status``."""
    app.command("status", help=__doc__.split(":", 1)[1].strip().capitalize())(status)


def status(
    *,
    document: Annotated[Path | None, typer.Option(help="The exported fleet document; default: the lab's.")] = None,
    private_key: Annotated[Path | None, typer.Option(help="The operator's SSH key; default: the lab's.")] = None,
    known_hosts: Annotated[Path | None, typer.Option(help="Pinned host keys; default: beside the document.")] = None,
    client_key_file: Annotated[Path | None, typer.Option(help="A key for the probe; default: the lab's.")] = None,
    kept: Annotated[Path | None, typer.Option(help="Folder of the tallies between calls.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Read every node, judge, price, show. Exit code 1 when a check failed, 7 when one could not look."""
    from freehold.process import run  # noqa: PLC0415
    from freehold.sovereignty.phone_home import switches  # noqa: PLC0415
    from freehold.status import gather, report  # noqa: PLC0415

    lab = lab_paths()
    source = document or Path(os.environ.get("FREEHOLD_FLEET_DOCUMENT", lab.export / "fleet.json"))
    fleet = gather.load_document(source)
    key_file = client_key_file or lab.secrets / "operator-key"
    access = gather.Access(
        private_key=private_key or lab.ssh / "id_ed25519",
        known_hosts=known_hosts or source.parent / "known_hosts",
        client_key=key_file.read_text(encoding="utf-8").strip() if key_file.is_file() else "",
    )
    built = report.build(fleet, gather.gather(fleet, access, run), switches(), kept or source.parent / "status")
    show(built, as_json=as_json)
    if built["verdict"] != "SOVEREIGN":
        raise typer.Exit(NOT_SOVEREIGN_EXIT if built["verdict"] == "NOT SOVEREIGN" else UNKNOWN_EXIT)


def show(built: dict[str, object], *, as_json: bool) -> None:
    """Print a report as JSON or as tables."""
    if as_json:
        print(json.dumps(built, indent=2))
        return
    from rich.console import Console  # noqa: PLC0415

    from freehold.status.view import tables  # noqa: PLC0415

    Console().print(tables(built))

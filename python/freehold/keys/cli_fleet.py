"""``freehold keys renew`` and ``freehold keys timer``: certificates of the whole fleet."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from freehold.fleet import target
from freehold.keys import cli

Document = Annotated[Path | None, typer.Option("--document", help="The fleet document [default: stack's or lab's].")]
METRICS = Path("/var/lib/freehold/textfile/keys/keys.prom")


def register(keys: typer.Typer) -> None:
    """Add these commands to ``freehold keys``."""
    keys.command("renew")(renew)
    timer = typer.Typer(help="Renewal once a day, on this control host.", no_args_is_help=True)
    for name, command in (("install", timer_install), ("show", timer_show), ("remove", timer_remove)):
        timer.command(name)(command)
    keys.add_typer(timer, name="timer")


def renew(
    *,
    document: Document = None,
    host: Annotated[list[str] | None, typer.Option("--host", help="Only this host; may be repeated.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Also what still serves.")] = False,
    new_key: Annotated[bool, typer.Option("--new-key", help="A new key too; restarts what holds the old one.")] = False,
    dry_run: cli.DryRun = False,
    as_json: cli.Json = False,
) -> None:
    """Renew over SSH what is due, and carry roots and revocations to every node. Restarts nothing."""
    from freehold.fleet import document as documents  # noqa: PLC0415
    from freehold.fleet import record  # noqa: PLC0415
    from freehold.keys import clock, overview, renewal  # noqa: PLC0415
    from freehold.keys.files import KeysFolder  # noqa: PLC0415

    path = _document(document)
    fleet = documents.load(path)
    wanted = renewal.Renewal(fleet, path, record.state_folder(fleet["site"]["name"]), host or (), force, new_key)
    if dry_run:
        rows = overview.rows(KeysFolder(Path(fleet["keys"]["folder"])), clock.now)
        leaves = [row.name for row in rows if row.use == "leaf" and (row.state == "due" or force)]
        cli.tell({"would_visit": wanted.visited, "due": leaves}, as_json=as_json)
        return
    outcomes = renewal.renew(wanted)
    if as_json:
        print(json.dumps({"outcomes": [asdict(one) for one in outcomes]}, indent=2))
    else:
        for one in outcomes:
            print(f"{one.name:<16}{one.outcome:<12}{one.message.splitlines()[0] if one.message else ''}".rstrip())
    renewal.refuse_partial(outcomes)


def timer_show(
    *,
    document: Document = None,
    folder: cli.Folder = None,
    metrics: Annotated[Path, typer.Option(help="Where to write when everything ends, for Prometheus.")] = METRICS,
) -> None:
    """Print the units, for those who install them by other means."""
    for name, text in _units(document, folder, metrics).items():
        print(f"# {name}\n{text}")


def timer_install(
    *,
    document: Document = None,
    folder: cli.Folder = None,
    metrics: Annotated[Path, typer.Option(help="Where to write when everything ends, for Prometheus.")] = METRICS,
    dry_run: cli.DryRun = False,
) -> None:
    """Install and start the timer on this host."""
    from freehold.keys import timer  # noqa: PLC0415

    if dry_run:
        timer_show(document=document, folder=folder, metrics=metrics)
        return
    timer.install(_units(document, folder, metrics))
    print(f"{timer.NAME}.timer runs once a day; systemctl list-timers shows when")


def timer_remove() -> None:
    """Stop and remove the timer."""
    from freehold.keys import timer  # noqa: PLC0415

    print(f"{timer.NAME}.timer {'removed' if timer.remove() else 'was not there'}")


def _units(document: Path | None, folder: Path | None, metrics: Path) -> dict[str, str]:
    from freehold.keys import timer  # noqa: PLC0415
    from freehold.paths import PROJECT  # noqa: PLC0415

    return timer.units(_document(document).absolute(), cli.opened(folder).path, metrics, PROJECT)


def _document(given: Path | None) -> Path:
    return target.document(given)

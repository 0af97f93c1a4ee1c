"""``freehold keys renew`` and ``freehold keys timer``: certificates of the whole fleet."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from freehold.fleet import target
from freehold.keys import cli

if TYPE_CHECKING:
    from freehold.keys.timer import Operator

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


MetricsFile = Annotated[Path, typer.Option("--metrics", help="Where to write when everything ends, for Prometheus.")]
User = Annotated[str | None, typer.Option(help="Who renews [default: you, also under sudo].")]
State = Annotated[Path | None, typer.Option(help="That user's folder of locks and logs [default: FREEHOLD_STATE].")]
PrivateKey = Annotated[
    Path | None, typer.Option(help="The SSH key that opens the nodes [default: FREEHOLD_PRIVATE_KEY_FILE].")
]


def timer_show(
    *,
    document: Document = None,
    folder: cli.Folder = None,
    metrics: MetricsFile = METRICS,
    user: User = None,
    state: State = None,
    private_key: PrivateKey = None,
) -> None:
    """Print the units, for those who install them by other means."""
    for name, text in _units(document, folder, metrics, _operator(folder, user, state, private_key)).items():
        print(f"# {name}\n{text}")


def timer_install(
    *,
    document: Document = None,
    folder: cli.Folder = None,
    metrics: MetricsFile = METRICS,
    user: User = None,
    state: State = None,
    private_key: PrivateKey = None,
    dry_run: cli.DryRun = False,
) -> None:
    """Install and start the timer on this host."""
    from freehold.keys import timer  # noqa: PLC0415

    by = _operator(folder, user, state, private_key)
    units = _units(document, folder, metrics, by)
    if dry_run:
        print("\n".join(f"# {name}\n{text}" for name, text in units.items()))
        return
    timer.install(units, metrics=metrics, owner=by.user)
    print(f"{timer.NAME}.timer runs once a day as {by.user}; systemctl list-timers shows when")


def timer_remove() -> None:
    """Stop and remove the timer."""
    from freehold.keys import timer  # noqa: PLC0415

    print(f"{timer.NAME}.timer {'removed' if timer.remove() else 'was not there'}")


def _operator(folder: Path | None, user: str | None, state: Path | None, private_key: Path | None) -> Operator:
    from freehold.keys import timer  # noqa: PLC0415

    return timer.operator(cli.opened(folder).site, user, state, private_key)


def _units(document: Path | None, folder: Path | None, metrics: Path, by: Operator) -> dict[str, str]:
    from freehold.keys import timer  # noqa: PLC0415
    from freehold.paths import PROJECT  # noqa: PLC0415

    return timer.units(_document(document).absolute(), cli.opened(folder).path, metrics, PROJECT, by)


def _document(given: Path | None) -> Path:
    return target.document(given)

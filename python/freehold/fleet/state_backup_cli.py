"""Commands ``freehold fleet state list|verify|restore``."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from freehold.fleet import target
from freehold.fleet.state_backup_copies import Copy, Place

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Stack = Annotated[str, typer.Option(envvar=target.STACK, help="The stack.")]
State = Annotated[Path | None, typer.Option(envvar=target.PULUMI, help="Folder of Pulumi's state; default: the lab's.")]


def register(fleet: typer.Typer) -> None:
    """Add these commands to ``freehold fleet``."""
    group = typer.Typer(help="Copies of Pulumi's state, taken before and after every change.", no_args_is_help=True)
    group.command("list")(list_)
    group.command("verify")(verify)
    group.command("restore")(restore)
    fleet.add_typer(group, name="state")


def list_(*, stack: Stack = "lab", state: State = None, json_: Json = False) -> None:
    """The copies, oldest first."""
    from freehold.fleet import state_backup_copies  # noqa: PLC0415

    place = _place(stack, state)
    rows = [_row(copy) for copy in state_backup_copies.copies(place)]
    if json_:
        print(json.dumps({"errors": [], "folder": str(place.folder), "copies": rows}, indent=2))
        return
    for row in rows:
        print(
            "{number:>6}  {moment:<6}  {at}  {resources:>5} resources  {pending} pending  {sha256:.16}  {fault}".format(
                **row
            ).rstrip()
        )
    print(f"{len(rows)} copies in {place.folder}")


def verify(*, stack: Stack = "lab", state: State = None, json_: Json = False) -> None:
    """Check the state and every copy: digest, form, and that each secret is encrypted."""
    from freehold.fleet import state_backup_copies, state_backup_restore  # noqa: PLC0415

    place = _place(stack, state)
    state_backup_restore.check(place)
    count = len(state_backup_copies.copies(place))
    print(json.dumps({"errors": [], "copies": count}) if json_ else f"the state and {count} copies are good")


def restore(
    *,
    stack: Stack = "lab",
    state: State = None,
    at: Annotated[int | None, typer.Option(help="Number of a copy; default: the newest good one.")] = None,
    json_: Json = False,
) -> None:
    """Put a good copy in the place of a damaged or missing state; then `pulumi up` goes on from it."""
    from freehold.fleet import labconfig, state_backup_restore  # noqa: PLC0415
    from freehold.fleet.cli import variables  # noqa: PLC0415

    env, place = variables(state), _place(stack, state)
    told = state_backup_restore.restore(place, at, env=env, cwd=labconfig.STACK_FOLDER)
    print(json.dumps({"errors": [], "told": told}) if json_ else "\n".join(told))


def _place(stack: str, state: Path | None) -> Place:
    from freehold.fleet import pulumi_environment  # noqa: PLC0415

    folders = pulumi_environment.PulumiFolders(state) if state else pulumi_environment.lab_folders()
    return Place(folders.backend, stack)


def _row(copy: Copy) -> dict[str, Any]:
    from freehold.fleet import state_backup_copies  # noqa: PLC0415

    fault, data = copy.fault(), copy.path.read_bytes()
    resources, pending = (0, 0) if fault else state_backup_copies.counts(data)
    at = dt.datetime.fromtimestamp(copy.path.stat().st_mtime, tz=dt.UTC).isoformat(timespec="seconds")
    shown = {"number": copy.number, "moment": copy.moment, "at": at, "bytes": len(data), "sha256": copy.digest}
    return {**shown, "resources": resources, "pending": pending, "fault": fault}

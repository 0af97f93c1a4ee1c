"""Commands of this part: ``freehold fleet env|validate|preflight|export|unlock|state``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from freehold.fleet import state_backup_cli, target

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Document = Annotated[Path | None, typer.Option(help="A fleet document; default: the stack's (fleet env), the lab's.")]
PrivateKey = Annotated[Path | None, typer.Option(help="The operator's SSH key; default: stack's or lab's.")]
Stack = Annotated[str, typer.Option(envvar=target.STACK, help="The stack.")]
State = Annotated[Path | None, typer.Option(envvar=target.PULUMI, help="Folder of Pulumi's state; default: the lab's.")]


def register(app: typer.Typer) -> None:
    """Add this part's commands to ``freehold``."""
    fleet = typer.Typer(help="The fleet: its configuration, its document, its hosts.", no_args_is_help=True)
    fleet.command("env")(env)
    fleet.command("validate")(validate)
    fleet.command("preflight")(preflight)
    fleet.command("export")(export)
    fleet.command("unlock")(unlock)
    state_backup_cli.register(fleet)
    app.add_typer(fleet, name="fleet")


def env(
    *,
    state: Annotated[Path | None, typer.Option(help="Folder of Pulumi's state; default: the lab's.")] = None,
    stack: Annotated[str | None, typer.Option(help="Of this stack are then all of Freehold's commands.")] = None,
) -> None:
    """Print the variables for running `pulumi` by hand: eval "$(freehold fleet env)"."""
    from freehold.fleet import pulumi_environment  # noqa: PLC0415

    folder = state or pulumi_environment.lab_folders().root
    more = target.of_stack(stack, folder) if stack else {}
    print(pulumi_environment.export_lines(variables(state) | more), end="")


def validate(
    *,
    config: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="A stack file, Pulumi.<stack>.yaml.")],
    bundle: Annotated[bool, typer.Option(help="Compare with the bundle and the key file of this machine.")] = True,
    json_: Json = False,
) -> None:
    """Check a stack file without connecting to anything; its secrets stay sealed."""
    from freehold.fleet import reading, world  # noqa: PLC0415
    from freehold.fleet.checks import World  # noqa: PLC0415
    from freehold.paths import PROJECT  # noqa: PLC0415

    judged_by = world.this_machine() if bundle else World(sites=world.sites(PROJECT))
    read = reading.read(reading.from_file(config.read_text(encoding="utf-8"), config.name), judged_by)
    hosts, models = [h.name for h in read.settings.hosts], [m.name for m in read.settings.models]
    if json_:
        print(json.dumps({"errors": [], "hosts": hosts, "models": models}))
    else:
        print(f"{config}: valid; hosts {', '.join(hosts)}; models {', '.join(models)}")


def preflight(
    *,
    document: Document = None,
    private_key: PrivateKey = None,
    host: Annotated[list[str] | None, typer.Option(help="Only this host; may be repeated.")] = None,
    json_: Json = False,
) -> None:
    """Visit the hosts and report everything that stands in the way; nothing on them is touched.

    One in maintenance is visited only when --host names it.
    """
    from freehold.fleet import preflight as preflights  # noqa: PLC0415

    fleet = _document(document)
    found = preflights.run(fleet, target.private_key(private_key), hosts=host)
    facts = {name: vars(one) for name, one in found.items()}
    resting = [] if host else [one["name"] for one in fleet["hosts"] if one["name"] not in facts]
    if json_:
        print(json.dumps({"errors": [], "facts": facts, "maintenance": resting}, indent=2))
        return
    for name, one in facts.items():
        memory, disk = one["memory_bytes"] / 1024**3, one["disk_free_bytes"] / 1024**3
        print(f"{name}: {one['os_id']} {one['os_version']}, {one['cpus']} cores, {memory:.1f} GiB, {disk:.1f} GiB free")
    for name in resting:
        print(f"{name}: in maintenance, not visited")


def export(
    *,
    stack: Stack = "lab",
    folder: Annotated[Path | None, typer.Option(help="Where to write; default: the stack's or lab's folder.")] = None,
    state: State = None,
) -> None:
    """Write a stack's output as fleet.json and known_hosts, from which the inventory is made."""
    from freehold.fleet import document as documents  # noqa: PLC0415
    from freehold.fleet import stack_output  # noqa: PLC0415

    print(documents.export(stack_output.document(stack, env=variables(state)), folder or target.document(None).parent))


def unlock(
    *,
    stack: Stack = "lab",
    state: State = None,
    host: Annotated[list[str] | None, typer.Option(help="A host to let go of; may be repeated.")] = None,
    document: Document = None,
    private_key: PrivateKey = None,
) -> None:
    """Explain and clear what a killed run left: Pulumi's lock, half-begun creations, with --host the node's mark.

    A holder that lives is left alone. The mark is that of a run of another control host, so only you can know that it
    is gone for good.
    """
    from freehold.fleet import interrupted, labconfig, pulumi_environment  # noqa: PLC0415
    from freehold.fleet import unlock as unlocking  # noqa: PLC0415

    told: list[str] = []
    for one in host or ():
        told += unlocking.unlock(_document(document), one, target.private_key(private_key))
    folders = pulumi_environment.PulumiFolders(state) if state else pulumi_environment.lab_folders()
    told += interrupted.mend(folders, stack, env=variables(state), cwd=labconfig.STACK_FOLDER)
    print("\n".join(told) or "nothing was left behind")


def variables(state: Path | None) -> dict[str, str]:
    """The environment in which `pulumi` runs for the stacks of a folder."""
    from freehold.fleet import pulumi_environment  # noqa: PLC0415

    folders = pulumi_environment.PulumiFolders(state) if state else pulumi_environment.lab_folders()
    return pulumi_environment.variables(folders, lambda line: print(line, file=sys.stderr))


def _document(given: Path | None) -> dict[str, Any]:
    from freehold.fleet import document as documents  # noqa: PLC0415

    return documents.load(target.document(given))

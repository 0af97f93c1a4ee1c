"""``freehold lab``: look at the lab, get into it, take it down."""

from __future__ import annotations

import dataclasses
import json
import os
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

lab_app = typer.Typer(name="lab", help="The lab on this machine.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


def register(app: typer.Typer) -> None:
    """Add this part's commands to ``freehold``."""
    app.add_typer(lab_app)


@lab_app.command()
def up(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Nodes; gpu1 and gpu2 if none.")
    ] = None,
    *,
    nodes: Annotated[
        int | None, typer.Option(min=1, max=20, help="How many nodes; those above it are removed.")
    ] = None,
) -> None:
    """Raise the lab and provision it with `pulumi up`, from whatever is there to an endpoint that answers."""
    from freehold.lab import up as up_  # noqa: PLC0415

    if nodes:
        up_.up(up_.names_of(nodes), exactly=True)
    else:
        up_.up(names or up_.DEFAULT_NODES)


@lab_app.command(name="test")
def run_tests(
    arguments: Annotated[
        list[str] | None, typer.Argument(help="For pytest, after `--`; paths run those tests alone.")
    ] = None,
    *,
    full: Annotated[bool, typer.Option("--full", help="The slow lanes too.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave a lab up that was raised for the tests.")] = False,
) -> None:
    """Run the tests that need the lab; raise it first where none is up, converge it where another tree raised it."""
    from freehold.lab import testing  # noqa: PLC0415

    raise typer.Exit(testing.run_lab_tests(full=full, keep=keep, arguments=arguments or (), console=Console()))


@lab_app.command(name="raise")
def raise_lab(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Nodes; gpu1 if none.")] = None,
) -> None:
    """Raise networks, web server and bare nodes, without provisioning them."""
    from freehold.lab import lock, preflight, raise_, world  # noqa: PLC0415
    from freehold.steps import Step, run_steps  # noqa: PLC0415

    preflight.check_machine()
    preflight.check_programs()
    lab = world.open_lab()
    steps = [
        Step("networks", lambda report: raise_.raise_network(lab, report)),
        Step("web server", lambda report: raise_.raise_web(lab, report)),
        Step("nodes", lambda report: raise_.raise_nodes(lab, names or ["gpu1"], report)),
    ]
    with lock.lab_lock(lab.paths.root):
        run_steps(steps, Console())


@lab_app.command()
def down() -> None:
    """Remove every trace of the lab: nodes, networks, mounts, processes, state."""
    from freehold.lab import down as down_  # noqa: PLC0415
    from freehold.lab import preflight, world  # noqa: PLC0415

    if os.geteuid() != 0:
        raise preflight.not_root()
    lab = world.open_lab()
    for trace in down_.down(lab, lambda _: None):
        print(f"removed {trace}")
    print(f"nothing of the lab is left; kept for the next one: {lab.cache}")


@lab_app.command()
def leftovers(*, as_json: Json = False) -> None:
    """List everything of the lab that is on this machine; exit status 1 if there is anything."""
    from freehold.lab import traces, world  # noqa: PLC0415

    found = traces.leftovers(world.open_lab())
    if as_json:
        print(json.dumps([dataclasses.asdict(trace) for trace in found], indent=2))
    else:
        for trace in found:
            print(trace)
    raise typer.Exit(1 if found else 0)


@lab_app.command()
def status(*, as_json: Json = False) -> None:
    """Show the nodes: addresses, power, whether SSH answers to the pinned host key."""
    from freehold.lab import node, world  # noqa: PLC0415

    lab = world.open_lab()
    found = node.nodes(lab.launcher, lab.plan, lab.paths)
    rows = [{**dataclasses.asdict(one), "ssh": one.powered and lab.probe(one) is None} for one in found]
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    table = Table("node", "management", "client network", "power", "ssh", "GPUs (simulated)")
    for row in rows:
        power, ssh = ("on" if row["powered"] else "off"), ("answers" if row["ssh"] else "silent")
        table.add_row(
            row["name"], row["address"], row["serve_address"], power, ssh, f"{row['gpus']} {row['gpu_model']}"
        )
    Console().print(table)


@lab_app.command(context_settings=PASS_ON)
def ssh(context: typer.Context, name: str) -> None:
    """Log in to a node as root with the operator's key, or run a command there."""
    from freehold.errors import UsageError  # noqa: PLC0415
    from freehold.lab import node, reach, world  # noqa: PLC0415

    lab = world.open_lab()
    found = node.node(lab.launcher, lab.plan, lab.paths, name)
    if found is None:
        raise UsageError("LAB_NO_SUCH_NODE", name, "no such node is installed", fix="see `freehold lab status`")
    words = [*reach.ssh_command(lab.paths, found), *context.args]
    os.execvp(words[0], words)  # noqa: S606  no shell is wanted


@lab_app.command(context_settings=PASS_ON)
def outside(context: typer.Context) -> None:
    """Run a command in the outside, the nodes' client network: ``freehold lab outside -- curl …``."""
    from freehold.lab import outside as outside_  # noqa: PLC0415
    from freehold.lab.plan import lab_plan  # noqa: PLC0415

    words = outside_.command(lab_plan(), context.args or [os.environ.get("SHELL", "/bin/sh")])
    os.execvp(words[0], words)  # noqa: S606  no shell is wanted

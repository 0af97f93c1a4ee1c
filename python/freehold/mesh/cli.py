"""``freehold mesh``: the control host's end of the private plane, how its peers are, who may reach what."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from freehold.fleet import target

if TYPE_CHECKING:
    from freehold.mesh.scan import Finding

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Document = Annotated[Path | None, typer.Option(help="A fleet document; default: the stack's (fleet env), the lab's.")]
AtBoot = Annotated[bool, typer.Option("--at-boot", help="And by a systemd unit at every boot; not for the lab.")]
NotAtBoot = Annotated[bool, typer.Option("--at-boot", help="And no more at boot: its systemd unit goes too.")]
Interface = Annotated[str | None, typer.Option(help="The interface's name; default: fh-control, in the lab its own.")]
WRONG_EXIT = 1


def register(app: typer.Typer) -> None:
    """Add this part's commands to ``freehold``."""
    mesh = typer.Typer(help="The private plane between nodes and control host.", no_args_is_help=True)
    for command in (up, down, status, reach):
        mesh.command(command.__name__)(command)
    app.add_typer(mesh, name="mesh")


def up(*, document: Document = None, interface: Interface = None, at_boot: AtBoot = False) -> None:
    """Raise this machine's end of the mesh, or bring it in line with the document; peers that stay notice nothing."""
    from freehold.mesh import control  # noqa: PLC0415
    from freehold.process import run  # noqa: PLC0415

    fleet, name = _document(document), _interface(document, interface)
    if at_boot:
        _refuse_lab(document)
    if _in_lab(document):
        from freehold.lab import mesh, world  # noqa: PLC0415

        print(mesh.raise_mesh(world.open_lab(), fleet, _keys(fleet), name))
    else:
        print(control.up(fleet, _keys(fleet), name, run))
    if at_boot:
        _install(_source(document), name)


def down(*, document: Document = None, interface: Interface = None, at_boot: NotAtBoot = False) -> None:
    """Take this machine's end of the mesh away; the nodes stay connected to each other."""
    from freehold.mesh import control  # noqa: PLC0415
    from freehold.process import run  # noqa: PLC0415

    if at_boot:
        from freehold.mesh import at_boot as unit  # noqa: PLC0415

        unit.remove()
    control.down(_interface(document, interface), run)


def status(*, document: Document = None, interface: Interface = None, as_json: Json = False) -> None:
    """Show every peer: address, last handshake, bytes. Exit status 1 if one not in maintenance has no session."""
    import time  # noqa: PLC0415

    from freehold.mesh import status as states  # noqa: PLC0415
    from freehold.process import run  # noqa: PLC0415

    found = states.read(_document(document), _interface(document, interface), run, time.time)
    if as_json:
        print(json.dumps([{**dataclasses.asdict(one), "up": one.up} for one in found], indent=2))
    else:
        from freehold.mesh import view  # noqa: PLC0415

        view.show(view.peers(found))
    raise typer.Exit(0 if all(one.well for one in found) else WRONG_EXIT)


def reach(
    *,
    document: Document = None,
    private_key: Annotated[Path | None, typer.Option(help="The operator's SSH key; default: stack's or lab's.")] = None,
    known_hosts: Annotated[Path | None, typer.Option(help="Pinned host keys; default: beside the document.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Try every door from everywhere.")] = False,
    as_json: Json = False,
) -> None:
    """Show who may reach what; with --check try it. Exit status 1 if a door is open or closed against the table."""
    from freehold.mesh import plan, view  # noqa: PLC0415
    from freehold.mesh import reach as table  # noqa: PLC0415

    fleet = _document(document)
    plan.section(fleet)
    if not check:
        rows = table.rows(fleet)
        if as_json:
            print(json.dumps([dict(zip(table.HEADINGS, row, strict=True)) for row in rows], indent=2))
        else:
            view.show(view.table(rows))
        return
    key = target.private_key(private_key)
    found = _scan(fleet, key, known_hosts or _source(document).with_name("known_hosts"), lab=_in_lab(document))
    if as_json:
        print(json.dumps([dataclasses.asdict(one) | {"wrong": one.wrong} for one in found], indent=2))
    else:
        view.show(view.findings(found))
    raise typer.Exit(WRONG_EXIT if any(one.wrong for one in found) else 0)


def _scan(fleet: dict[str, Any], key: Path, known_hosts: Path, *, lab: bool) -> list[Finding]:
    from freehold.mesh import scan  # noqa: PLC0415
    from freehold.process import run  # noqa: PLC0415
    from freehold.status.gather import Access  # noqa: PLC0415

    more: tuple[scan.Vantage, ...] = ()
    if lab:
        from freehold.lab import mesh  # noqa: PLC0415
        from freehold.lab.plan import lab_plan  # noqa: PLC0415

        more = (mesh.outside_vantage(lab_plan()),)
    return scan.run(fleet, Access(key, known_hosts, ""), run, more)


def _install(source: Path, interface: str) -> None:
    from freehold.mesh import at_boot  # noqa: PLC0415
    from freehold.paths import PROJECT  # noqa: PLC0415

    at_boot.install(at_boot.text(source, interface, PROJECT))
    print(f"{at_boot.NAME} does the same at every boot")


def _refuse_lab(document: Path | None) -> None:
    """`make down` leaves nothing on this machine, and would not find a unit."""
    if _in_lab(document):
        from freehold.errors import UsageError  # noqa: PLC0415

        raise UsageError(
            "MESH_LAB_AT_BOOT",
            str(_source(document)),
            "the lab's document",
            expected="the document of a fleet that stays",
            fix="the lab's end comes back with `make up`; for a fleet of your own give --document",
        )


def _document(given: Path | None) -> dict[str, Any]:
    from freehold.fleet import document as documents  # noqa: PLC0415

    return documents.load(_source(given))


def _source(given: Path | None) -> Path:
    return target.document(given)


def _keys(fleet: dict[str, Any]) -> Path:
    from freehold.mesh import plan  # noqa: PLC0415

    plan.section(fleet)
    return Path(fleet["keys"]["folder"])


def _interface(document: Path | None, given: str | None) -> str:
    from freehold.mesh import control  # noqa: PLC0415

    if given:
        return given
    if not _in_lab(document):
        return control.INTERFACE
    from freehold.lab.plan import lab_plan  # noqa: PLC0415

    return lab_plan().mesh_interface


def _in_lab(document: Path | None) -> bool:
    """Whether the document is the one that the lab exported: what is raised for it goes with `make down`."""
    return _source(document).resolve().is_relative_to(_lab().root.resolve())


def _lab() -> Any:
    from freehold.paths import lab_paths  # noqa: PLC0415

    return lab_paths()

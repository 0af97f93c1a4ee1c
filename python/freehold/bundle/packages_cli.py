"""``freehold bundle import-package|packages|remove-package``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from freehold.bundle.layout import Place
from freehold.bundle.packages import Package, Packages, confirm, read_package
from freehold.paths import lab_paths
from freehold.weights.digests import human_bytes

Target = Annotated[Path | None, typer.Option("--target", help="The folder that is served [default: the lab's].")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only tell what would be done.")]
Json = Annotated[bool, typer.Option("--json", help="Print a document instead of text.")]
NEXT = "freehold bundle build brings it to the nodes"


def register(app: typer.Typer) -> None:
    """Add these commands to ``freehold bundle``."""
    app.command("import-package")(import_package)
    app.command("packages")(packages)
    app.command("remove-package")(remove_package)


def _store(target: Path | None) -> Packages:
    return Packages(Place((target or lab_paths().bundle).absolute()).packages)


def import_package(
    file: Annotated[Path, typer.Argument(help="The package file, NAME.deb.")],
    *,
    sha256: Annotated[
        str | None, typer.Option("--sha256", help="The file's digest, as its publisher names it.")
    ] = None,
    target: Target = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Take a Debian package of your own into the bundle; what it needs comes from the machine's sources."""
    store, package = _store(target), read_package(file)
    confirm(package, file, sha256)
    changed = package not in store.all() if dry_run else store.add(file, package)
    _told(package, "would import" if dry_run else "imported", changed=changed, as_json=as_json)


def packages(*, target: Target = None, as_json: Json = False) -> None:
    """List the packages that you brought."""
    found = _store(target).all()
    if as_json:
        print(json.dumps({"packages": [package.as_json() for package in found]}, indent=2))
        return
    table = Table("package", "version", "architecture", "size", "sha256")
    for one in found:
        table.add_row(one.name, one.version, one.architecture, human_bytes(one.bytes), one.sha256)
    Console().print(table if found else "no package was imported")


def remove_package(
    name: Annotated[str, typer.Argument(help="The package's name.")],
    *,
    target: Target = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Leave a package out of the next bundle. Nodes keep what they have installed until its role is removed."""
    store = _store(target)
    package = store.get(name)
    if not dry_run:
        store.remove(name)
    _told(package, "would remove" if dry_run else "removed", changed=True, as_json=as_json)


def _told(package: Package, verb: str, *, changed: bool, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"changed": changed, "package": package.as_json()}, indent=2))
    elif changed:
        print(f"{verb} {package.name} {package.version}, sha256 {package.sha256}; {NEXT}")
    else:
        print(f"{package.name} {package.version} is imported already")

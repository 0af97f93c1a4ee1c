"""``freehold bundle build|verify|show``, and the commands of :mod:`freehold.bundle.packages_cli`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from freehold.bundle import packages_cli
from freehold.bundle.builder import Builder, BundleInfo, default_parts
from freehold.bundle.describe import describe
from freehold.bundle.keys import Keys
from freehold.bundle.layout import NODE_SETS, Place
from freehold.bundle.verify import refuse_older, verify
from freehold.errors import UsageError
from freehold.paths import lab_paths
from freehold.process import run
from freehold.steps import UP_TO_DATE, Report, Step, run_steps
from freehold.weights.digests import human_bytes

Target = Annotated[Path | None, typer.Option("--target", help="The folder that is served [default: the lab's].")]
KeysOption = Annotated[Path | None, typer.Option("--keys", help="Folder of the signing key [default: keys beside it].")]
Json = Annotated[bool, typer.Option("--json", help="Print a document instead of text.")]
Folder = Annotated[Path | None, typer.Argument(help="The bundle [default: the lab's].")]

app = typer.Typer(help="What nodes install: packages, wheels and weights, signed.", no_args_is_help=True)


def register(parent: typer.Typer) -> None:
    """Add this part's commands to ``freehold``."""
    parent.add_typer(app, name="bundle")


packages_cli.register(app)


@app.command("build")
def build_command(
    *,
    target: Target = None,
    keys: KeysOption = None,
    sets: Annotated[
        list[str] | None, typer.Option("--set", help="A set of requirements/node; can be repeated.")
    ] = None,
    refresh: Annotated[bool, typer.Option("--refresh", help="Ask the package sources for newer packages.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be built anew, and why.")] = False,
    as_json: Json = False,
) -> None:
    """Build what changed, sign it, and serve it."""
    folder = (target or lab_paths().bundle).absolute()
    key = Keys((keys or folder.with_name("keys")).absolute())
    place = Place(folder)
    builder = Builder(place, key, default_parts(place, key, run, sets=tuple(sets or NODE_SETS)))
    if dry_run:
        _show_plan(builder.plan(refresh=refresh), as_json=as_json)
        return
    done: list[BundleInfo] = []

    def step(report: Report) -> str:
        done.append(builder.build(report, refresh=refresh))
        return f"serial {done[0].serial}: {', '.join(done[0].rebuilt)}" if done[0].changed else UP_TO_DATE

    run_steps([Step("Bundle", step)], Console(stderr=True))
    if as_json:
        print(json.dumps(asdict(done[0]), indent=2))
    else:
        print(_summary(done[0]))


def _show_plan(stale: dict[str, str], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"changed": bool(stale), "rebuild": stale}, indent=2))
        return
    for name, reason in stale.items():
        print(f"would build {name}: {reason}")
    if not stale:
        print(UP_TO_DATE)


def _summary(info: BundleInfo) -> str:
    head = f"{info.folder}: serial {info.serial}, {info.files} files, {human_bytes(info.bytes)}"
    sets = describe(Path(info.folder))["requirements"]
    rows = [("manifest", info.manifest_sha256), ("key", info.key_fingerprint), *sets.items()]
    return "\n".join([head, *(f"{name:<12}{digest}" for name, digest in rows)])


@app.command("verify")
def verify_command(
    folder: Folder = None,
    *,
    key: Annotated[Path | None, typer.Option("--key", help="The trusted public key [default: keys beside it].")] = None,
    installed_serial: Annotated[int, typer.Option(help="Refuse a bundle with a lower serial.")] = 0,
    allow_older: Annotated[bool, typer.Option("--allow-older", help="Going back is intended.")] = False,
    as_json: Json = False,
) -> None:
    """Check the signature and every byte; refuse what is not as signed, naming the file."""
    bundle = (folder or lab_paths().bundle).absolute()
    trusted = key or Keys(bundle.with_name("keys")).public_file
    if not trusted.is_file():
        raise UsageError(
            "BUNDLE_KEY_UNKNOWN",
            str(trusted),
            "no public key there",
            expected="the key that you trust",
            why="the key inside a bundle proves nothing about it",
            fix="--key FILE, a copy of bundle.asc of the control host",
        )
    public_key = trusted.read_text(encoding="utf-8")
    serials: list[dict[str, Any]] = []

    def step(report: Report) -> str:
        manifest = verify(bundle, public_key, report)
        refuse_older(manifest.serial, installed_serial, allow=allow_older)
        serials.append({"serial": manifest.serial, "manifest_sha256": manifest.sha256, "files": len(manifest.files)})
        return f"serial {manifest.serial}, {len(manifest.files)} files as signed"

    run_steps([Step("Verify", step)], Console(stderr=True))
    if as_json:
        print(json.dumps({"ok": True, **serials[0]}, indent=2))


@app.command("show")
def show_command(folder: Folder = None, *, as_json: Json = False) -> None:
    """Show what a bundle holds, without checking it."""
    document = describe((folder or lab_paths().bundle).absolute())
    if as_json:
        print(json.dumps(document, indent=2))
        return
    print(f"serial {document['serial']}, manifest {document['manifest_sha256']}\nkey {document['key_fingerprint']}")
    console = Console()
    for name, digest in document["requirements"].items():
        print(f"set {name:<12}{digest}")
    models = Table("model", "kind", "format", "licence", "context", "size", "digest")
    for model in document["models"].values():
        size = human_bytes(sum(file["bytes"] for file in model["files"]))
        row = (model["name"], model["kind"], model["format"], model["licence"], str(model["context"]))
        models.add_row(*row, size, model["digest"][:12])
    console.print(models)
    print(f"{len(document['packages'])} Debian packages")

"""``freehold keys``: the hierarchy on this control host."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from freehold.fleet import target

if TYPE_CHECKING:
    from freehold.keys.files import KeysFolder
    from freehold.keys.passphrase import Passphrase
    from freehold.keys.roots import RootKey

Folder = Annotated[Path | None, typer.Option("--folder", help="Folder of the hierarchy [default: stack's or lab's].")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only tell what would be done.")]
Secret = Annotated[
    Path | None, typer.Option("--passphrase-file", help="File (mode 0600) with the passphrase [default: asked for].")
]
Root = Annotated[
    list[Path] | None,
    typer.Option("--root", help="The root's key, where it was taken off this host; between two roots, both."),
]
Medium = Annotated[Path, typer.Argument(help="File on the removable medium.")]


def register(app: typer.Typer) -> None:
    """Add this part's commands to ``freehold``."""
    from freehold.keys import cli_fleet, cli_leaves  # noqa: PLC0415

    if importlib.util.find_spec("cryptography") is None:
        return  # a node: keys of the hierarchy have no business there

    keys = typer.Typer(help="Keys and certificates: root, issuing, signing; nodes' TLS.", no_args_is_help=True)
    for command in (init, show, rotate, revoke, backup, restore):
        keys.command(command.__name__)(command)
    cli_leaves.register(keys)
    cli_fleet.register(keys)
    root = typer.Typer(help="The root, which can be taken off this host.", no_args_is_help=True)
    root.command("export")(root_export)
    root.command("import")(root_import)
    root.command("retire")(root_retire)
    keys.add_typer(root, name="root")
    app.add_typer(keys, name="keys")


def init(
    *,
    site: Annotated[str, typer.Option(help="The site's name, as in the stack (fleet:site).")],
    folder: Folder = None,
    passphrase_file: Secret = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Make root, issuing certificate and signing keys. The root's passphrase is chosen here."""
    from freehold.keys import authority, clock, openpgp  # noqa: PLC0415

    keys = opened(folder)
    if dry_run:
        tell({"would_make": ["root", "issuing", "signing"], "folder": str(keys.path)}, as_json=as_json)
        return
    authority.make(keys, site, passphrase(passphrase_file), clock.now)
    openpgp.attest(keys)
    tell(authority.describe(keys.path) | {"folder": str(keys.path)}, as_json=as_json)
    if not as_json:
        print("Take the root off this host: freehold keys root export /media/…/root.pem --remove")


def show(
    *,
    folder: Folder = None,
    metrics: Annotated[
        Path | None, typer.Option("--metrics", help="Write them here for Prometheus, print nothing.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what there is, when it ends, and whether the root's key lies here. Exits 1 when something has expired."""
    from freehold.keys import clock, overview  # noqa: PLC0415

    keys = opened(folder)
    if metrics is not None:
        overview.write_metrics(keys, metrics, clock.now)
        return
    if as_json:
        print(json.dumps(overview.document(keys, clock.now), indent=2))
    else:
        _table(keys)
    if any(row.state == "expired" and row.use != "leaf" for row in overview.rows(keys, clock.now)):
        raise typer.Exit(1)


def _table(keys: KeysFolder) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from freehold.keys import clock, openpgp, overview  # noqa: PLC0415

    table = Table("use", "name", "state", "ends", "private key", title=f"site {keys.site}, {keys.path}")
    for row in overview.rows(keys, clock.now):
        table.add_row(row.use, row.name, row.state, row.not_after, "here" if row.key_here else "elsewhere")
    if fingerprint := openpgp.fingerprint(keys):
        table.add_row(
            "apt (OpenPGP)", fingerprint, "ok" if openpgp.vouched(keys) else "not vouched for", "never", "here"
        )
    Console().print(table)


def rotate(
    what: Annotated[
        str, typer.Argument(help="root, issuing, control, openpgp, bundle, acceptance, evidence or weights.")
    ],
    *,
    folder: Folder = None,
    root: Root = None,
    passphrase_file: Secret = None,
    compromised: Annotated[bool, typer.Option(help="Revoke the old issuing certificate too.")] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Make a new key of one kind; the old one stays valid for its time. Needs the root (control and openpgp do not)."""
    from freehold.errors import UsageError  # noqa: PLC0415
    from freehold.keys import rotation  # noqa: PLC0415

    keys = opened(folder)
    if what not in rotation.TARGETS:
        raise UsageError("KEYS_ROTATE", what, "nothing of that name", expected=f"one of {', '.join(rotation.TARGETS)}")
    if dry_run:
        tell({"would_rotate": what, "site": keys.site}, as_json=as_json)
        return
    made = rotation.rotate(keys, what, root_key(root, passphrase_file), compromised=compromised)
    tell({"rotated": what, "id": made}, as_json=as_json)
    if not as_json:
        print(f"next            {NEXT.get(what, 'nothing: signatures are made with the new key from now on')}")


NEXT = {
    "root": "pulumi up (nodes trust both), rotate issuing and the four signing keys, pulumi up, then: root retire OLD",
    "issuing": "pulumi up, or freehold keys renew: each node gets a certificate of the new one",
    "control": "pulumi up, freehold mesh up, freehold keys renew: the nodes learn this host's new keys",
    "openpgp": "freehold bundle build, then pulumi up: the bootstrap lays the new key down over SSH",
}


def revoke(
    what: Annotated[str, typer.Argument(help="Name, URI, serial or id of what is good no more.")],
    *,
    folder: Folder = None,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "unspecified",
    older: Annotated[bool, typer.Option("--older", help="Spare the newest: the server was replaced.")] = False,
    root: Root = None,
    passphrase_file: Secret = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Revoke certificates in force; their keys are never certified again. Only signing keys need the root."""
    from freehold.keys import clock, revocation, rotation  # noqa: PLC0415

    keys = opened(folder)
    rows = revocation.matching(keys, what, clock.now, older=older)
    if dry_run:
        tell({"would_revoke": [row.uri for row in rows]}, as_json=as_json)
        return
    serials = rotation.revoke(keys, rows, reason, root_key(root, passphrase_file))
    tell({"revoked": serials, "uris": [row.uri for row in rows]}, as_json=as_json)
    if not as_json:
        print("next            freehold keys renew: it carries the list to every node; until then they do not know")


def backup(
    file: Annotated[Path, typer.Argument(help="The file to write; it must not exist.")],
    *,
    folder: Folder = None,
    passphrase_file: Secret = None,
    without_root: Annotated[bool, typer.Option(help="Leave the root's key out.")] = False,
    as_json: Json = False,
) -> None:
    """Write everything into one file under a passphrase, and read it back."""
    from freehold.keys import backup as backups  # noqa: PLC0415

    names = backups.write(opened(folder), file, passphrase(passphrase_file, "the backup"), with_root=not without_root)
    tell({"file": str(file), "files": len(names)}, as_json=as_json)


def restore(
    file: Annotated[Path, typer.Argument(help="A file that `freehold keys backup` wrote.")],
    *,
    folder: Folder = None,
    passphrase_file: Secret = None,
    as_json: Json = False,
) -> None:
    """Bring a hierarchy back into a folder that has none."""
    from freehold.keys import backup as backups  # noqa: PLC0415

    names = backups.restore(file, opened(folder), passphrase(passphrase_file, "the backup"))
    tell({"file": str(file), "files": len(names)}, as_json=as_json)


def root_export(
    file: Medium,
    *,
    folder: Folder = None,
    remove: Annotated[bool, typer.Option(help="Then remove the key from this host.")] = False,
    same_disk: Annotated[bool, typer.Option(help="The file system of the hierarchy is meant.")] = False,
    passphrase_file: Secret = None,
    as_json: Json = False,
) -> None:
    """Copy the root's encrypted key to a medium and prove that the copy opens."""
    from freehold.keys import roots  # noqa: PLC0415

    entry = roots.export(opened(folder), file, passphrase(passphrase_file), remove=remove, same_disk=same_disk)
    tell({"root": entry.id, "file": str(file), "removed_here": remove}, as_json=as_json)


def root_import(file: Medium, *, folder: Folder = None, passphrase_file: Secret = None, as_json: Json = False) -> None:
    """Bring the root's key back to this host."""
    from freehold.keys import roots  # noqa: PLC0415

    entry = roots.bring_back(opened(folder), file, passphrase(passphrase_file))
    tell({"root": entry.id, "file": str(entry.key_file)}, as_json=as_json)


def root_retire(
    root_id: Annotated[str, typer.Argument(help="Id of an older root, as `show` prints it.")],
    *,
    folder: Folder = None,
    as_json: Json = False,
) -> None:
    """Trust an older root no more, once nothing in use hangs on it."""
    from freehold.keys import rotation  # noqa: PLC0415

    rotation.retire_root(opened(folder), root_id)
    tell({"retired": root_id}, as_json=as_json)


def opened(folder: Path | None) -> KeysFolder:
    """The folder that was named, else the stack's, else the lab's."""
    from freehold.keys.files import KeysFolder  # noqa: PLC0415

    return KeysFolder(target.keys_folder(folder).absolute())


def passphrase(file: Path | None, of: str = "the root") -> Passphrase:
    """From the file, else asked for."""
    from freehold.keys import passphrase as passphrases  # noqa: PLC0415

    return passphrases.from_file(file) if file else passphrases.asked(of)


def root_key(files: list[Path] | None, passphrase_file: Path | None) -> RootKey:
    """How to get at the root; nothing is read or asked yet."""
    from freehold.keys.roots import RootKey  # noqa: PLC0415

    return RootKey(passphrase(passphrase_file), tuple(files or ()))


def tell(document: dict[str, Any], *, as_json: bool) -> None:
    """Print a result: a line a field, or JSON."""
    if as_json:
        print(json.dumps(document, indent=2))
        return
    for name, value in document.items():
        if not str(value).startswith("-----BEGIN"):
            print(f"{name:<16}{', '.join(map(str, value)) if isinstance(value, list) else value}")

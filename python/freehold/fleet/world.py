"""The real :class:`~freehold.fleet.checks.World`: this machine's bundle, key file and inventories."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from freehold.errors import FreeholdError, RefusedError
from freehold.fleet.checks import World
from freehold.paths import PROJECT


def this_machine(project: Path = PROJECT) -> World:
    """Everything is judged."""
    return World(describe_bundle, key_fault, sites(project), describe_keys)


def describe_bundle(folder: Path, key_file: Path) -> Mapping[str, Any]:
    """The bundle's description; raises :class:`FreeholdError` when there is none, or not one that the owner signed.

    ``key_file`` is the owner's public key, from outside the bundle: the key that nodes will trust comes from it.
    """
    from freehold import bundle  # noqa: PLC0415  pulls in what only a control host has

    if not (folder / "manifest.json").is_file():
        raise RefusedError(
            "CONFIG_BUNDLE_MISSING",
            "fleet:bundle.folder",
            f"no manifest.json in {folder}",
            expected="a bundle, built and signed on this machine",
            why="nodes install from the bundle and from nowhere else",
            fix="freehold bundle build (in the lab: make up)",
        )
    try:
        key = key_file.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise RefusedError(
            "CONFIG_BUNDLE_KEY",
            "fleet:bundle.key_file",
            f"{key_file}: {error}",
            expected="the armored public key that `freehold bundle build` left beside its secret one",
            why="the key inside a bundle proves nothing about who made it",
            fix="pulumi config set --path fleet:bundle.key_file KEYS/bundle.asc",
        ) from error
    bundle.check_owner(folder, key)
    return {**bundle.describe(folder), "public_key": key, "key_fingerprint": bundle.fingerprint(key)}


def describe_keys(folder: Path) -> Mapping[str, Any]:
    """Trust anchors, issuing certificate and WireGuard key of this machine; raises :class:`FreeholdError`."""
    from freehold.keys import authority  # noqa: PLC0415
    from freehold.mesh import control  # noqa: PLC0415

    return {**authority.describe(folder), "mesh_public_key": control.ensure_key(folder)}


def key_fault(path: Path) -> str | None:
    """Why the SSH key cannot be used, in words; ``None`` when it can."""
    try:
        load_key(path)
    except FreeholdError as error:
        return error.found
    return None


def load_key(path: Path) -> tuple[str, str]:
    """The private key's text and its public line (``type base64``)."""
    import paramiko  # noqa: PLC0415  half a second that `freehold --help` need not spend

    try:
        text = path.read_text(encoding="utf-8")
        key = paramiko.PKey.from_path(path)
    except OSError as error:
        raise _unusable(path, error.strerror or str(error)) from error
    except paramiko.PasswordRequiredException as error:
        raise _unusable(path, "it has a passphrase") from error
    except (paramiko.SSHException, paramiko.pkey.UnknownKeyType, UnicodeDecodeError, ValueError, TypeError) as error:
        fault = "it has a passphrase" if "encrypted" in str(error).lower() else "it is not an SSH private key"
        raise _unusable(path, fault) from error
    return text, f"{key.get_name()} {key.get_base64()}"


def sites(project: Path) -> set[str]:
    """The inventories of the tree."""
    return {entry.parent.name for entry in (project / "inventory").glob("*/*.freehold_stack.yml")}


def _unusable(path: Path, fault: str) -> RefusedError:
    return RefusedError(
        "KEY_FILE_UNUSABLE", str(path), fault, expected="an SSH private key without passphrase that this user can read"
    )

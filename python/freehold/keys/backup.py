"""The whole folder in one encrypted file: a tar under scrypt and AES-256-GCM, which opens whole or not at all."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from freehold.errors import RefusedError
from freehold.keys import files, openpgp, sealed
from freehold.keys.authority import PARTS
from freehold.keys.files import KeysFolder
from freehold.keys.passphrase import Passphrase

MAGIC = "freehold-keys-backup-1"
SALT_BYTES, NONCE_BYTES = 16, 12
OPENPGP = "bundle-keys"
"""Folder in the backup for what `freehold bundle build` signs with."""
OPENPGP_PARTS = ("bundle.asc", "gnupg", "serial")
LEFT_OUT = (".lock", "S.")
"""Locks, and the sockets of GnuPG's agent."""


def write(folder: KeysFolder, target: Path, passphrase: Passphrase, *, with_root: bool = True) -> list[str]:
    """Write the backup and read it back; the names of what is in it. An existing file is never replaced."""
    folder.site  # noqa: B018  raises where there is no hierarchy
    files.refuse_target(target)
    secret = passphrase(new=True)
    with files.locked(folder.path):
        packed = _pack(folder, with_root=with_root)
    head: dict[str, object] = {
        "format": MAGIC,
        "salt": base64.b64encode(os.urandom(SALT_BYTES)).decode(),
        "nonce": base64.b64encode(os.urandom(NONCE_BYTES)).decode(),
        "scrypt": [sealed.COST, sealed.BLOCK, sealed.PARALLEL],
    }
    line = json.dumps(head, sort_keys=True).encode() + b"\n"
    sealed_tar = _cipher(head, secret).encrypt(base64.b64decode(str(head["nonce"])), packed, line)
    files.write(target, line + sealed_tar, files.SECRET)
    return _names(_open(target, secret))


def restore(source: Path, folder: KeysFolder, passphrase: Passphrase) -> list[str]:
    """Unpack a backup into a folder without a hierarchy; the names of what came back."""
    clash = [name for name in ("site", *PARTS) if (folder.path / name).exists()]
    if clash:
        raise RefusedError(
            "KEYS_EXIST",
            str(folder.path),
            ", ".join(clash),
            expected="a folder without a hierarchy",
            why="a restore never overwrites keys",
            fix="move the folder away, or name another with --folder",
        )
    packed = _open(source, passphrase(new=False))
    folder.path.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=folder.path, prefix=".restore") as name:
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(name, filter="data")
        _move(Path(name) / OPENPGP, openpgp.place(folder).folder)
        # `site` is what makes it a hierarchy: it comes last.
        for part in sorted(Path(name).iterdir(), key=lambda one: one.name == "site"):
            _move(part, folder.path / part.name)
    return _names(packed)


def _move(source: Path, target: Path) -> None:
    """What is there already stays: a restore adds, it never replaces."""
    if source.exists() and not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        shutil.move(source, target)


def _pack(folder: KeysFolder, *, with_root: bool) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, path in _members(folder):
            root_key = name.startswith(("root/", "retired/root-")) and path.name == "key.pem"
            if with_root or not root_key:
                archive.add(path, name, recursive=False)
    return buffer.getvalue()


def _members(folder: KeysFolder) -> Iterator[tuple[str, Path]]:
    """Files by their names in the backup; the bundle's OpenPGP key lies elsewhere and comes along."""
    for prefix, base in (("", folder.path), (OPENPGP, openpgp.place(folder).folder)):
        for path in sorted(base.rglob("*")):
            inside = path.relative_to(base)
            # Both may be one folder: what is of the hierarchy must not come a second time, by another name.
            if (
                path.is_file()
                and not path.name.startswith(LEFT_OUT)
                and (not prefix or inside.parts[0] in OPENPGP_PARTS)
            ):
                yield str(Path(prefix) / inside), path


def _open(source: Path, secret: str) -> bytes:
    try:
        line, _, data = source.read_bytes().partition(b"\n")
        head = json.loads(line)
        return _cipher(head, secret).decrypt(base64.b64decode(head["nonce"]), data, line + b"\n")
    except (OSError, ValueError, KeyError, TypeError, InvalidTag) as error:
        raise RefusedError(
            "KEYS_BACKUP",
            str(source),
            "it does not open with this passphrase, or it is damaged",
            expected=f"a file that `freehold keys backup` wrote ({MAGIC}), and the passphrase given then",
            fix="try the passphrase again, or another copy",
        ) from error


def _cipher(head: dict[str, object], secret: str) -> AESGCM:
    cost, block, parallel = sealed.COST, sealed.BLOCK, sealed.PARALLEL
    if (head["format"], head["scrypt"]) != (MAGIC, [cost, block, parallel]):
        raise ValueError("a backup of another version")
    salt = base64.b64decode(str(head["salt"]))
    return AESGCM(Scrypt(salt=salt, length=sealed.KEY_BYTES, n=cost, r=block, p=parallel).derive(secret.encode()))


def _names(packed: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        return archive.getnames()

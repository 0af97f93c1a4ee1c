"""WireGuard's keys: 32 bytes of Curve25519 (RFC 7748) in base64, made on the machine that uses them."""

from __future__ import annotations

import base64
import binascii
import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from freehold.errors import RefusedError

KEY_BYTES = 32


def new_private() -> str:
    """Make a private key."""
    return base64.b64encode(X25519PrivateKey.generate().private_bytes_raw()).decode("ascii")


def public_of(private: str) -> str:
    """The public half. Raises :class:`ValueError` for what is no key; the message does not repeat it."""
    try:
        raw = base64.b64decode(private, validate=True)
    except binascii.Error:
        raise ValueError("not base64") from None
    if len(raw) != KEY_BYTES:
        raise ValueError(f"{len(raw)} bytes, not {KEY_BYTES}")
    return base64.b64encode(X25519PrivateKey.from_private_bytes(raw).public_key().public_bytes_raw()).decode("ascii")


def ensure(path: Path) -> str:
    """Return the public key of the private one in ``path`` (mode 0600), which is made where there is none.

    A key that cannot be read is refused and not replaced: every node knows its public half.
    """
    if not path.exists():
        _write(path, new_private())
    try:
        return public_of(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        raise RefusedError(
            "MESH_KEY_UNREADABLE",
            str(path),
            str(error),
            expected="a WireGuard private key: 32 bytes in base64",
            why="the nodes know its public half; another key would be a stranger to them",
            fix=f"restore it from your backup, or remove {path} and run `pulumi up`: the nodes then get the new half",
        ) from error


def _write(path: Path, private: str) -> None:
    """In one move, so that a run that is cut off leaves no half of a key."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(f"{private}\n")
        stream.flush()
        os.fsync(stream.fileno())
    try:
        os.link(draft, path)  # fails where another run was quicker: its key is the key
    except FileExistsError:
        pass
    finally:
        draft.unlink()

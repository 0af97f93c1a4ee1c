"""The internal key that the gateway shows to a runtime: born on the node, handed over by the supervisor."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from freehold.errors import RefusedError

INTERNAL_KEY = "internal-key"
MINIMUM_CHARACTERS = 32
"""Below 32 characters a key could be a word that somebody typed; ours are 43 random ones."""


def internal_key(path: Path | None = None, environ: Mapping[str, str] = os.environ) -> str:
    """Read the key from ``path``, else from systemd's credentials folder. Raises :class:`RefusedError`."""
    place = path or _in_credentials(environ)
    if place is None:
        raise _refused("INTERNAL_KEY_MISSING", INTERNAL_KEY, "neither a file nor $CREDENTIALS_DIRECTORY is given")
    try:
        key = place.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise _refused("INTERNAL_KEY_MISSING", str(place), f"unreadable: {type(error).__name__}") from error
    if len(key) < MINIMUM_CHARACTERS or not key.isprintable() or " " in key:
        raise _refused("INTERNAL_KEY_WEAK", str(place), f"{len(key)} characters")
    return key


def _in_credentials(environ: Mapping[str, str]) -> Path | None:
    folder = environ.get("CREDENTIALS_DIRECTORY")
    return Path(folder) / INTERNAL_KEY if folder else None


def _refused(code: str, subject: str, found: str) -> RefusedError:
    return RefusedError(
        code,
        subject,
        found,
        expected=f"a file with one key of at least {MINIMUM_CHARACTERS} printable characters",
        why="without it every user of this machine could use the runtime past the gateway, its keys and its counters",
        fix="start the service by its unit (LoadCredential=internal-key:/etc/freehold/credentials/internal-key)",
    )

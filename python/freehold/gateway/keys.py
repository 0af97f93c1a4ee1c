"""Who calls: a key in the ``Authorization`` or ``x-api-key`` header, known here by its SHA-256 only."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Sequence

from freehold.gateway.config import Key
from freehold.gateway.refusals import bad_key

PREFIX = "fh-"
RANDOM_BYTES = 32
SCHEME = b"bearer "
WAYS = (b"authorization", b"x-api-key")


def new_key() -> str:
    """Make a key: ``fh-`` and 43 characters that carry 256 random bits."""
    return PREFIX + secrets.token_urlsafe(RANDOM_BYTES)


def digest(key: bytes) -> str:
    """Return what the settings keep of a key."""
    return hashlib.sha256(key).hexdigest()


class Keyring:
    """The keys that are let in."""

    def __init__(self, keys: Sequence[Key]) -> None:
        # Found by their digest, however many there are. How long that takes says something about a digest at most, and
        # who could make keys with digests of their choice would have broken SHA-256.
        self._names = {key.sha256: key.name for key in keys}

    def caller(self, headers: Iterable[tuple[bytes, bytes]]) -> str:
        """Return the name of the key in ``headers``; raises a refusal (401)."""
        key = _shown(headers)
        if key is None:
            raise bad_key(
                "no_key", "Send your key in one header: `Authorization: Bearer fh-...`, or `x-api-key: fh-...`."
            )
        name = self._names.get(digest(key))
        if not name:
            raise bad_key("bad_key", "This key is not known here. Ask the operator of this endpoint for one.")
        return name


def _shown(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    # Each way once; a client that goes both ways with one key means that key.
    shown: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in WAYS:
            if name in shown:
                return None
            shown[name] = _of_scheme(value) if name == b"authorization" else value.strip()
    keys = set(shown.values())
    return (keys.pop() or None) if len(keys) == 1 else None


def _of_scheme(value: bytes) -> bytes:
    return value[len(SCHEME) :].strip() if value.lower().startswith(SCHEME) else b""

"""Who calls: a key in the ``Authorization`` header, known here by its SHA-256 only."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Sequence

from freehold.gateway.config import Key
from freehold.gateway.refusals import bad_key

PREFIX = "fh-"
RANDOM_BYTES = 32
SCHEME = b"bearer "


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
        shown = [value for name, value in headers if name == b"authorization"]
        if len(shown) != 1 or not shown[0].lower().startswith(SCHEME):
            raise bad_key("no_key", "Send your key in one header: `Authorization: Bearer fh-...`.")
        name = self._names.get(digest(shown[0][len(SCHEME) :].strip()))
        if not name:
            raise bad_key("bad_key", "This key is not known here. Ask the operator of this endpoint for one.")
        return name

"""Who calls: a key in the ``Authorization`` or ``x-api-key`` header, known here by its SHA-256 only."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from freehold.gateway.books import Books
from freehold.gateway.refusals import bad_key
from freehold.ledger.key_records import Key

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


@dataclass(frozen=True)
class Keyring:
    """The keys that are let in, as the books have them.

    Found by their digest, however many there are. How long that takes says something about a digest at most, and who
    could make keys with digests of their choice would have broken SHA-256.
    """

    books: Books

    def caller(self, headers: Iterable[tuple[bytes, bytes]]) -> Key:
        """Return the key in ``headers``; raises a refusal (401)."""
        shown = _shown(headers)
        if shown is None:
            raise bad_key(
                "no_key", "Send your key in one header: `Authorization: Bearer fh-...`, or `x-api-key: fh-...`."
            )
        key = self.books.key_of(digest(shown))
        if key is None:
            raise bad_key("bad_key", "This key is not known here. Ask the operator of this endpoint for one.")
        return key


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

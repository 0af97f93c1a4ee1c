"""Judges what a node presents: the certificate of another host, a key that two hold, one that was revoked, a clock.

:func:`foreign` serves one request; :func:`judge` serves a preflight, which looks at every node before any is changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from freehold.errors import FreeholdError, RefusedError, raise_all
from freehold.keys import clock, files, ledger, names
from freehold.keys.files import KeysFolder
from freehold.keys.names import Identity


def judge(folder: Path, site: str, shown: Mapping[str, str], *, now: clock.Clock = clock.now) -> list[FreeholdError]:
    """Every reason why a node of ``shown`` must not go on with its certificate (PEM by node; empty: it has none)."""
    keys, errors = KeysFolder(folder), list[FreeholdError]()
    for name, pem in shown.items():
        if not pem.strip():
            continue
        identity = Identity(site, "node", name)
        try:
            key = first(pem, name).public_key()
        except RefusedError as error:
            errors.append(error)
            continue
        errors += foreign(keys, identity, key, pem, now)
    return errors


def foreign(
    folder: KeysFolder, identity: Identity, key: PublicKeyTypes, current: str, now: clock.Clock
) -> Iterator[RefusedError]:
    """The marks of a disk that was copied from another node, and of a key that was revoked."""
    own = files.key_id(key)
    if any(one.key == own for one in ledger.revoked(folder)):
        yield _foreign("KEYS_KEY_REVOKED", identity, f"key {own}, which was revoked", "a key that was made after that")
    if current.strip():
        uris = names.uris_of(first(current, identity.name))
        if uris and uris[0] != identity.uri:
            yield _foreign(
                "KEYS_OTHER_HOST", identity, f"the certificate of {uris[0]}", f"one of {identity.uri}, or none"
            )
            return  # it is of that host's key, of course
    others = {one.uri for one in ledger.in_force(folder, now) if one.key == own} - {identity.uri}
    if others:
        yield _foreign("KEYS_KEY_SHARED", identity, f"the key of {', '.join(sorted(others))}", "a key of its own")


def check_holder(folder: KeysFolder, name: str, site: str, seconds: int, tolerance: int, *, now: clock.Clock) -> None:
    """Refuse, together, a hierarchy of another site and a holder's clock that is off; empty and 0 are not looked at."""
    errors: list[FreeholdError] = []
    if site and site != folder.site:
        errors.append(
            RefusedError(
                "KEYS_SITE",
                str(folder.path),
                f"the hierarchy of site {folder.site}",
                expected=f"that of site {site}",
                why="a node must not be given names of another site",
                fix="name this site's folder in the stack (fleet:keys), or make one: freehold keys init",
            )
        )
    off = seconds - int(now().timestamp())
    if seconds and abs(off) > tolerance:
        errors.append(
            RefusedError(
                "KEYS_CLOCK",
                name,
                f"its clock is {abs(off)} s {'ahead of' if off > 0 else 'behind'} this host's",
                expected=f"{tolerance} s or less",
                why="it would refuse certificates that are in force, or trust those that have ended",
                fix=f"set the clock of {name}, or of this host: timedatectl status",
            )
        )
    raise_all(errors)


def first(pem: str, name: str = "the node's certificate") -> x509.Certificate:
    """The first certificate of a chain; raises :class:`RefusedError` where there is none."""
    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except ValueError as error:
        raise RefusedError(
            "KEYS_CERTIFICATE_DAMAGED",
            name,
            "not a certificate",
            expected="PEM",
            fix="remove /etc/freehold/tls/node.crt on the node and converge",
        ) from error


def _foreign(code: str, identity: Identity, found: str, expected: str) -> RefusedError:
    return RefusedError(
        code,
        identity.name,
        found,
        expected=expected,
        why="a key that two hosts hold, or somebody else does, says nothing about who is at the other end",
        fix=_way_back(identity),
    )


def _way_back(identity: Identity) -> str:
    if identity.kind == "control":
        return "freehold keys rotate control: a new key of this host, and a certificate for it"
    if identity.kind == "node":
        return f"freehold keys renew --new-key --host {identity.name}: a new key is made there and certified"
    return f"remove {identity.name}'s tls.key and tls.crt and run the same command again: a new key is made"

"""Lists of revoked certificates, one for each certificate that signs; nodes get all of them in one file."""

from __future__ import annotations

import datetime as dt

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from freehold.errors import UsageError
from freehold.keys import certificates, clock, files, ledger
from freehold.keys.certificates import Issuer
from freehold.keys.files import KeysFolder
from freehold.keys.ledger import Issued


def publish(folder: KeysFolder, signer: Issuer, now: clock.Clock) -> None:
    """Sign the list of what ``signer`` issued and was revoked since."""
    own = files.key_id(signer.key.public_key())
    rows = [one for one in ledger.revoked(folder) if one.issuer == own]
    serials = [(int(one.serial, 16), dt.datetime.fromisoformat(one.at)) for one in rows]
    listed = certificates.revocations(serials, len(rows) + 1, signer, now())
    files.write(folder.path / "crl" / f"{own}.pem", listed.public_bytes(serialization.Encoding.PEM), files.PUBLIC)


def bundle(folder: KeysFolder) -> str:
    """What nodes get: all lists but those of retired roots, as PEM, in a fixed order."""
    retired = {one.id for one in folder.retired_roots}
    given = [one for one in sorted((folder.path / "crl").glob("*.pem")) if one.stem not in retired]
    return "".join(one.read_text(encoding="ascii") for one in given)


def lists(folder: KeysFolder) -> list[x509.CertificateRevocationList]:
    """All lists, for checking signatures."""
    return [x509.load_pem_x509_crl(one.read_bytes()) for one in sorted((folder.path / "crl").glob("*.pem"))]


def matching(folder: KeysFolder, what: str, now: clock.Clock, *, older: bool = False) -> list[Issued]:
    """Certificates in force by name, URI, serial or key id; with ``older`` those of other keys than the newest one's.

    Raises :class:`UsageError` where there is none.
    """
    found = [one for one in ledger.in_force(folder, now) if what in {one.name, one.uri, one.serial, one.key}]
    if older:
        # By holder, not by what was asked: one serial or id alone would be its own newest, one URI is a holder's name.
        newest = {one.uri: one.key for one in ledger.in_force(folder, now)}
        found = [one for one in found if one.key != newest[one.uri]]
    if not found:
        known = ", ".join(sorted({one.name for one in ledger.in_force(folder, now)}))
        raise UsageError("KEYS_NONE_SUCH", what, "no certificate in force has this name, serial or id", expected=known)
    return found

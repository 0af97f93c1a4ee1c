"""Signatures on documents: bundle, acceptance, evidence, weights. Each key is certified for one purpose by the root.

A signature is a small JSON document that carries the key's certificate, so that whoever has the root's certificate can
check it without this host. What is signed begins with the purpose, and the certificate names it too: a signature that
was made for one purpose is none for another.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from freehold.errors import IntegrityError, RefusedError, UsageError
from freehold.keys import certificates, clock, files, ledger, names, revocation
from freehold.keys.certificates import Issuer
from freehold.keys.files import Entry, KeysFolder

PURPOSES = ("bundle", "acceptance", "evidence", "weights")
FORMAT = "freehold-signature-1"


def uri_of(site: str, purpose: str) -> str:
    """The name in the certificate of a purpose's key. Raises :class:`UsageError` for an unknown purpose."""
    if purpose not in PURPOSES:
        raise UsageError("KEYS_PURPOSE", purpose, "an unknown purpose", expected=f"one of {', '.join(PURPOSES)}")
    return f"{names.SCHEME}://{site}/signing/{purpose}"


def make(folder: KeysFolder, site: str, purpose: str, signer: Issuer, now: clock.Clock) -> Entry:
    """A new key for ``purpose``, certified by the root; it signs from now on, the older ones can still be checked."""
    key, uri = ed25519.Ed25519PrivateKey.generate(), uri_of(site, purpose)
    certificate = certificates.signing(key.public_key(), site, uri, signer, begin=now(), life=clock.SIGNING_LIFE)
    entry = folder.signing(purpose).add(certificate, certificates.plain(key))
    ledger.note_issued(folder, files.key_id(signer.key.public_key()), certificate)
    return entry


def sign(folder: Path, purpose: str, data: bytes, *, now: clock.Clock = clock.now) -> dict[str, str]:
    """The signature of ``data``. Raises :class:`RefusedError` without a key, or with one that has expired."""
    keys = KeysFolder(folder)
    uri = uri_of(keys.site, purpose)
    entry = keys.signing(purpose).current()
    if entry is None or not entry.key_file.is_file():
        raise _no_key(folder, purpose, "no key for this purpose")
    if f"{entry.certificate.serial_number:x}" in {one.serial for one in ledger.revoked(keys)}:
        raise _no_key(folder, purpose, f"key {entry.id}, which was revoked")
    if now() >= entry.certificate.not_valid_after_utc:
        raise _no_key(folder, purpose, f"expired on {clock.iso(entry.certificate.not_valid_after_utc)}")
    key = serialization.load_pem_private_key(entry.key_file.read_bytes(), None)
    assert isinstance(key, ed25519.Ed25519PrivateKey)  # noqa: S101  made above, and nowhere else
    head = {"format": FORMAT, "purpose": purpose, "name": uri, "key_id": entry.id, "signed_at": clock.iso(now())}
    signature = base64.b64encode(key.sign(_signed(head, data))).decode()
    return {**head, "signature": signature, "certificate": entry.pem}


def _signed(head: dict[str, str], data: bytes) -> bytes:
    """What the signature is over: a head that no other program's signed bytes begin with, then the data."""
    lines = [head[name] for name in ("format", "purpose", "name", "key_id", "signed_at")]
    return "\n".join([*lines, str(len(data)), ""]).encode() + data


@dataclass(frozen=True)
class Trust:
    """What a checker has to know: the roots, and the lists of what they revoked."""

    anchors: Sequence[x509.Certificate]
    revoked: Sequence[x509.CertificateRevocationList] = ()


def trust_of(folder: Path) -> Trust:
    """What this control host trusts: every root that it ever had, since signatures outlive roots."""
    keys = KeysFolder(folder)
    known = [*keys.roots.entries(), *keys.retired_roots]
    return Trust([one.certificate for one in known], revocation.lists(keys))


def verify(trust: Trust, purpose: str, data: bytes, signature: dict[str, Any]) -> str:
    """Return the id of the key that signed ``data`` for ``purpose``. Raises :class:`IntegrityError`."""
    head = {name: str(signature.get(name, "")) for name in ("format", "purpose", "name", "key_id", "signed_at")}
    if head["format"] != FORMAT or head["purpose"] != purpose:
        raise _bad(purpose, f"a signature of format {head['format']!r} for purpose {head['purpose']!r}")
    try:
        certificate = x509.load_pem_x509_certificate(str(signature["certificate"]).encode())
        signed_at = dt.datetime.fromisoformat(head["signed_at"])
        _check_certificate(trust, certificate, purpose, head, signed_at)
        key = certificate.public_key()
        assert isinstance(key, ed25519.Ed25519PublicKey)  # noqa: S101  checked with the certificate
        key.verify(base64.b64decode(str(signature["signature"]), validate=True), _signed(head, data))
    except (KeyError, ValueError, TypeError, binascii.Error) as error:
        raise _bad(purpose, f"no signature of ours: {type(error).__name__}") from error
    except InvalidSignature as error:
        raise _bad(purpose, f"the data is not what key {head['key_id']} signed") from error
    return head["key_id"]


def _check_certificate(
    trust: Trust, certificate: x509.Certificate, purpose: str, head: dict[str, str], at: dt.datetime
) -> None:
    uris, key = names.uris_of(certificate), certificate.public_key()
    if not isinstance(key, ed25519.Ed25519PublicKey) or files.key_id(key) != head["key_id"]:
        raise _bad(purpose, "the certificate is of another key")
    if uris != [head["name"]] or not head["name"].endswith(f"/signing/{purpose}"):
        raise _bad(purpose, f"the key is certified for {', '.join(uris) or 'nothing'}")
    if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
        raise _bad(purpose, f"signed at {head['signed_at']}, when its certificate was not in force")
    root = next((one for one in trust.anchors if _issued_by(certificate, one)), None)
    if root is None:
        raise _bad(purpose, f"key {head['key_id']} is certified by no root that is trusted here")
    for listed in trust.revoked:
        own = isinstance(root_key := root.public_key(), ec.EllipticCurvePublicKey) and listed.is_signature_valid(
            root_key
        )
        if own and listed.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None:
            raise _bad(purpose, f"key {head['key_id']} was revoked")


def _issued_by(certificate: x509.Certificate, root: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(root)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def as_text(signature: dict[str, str]) -> str:
    """A signature as it is kept beside what it signs."""
    return json.dumps(signature, indent=2, sort_keys=True) + "\n"


def _bad(purpose: str, found: str) -> IntegrityError:
    return IntegrityError(
        "KEYS_SIGNATURE",
        f"signature for {purpose}",
        found,
        expected=f"a signature by a key that a trusted root certified for {purpose}, over exactly this data",
        fix="get data and signature from where they were made; a signature is never mended by hand",
    )


def _no_key(folder: Path, purpose: str, found: str) -> RefusedError:
    return RefusedError(
        "KEYS_NO_SIGNING_KEY",
        f"{folder}/signing/{purpose}",
        found,
        expected="a signing key in force",
        fix=f"plug in the medium with the root, then: freehold keys rotate {purpose} --folder {folder} --root FILE",
    )

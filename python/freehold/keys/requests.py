"""A node asks with a signing request; the answer is a certificate only when it needs one. Names are the caller's."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec

from freehold.errors import RefusedError
from freehold.keys import authority, certificates, clock, files, ledger, names, presented, revocation, roots
from freehold.keys.files import Entry, KeysFolder
from freehold.keys.names import Identity

BLOCK = re.compile(r"-----BEGIN ([A-Z ]+)-----.*?-----END \1-----\n?", re.DOTALL)


@dataclass(frozen=True)
class Answer:
    """``chain`` is the leaf and its issuer, ``anchors`` the roots, ``crl`` the lists: all PEM, all public.

    ``status`` is ``current`` (the certificate that was shown still serves), ``issued``, or ``due`` in a dry run.
    """

    status: str
    reason: str
    chain: str
    anchors: str
    crl: str
    serial: str
    not_before: str
    not_after: str
    not_before_seconds: int = 0
    not_after_seconds: int = 0


def answer(
    folder: KeysFolder,
    identity: Identity,
    request: str,
    current: str = "",
    *,
    now: clock.Clock = clock.now,
    days: int = clock.LEAF_DAYS,
    force: bool = False,
    dry_run: bool = False,
) -> Answer:
    """Judge ``current`` (PEM, may be empty) and sign ``request`` (PEM) if it is due. Raises :class:`RefusedError`."""
    asked = _Asked(identity, request, current, days=days, force=force)
    if dry_run:
        return _looked_at(folder, asked, now)
    # One reading of everything under the lock: the issuing certificate may be replaced at any time.
    with files.locked(folder.path):
        return _signed(folder, asked, now)


@dataclass(frozen=True)
class _Asked:
    identity: Identity
    request: str
    current: str
    days: int
    force: bool

    def judged(self, folder: KeysFolder, issuing: Entry, now: clock.Clock) -> tuple[ec.EllipticCurvePublicKey, str]:
        """The key, and why a certificate is due; raises :class:`RefusedError` for one that must not be signed."""
        key = read_request(self.request, self.identity)
        for error in presented.foreign(folder, self.identity, key, self.current, now):
            raise error
        return key, "asked for" if self.force else due(self.identity, key, self.current, issuing, now)


def _looked_at(folder: KeysFolder, asked: _Asked, now: clock.Clock) -> Answer:
    entry = authority.issuing(folder, now)
    if not asked.request.strip():
        return _answer(folder, "due", "no key yet", "", now)
    _, reason = asked.judged(folder, entry, now)
    return _answer(folder, "due" if reason else "current", reason, asked.current, now)


def _signed(folder: KeysFolder, asked: _Asked, now: clock.Clock) -> Answer:
    entry = authority.issuing(folder, now)
    key, reason = asked.judged(folder, entry, now)
    if not reason:
        return _answer(folder, "current", "", asked.current, now)
    who, signer, life = asked.identity, authority.issuer_of(entry), dt.timedelta(days=asked.days)
    made = certificates.leaf(key, who.name, who.extension(), signer, begin=now(), life=life)
    ledger.note_issued(folder, entry.id, made)
    return _answer(folder, "issued", reason, made.public_bytes(certificates.PEM).decode() + entry.pem, now)


def read_request(request: str, identity: Identity) -> ec.EllipticCurvePublicKey:
    """The public key of a request whose signature proves that the node holds the private one."""
    try:
        read = x509.load_pem_x509_csr(request.encode())
        key = read.public_key()
        whole = read.is_signature_valid
    except ValueError as error:
        raise _bad_request(identity, "no signing request") from error
    if not whole or not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise _bad_request(
            identity, "a request with a wrong signature" if not whole else f"a key of {type(key).__name__}"
        )
    return key


def due(identity: Identity, key: ec.EllipticCurvePublicKey, current: str, issuing: Entry, now: clock.Clock) -> str:
    """Why a new certificate is needed; empty when the one that is there serves."""
    if not current.strip():
        return "no certificate yet"
    certificate = presented.first(current)
    checks = (
        (files.key_id(certificate.public_key()) != files.key_id(key), "it is of another key"),
        (not _issued_by(certificate, issuing.certificate), "another certificate issues now"),
        (_chain(current)[1:] != [issuing.certificate], "its chain shows another issuer"),
        (names.names_of(certificate) != identity.extension(), "the names changed"),
        (
            clock.is_due(certificate.not_valid_before_utc, certificate.not_valid_after_utc, now()),
            f"it ends on {clock.iso(certificate.not_valid_after_utc)}",
        ),
    )
    return next((reason for wrong, reason in checks if wrong), "")


def _chain(pem: str) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(pem.encode())


def blocks(text: str) -> dict[str, str]:
    """PEM blocks by what they are (``CERTIFICATE REQUEST``, ``CERTIFICATE``), those of one kind together."""
    found: dict[str, str] = {}
    for match in BLOCK.finditer(text):
        found[match[1]] = found.get(match[1], "") + match[0]
    return found


def _bad_request(identity: Identity, found: str) -> RefusedError:
    return RefusedError("KEYS_REQUEST", identity.name, found, expected="PKCS#10 in PEM, with a key on P-256")


def _issued_by(certificate: x509.Certificate, issuing: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuing)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _answer(folder: KeysFolder, status: str, reason: str, chain: str, now: clock.Clock) -> Answer:
    trusted = "".join(one.public_bytes(certificates.PEM).decode() for one in roots.anchors(folder, now))
    certificate = presented.first(chain) if chain.strip() else None
    return Answer(
        status=status,
        reason=reason,
        chain=chain,
        anchors=trusted,
        crl=revocation.bundle(folder),
        serial=f"{certificate.serial_number:x}" if certificate else "",
        not_before=clock.iso(certificate.not_valid_before_utc) if certificate else "",
        not_after=clock.iso(certificate.not_valid_after_utc) if certificate else "",
        not_before_seconds=int(certificate.not_valid_before_utc.timestamp()) if certificate else 0,
        not_after_seconds=int(certificate.not_valid_after_utc.timestamp()) if certificate else 0,
    )

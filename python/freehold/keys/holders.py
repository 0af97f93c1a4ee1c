"""Holders of certificates on this very host: key, certificate and trust in one folder, renewed in place."""

from __future__ import annotations

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from freehold.errors import IntegrityError
from freehold.keys import certificates, clock, files, requests
from freehold.keys.files import KeysFolder
from freehold.keys.names import Identity
from freehold.keys.requests import Answer

KEY, CERTIFICATE, ANCHORS, LISTS = "tls.key", "tls.crt", "ca.crt", "crl.pem"


def ensure(
    folder: KeysFolder,
    identity: Identity,
    out: Path,
    *,
    now: clock.Clock = clock.now,
    days: int = clock.LEAF_DAYS,
    dry_run: bool = False,
) -> Answer:
    """Make what is missing in ``out`` and renew what is due. Raises as :func:`freehold.keys.requests.answer`."""
    key = _key(out / KEY)
    current = out / CERTIFICATE
    shown = current.read_text(encoding="ascii") if current.is_file() else ""
    answer = requests.answer(folder, identity, _request(key), shown, now=now, days=days, dry_run=dry_run)
    if dry_run:
        return answer
    if not (out / KEY).is_file():
        files.write(out / KEY, certificates.plain(key), files.SECRET)
    for name, text in ((ANCHORS, answer.anchors), (LISTS, answer.crl), (CERTIFICATE, answer.chain)):
        _put(out / name, text)
    return answer


def _key(path: Path) -> ec.EllipticCurvePrivateKey:
    if not path.is_file():
        return certificates.new_tls_key()
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise IntegrityError("KEYS_KEY_FORM", str(path), type(key).__name__, expected="an ECDSA key on P-256")
    return key


def _request(key: ec.EllipticCurvePrivateKey) -> str:
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    return request.public_bytes(certificates.PEM).decode()


def _put(path: Path, text: str) -> None:
    if not path.is_file() or path.read_text(encoding="ascii") != text:
        files.write(path, text.encode(), files.PUBLIC)

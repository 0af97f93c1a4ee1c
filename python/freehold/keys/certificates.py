"""The four forms of certificate that there are here, and the list of those that are revoked.

ECDSA on P-256 for TLS: every TLS library, token and browser takes it. Ed25519 for documents: see ADR 10.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from freehold.keys import files
from freehold.keys.clock import SKEW

PEM = serialization.Encoding.PEM


@dataclass(frozen=True)
class Issuer:
    """A certificate that may sign others, with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def new_tls_key() -> ec.EllipticCurvePrivateKey:
    """A key for certificates."""
    return ec.generate_private_key(ec.SECP256R1())


def plain(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    """A key as PEM without a passphrase: the mode of its file guards it."""
    return key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the certificate's DER, in hexadecimal."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def root(key: ec.EllipticCurvePrivateKey, site: str, begin: dt.datetime, life: dt.timedelta) -> x509.Certificate:
    """The self-signed root of a site; one issuing certificate below it, and no more."""
    name = _name(f"{site} root {files.key_id(key.public_key())}")
    builder = _begin(name, key.public_key(), begin, begin + life).issuer_name(name)
    return _authority(builder, key.public_key(), depth=1).sign(key, hashes.SHA256())


def issuing(
    key: ec.EllipticCurvePublicKey, site: str, signer: Issuer, begin: dt.datetime, life: dt.timedelta
) -> x509.Certificate:
    """An issuing certificate: it signs leaves and nothing that signs."""
    end = min(begin + life, signer.certificate.not_valid_after_utc)
    builder = _begin(_name(f"{site} issuing {files.key_id(key)}"), key, begin, end).issuer_name(
        signer.certificate.subject
    )
    return _authority(builder, signer.key.public_key(), depth=0).sign(signer.key, hashes.SHA256())


def leaf(
    key: CertificatePublicKeyTypes,
    name: str,
    names: x509.SubjectAlternativeName,
    signer: Issuer,
    *,
    begin: dt.datetime,
    life: dt.timedelta,
) -> x509.Certificate:
    """A certificate for both ends of TLS; it never outlasts its issuer."""
    end = min(begin + life, signer.certificate.not_valid_after_utc)
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    builder = _begin(_name(name), key, begin, end).issuer_name(signer.certificate.subject)
    builder = _end_entity(builder, signer).add_extension(names, critical=False)
    return builder.add_extension(usage, critical=False).sign(signer.key, hashes.SHA256())


def signing(
    key: CertificatePublicKeyTypes, site: str, uri: str, signer: Issuer, *, begin: dt.datetime, life: dt.timedelta
) -> x509.Certificate:
    """A certificate for signing documents of one purpose, which ``uri`` names; TLS refuses it, for want of a usage."""
    end = min(begin + life, signer.certificate.not_valid_after_utc)
    builder = _begin(_name(f"{site} {uri.rpartition('/')[2]} signing"), key, begin, end)
    builder = _end_entity(builder.issuer_name(signer.certificate.subject), signer)
    names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)])
    # Without this, "no usage named" would mean "any usage" to TLS.
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])
    builder = builder.add_extension(names, critical=False).add_extension(usage, critical=True)
    return builder.sign(signer.key, hashes.SHA256())


def revocations(
    serials: Sequence[tuple[int, dt.datetime]], number: int, signer: Issuer, begin: dt.datetime
) -> x509.CertificateRevocationList:
    """The list of ``signer``'s revoked certificates. It ends with its issuer: nodes get it pushed, see ADR 10.

    It begins as early as certificates do: a node whose clock is a little behind would refuse everybody by a list of the
    future.
    """
    builder = x509.CertificateRevocationListBuilder().issuer_name(signer.certificate.subject)
    builder = builder.last_update(begin - SKEW).next_update(signer.certificate.not_valid_after_utc)
    builder = builder.add_extension(x509.CRLNumber(number), critical=False)
    builder = builder.add_extension(_authority_key(signer.key.public_key()), critical=False)
    for serial, when in serials:
        revoked = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(when - SKEW).build()
        builder = builder.add_revoked_certificate(revoked)
    return builder.sign(signer.key, hashes.SHA256())


def _name(text: str) -> x509.Name:
    owner = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Freehold")
    return x509.Name([owner, x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _begin(
    subject: x509.Name, key: CertificatePublicKeyTypes, begin: dt.datetime, end: dt.datetime
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).public_key(key)
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(begin - SKEW).not_valid_after(end)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)


def _authority(builder: x509.CertificateBuilder, by: ec.EllipticCurvePublicKey, depth: int) -> x509.CertificateBuilder:
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=depth), critical=True)
    return builder.add_extension(_usage(signs_certificates=True), critical=True).add_extension(
        _authority_key(by), critical=False
    )


def _end_entity(builder: x509.CertificateBuilder, signer: Issuer) -> x509.CertificateBuilder:
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    return builder.add_extension(_usage(signs_certificates=False), critical=True).add_extension(
        _authority_key(signer.key.public_key()), critical=False
    )


def _authority_key(key: ec.EllipticCurvePublicKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )

"""A private key under a passphrase: PKCS#8 with PBES2, scrypt and AES-256-CBC (RFC 8018, RFC 7914).

The `cryptography` package reads this form and writes PBKDF2 with 2,048 rounds, which is too few for a key that is worth
ten years of guessing. So the envelope is made here; `openssl pkey` opens it too, in case Freehold is gone by then.
"""

from __future__ import annotations

import base64
import os
import textwrap

from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import padding, serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.x509 import ObjectIdentifier

COST, BLOCK, PARALLEL = 2**14, 8, 5
"""16 MiB, five times: a setting of OWASP's Password Storage Cheat Sheet (read 2026-11), and as much as OpenSSL
opens unasked."""
KEY_BYTES, SALT_BYTES, BLOCK_BITS = 32, 16, 128
PBES2, SCRYPT, AES256_CBC = "1.2.840.113549.1.5.13", "1.3.6.1.4.1.11591.4.11", "2.16.840.1.101.3.4.1.42"


@asn1.sequence
class _ScryptParameters:
    salt: bytes
    cost: int
    block: int
    parallel: int
    length: int


@asn1.sequence
class _Kdf:
    algorithm: ObjectIdentifier
    parameters: _ScryptParameters


@asn1.sequence
class _Encryption:
    algorithm: ObjectIdentifier
    vector: bytes


@asn1.sequence
class _Pbes2:
    kdf: _Kdf
    encryption: _Encryption


@asn1.sequence
class _Algorithm:
    algorithm: ObjectIdentifier
    parameters: _Pbes2


@asn1.sequence
class _EncryptedPrivateKeyInfo:
    algorithm: _Algorithm
    data: bytes


def seal(key: PrivateKeyTypes, passphrase: str) -> bytes:
    """The key as an ENCRYPTED PRIVATE KEY in PEM."""
    form = serialization.PrivateFormat.PKCS8
    plain = key.private_bytes(serialization.Encoding.DER, form, serialization.NoEncryption())
    salt, vector = os.urandom(SALT_BYTES), os.urandom(SALT_BYTES)
    derived = Scrypt(salt=salt, length=KEY_BYTES, n=COST, r=BLOCK, p=PARALLEL).derive(passphrase.encode())
    padder = padding.PKCS7(BLOCK_BITS).padder()
    encryptor = Cipher(algorithms.AES(derived), modes.CBC(vector)).encryptor()
    data = encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()
    whole = asn1.encode_der(_EncryptedPrivateKeyInfo(algorithm=_algorithm(salt, vector), data=data))
    body = "\n".join(textwrap.wrap(base64.b64encode(whole).decode(), 64))
    return f"-----BEGIN ENCRYPTED PRIVATE KEY-----\n{body}\n-----END ENCRYPTED PRIVATE KEY-----\n".encode()


def _algorithm(salt: bytes, vector: bytes) -> _Algorithm:
    numbers = _ScryptParameters(salt=salt, cost=COST, block=BLOCK, parallel=PARALLEL, length=KEY_BYTES)
    kdf = _Kdf(algorithm=ObjectIdentifier(SCRYPT), parameters=numbers)
    encryption = _Encryption(algorithm=ObjectIdentifier(AES256_CBC), vector=vector)
    return _Algorithm(algorithm=ObjectIdentifier(PBES2), parameters=_Pbes2(kdf=kdf, encryption=encryption))


def unseal(pem: bytes, passphrase: str) -> PrivateKeyTypes:
    """The key; raises :class:`ValueError` when the passphrase is another, or the file is damaged."""
    return serialization.load_pem_private_key(pem, passphrase.encode())

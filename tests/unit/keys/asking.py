"""What a node does: a key of its own and a request for it."""

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from freehold.keys import certificates
from freehold.keys.names import Identity


def identity(
    name: str = "gpu1", addresses: tuple[str, ...] = ("10.85.0.11", "10.83.0.11"), kind: str = "node"
) -> Identity:
    return Identity("lab", kind, name, addresses)


def request(key: ec.EllipticCurvePrivateKey | None = None, name: str = "whoever it says it is") -> str:
    """The name in it is a lie: names come from the caller."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    made = x509.CertificateSigningRequestBuilder().subject_name(subject)
    return made.sign(key or certificates.new_tls_key(), hashes.SHA256()).public_bytes(certificates.PEM).decode()

"""Who a certificate is for. The names come from the fleet document, never from the node that asks."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from cryptography import x509

from freehold.errors import UsageError

SCHEME = "freehold"
DOMAIN = "freehold.internal"
KINDS = ("node", "control", "monitor", "client")
NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True)
class Identity:
    """One holder of a TLS certificate. ``monitor``: this node also runs the monitoring, and may scrape the others."""

    site: str
    kind: str
    name: str
    addresses: tuple[str, ...] = ()
    monitor: bool = False

    def __post_init__(self) -> None:
        """Refuse names that would mean something else in a URI or in DNS."""
        for text in (self.site, self.name):
            if not NAME.fullmatch(text):
                raise UsageError("KEYS_NAME", text, "not a host name", expected="small letters, digits and hyphens")
        if self.kind not in KINDS:
            raise UsageError("KEYS_KIND", self.kind, "an unknown kind", expected=f"one of {', '.join(KINDS)}")
        for address in self.addresses:
            _check_address(address)

    @property
    def uri(self) -> str:
        """The name that listeners decide by."""
        base = f"{SCHEME}://{self.site}/{self.kind}"
        return base if self.kind == "control" else f"{base}/{self.name}"

    @property
    def uris(self) -> tuple[str, ...]:
        """All names of that form."""
        return (self.uri, f"{SCHEME}://{self.site}/monitor/{self.name}") if self.monitor else (self.uri,)

    def extension(self) -> x509.SubjectAlternativeName:
        """The certificate's names: DNS, addresses, URIs, in a fixed order."""
        dns = [x509.DNSName(name) for name in (self.name, f"{self.name}.{self.site}.{DOMAIN}")]
        unique = sorted(
            {ipaddress.ip_address(address) for address in self.addresses}, key=lambda one: (one.version, one)
        )
        addresses = [x509.IPAddress(address) for address in unique]
        return x509.SubjectAlternativeName([*dns, *addresses, *map(x509.UniformResourceIdentifier, self.uris)])


def names_of(certificate: x509.Certificate) -> x509.SubjectAlternativeName:
    """The names of a certificate; none where it has no such extension."""
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return x509.SubjectAlternativeName([])


def uris_of(certificate: x509.Certificate) -> list[str]:
    """The URIs of a certificate."""
    return names_of(certificate).get_values_for_type(x509.UniformResourceIdentifier)


def _check_address(text: str) -> None:
    try:
        ipaddress.ip_address(text)
    except ValueError as error:
        raise UsageError("KEYS_ADDRESS", text, "not an address", expected="a literal IPv4 or IPv6 address") from error

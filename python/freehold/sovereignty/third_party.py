"""Finds the hosts that a configuration text names, so that a check can say which of them are somebody else's."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

URL = re.compile(r"\b[a-z][a-z0-9+.-]*://(?:[^\s/@\"']*@)?(\[[0-9a-f:]+\]|[^\s/:\"'<>,;\]}]+)", re.IGNORECASE)
ADDRESS = re.compile(r"(?<![\w.:])(\d{1,3}(?:\.\d{1,3}){3})(?![\w.])")
ADDRESS_V6 = re.compile(r"(?<![\w:.])((?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4})(?![\w:])", re.IGNORECASE)
# Settings whose every word is a host, whatever it looks like: resolvers and clocks.
HOSTS = re.compile(r"^\s*(?:nameserver\s+|(?:Fallback)?(?:DNS|NTP)\s*=)(.*)$", re.IGNORECASE)
# Domains that a daemon of this stack could be talked into calling. File names such as `main.py` or `x.service` are no
# match; a private top-level domain such as `.internal` is the owner's.
DOMAIN = re.compile(
    r"(?<![\w./@-])((?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+"
    r"(?:com|org|net|io|ai|dev|app|cloud|co|tech|gov|edu|info|us|eu|uk|de|fr|cn|jp|run))(?![\w-]|\.\w)",
    re.IGNORECASE,
)


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, order=True)
class NamedHost:
    """A host that a file names; ``line`` counts from 1."""

    file: str
    line: int
    host: str


def named_hosts(file: str, text: str) -> Iterator[NamedHost]:
    """Every host that ``text`` names, comments and units' documentation links left out: they call nobody."""
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith(("#", ";", "//", "Documentation=")):
            continue
        for host in sorted(_hosts_in(line)):
            yield NamedHost(file, number, host)


def _hosts_in(line: str) -> set[str]:
    found = {match.group(1).strip("[]").lower() for match in URL.finditer(line)}
    found |= {match.group(1) for match in ADDRESS.finditer(line) if _is_address(match.group(1))}
    found |= {match.group(1).lower() for match in ADDRESS_V6.finditer(line) if _is_address(match.group(1))}
    found |= {match.group(1).lower() for match in DOMAIN.finditer(line)}
    if listed := HOSTS.match(line):
        found |= {word.lower() for word in listed.group(1).split()}
    return found


def third_party(hosts: Iterator[NamedHost], own: Collection[str]) -> list[NamedHost]:
    """Those that are neither loopback, nor unspecified, nor in ``own``: names, addresses and networks of the owner."""
    networks = [network for one in own if "/" in one and (network := _network(one))]
    return [
        named
        for named in hosts
        if named.host not in own and not _is_local(named.host) and not _is_inside(named.host, networks)
    ]


def _network(text: str) -> Network | None:
    """None for what is no network: then it is nobody's, and what it was meant for fails the check."""
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _is_inside(host: str, networks: Sequence[Network]) -> bool:
    return _is_address(host) and any(ipaddress.ip_address(host) in network for network in networks)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_local(host: str) -> bool:
    if not _is_address(host):
        return host == "localhost" or "." not in host
    address = ipaddress.ip_address(host)
    return address.is_loopback or address.is_unspecified or address.is_link_local or address.is_multicast

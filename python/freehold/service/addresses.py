"""What a service may listen on or connect to: literal addresses, since a name is whatever somebody resolves it to."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def is_address(host: str) -> bool:
    """Tell whether ``host`` is a literal IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Tell whether ``host`` is a literal loopback address."""
    return is_address(host) and ipaddress.ip_address(host).is_loopback


def is_loopback_url(url: str) -> bool:
    """Tell whether ``url`` is ``http://``, a literal loopback address, and a port, and nothing else."""
    try:
        parts = urlsplit(url)
        plain = parts.scheme == "http" and not (parts.path or parts.query or parts.fragment or "@" in parts.netloc)
        return plain and parts.port is not None and is_loopback(parts.hostname or "")
    except ValueError:
        return False

"""What a service may listen on or connect to: literal addresses, since a name is whatever somebody resolves it to."""

from __future__ import annotations

import ipaddress


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

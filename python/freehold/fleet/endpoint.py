"""The address that a client of a node is given; one spelling for stack, status and lab."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def endpoint(host: Mapping[str, Any], port: int) -> str:
    """The base address for an OpenAI client; ``host`` is an entry of the fleet document."""
    return f"http://{bracketed(host['serve_address'])}:{port}/v1"


def bracketed(address: str) -> str:
    """An address as it stands in a URL."""
    return f"[{address}]" if ":" in address else address

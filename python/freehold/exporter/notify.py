"""Telling systemd: ready, still alive, stopping. Silent where nobody listens."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping


def notify(message: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Send ``message`` (sd_notify(3), such as ``READY=1``); whether there was somebody to send it to."""
    address = environment.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    # systemd writes an abstract address with a leading @, the kernel wants a leading NUL.
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        sock.sendto(message.encode(), "\0" + address[1:] if address.startswith("@") else address)
    return True


def watchdog_seconds(environment: Mapping[str, str] = os.environ) -> float | None:
    """How often to say ``WATCHDOG=1``: half of what systemd allows, None where it does not watch."""
    micros = environment.get("WATCHDOG_USEC", "")
    return int(micros) / 2_000_000 if micros.isdigit() and int(micros) > 0 else None

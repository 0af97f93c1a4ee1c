"""Talking to the supervisor: the readiness and watchdog protocol of sd_notify(3), without a library."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass

MICROSECONDS = 1_000_000


@dataclass(frozen=True)
class Supervisor:
    """The supervisor that started this process, or nobody (``address`` empty): then every message is a no-op.

    ``watchdog_seconds`` is the time after which the supervisor kills a silent service; 0 means that it does not.
    """

    address: str = ""
    watchdog_seconds: float = 0.0

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Supervisor:
        """Read ``NOTIFY_SOCKET``, ``WATCHDOG_USEC`` and ``WATCHDOG_PID`` as systemd sets them."""
        meant_for_us = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        said = environ.get("WATCHDOG_USEC", "") if meant_for_us else ""
        microseconds = int(said) if said.isascii() and said.isdecimal() else 0
        return cls(environ.get("NOTIFY_SOCKET", ""), microseconds / MICROSECONDS)

    def ping_seconds(self, otherwise: float) -> float:
        """Return how often to ping: a third of the limit, so that one lost ping does not kill the service."""
        return self.watchdog_seconds / 3 if self.watchdog_seconds else otherwise

    def ready(self, status: str) -> None:
        """Say that the service answers from now on."""
        self._send(f"READY=1\nSTATUS={status}", socket.MSG_NOSIGNAL)

    def status(self, status: str) -> None:
        """Replace the line that ``systemctl status`` shows."""
        self._try(f"STATUS={status}")

    def alive(self) -> None:
        """Ping the watchdog."""
        self._try("WATCHDOG=1")

    def stopping(self, status: str) -> None:
        """Say that the service is on its way to an orderly end."""
        self._try(f"STOPPING=1\nSTATUS={status}")

    def _try(self, message: str) -> None:
        # A supervisor that is busy or gone must not stop the service: it never waits, and a lost ping is followed by
        # another one. Only readiness must arrive.
        with contextlib.suppress(OSError):
            self._send(message, socket.MSG_NOSIGNAL | socket.MSG_DONTWAIT)

    def _send(self, message: str, flags: int) -> None:
        if not self.address:
            return
        # A leading @ stands for the abstract namespace, whose names begin with a zero byte.
        address = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.connect(address)
            channel.send(message.encode(), flags)

"""Taking addresses: one that comes later is waited for, one that is wrong is refused with the reason.

A socket that the supervisor holds is taken from it (sd_listen_fds(3)): it stays open while this service restarts, so
that a client who comes meanwhile waits for a moment instead of being refused.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from freehold.errors import RefusedError
from freehold.gateway.config import Limits, Listen

ADDRESS_SECONDS = 20.0
ADDRESS_POLL_SECONDS = 0.2
FREEBIND = {socket.AF_INET: (socket.IPPROTO_IP, 15), socket.AF_INET6: (socket.IPPROTO_IPV6, 78)}
"""IP_FREEBIND and IPV6_FREEBIND (linux/in.h, in6.h; Python names neither): the mesh's interface comes and goes."""

FIRST_DESCRIPTOR = 3

KERNEL_SECONDS = 5.0  # on a machine with far too much to do, filling the kernel's buffers takes more than 0.2 s


@dataclass
class Inherited:
    """Listening sockets that the supervisor handed over, until they are taken."""

    sockets: list[socket.socket]

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Inherited:
        """Read ``LISTEN_FDS`` and ``LISTEN_PID`` as systemd sets them; the sockets are not handed on to children."""
        if environ.get("LISTEN_PID") != str(os.getpid()):
            return cls([])
        sockets = [
            socket.socket(fileno=FIRST_DESCRIPTOR + number) for number in range(int(environ.get("LISTEN_FDS", "0")))
        ]
        for one in sockets:
            one.set_inheritable(False)
            one.setblocking(False)  # noqa: FBT003  the same
        return cls(sockets)

    def take(self, listen: Listen) -> socket.socket | None:
        """Return the socket that listens there, if it is among them."""
        for one in self.sockets:
            host, port = one.getsockname()[:2]
            if (ip_address(host), port) == (ip_address(listen.host), listen.port):
                self.sockets.remove(one)
                return one
        return None

    def check_all_taken(self) -> None:
        """Raise :class:`RefusedError` for a socket that the settings do not name: clients of it would wait for ever."""
        if self.sockets:
            host, port = self.sockets[0].getsockname()[:2]
            raise RefusedError(
                "SOCKET_NOT_ASKED_FOR",
                f"{host}:{port}",
                "the supervisor holds this socket, and the settings listen elsewhere",
                expected="the same addresses in the socket unit and in the settings",
                why="who connects there would wait for an answer that nobody gives",
                fix="converge the node again, or `systemctl stop freehold-gateway.socket`",
            )


async def taken(inherited: Inherited, listen: Listen, *, seconds: float = ADDRESS_SECONDS) -> socket.socket:
    """The listener for clients: the supervisor's, else one of our own. Raises as :func:`bind`.

    The supervisor holds addresses before they are here (FreeBind), so that one which nobody has would go unnoticed.
    """
    held = inherited.take(listen)
    if held is None:
        return await bind_patiently(listen, seconds=seconds)
    (await bind_patiently(Listen(listen.host, 0), seconds=seconds)).close()
    return held


async def bind_patiently(
    listen: Listen, *, seconds: float = ADDRESS_SECONDS, clock: Callable[[], float] = time.monotonic
) -> socket.socket:
    """Take the address; after a boot it may come some seconds later than this service. Raises as :func:`bind`."""
    end = clock() + seconds
    while True:
        try:
            return bind(listen)
        except RefusedError as refusal:
            if refusal.code != "ADDRESS_NOT_HERE" or clock() >= end:
                raise
        await asyncio.sleep(ADDRESS_POLL_SECONDS)


def bind(listen: Listen, *, before_it_is_here: bool = False) -> socket.socket:
    """Take the address; raises :class:`RefusedError` that says what is wrong with it."""
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if before_it_is_here:
        listener.setsockopt(*FREEBIND[family], 1)
    try:
        listener.bind((listen.host, listen.port))
    except OSError as error:
        listener.close()
        raise cannot_listen(listen, error) from error
    listener.setblocking(False)  # noqa: FBT003  the standard library's signature
    return listener


def cannot_listen(listen: Listen, error: OSError) -> RefusedError:
    """What to say of an address that was not to be had."""
    return RefusedError(
        "ADDRESS_NOT_HERE" if error.errno == errno.EADDRNOTAVAIL else "PORT_TAKEN",
        f"{listen.host}:{listen.port}",
        error.strerror or str(error),
        expected="an address of this machine with a free port",
        fix=f"find the holder with `ss -tlnp sport = {listen.port}` and the addresses with `ip address`; where systemd "
        "holds it, `systemctl restart freehold-gateway.socket` hands it over",
    )


def keep_from_hanging(listener: socket.socket, limits: Limits) -> None:
    """Let the kernel drop connections whose peer takes nothing any more; those accepted inherit it.

    It is for what is in the kernel's buffers after an answer is complete. It counts from when the client stops reading,
    we only from when those buffers are full; so it gets more time, and an answer that is still being written meets our
    own limit first and is counted for what it is.
    """
    seconds = max(2 * limits.write_seconds, limits.write_seconds + KERNEL_SECONDS)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(1000 * seconds))

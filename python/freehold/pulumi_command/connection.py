"""A connection to a host as the SDK describes it: pinned host keys, a proxy on the way, retries with a limit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import fabric  # type: ignore[import-untyped]
import paramiko
from paramiko.ssh_exception import NoValidConnectionsError

from freehold.pulumi_command import hostkey, login
from freehold.pulumi_command.target import Target
from freehold.pulumi_command.work import Cancellation, CommandError

# The official plugin's pauses between attempts: 0.1 s, half as long again each time, 5 s at most.
FIRST_PAUSE_SECONDS = 0.1
PAUSE_GROWTH = 1.5
LONGEST_PAUSE_SECONDS = 5.0

UNLIMITED = -1

Connect = Callable[[Target, fabric.Connection | None], fabric.Connection]
"""One attempt to reach a target, from here or from a connected proxy."""


@dataclass(frozen=True)
class Line:
    """A connection and, if it goes through one, that to its proxy."""

    host: fabric.Connection
    proxy: fabric.Connection | None = None

    def close(self) -> None:
        """End both."""
        self.host.close()
        if self.proxy is not None:
            self.proxy.close()


@dataclass(frozen=True)
class Dialler:
    """Tries until a target's ``dial_error_limit`` errors were forgiven; ``log`` hears of each."""

    log: Callable[[str], None]
    cancellation: Cancellation
    connect: Connect

    def dial(self, target: Target) -> Line:
        """The proxy first, if there is one. Raises :class:`CommandError`."""
        if target.proxy is None:
            return Line(self._attempts("Dial", target, None))
        proxy = self._attempts("Dial proxy", target.proxy, None)
        try:
            return Line(self._attempts("Dial from proxy", target, proxy), proxy)
        except BaseException:
            proxy.close()
            raise

    def _attempts(self, what: str, target: Target, proxy: fabric.Connection | None) -> fabric.Connection:
        limit = "inf" if target.dial_error_limit == UNLIMITED else str(target.dial_error_limit)
        for failed, pause in enumerate(_pauses(), start=1):
            self.cancellation.refuse_if_cancelled()
            try:
                return self.connect(target, proxy)
            except (OSError, EOFError, paramiko.SSHException) as error:
                reason = f"{target.address}: {_said(error, target)}"
                if UNLIMITED < target.dial_error_limit < failed:
                    where = "" if what == "Dial" else f" ({what.lower()})"
                    raise CommandError(f"no connection after {failed} attempts{where}: {reason}") from error
            self.log(f"{what} {failed}/{limit} failed: retrying ({reason})")
            self.cancellation.event.wait(pause)
        raise AssertionError  # the pauses never end


def dial(
    target: Target, log: Callable[[str], None], cancellation: Cancellation, *, connect: Connect | None = None
) -> Line:
    """Connect, by way of the proxy if there is one. Raises :class:`CommandError`."""
    return Dialler(log, cancellation, connect or open_connection).dial(target)


def open_connection(target: Target, proxy: fabric.Connection | None = None) -> fabric.Connection:
    """One attempt. Nothing of the user's own SSH configuration or keys takes part."""
    timeout = target.per_dial_timeout or None
    with login.login(target) as authentication:
        connection = fabric.Connection(
            target.host,
            user=target.user,
            port=target.port,
            connect_timeout=timeout,
            config=fabric.Config(overrides={"load_ssh_configs": False}, lazy=True),
            # The limit holds for every phase: a host that accepts and then is silent must not hang the update.
            connect_kwargs={**authentication, "banner_timeout": timeout, "auth_timeout": timeout},
        )
        expected = hostkey.pin(target, connection.client)
        try:
            connection.connect_kwargs.update(_way(target, proxy, timeout))
            connection.open()
        except paramiko.BadHostKeyException as error:
            connection.close()
            raise hostkey.refusal(target, expected, error.key) from error
        except BaseException:
            connection.close()
            raise
    return connection


def _way(target: Target, proxy: fabric.Connection | None, timeout: float | None) -> dict[str, Any]:
    """From a proxy the connection is a channel of the proxy's; it resolves the name of the host."""
    if proxy is None:
        return {}
    to, nowhere = (target.host, target.port), ("127.0.0.1", 0)
    return {"sock": proxy.transport.open_channel("direct-tcpip", to, nowhere, timeout=timeout)}


def _pauses() -> Iterator[float]:
    pause = FIRST_PAUSE_SECONDS
    while True:
        yield pause
        pause = min(pause * PAUSE_GROWTH, LONGEST_PAUSE_SECONDS)


def _said(error: Exception, target: Target) -> str:
    if isinstance(error, paramiko.AuthenticationException):
        return login.refused(target)
    if isinstance(error, paramiko.ChannelException):
        return f"the proxy does not reach it: {error.text}"
    if isinstance(error, NoValidConnectionsError):  # one error an address; a host rarely has more than one
        return "; ".join(sorted({getattr(one, "strerror", None) or str(one) for one in error.errors.values()}))
    return str(error) or type(error).__name__

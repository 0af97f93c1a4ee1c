"""The providers' ends: where each is, what it is shown, whether it is well. By TLS, nothing followed, nothing twice."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from freehold.errors import RefusedError
from freehold.gateway.client import Connection, UnreachedError
from freehold.gateway.config import Limits
from freehold.gateway.config_frontier import Provider
from freehold.gateway.frontier.outgoing import ANTHROPIC
from freehold.gateway.frontier.resolver import Resolver
from freehold.gateway.policy.breaker import Breaker
from freehold.gateway.pool import Address, Pool, Secure

HTTPS = 443
IDLE_SECONDS = 10.0
"""Public providers keep a connection for a minute and more: ours go first, since nothing is sent a second time."""
VERSION = re.compile(rb"\d{4}-\d{2}-\d{2}")
ANTHROPIC_VERSION = b"2023-06-01"
"""The version that Anthropic's clients have sent since it came (docs.anthropic.com, "Versions", read 2026-11)."""
LONGEST_WAIT = re.compile(rb"\d{1,6}")


class ProviderConnection(Connection):
    """A connection that also keeps when the server wants to be asked again."""

    retry_after: float | None = None

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note ``retry-after`` where it is a number of seconds."""
        super().on_header(name, value)
        if name.lower() == b"retry-after" and LONGEST_WAIT.fullmatch(value.strip()):
            self.retry_after = float(value)


@dataclass
class End:
    """One provider. ``key`` is empty where systemd handed none over: then it is no provider."""

    provider: Provider
    key: str
    breaker: Breaker
    resolver: Resolver
    limits: Limits
    context: ssl.SSLContext
    _at: dict[Connection, Address] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Take the address apart."""
        parts = urlsplit(self.provider.url)
        self._host, self._port, self._base = parts.hostname or "", parts.port or HTTPS, parts.path
        self._authority = parts.netloc
        self._pool = Pool(
            self.limits.connect_seconds, self.limits.silence_seconds, IDLE_SECONDS, make=ProviderConnection
        )
        self._secure = Secure(lambda: self.context, server=self._host)

    async def reach(self) -> Connection:
        """Return a connection whose other end has shown its certificate; nothing was sent on it.

        Raises :class:`UnreachedError` and :class:`OSError`.
        """
        try:
            async with asyncio.timeout(self.limits.connect_seconds):
                return await self._first(await self.resolver.addresses(self._host, self._port))
        except TimeoutError as error:
            raise UnreachedError from error

    async def _first(self, addresses: tuple[Address, ...]) -> Connection:
        each = self.limits.connect_seconds / max(
            len(addresses), 1
        )  # one that swallows everything leaves time for others
        for place, address in enumerate(addresses, 1):
            try:
                async with asyncio.timeout(each):
                    connection = await self._pool.reach(address, self._secure)
            except (UnreachedError, OSError) as error:  # a TimeoutError is one
                if place == len(addresses) or isinstance(error, ssl.SSLError):
                    raise
                continue
            self._at[connection] = address
            return connection
        raise UnreachedError

    async def send(self, connection: Connection, path: str, body: bytes, *, fresh_id: str, version: bytes) -> int:
        """Send the request, once; returns the status. Raises :class:`LostError`."""
        if isinstance(connection, ProviderConnection):
            connection.retry_after = None  # of an answer before this one
        return await connection.ask(self._head(path, len(body), fresh_id, version), body, self.limits.silence_seconds)

    def release(self, connection: Connection) -> None:
        """Keep the connection where its answer was read to the end."""
        self._pool.release(self._at.pop(connection), connection)

    def close(self) -> None:
        """Close what rests."""
        self._pool.close()

    def _head(self, path: str, size: int, fresh_id: str, version: bytes) -> bytes:
        """Nothing of ours and nothing of the client's but what the protocol needs."""
        shown = version if VERSION.fullmatch(version) else ANTHROPIC_VERSION
        own = (
            f"x-api-key: {self.key}\r\nanthropic-version: {shown.decode()}\r\n"
            if self.provider.protocol == ANTHROPIC
            else f"authorization: Bearer {self.key}\r\nx-client-request-id: {fresh_id}\r\n"
        )
        return (
            f"POST {self._base}{path.removeprefix('/v1')} HTTP/1.1\r\nhost: {self._authority}\r\n{own}"
            f"content-type: application/json\r\naccept-encoding: identity\r\nuser-agent: gateway\r\n"
            f"content-length: {size}\r\n\r\n"
        ).encode()


def context_of(provider: Provider) -> ssl.SSLContext:
    """Trust the system's authorities, or the provider's own alone. Raises ``CONFIG_BAD_VALUE``."""
    try:
        context = ssl.create_default_context(cadata=provider.ca or None)
    except (ssl.SSLError, ValueError) as error:
        raise RefusedError(
            "CONFIG_BAD_VALUE",
            f"the gateway's settings: frontier.providers {provider.name}: ca",
            str(error)[:80],
            "certificates of an authority, as PEM",
            fix="set fleet:frontier.providers[].ca to the authority's certificate, or leave it out",
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def key_of(provider: Provider, environ: Mapping[str, str]) -> str:
    """The provider's key, which the supervisor handed over; empty where there is none that a header can carry."""
    folder = environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        return ""
    try:
        key = (Path(folder) / provider.credential).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
    return key if key.isprintable() and " " not in key else ""

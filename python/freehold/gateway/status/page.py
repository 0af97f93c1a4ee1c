"""``/status`` and ``/status.json`` for clients, and the same under ``/freehold`` for other nodes' gateways alone."""

from __future__ import annotations

from dataclasses import dataclass, replace

from freehold.gateway.books import Books
from freehold.gateway.config import GatewayConfig
from freehold.gateway.exchange import Exchange
from freehold.gateway.front import JSON, App, answer
from freehold.gateway.keys import Keyring
from freehold.gateway.refusals import RefusalError, busy, malformed
from freehold.gateway.request import Request
from freehold.gateway.routing.fleet import Fleet
from freehold.gateway.status import browser, query
from freehold.gateway.status.browser import CHALLENGE, HTML, SAFE
from freehold.gateway.status.source import AT_ONCE, BusyError, Source, UnknownError
from freehold.gateway.status.ways import MESH, Answer, DarkError, Loopback, OverMesh

PAGE, TWIN = "/status", "/status.json"
TYPES = {PAGE: HTML, TWIN: JSON}
SERVED = (f"GET {PAGE}", f"GET {TWIN}")
RETRY = ((b"retry-after", b"5"),)


@dataclass(frozen=True)
class Status:
    """Use :meth:`of`. ``is_monitors``: the report service is on this node; other nodes may ask here for its page."""

    keyring: Keyring
    source: Source
    is_monitors: bool

    @classmethod
    def of(cls, config: GatewayConfig, fleet: Fleet, books: Books) -> Status | None:
        """None where the settings name no report service: then there is no such path."""
        if config.report is None:
            return None
        if config.report.url:
            return cls(Keyring(books), Source([Loopback(config.node, config.report.url)]), is_monitors=True)
        return cls(Keyring(books), Source([OverMesh(fleet, name) for name in config.report.peers]), is_monitors=False)

    @property
    def routes(self) -> dict[tuple[str, str], App]:
        """Method and path to what answers."""
        return {("GET", path): self.for_client for path in TYPES}

    @property
    def routes_of_nodes(self) -> dict[tuple[str, str], App]:
        """The same for those who show a node's certificate; for anybody else there are no such paths."""
        return {("GET", MESH + path): self.for_node for path in TYPES}

    async def for_client(self, request: Request, exchange: Exchange) -> None:
        """Answer a key that may see it; say no as the client can read it."""
        try:
            self._let_in(request, exchange)
            found = await self._page(request.path, request.query)
        except RefusalError as refusal:
            told = replace(refusal, headers=(*refusal.headers, *SAFE))
            if request.path != PAGE or not browser.wants_html(request.headers):
                raise told from refusal
            exchange.reason = told.reason
            await answer(request, exchange, told.status, (*HTML, *told.headers), browser.page(told))
            return
        await answer(request, exchange, found.status, (*TYPES[request.path], *SAFE), found.body)

    async def for_node(self, request: Request, exchange: Exchange) -> None:
        """Answer another node's gateway, which knows its clients' keys."""
        if not self.is_monitors:
            raise _dark("No report service is on this node: ask a monitor's gateway.")
        path = request.path.removeprefix(MESH)
        found = await self._page(path, request.query)
        await answer(request, exchange, found.status, TYPES[path], found.body)

    def close(self) -> None:
        """Close what rests."""
        self.source.close()

    def _let_in(self, request: Request, exchange: Exchange) -> None:
        try:
            key = self.keyring.caller(browser.with_bearer(request.headers))
        except RefusalError as refusal:
            text = f"{refusal.message} In a browser the key is the password, with any user name."
            raise replace(refusal, message=text, headers=CHALLENGE) from refusal
        exchange.key = key.name
        if not key.limits.status:
            raise _not_yours()

    async def _page(self, path: str, raw: bytes) -> Answer:
        asked = query.canonical(raw)
        try:
            return await self.source.page(path, asked)
        except UnknownError as error:
            raise malformed(str(error), reason="status_query", param="query") from error
        except BusyError as error:
            raise busy("The status page", AT_ONCE) from error
        except DarkError as error:
            raise _dark(f"{error} Serving does not need it.") from error


def _not_yours() -> RefusalError:
    text = (
        "This key may not see the status page. The operator can let it: `status: true` for this client in the stack "
        "(fleet:clients), or `freehold gateway key limit NAME --status` for a key that was made by command."
    )
    return RefusalError(403, "status_not_allowed", text, code="status_not_allowed")


def _dark(text: str) -> RefusalError:
    return RefusalError(503, "status_dark", text, type="server_error", code="status_dark", headers=RETRY)

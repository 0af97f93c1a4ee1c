"""The way out: local first, a frontier provider by exception, and nothing where a condition is not known to hold.

decide (:mod:`.case`) -> reserve (:mod:`.ledger`, on the disk before a byte is sent) -> send, pass on (:mod:`.trip`) ->
settle. :func:`opened` puts it together; a gateway whose settings name no provider loads none of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from freehold.gateway.books import Books
    from freehold.gateway.config import GatewayConfig
    from freehold.gateway.frontier.allowance import Allowance
    from freehold.gateway.frontier.valve import Valve


def opened(
    config: GatewayConfig,
    books: Books,
    registry: CollectorRegistry,
    environ: Mapping[str, str],
    allowance: Allowance | None = None,
) -> Valve | None:
    """The way out of this gateway, its ledger recovered; none where the settings have none. Waits for the disk.

    Raises what is wrong with the owner's rules, prices and authorities, all of one kind together.
    """
    if config.frontier is None:
        return None
    # Rules, prices and TLS are 5 MB that a gateway without a provider does not need.
    from freehold.gateway.frontier import opening  # noqa: PLC0415

    return opening.opened(config, config.frontier, books, registry, environ, allowance=allowance)

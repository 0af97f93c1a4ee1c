"""An authority's gateway as it runs, and followers: whole gateways, or one part of them in a test's own event loop."""

from __future__ import annotations

import hashlib
import http.client
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.unit.gateway.harness import CLIENT_KEY, OTHER_KEY, Harness
from tests.unit.gateway.test_gateway_counting import chat
from tests.unit.gateway.test_gateway_peers import Site
from tests.unit.keys import party

from freehold.gateway.authority import role as roles
from freehold.gateway.authority.role import Role
from freehold.gateway.books import Books, opened
from freehold.gateway.config import GatewayConfig, Key, Listen
from freehold.gateway.config_frontier import FrontierConfig
from freehold.gateway.routing.fleet import Fleet
from freehold.ledger import clock as clocks
from freehold.ledger.caps import Amount
from freehold.ledger.exceptions import Ask
from freehold.ledger.frontier import Frontier
from freehold.ledger.key_records import KeyLimits
from freehold.ledger.keys import KeyTable
from freehold.ledger.store import Store

AUTHORITY = "gpu1"
MADE = "fh-" + "m" * 43
USD = 10**9
LEAVES = KeyLimits(frontier=True)
KEYS = tuple(Key(name, hashlib.sha256(key.encode()).hexdigest()) for name, key in
             (("operator", CLIENT_KEY), ("other", OTHER_KEY)))  # fmt: skip


def digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def frontier(usd_a_day: int = 100) -> FrontierConfig:
    return FrontierConfig(1_000_000, 7, usd_a_day * USD, 1000 * USD, (), (), {}, [])


@contextmanager
def command(path: Path) -> Iterator[KeyTable]:
    """The keys, as a command on the node has them."""
    with Store.open(path) as store:
        yield KeyTable(store, clocks.of_machine(store))


def asked(gateway: Harness, key: str, words: str = "hello", **more: Any) -> int:
    """The status of a chat with ``key``."""
    connection = http.client.HTTPConnection(*gateway.addresses.public, timeout=10)
    connection.request(
        "POST", "/v1/chat/completions", json.dumps(chat(words, **more)), {"Authorization": f"Bearer {key}"}
    )
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


@dataclass
class Holder:
    """A follower without a gateway around it: its role, its books, and the valve's side of the ledger."""

    role: Role
    books: Books
    frontier: Frontier

    async def obtain(self, key_id: str, tokens: int, nano_usd: int) -> bool:
        assert self.role.leases is not None
        return await self.role.leases.obtain(key_id, Amount(tokens, nano_usd))

    async def follow(self) -> bool:
        assert self.role.follower is not None
        await self.role.follower.once()
        return self.role.follower.up

    def ask(self, key_id: str, tokens: int, nano_usd: int) -> Any:
        worst = Amount(tokens, nano_usd)
        return self.frontier.reserve(Ask("r", key_id, "asked_for", "/v1/x", "gpt", "big", "acme", "acme/big", worst))


class Federation(Site):
    """``gpu1`` is the authority."""

    @contextmanager
    def authority(self, mesh_port: int = 0, **settings: Any) -> Iterator[Harness]:
        with self.gateway(AUTHORITY, mesh_port=mesh_port, authority=AUTHORITY, **settings) as harness:
            yield harness

    @contextmanager
    def follower(self, node: str, authority: Harness | None, **settings: Any) -> Iterator[Harness]:
        if authority is not None:
            self.introduce(node, **{AUTHORITY: authority})
        with self.gateway(node, authority=AUTHORITY, **settings) as harness:
            yield harness

    @contextmanager
    def holder(self, node: str, authority: Harness) -> Iterator[Holder]:
        """Its ledger stays, so that the next one of this name is the same node after a restart."""
        self.introduce(node, **{AUTHORITY: authority})
        config = GatewayConfig(
            Listen(party.HOST, 0), Listen(party.HOST, 0), KEYS, (), mesh=self.mesh(node, node), node=node,
            authority=AUTHORITY, peers_file=self.peers_file(node), ledger=self.ledger(node), frontier=frontier(),
        )  # fmt: skip
        with ExitStack() as stack:
            books = opened(config.ledger, config.keys, follows=True)
            stack.callback(books.close)
            role = roles.opened(config, books, Fleet.of(config, {}))
            stack.callback(role.close)
            store = stack.enter_context(Store.open(self.ledger(node)))
            frontier_ = Frontier(store, books.clock, None)
            frontier_.recover()
            yield Holder(role, books, frontier_)

"""Two gateways on a mesh: they share the work, stand in for each other, and keep each request in one book."""

from __future__ import annotations

import http.client
import json
import socket
import sqlite3
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.unit.gateway.harness import CHAT, CLIENT_KEY, Harness, eventually, running
from tests.unit.gateway.test_gateway_counting import chat
from tests.unit.gateway.test_gateway_life import open_stream, refuses_connections
from tests.unit.keys import party

from freehold.gateway.config import GatewayConfig, Limits, Listen, Mesh
from freehold.gateway.upstream import HOP
from freehold.keys import sealed
from freehold.keys.files import KeysFolder


class Site:
    """A hierarchy and gateways that hold certificates of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keys: KeysFolder = party.hierarchy(folder / "pki", folder / "secret")

    @contextmanager
    def gateway(
        self,
        node: str,
        *,
        certified: str = "",
        dead: bool = False,
        drain_seconds: int = 1,
        mesh_port: int = 0,
        **settings: Any,
    ) -> Iterator[Harness]:
        """``certified``: another name in its certificate. ``dead``: nobody serves its models. And more settings."""
        mesh = self.mesh(certified or node, node, mesh_port)

        def at(config: GatewayConfig) -> GatewayConfig:
            models = tuple(replace(one, url=_nobody()) if dead else one for one in config.models)
            own: dict[str, Any] = {"node": node, "peers_file": self.peers_file(node), "ledger": self.ledger(node)}
            return replace(config, **(own | {"models": models} | settings))

        with running(replace(Limits(), drain_seconds=drain_seconds), mesh=mesh, changed=at) as harness:
            yield harness

    def mesh(self, name: str, node: str, port: int = 0) -> Mesh:
        """A listener's settings with a certificate for ``name``."""
        own = party.files(party.holder(self.keys, name, self.folder / node))
        return Mesh(Listen(party.HOST, port), own.certificate, own.anchors, own.revoked, own.key)

    def ledger(self, node: str) -> Path:
        return self.folder / node / "books" / "ledger.sqlite3"

    def peers_file(self, node: str) -> Path:
        return self.folder / f"{node}-peers.json"

    def introduce(self, node: str, **peers: Harness) -> None:
        """Tell a gateway of the others."""
        rows = [
            {"node": name, "host": party.HOST, "port": one.addresses.mesh[1]}
            for name, one in peers.items()
            if one.addresses.mesh
        ]
        self.peers_file(node).with_suffix(".new").write_text(json.dumps({"peers": rows}))
        self.peers_file(node).with_suffix(".new").replace(self.peers_file(node))

    def rows(self, node: str) -> list[dict[str, Any]]:
        with sqlite3.connect(self.ledger(node)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute("SELECT * FROM usage ORDER BY rowid")]


def _nobody() -> str:
    free = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{free.getsockname()[1]}"
    free.close()
    return url


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(sealed, "COST", 16)
    return Site(tmp_path)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def asked(gateway: Harness, words: str, **more: Any) -> tuple[int, str, bytes]:
    """Status, who answered (empty: the node itself), and the answer."""
    connection = http.client.HTTPConnection(*gateway.addresses.public, timeout=10)
    connection.request(
        "POST", "/v1/chat/completions", json.dumps(chat(words, **more)), {"Authorization": f"Bearer {CLIENT_KEY}"}
    )
    answer = connection.getresponse()
    told = answer.status, answer.getheader("x-freehold-node") or "", answer.read()
    connection.close()
    return told


def met(gateway: Harness) -> None:
    """Wait until its peer has answered for it."""
    numbers = iter(range(10_000))
    eventually(lambda: asked(gateway, f"hello {next(numbers)}")[1])


def test_conversations_are_shared_out_and_each_is_in_one_book(site: Site, stack: ExitStack) -> None:
    first, second = (stack.enter_context(site.gateway(node)) for node in ("gpu1", "gpu2"))
    site.introduce("gpu1", gpu2=second)
    met(first)
    homes = {asked(first, f"conversation {n}", stream=bool(n % 2))[1] for n in range(24)}
    assert homes == {"", "gpu2"}
    again = asked(first, "conversation 3")[1]
    assert {asked(first, "conversation 3")[1] for _ in range(4)} == {again}, "a conversation stays where its cache is"
    total = len(first.runtime.seen) + len(second.runtime.seen)
    rows = eventually(lambda: len(found := site.rows("gpu1")) == total and found)
    assert {(row["route"], row["replica"]) for row in rows} == {("local", "gpu1"), ("peer", "gpu2")}
    assert all((row["prompt"], row["completion"], row["status"]) == (11, 3, 200) for row in rows)
    assert site.rows("gpu2") == []
    assert second.count("freehold_gateway_tokens_total") == 0, "tokens are counted where the client is"
    assert first.count("freehold_gateway_tokens_total", type="output") == 3 * total
    assert first.count("freehold_gateway_requests_total", asked_by="client") == total
    handed = second.count("freehold_gateway_requests_total", asked_by="node")
    assert (handed, second.count("freehold_gateway_requests_total")) == (len(second.runtime.seen),) * 2


def test_a_node_without_its_runtime_is_stood_in_for(site: Site, stack: ExitStack) -> None:
    first = stack.enter_context(site.gateway("gpu1", dead=True))
    second = stack.enter_context(site.gateway("gpu2"))
    site.introduce("gpu1", gpu2=second)
    met(first)
    assert {asked(first, f"conversation {n}")[:2] for n in range(12)} == {(200, "gpu2")}


def test_when_a_peer_dies_the_next_request_goes_to_the_living(site: Site, stack: ExitStack) -> None:
    first = stack.enter_context(site.gateway("gpu1"))
    with site.gateway("gpu2") as second:
        site.introduce("gpu1", gpu2=second)
        met(first)
    assert {asked(first, f"conversation {n}")[:2] for n in range(12)} == {(200, "")}


def test_a_peer_that_drains_sends_others_elsewhere_at_once(site: Site, stack: ExitStack) -> None:
    """A stream holds the peer's drain; the mesh's socket stays open meanwhile, in systemd's hands too."""
    first = stack.enter_context(site.gateway("gpu1"))
    second = stack.enter_context(site.gateway("gpu2", drain_seconds=20))
    site.introduce("gpu1", gpu2=second)
    met(first)
    with closing(open_stream(second, "hold")):
        second.end()
        eventually(lambda: refuses_connections(second))
        assert second.addresses.mesh
        began = time.monotonic()
        socket.create_connection(second.addresses.mesh, 5).close()
        numbers = iter(range(10_000))
        while not first.count(
            "freehold_gateway_replicas", state="resting"
        ):  # what comes on kept connections is answered
            assert asked(first, f"conversation {next(numbers)}")[0] == 200
        assert {asked(first, f"conversation {n}")[:2] for n in range(24)} == {(200, "")}
        assert time.monotonic() - began < Limits().connect_seconds, "nobody waited for the drain"
        assert second.thread.is_alive()


def test_a_replica_that_breaks_in_a_stream_rests(site: Site, stack: ExitStack) -> None:
    """A node's gateway may be gone while its socket, which systemd holds, still takes connections."""
    first, second = (stack.enter_context(site.gateway(node)) for node in ("gpu1", "gpu2"))
    site.introduce("gpu1", gpu2=second)
    met(first)
    words = next(words for n in range(100) if asked(first, words := f"conversation {n}")[1] == "")
    turns = [{"role": "user", "content": words}, {"role": "user", "content": "die"}]
    assert b"stream_broken" in asked(first, "", messages=turns, stream=True)[2]
    assert asked(first, words)[:2] == (200, "gpu2")


def test_a_node_that_answers_under_anothers_name_is_not_believed(site: Site, stack: ExitStack) -> None:
    first = stack.enter_context(site.gateway("gpu1"))
    stranger = stack.enter_context(site.gateway("gpu2", certified="gpu9"))
    site.introduce("gpu1", gpu2=stranger)
    eventually(lambda: first.count("freehold_gateway_replicas", state="known") == 2)
    assert {asked(first, f"conversation {n}")[:2] for n in range(24)} == {(200, "")}
    assert stranger.runtime.seen == []
    assert first.count("freehold_gateway_replicas", state="resting") == 1, "it was asked, and not believed"


def test_two_without_runtimes_do_not_send_a_request_round_and_round(site: Site, stack: ExitStack) -> None:
    first, second = (stack.enter_context(site.gateway(node, dead=True)) for node in ("gpu1", "gpu2"))
    site.introduce("gpu1", gpu2=second)
    site.introduce("gpu2", gpu1=first)
    eventually(lambda: first.count("freehold_gateway_replicas", state="known") == 2)
    eventually(lambda: second.count("freehold_gateway_replicas", state="known") == 2)
    status, _, said = asked(first, "hello")
    assert (status, json.loads(said)["error"]["code"]) == (503, "runtime_down")


def test_only_a_nodes_certificate_stands_in_for_a_key(site: Site, stack: ExitStack) -> None:
    first = stack.enter_context(site.gateway("gpu1"))
    plain = http.client.HTTPConnection(*first.addresses.public, timeout=5)
    assert first.addresses.mesh is not None
    party.holder(site.keys, "app", site.folder / "app", kind="client")
    context = party.client(site.folder / "gpu1", site.folder / "app")
    client = http.client.HTTPSConnection(party.HOST, first.addresses.mesh[1], timeout=5, context=context)
    for connection in (plain, client):
        connection.request("POST", "/v1/chat/completions", json.dumps(chat("hi")), {HOP: "operator"})
        assert connection.getresponse().status == 401
        connection.close()
    assert isinstance(context, ssl.SSLContext)
    assert CHAT not in str(first.runtime.seen)

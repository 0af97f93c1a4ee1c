"""The way in for other nodes: the same API by mutual TLS, through renewals and revocations."""

import asyncio
import hashlib
import http.client
import json
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvloop
from tests.unit.gateway.harness import CHAT, CLIENT_KEY, Harness, eventually, running
from tests.unit.keys import party

from freehold.gateway import config as configs
from freehold.gateway.config import Limits, Listen, Mesh
from freehold.keys import clock, passphrase, revocation, rotation, sealed
from freehold.keys.files import KeysFolder
from freehold.keys.roots import RootKey

ENDED = (ssl.SSLError, ConnectionError, http.client.HTTPException)


@dataclass
class Party:
    """A gateway with a mesh listener, and the hierarchy behind it."""

    gateway: Harness
    keys: KeysFolder
    folder: Path

    @property
    def port(self) -> int:
        assert self.gateway.addresses.mesh is not None
        return self.gateway.addresses.mesh[1]

    def connect(self, own: str | None) -> http.client.HTTPSConnection:
        if own:
            party.holder(self.keys, own, self.folder / own)
        context = party.client(self.folder / "gpu1", self.folder / own if own else None)
        return http.client.HTTPSConnection(party.HOST, self.port, timeout=5, context=context)


def ask(connection: http.client.HTTPSConnection) -> int:
    connection.request("GET", "/v1/models", headers={"Authorization": f"Bearer {CLIENT_KEY}"})
    answer = connection.getresponse()
    answer.read()
    return answer.status


def serial(connection: http.client.HTTPSConnection) -> str:
    assert isinstance(connection.sock, ssl.SSLSocket)
    certificate = connection.sock.getpeercert()
    assert certificate
    return str(certificate["serialNumber"])


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def site(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Party]:
    """On both event loops: each has TLS of its own, and production runs on the second."""
    monkeypatch.setattr(sealed, "COST", 16)
    keys = party.hierarchy(tmp_path / "pki", tmp_path / "secret")
    own = party.files(party.holder(keys, "gpu1", tmp_path / "gpu1"))
    mesh = Mesh(Listen(party.HOST, 0), own.certificate, own.anchors, own.revoked, own.key)
    with running(Limits(), mesh=mesh, loop=request.param) as gateway:
        yield Party(gateway, keys, tmp_path)


def test_another_node_asks_over_the_mesh_and_the_old_way_in_is_as_it_was(site: Party) -> None:
    assert ask(site.connect("gpu2")) == 200
    assert ask(http.client.HTTPConnection(*site.gateway.addresses.public, timeout=5)) == 200  # type: ignore[arg-type]


def test_a_certificate_is_no_key_and_a_key_is_no_certificate(site: Party) -> None:
    connection = site.connect("gpu2")
    connection.request("GET", "/v1/models")
    assert connection.getresponse().status == 401
    with pytest.raises(ENDED):
        ask(site.connect(None))


def test_plain_http_gets_nothing_from_the_mesh(site: Party) -> None:
    with pytest.raises(ENDED):
        ask(http.client.HTTPConnection(party.HOST, site.port, timeout=5))  # type: ignore[arg-type]


def test_renewal_loses_no_request(site: Party) -> None:
    """Three clients ask in a loop, kept alive and anew; meanwhile the certificate is renewed five times."""
    ended, statuses, serials = threading.Event(), list[int](), set[str]()

    def client(name: str, *, fresh: bool) -> None:
        connection = site.connect(name)
        while not ended.is_set():
            connection = site.connect(name) if fresh else connection
            statuses.append(ask(connection))
            serials.add(serial(connection))

    clients = [
        threading.Thread(target=client, args=("gpu2",), kwargs={"fresh": fresh}) for fresh in (True, True, False)
    ]
    site.connect("gpu2")
    for thread in clients:
        thread.start()
    for _ in range(5):
        seen, known = len(statuses), len(serials)
        (site.folder / "gpu1" / "tls.crt").write_text("half written")
        (site.folder / "gpu1" / "tls.crt").unlink()
        party.holder(site.keys, "gpu1", site.folder / "gpu1")
        eventually(lambda seen=seen, known=known: len(statuses) > seen + 20 and len(serials) > known)  # type: ignore[misc]
    ended.set()
    for thread in clients:
        thread.join(10)
    assert set(statuses) == {200}
    assert len(serials) >= 5


def test_a_revoked_node_is_refused_and_its_open_connection_closed(site: Party, tmp_path: Path) -> None:
    thief, other = site.connect("gpu2"), site.connect("gpu3")
    assert (ask(thief), ask(other)) == (200, 200)
    root = RootKey(passphrase.from_file(tmp_path / "secret"))
    rotation.revoke(site.keys, revocation.matching(site.keys, "gpu2", clock.now), "stolen", root)
    (site.folder / "gpu1" / "crl.pem").write_text(revocation.bundle(site.keys))

    def is_closed() -> bool:
        try:
            thief.sock.settimeout(0.1)
            return thief.sock.recv(1) == b""
        except TimeoutError:
            return False
        except OSError:
            return True

    eventually(is_closed)
    context = party.client(site.folder / "gpu1", site.folder / "gpu2")
    with pytest.raises(ENDED):
        ask(http.client.HTTPSConnection(party.HOST, site.port, timeout=5, context=context))
    assert ask(site.connect("gpu3")) == 200


def test_chat_streams_over_the_mesh(site: Party) -> None:
    body = {"model": CHAT, "stream": True, "messages": [{"role": "user", "content": "split=1"}]}
    connection = site.connect("gpu2")
    headers = {"Authorization": f"Bearer {CLIENT_KEY}"}
    connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
    assert connection.getresponse().read().endswith(b"data: [DONE]\n\n")


def test_settings_with_and_without_a_mesh_listener(tmp_path: Path) -> None:
    settings_file = tmp_path / "gateway.json"
    plain = {
        "listen": {"host": "192.0.2.11", "port": 8080},
        "metrics": {"host": "127.0.0.1", "port": 8081},
        "keys": [{"name": "operator", "sha256": hashlib.sha256(b"k").hexdigest()}],
        "models": [],
    }
    settings_file.write_text(json.dumps(plain))
    assert configs.read(settings_file).mesh is None
    mesh = {"listen": {"host": "198.51.100.11", "port": 8443}, "certificate": "/c", "anchors": "/a", "revoked": "/r"}
    settings_file.write_text(json.dumps({**plain, "mesh": mesh}))
    assert configs.read(settings_file).mesh == Mesh(Listen("198.51.100.11", 8443), Path("/c"), Path("/a"), Path("/r"))

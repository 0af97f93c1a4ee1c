"""A door in front of a pretended exporter, and a hierarchy with a node, a monitor and another node."""

import http.client
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.unit.keys import party

from freehold.door import service
from freehold.door.relay import Relay
from freehold.exporter.server import Server
from freehold.keys import sealed
from freehold.keys.files import KeysFolder

PAGE = b"node_load1 0.5\n"


@dataclass
class Door:
    """What a test holds of it."""

    port: int
    keys: KeysFolder
    folder: Path

    def holder(self, name: str, kind: str, **given: float) -> Path:
        return party.holder(self.keys, name, self.folder / name, kind=kind, **given)

    def get(self, own: Path | None, path: str = "/metrics", context: ssl.SSLContext | None = None) -> tuple[int, bytes]:
        used = context or party.client(self.folder / "gpu1", own)
        connection = http.client.HTTPSConnection(party.HOST, self.port, timeout=5, context=used)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


@pytest.fixture(autouse=True)
def cheap_passphrases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed, "COST", 16)


@pytest.fixture
def page() -> Callable[[], bytes]:
    return lambda: PAGE


@pytest.fixture
def exporter(page: Callable[[], bytes]) -> Iterator[int]:
    yield from party.running(Server((party.HOST, 0), {"/metrics": page}))


@pytest.fixture
def door(tmp_path: Path, exporter: int) -> Iterator[Door]:
    keys = party.hierarchy(tmp_path / "pki", tmp_path / "secret")
    own = party.holder(keys, "gpu1", tmp_path / "gpu1")
    relay = Relay.parse(f"{party.HOST}:0=http://{party.HOST}:{exporter}/metrics")
    (server,) = service.open_servers([relay], party.files(own))
    for port in party.running(server):
        yield Door(port, keys, tmp_path)

"""Who may beat, and what is no beat: a real listener, real certificates."""

import http.client
import json
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.unit.keys import party

from freehold.dead_mans_switch import receiver
from freehold.keys import clock, passphrase, revocation, rotation
from freehold.keys.files import KeysFolder
from freehold.keys.roots import RootKey
from freehold.service.tls import TlsKeeper

REFUSED = (ssl.SSLError, ConnectionError)
ALERT = {"status": "firing", "labels": {"alertname": "FreeholdDeadMansSwitch"}}
BEAT: dict[str, Any] = {"version": "4", "status": "firing", "receiver": "dead_mans_switch", "alerts": [ALERT]}


@dataclass
class Post:
    """A receiver, who was heard there, and a way to post."""

    keys: KeysFolder
    folder: Path
    port: int = 0
    heard: list[str] = field(default_factory=list)

    def holder(self, name: str, kind: str) -> Path:
        return party.holder(self.keys, name, self.folder / name, kind=kind)

    def post(self, own: Path | None, body: Any = BEAT, *, path: str = "/beat", method: str = "POST") -> int:
        connection = http.client.HTTPSConnection(
            party.HOST, self.port, timeout=5, context=party.client(self.folder / "gpu1", own)
        )
        try:
            connection.request(method, path, body if isinstance(body, bytes) else json.dumps(body))
            return connection.getresponse().status
        finally:
            connection.close()


def ended(connection: ssl.SSLSocket) -> bool:
    """Wait until the other side is gone, in order or not; raises TimeoutError if it stays."""
    try:
        return connection.recv(100) == b""
    except REFUSED:
        return True


@pytest.fixture
def post(tmp_path: Path, keys: KeysFolder) -> Iterator[Post]:
    made = Post(keys, tmp_path)
    own = made.holder("gpu1", "node")
    server = receiver.listen_at(f"{party.HOST}:0", TlsKeeper(party.files(own)), {"mon1", "mon2"}, made.heard.append)
    for made.port in party.running(server):
        yield made


def test_a_beat_is_the_certificates_holders(post: Post) -> None:
    assert post.post(post.holder("mon1", "monitor")) == 200
    assert post.post(post.holder("mon2", "monitor")) == 200
    assert post.heard == ["mon1", "mon2"]


@pytest.mark.parametrize(("name", "kind"), [("mon1", "node"), ("mon1", "client"), ("control", "control")])
def test_another_kind_of_certificate_is_told_no(post: Post, name: str, kind: str) -> None:
    assert post.post(post.holder(name, kind)) == 403
    assert post.heard == []


def test_a_monitor_that_nobody_waits_for_is_told_no(post: Post) -> None:
    assert post.post(post.holder("mon9", "monitor")) == 403
    assert post.heard == []


def test_without_a_certificate_or_with_a_strangers_nobody_gets_in(post: Post, tmp_path: Path) -> None:
    stranger = party.hierarchy(tmp_path / "other", tmp_path / "other-secret")
    for own in (None, party.holder(stranger, "mon1", tmp_path / "stranger", kind="monitor")):
        with pytest.raises(REFUSED):
            post.post(own)
    assert post.heard == []


def test_a_revoked_monitor_does_not_beat_for_itself_any_more(post: Post, tmp_path: Path) -> None:
    thief = post.holder("mon1", "monitor")
    assert post.post(thief) == 200
    root = RootKey(passphrase.from_file(tmp_path / "secret"))
    rotation.revoke(post.keys, revocation.matching(post.keys, "mon1", clock.now), "stolen", root)
    (tmp_path / "gpu1" / "crl.pem").write_text(revocation.bundle(post.keys))
    with pytest.raises(REFUSED):
        post.post(thief)
    assert post.heard == ["mon1"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b"[" * 60_000,
        {"version": "3", "alerts": [ALERT]},
        {"version": "4", "alerts": {}},
        {"version": "4"},
    ],
)
def test_what_alertmanager_would_not_post_is_refused(post: Post, body: Any) -> None:
    assert post.post(post.holder("mon1", "monitor"), body) == 400
    assert post.heard == []


@pytest.mark.parametrize(
    "alert",
    [
        {**ALERT, "status": "resolved"},
        {**ALERT, "labels": {"alertname": "FreeholdGpuLost"}},
        {**ALERT, "labels": []},
        "FreeholdDeadMansSwitch",
    ],
)
def test_another_alert_is_taken_and_is_no_beat(post: Post, alert: Any) -> None:
    assert post.post(post.holder("mon1", "monitor"), {**BEAT, "alerts": [alert]}) == 200
    assert post.heard == []


def test_a_body_that_is_too_large_is_not_read(post: Post) -> None:
    own = post.holder("mon1", "monitor")
    try:
        status = post.post(own, b" " * (receiver.MOST_BODY_BYTES + 1))
    except REFUSED:  # it may close while we are still writing
        status = 400
    assert status == 400
    assert post.post(own) == 200


@pytest.mark.parametrize(("path", "method", "status"), [("/", "POST", 404), ("/beat", "GET", 405)])
def test_there_is_one_thing_to_do(post: Post, path: str, method: str, status: int) -> None:
    assert post.post(post.holder("mon1", "monitor"), path=path, method=method) == status
    assert post.heard == []


def test_a_body_that_ends_early_is_no_beat(post: Post) -> None:
    context = party.client(post.folder / "gpu1", post.holder("mon1", "monitor"))
    plain = socket.create_connection((party.HOST, post.port), timeout=5)
    with context.wrap_socket(plain, server_hostname=party.HOST) as connection:
        body = json.dumps(BEAT).encode()
        connection.sendall(b"POST /beat HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (len(body) + 1, body))
        socket.socket.shutdown(connection, socket.SHUT_WR)
        assert ended(connection)
    assert post.heard == []


def test_one_that_drips_is_cut_off_and_holds_up_nobody(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("freehold.exporter.server.LONGEST_CONNECTION_SECONDS", 0.3)
    own = post.holder("mon1", "monitor")
    plain = socket.create_connection((party.HOST, post.port), timeout=5)
    with party.client(post.folder / "gpu1", own).wrap_socket(plain, server_hostname=party.HOST) as slow:
        slow.sendall(b"POST /beat HTTP/1.1\r\nContent-Length: 500\r\n\r\n{")
        assert post.post(own) == 200
        assert ended(slow)
    assert post.heard == ["mon1"]

"""Who gets in at the metrics door, and who does not."""

import socket
import ssl
import threading
from pathlib import Path

import pytest
from tests.unit.door.conftest import PAGE, Door
from tests.unit.keys import party

from freehold.door import service
from freehold.door.__main__ import main
from freehold.door.relay import Relay
from freehold.errors import FreeholdError, UsageError
from freehold.exporter.server import Server
from freehold.keys import clock, passphrase, revocation, rotation
from freehold.keys.roots import RootKey

REFUSED = (ssl.SSLError, ConnectionError)


def test_the_monitor_and_the_control_host_read_the_page(door: Door) -> None:
    for name, kind in (("mon1", "monitor"), ("control", "control")):
        assert door.get(door.holder(name, kind)) == (200, PAGE)


def test_another_node_is_told_no(door: Door) -> None:
    assert door.get(door.holder("gpu2", "node"))[0] == 403


def test_without_a_certificate_nobody_gets_in(door: Door) -> None:
    with pytest.raises(REFUSED):
        door.get(None)


def test_a_certificate_of_another_hierarchy_is_refused(door: Door, tmp_path: Path) -> None:
    other = party.hierarchy(tmp_path / "other", tmp_path / "other-secret")
    with pytest.raises(REFUSED):
        door.get(party.holder(other, "control", tmp_path / "stranger", kind="control"))


def test_an_expired_certificate_is_refused(door: Door) -> None:
    with pytest.raises(REFUSED):
        door.get(door.holder("mon1", "monitor", life=-1))


def test_a_signing_key_is_no_way_in(door: Door, tmp_path: Path) -> None:
    entry = door.keys.signing("evidence").current()
    assert entry is not None
    own = tmp_path / "signer"
    own.mkdir()
    (own / "tls.crt").write_text(entry.pem)
    (own / "tls.key").write_bytes(entry.key_file.read_bytes())
    with pytest.raises(REFUSED):
        door.get(own)


def test_a_revoked_certificate_is_refused_as_soon_as_the_list_is_there(door: Door, tmp_path: Path) -> None:
    """Before the list arrives it gets in, which is the control; the other monitor goes on getting in."""
    thief, other = door.holder("mon1", "monitor"), door.holder("mon2", "monitor")
    assert door.get(thief)[0] == 200
    root = RootKey(passphrase.from_file(tmp_path / "secret"))
    rotation.revoke(door.keys, revocation.matching(door.keys, "mon1", clock.now), "stolen", root)
    assert door.get(thief)[0] == 200
    (tmp_path / "gpu1" / "crl.pem").write_text(revocation.bundle(door.keys))
    with pytest.raises(REFUSED):
        door.get(thief)
    assert door.get(other)[0] == 200


def test_a_revocation_is_taken_though_the_certificate_is_of_another_key(door: Door, tmp_path: Path) -> None:
    """The node has a new key and the door was not restarted: it goes on with the pair that it has."""
    thief, other = door.holder("mon1", "monitor"), door.holder("mon2", "monitor")
    assert door.get(thief)[0] == 200
    root = RootKey(passphrase.from_file(tmp_path / "secret"))
    rotation.revoke(door.keys, revocation.matching(door.keys, "mon1", clock.now), "stolen", root)
    stranger = door.holder("gpu9", "node")
    (tmp_path / "gpu1" / "tls.crt").write_text((stranger / "tls.crt").read_text())
    assert door.get(other)[0] == 200
    assert door.get(thief)[0] == 200
    (tmp_path / "gpu1" / "crl.pem").write_text(revocation.bundle(door.keys))
    with pytest.raises(REFUSED):
        door.get(thief)
    assert door.get(other)[0] == 200


def test_what_a_revoked_issuing_certificate_signed_is_refused(door: Door, tmp_path: Path) -> None:
    thief = door.holder("mon1", "monitor")
    root = RootKey(passphrase.from_file(tmp_path / "secret"))
    rotation.rotate(door.keys, "issuing", root, compromised=True)
    door.holder("gpu1", "node")  # the node itself gets a new certificate, and the lists with it
    with pytest.raises(REFUSED):
        door.get(thief)
    assert door.get(door.holder("mon2", "monitor"))[0] == 200


def test_old_tls_is_refused(door: Door) -> None:
    own = door.holder("mon1", "monitor")
    context = party.client(door.folder / "gpu1", own)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(REFUSED):
        door.get(own, context=context)


def test_a_renewed_certificate_is_shown_at_the_next_handshake(door: Door) -> None:
    own = door.holder("mon1", "monitor")

    def shown() -> str:
        context = party.client(door.folder / "gpu1", own)
        plain = socket.create_connection((party.HOST, door.port), timeout=5)
        with context.wrap_socket(plain, server_hostname=party.HOST) as connection:
            certificate = connection.getpeercert()
            assert certificate
            return str(certificate["serialNumber"])

    before = shown()
    (door.folder / "gpu1" / "tls.crt").unlink()
    door.holder("gpu1", "node")
    assert shown() != before


def test_files_that_do_not_fit_together_are_not_taken(door: Door) -> None:
    """In the middle of a change the certificate that was in force goes on."""
    own = door.holder("mon1", "monitor")
    (door.folder / "gpu1" / "tls.crt").write_text("half a file")
    assert door.get(own) == (200, PAGE)


def test_a_client_that_never_greets_holds_up_nobody(door: Door) -> None:
    own = door.holder("mon1", "monitor")
    with socket.create_connection((party.HOST, door.port), timeout=5):
        assert door.get(own)[0] == 200


def test_only_the_page_is_there(door: Door) -> None:
    own = door.holder("mon1", "monitor")
    assert door.get(own, "/healthz") == (200, b"ok\n")
    assert door.get(own, "/debug/pprof/")[0] == 404


def test_an_exporter_that_is_down_is_said_by_its_port() -> None:
    with socket.create_server((party.HOST, 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(OSError, match=str(port)):
        Relay.parse(f"{party.HOST}:0=http://{party.HOST}:{port}/metrics").fetch()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10.0.0.1:1",
        "10.0.0.1:1=http://10.0.0.2:1/metrics",
        "a:1=https://127.0.0.1:1/m",
        "10.0.0.1:1/=http://127.0.0.1:1/metrics",
        "10.0.0.1:1/../x=http://127.0.0.1:1/metrics",
        "10.0.0.1:1/healthz=http://127.0.0.1:1/metrics",
    ],
)
def test_a_relay_leads_to_loopback_only_and_from_a_page_of_its_own(text: str) -> None:
    with pytest.raises(UsageError):
        Relay.parse(text)


@pytest.mark.parametrize(
    ("text", "listen", "page"),
    [
        ("10.0.0.1:9100=http://127.0.0.1:1/metrics", "10.0.0.1:9100", "/metrics"),
        ("10.0.0.1:9401/gateway=http://127.0.0.1:1/metrics", "10.0.0.1:9401", "/gateway"),
        ("[fd00::1]:9401/models/small-chat=http://[::1]:1/m", "[fd00::1]:9401", "/models/small-chat"),
    ],
)
def test_a_relay_says_where_it_is_asked(text: str, listen: str, page: str) -> None:
    relay = Relay.parse(text)
    assert (relay.listen, relay.page) == (listen, page)


def test_pages_of_one_port_have_one_listener_and_lead_to_their_own_exporters(door: Door, exporter: int) -> None:
    other = Server((party.HOST, 0), {"/metrics": lambda: b"other 1\n"})
    for port in party.running(other):
        front = f"{party.HOST}:0"
        texts = [f"{front}/gateway=http://{party.HOST}:{exporter}/metrics"]
        texts += [f"{front}/models/small-chat=http://{party.HOST}:{port}/metrics"]
        (server,) = service.open_servers([Relay.parse(text) for text in texts], party.files(door.folder / "gpu1"))
        own = door.holder("mon1", "monitor")
        for door.port in party.running(server):
            assert door.get(own, "/gateway") == (200, PAGE)
            assert door.get(own, "/models/small-chat") == (200, b"other 1\n")
            assert door.get(own, "/healthz") == (200, b"ok\n")
            assert door.get(own, "/metrics")[0] == 404


def test_a_page_that_wants_a_key_is_shown_it(tmp_path: Path) -> None:
    (tmp_path / "internal-key").write_text("a-key\n")
    heard: list[bytes] = []
    with socket.create_server((party.HOST, 0)) as upstream:
        text = f"{party.HOST}:0/models/m=http://{party.HOST}:{upstream.getsockname()[1]}/metrics#internal-key"
        relay = Relay.parse(text, tmp_path)
        assert "a-key" not in repr(relay)

        def answer() -> None:
            connection, _ = upstream.accept()
            with connection:
                heard.append(connection.recv(4096))
                connection.sendall(b"HTTP/1.0 200 OK\r\n\r\nx 1\n")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        assert relay.fetch() == b"x 1\n"
        thread.join(5)
    assert b"\r\nAuthorization: Bearer a-key\r\n" in heard[0]


@pytest.mark.parametrize("name", ["none", "../tls.key"])
def test_a_key_that_is_not_there_or_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(FreeholdError, match="DOOR_"):
        Relay.parse(f"{party.HOST}:0/x=http://{party.HOST}:1/metrics#{name}", tmp_path)


def test_a_page_that_is_given_twice_is_refused_before_anything_listens() -> None:
    relay = Relay.parse(f"{party.HOST}:0/gateway=http://{party.HOST}:1/metrics")
    with pytest.raises(UsageError, match="DOOR_PAGE_TWICE"):
        service.listeners([relay, relay])


def test_without_its_unit_the_door_says_what_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    assert main(["--relay", f"{party.HOST}:0=http://{party.HOST}:1/metrics"]) == 3
    assert "TLS_KEY_MISSING" in capsys.readouterr().err

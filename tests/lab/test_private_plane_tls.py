"""Mutual TLS on the mesh, from the control host: who gets in, a renewal under load, a revocation."""

import http.client
import json
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from testinfra.host import Host
from tests.lab.world import Document

from freehold.keys import clock, holders, revocation
from freehold.keys.files import KeysFolder
from freehold.keys.names import Identity
from freehold.paths import lab_paths
from freehold.status.gather import Access

EXPORTERS = {9100: b"node_cpu_seconds_total{", 9400: b"DCGM_FI_DEV_GPU_TEMP{"}
REFUSED = (ssl.SSLError, ConnectionError, http.client.HTTPException)
PAUSE_SECONDS = 0.02  # the machine has the renewal to do as well
Holder = Callable[[str, str], Path]


def keys(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "freehold", "keys", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def hierarchy() -> KeysFolder:
    return KeysFolder(lab_paths().keys)


@pytest.fixture(scope="module")
def holder(hierarchy: KeysFolder, tmp_path_factory: pytest.TempPathFactory) -> Holder:
    """A certificate of the lab's own hierarchy, for a test."""
    base = tmp_path_factory.mktemp("holders")

    def make(kind: str, name: str) -> Path:
        holders.ensure(hierarchy, Identity(hierarchy.site, kind, name), base / name, days=1)
        return base / name

    return make


def connect(host: Document, port: int, own: Path, *, bare: bool = False) -> http.client.HTTPSConnection:
    context = ssl.create_default_context(cafile=own / "ca.crt")
    if not bare:
        context.load_cert_chain(own / "tls.crt", own / "tls.key")
    return http.client.HTTPSConnection(host["mesh_address"], port, timeout=10, context=context)


def ask(connection: http.client.HTTPConnection, path: str = "/metrics", key: str = "") -> tuple[int, bytes]:
    connection.request("GET", path, headers={"Authorization": f"Bearer {key}"} if key else {})
    answer = connection.getresponse()
    return answer.status, answer.read()


@pytest.mark.parametrize("port", EXPORTERS)
def test_the_monitor_reads_every_nodes_exporters(document: Document, holder: Holder, port: int) -> None:
    for host in document["hosts"]:
        status, page = ask(connect(host, port, holder("monitor", "trial-monitor")))
        assert (status, EXPORTERS[port] in page) == (200, True)


def test_a_node_that_is_no_monitor_reads_none(first_host: Document, holder: Holder) -> None:
    assert ask(connect(first_host, 9100, holder("node", "trial-node")))[0] == 403


@pytest.mark.parametrize("port", [*EXPORTERS, 8443])
def test_without_a_certificate_no_port_of_the_mesh_answers(first_host: Document, holder: Holder, port: int) -> None:
    with pytest.raises(REFUSED):
        ask(connect(first_host, port, holder("monitor", "trial-monitor"), bare=True))


def test_the_gateway_wants_both_certificate_and_key(
    document: Document, first_host: Document, holder: Holder, access: Access
) -> None:
    port, own = document["gateway"]["mesh_port"], holder("node", "trial-node")
    assert ask(connect(first_host, port, own), "/v1/models")[0] == 401
    status, body = ask(connect(first_host, port, own), "/v1/models", access.client_key)
    assert (status, len(json.loads(body)["data"])) == (200, len(document["models"]))


def test_the_end_of_the_certificate_is_a_metric(first_host: Document, holder: Holder) -> None:
    _, page = ask(connect(first_host, 9100, holder("monitor", "trial-monitor")))
    assert f'freehold_tls_not_after_timestamp_seconds{{name="{first_host["name"]}"}}' in page.decode()


class Asking(threading.Thread):
    """Asks again and again until it is told to stop; keeps every answer and every failure."""

    def __init__(self, connection: Callable[[], http.client.HTTPConnection], key: str, *, kept: bool) -> None:
        super().__init__(daemon=True)
        self.open, self.key, self.kept = connection, key, kept
        self.ended, self.answers, self.failures, self.shown = threading.Event(), 0, list[str](), set[Any]()

    def run(self) -> None:
        connection = self.open()
        while not self.ended.is_set():
            try:
                status, _ = ask(connection, "/v1/models", self.key)
                self.answers += 1
                if status != http.HTTPStatus.OK:
                    self.failures.append(str(status))
                if isinstance(connection.sock, ssl.SSLSocket):
                    self.shown.add((connection.sock.getpeercert() or {})["serialNumber"])
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
            self.ended.wait(PAUSE_SECONDS)
            if not self.kept:
                connection.close()
                connection = self.open()


@pytest.fixture
def asking(document: Document, first_host: Document, holder: Holder, access: Access) -> Iterator[list[Asking]]:
    port, own = document["gateway"]["mesh_port"], holder("node", "trial-node")

    def mesh() -> http.client.HTTPConnection:
        return connect(first_host, port, own)

    def serving() -> http.client.HTTPConnection:
        return http.client.HTTPConnection(first_host["serve_address"], document["gateway"]["port"], timeout=10)

    rows = [(mesh, False), (mesh, True), (serving, True)]
    threads = [Asking(opened, access.client_key, kept=kept) for opened, kept in rows]
    for thread in threads:
        thread.start()
    yield threads
    for thread in threads:
        thread.ended.set()
        thread.join(15)


def test_a_renewal_loses_no_request_and_restarts_nothing(
    asking: list[Asking], first_host: Document, node: Host
) -> None:
    units = "systemctl show --property=InvocationID freehold-gateway freehold-metrics-door"
    before = node.check_output(units)
    done = keys("renew", "--force", "--host", first_host["name"], "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["outcomes"][0]["outcome"] == "changed"
    fresh = asking[0]
    seen = fresh.answers
    while fresh.is_alive() and fresh.answers < seen + 20:
        fresh.ended.wait(0.05)
    for thread in asking:
        thread.ended.set()
        thread.join(15)
    assert [thread.failures for thread in asking] == [[], [], []]
    assert min(thread.answers for thread in asking) > 20
    assert len(fresh.shown) >= 2, "the new certificate was shown"
    assert node.check_output(units) == before


def test_a_renewal_with_nothing_due_changes_nothing_and_this_host_has_its_own(document: Document) -> None:
    done = keys("renew", "--json")
    outcomes = {one["name"]: one["outcome"] for one in json.loads(done.stdout)["outcomes"]}
    assert outcomes == {host["name"]: "current" for host in document["hosts"]} | {"control": "current"}
    for host in document["hosts"]:
        assert ask(connect(host, 9400, lab_paths().keys / "control"))[0] == 200


def test_a_revoked_certificate_is_refused_by_every_listener(
    first_host: Document, holder: Holder, hierarchy: KeysFolder, access: Access
) -> None:
    thief = holder("monitor", "trial-thief")
    for port in EXPORTERS:
        assert ask(connect(first_host, port, thief))[0] == 200
    kept = connect(first_host, 8443, thief)
    assert ask(kept, "/v1/models", access.client_key)[0] == 200
    revoked = keys("revoke", "trial-thief", "--reason", "a test", "--json")
    assert revoked.returncode == 0, revoked.stderr
    assert revocation.matching(hierarchy, "trial-monitor", clock.now)
    assert keys("renew", "--json").returncode == 0  # on all nodes: none is left with an older list than the others
    for port in [*EXPORTERS, 8443]:
        with pytest.raises(REFUSED):
            ask(connect(first_host, port, thief), "/v1/models", access.client_key)
    with pytest.raises(REFUSED):
        _until_closed(kept, access.client_key)
    assert ask(connect(first_host, 9100, holder("monitor", "trial-monitor")))[0] == 200


def test_a_node_whose_key_was_revoked_comes_back_with_a_new_one(
    first_host: Document, node: Host, holder: Holder, hierarchy: KeysFolder
) -> None:
    """As docs/keys.md says. Without a new key the renewal is refused for this node, and tells the way."""
    name, units = first_host["name"], "systemctl show --property=InvocationID freehold-gateway freehold-metrics-door"
    before = node.check_output(units)
    assert keys("revoke", name, "--reason", "a test", "--json").returncode == 0
    refused = keys("renew", "--host", name, "--json")
    assert (refused.returncode, f"renew --new-key --host {name}" in refused.stdout + refused.stderr) == (5, True)
    back = keys("renew", "--new-key", "--host", name, "--json")
    assert back.returncode == 0, back.stdout + back.stderr
    assert keys("renew", "--json").returncode == 0  # the list, on all nodes
    assert node.check_output(units) != before
    assert ask(connect(first_host, 9100, holder("monitor", "trial-monitor")))[0] == 200
    held = node.check_output("sha256sum /run/credentials/freehold-gateway.service/tls.key").split()[0]
    assert held == node.check_output("sha256sum /etc/freehold/credentials/tls.key").split()[0]
    assert revocation.matching(hierarchy, name, clock.now)


def _until_closed(connection: http.client.HTTPSConnection, key: str) -> None:
    connection.auto_open = False  # the library's own switch against connecting anew
    for _ in range(100):
        ask(connection, "/v1/models", key)
        threading.Event().wait(0.05)

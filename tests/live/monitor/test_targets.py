"""A real Prometheus and targets that are none of the best: each shows as down, and the others are read all the same."""

import contextlib
import json
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.live.monitor import prometheus
from tests.live.monitor.conftest import PAGE
from tests.live.monitor.processes import get, running, until
from tests.ports import free_port
from tests.unit.keys import party
from tests.unit.keys.party import running as serving_pages

from freehold.exporter.server import Secure, Server
from freehold.keys.files import KeysFolder
from freehold.service.tls import TlsKeeper

YEAR_2001_MS = 1_000_000_000_000
PAGES: dict[str, bytes] = {
    "good": PAGE,
    "garbage": b"<html>not today</html>\n",
    "too-much": b"".join(b'flood{n="%d"} 1\n' % n for n in range(200)),
    "old-time": b"old_time 7 %d\n" % YEAR_2001_MS,
}
ERRORS = {
    "garbage": "token",
    "too-much": "sample limit exceeded",
    "slow": "context deadline exceeded",
    "gone": "connection refused",
    "other-name": "certificate is valid for",
}


class Recording(Server):
    """A listener on the mesh that keeps which certificates its clients showed."""

    def __init__(self, *given: Any) -> None:
        self.serials: list[str] = []
        super().__init__(*given)

    def shutdown_request(self, request: Any) -> None:
        with contextlib.suppress(ValueError):  # who did not believe us went away before the handshake's end
            self.serials += [request.getpeercert()["serialNumber"]]
        super().shutdown_request(request)


@pytest.fixture
def door(keys: KeysFolder, tmp_path: Path) -> Iterator[Recording]:
    own = party.holder(keys, "gpu1", tmp_path / "gpu1")
    secure = Secure(TlsKeeper(party.files(own)), frozenset({"monitor"}))
    server = Recording((party.HOST, 0), {"/metrics": lambda: PAGE}, secure)
    for _ in serving_pages(server):
        yield server


@pytest.fixture
def slow() -> Iterator[int]:
    """Takes connections and never answers."""
    with socket.create_server((party.HOST, 0)) as silent:
        yield int(silent.getsockname()[1])


def served(pages: dict[str, bytes]) -> Iterator[dict[str, int]]:
    """A server for each page."""
    with contextlib.ExitStack() as stack:
        ports = {}
        for name, content in pages.items():
            server = Server((party.HOST, 0), {"/metrics": partial(bytes, content)})
            ports[name] = stack.enter_context(contextlib.contextmanager(serving_pages)(server))
        yield ports


@pytest.fixture
def bad_and_good(slow: int) -> Iterator[list[dict[str, Any]]]:
    """Targets over http."""
    for ports in served(PAGES):
        yield [target(name, port) for name, port in {**ports, "slow": slow, "gone": free_port()}.items()]


def target(name: str, port: int, host: str = party.HOST, scheme: str = "http") -> dict[str, Any]:
    return {"job": "node", "node": name, "address": f"{host}:{port}", "scheme": scheme}


def all_asked(port: int) -> bool:
    found = by_node(port)
    return bool(found) and all(one["health"] != "unknown" for one in found.values())


def by_node(port: int) -> dict[str, dict[str, Any]]:
    text = get(f"http://{party.HOST}:{port}/api/v1/targets?state=active")
    return {one["labels"]["node"]: one for one in json.loads(text)["data"]["activeTargets"]} if text else {}


def renewed(keys: KeysFolder, mon1: Path) -> None:
    """A new certificate in the place of the one that is there."""
    (mon1 / "tls.crt").unlink()
    party.holder(keys, "mon1", mon1, kind="monitor")


def test_bad_targets_are_down_and_say_why_and_good_ones_are_read(
    tmp_path: Path, mon1: Path, keys: KeysFolder, door: Recording, bad_and_good: list[dict[str, Any]]
) -> None:
    own, mesh = free_port(), int(door.server_address[1])
    by_tls = [target("mesh", mesh, scheme="https"), target("other-name", mesh, "localhost", "https")]
    targets = bad_and_good + by_tls
    argv = prometheus.command(tmp_path, mon1, own, targets, prometheus_sample_limit=100)
    with running(argv, tmp_path / "prometheus.log"):
        until(lambda: all_asked(own), "all were asked")
        found = by_node(own)
        assert {name for name, one in found.items() if one["health"] == "up"} == {"good", "old-time", "mesh"}
        assert {name for name, says in ERRORS.items() if says in found[name]["lastError"]} == set(ERRORS)
        until(lambda: prometheus.value(own, "old_time") == "7", "a sample has the time when it was asked for")
        assert prometheus.result(own, "flood") == []
        first = door.serials[-1]
        renewed(keys, mon1)
        until(lambda: door.serials[-1] != first, "a renewed certificate is shown without a restart")
        assert by_node(own)["mesh"]["health"] == "up"

"""A report service, gateways that know it, and ways to ask for the page."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.unit.gateway.authority.federation import Federation
from tests.unit.gateway.harness import CLIENT_KEY, Harness, running
from tests.unit.gateway.status.reporter import Reporter, reporting

from freehold.gateway.config import GatewayConfig, Limits, Report
from freehold.gateway.status import source
from freehold.keys import sealed

BROWSER = "text/html,application/xhtml+xml,*/*;q=0.8"


@dataclass(frozen=True)
class Told:
    """An answer, its headers by lower-case name."""

    status: int
    headers: dict[str, str]
    body: bytes


def get(gateway: Harness, path: str = "/status", key: str | None = CLIENT_KEY, **headers: str) -> Told:
    """Ask a gateway; ``headers`` by name with ``_`` for ``-``."""
    connection = http.client.HTTPConnection(*gateway.addresses.public, timeout=15)
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("GET", path, headers=({"Authorization": f"Bearer {key}"} if key else {}) | given)
    answer = connection.getresponse()
    told = Told(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    connection.close()
    return told


def is_safe(told: Told) -> bool:
    """Whether an answer, page or refusal, carries what keeps it in this browser."""
    policy = told.headers["content-security-policy"].split("; ")
    assert policy[:3] == ["default-src 'none'", "style-src 'unsafe-inline'", "img-src data:"]
    assert "frame-ancestors 'none'" in policy
    assert told.headers["x-content-type-options"] == "nosniff"
    assert told.headers["referrer-policy"] == "no-referrer"
    return told.headers["cache-control"] == "no-store"


def permitted(config: GatewayConfig) -> GatewayConfig:
    """The operator's key may see the page, the other one not."""
    operator, *others = config.keys
    return replace(config, keys=(replace(operator, status=True), *others))


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


@pytest.fixture(scope="session")
def shared_reporter() -> Iterator[Reporter]:
    with reporting() as reporter:
        yield reporter


@pytest.fixture(scope="session")
def shared_monitor(shared_reporter: Reporter) -> Iterator[Harness]:
    def changed(config: GatewayConfig) -> GatewayConfig:
        return replace(permitted(config), node="gpu1", report=Report(url=shared_reporter.url))

    with running(replace(Limits(), drain_seconds=1), changed=changed) as harness:
        yield harness


@pytest.fixture
def reporter(shared_reporter: Reporter, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reporter]:
    """The service as it was made; no gateway keeps its pages, unless a test says so."""
    monkeypatch.setattr(source, "KEPT_SECONDS", 0.0)
    shared_reporter.reset()
    yield shared_reporter
    shared_reporter.released.set()


@pytest.fixture
def monitor(shared_monitor: Harness, reporter: Reporter) -> Harness:
    """A gateway beside the report service, which tests share: they look at differences of its counters."""
    assert reporter.seen == []
    return shared_monitor


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Federation:
    monkeypatch.setattr(sealed, "COST", 16)
    return Federation(tmp_path)

"""The service over HTTP: its addresses, its refusals, its headers, its end."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.ports import free_port
from tests.unit.report.conftest import PATIENCE_SECONDS, Pretender, view
from tests.unit.report.conftest import http as wire

from freehold.errors import RefusedError, UsageError
from freehold.paths import PROJECT
from freehold.report import __main__ as program
from freehold.report import service
from freehold.report.keeper import Keeper
from freehold.report.prometheus import Place
from freehold.report.web import StatusServer

VIEWS = (view(),)


@pytest.fixture
def served(pretender: Pretender) -> Iterator[StatusServer]:
    make = service.maker(Place.parse(pretender.url), "lab", "", VIEWS)
    server = service.bind("127.0.0.1:0", Keeper(make), VIEWS)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(PATIENCE_SECONDS)


def ask(server: StatusServer, target: str, method: str = "GET") -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", int(server.server_address[1]), timeout=PATIENCE_SECONDS)
    connection.request(method, target)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response, body


def test_the_page_comes_with_headers_that_keep_it_to_itself(served: StatusServer) -> None:
    response, body = ask(served, "/status?range=7d&view=cost&node=gpu1")
    assert (response.status, response.getheader("Content-Type")) == (200, "text/html; charset=utf-8")
    assert body.startswith(b"<!DOCTYPE html>")
    assert b"Last 7 days, node gpu1" in body
    assert "default-src 'none'" in (response.getheader("Content-Security-Policy") or "")
    assert response.getheader("Cache-Control") == "no-store"
    assert response.getheader("X-Freehold-Data") == "ok"


def test_the_twin_is_json(served: StatusServer) -> None:
    response, body = ask(served, "/status.json")
    assert response.getheader("Content-Type") == "application/json"
    assert json.loads(body)["range"] == "24h"


@pytest.mark.parametrize(
    ("target", "method", "status"),
    [
        ("/healthz", "GET", 200),
        ("/", "GET", 404),
        ("/status/", "GET", 404),
        ("/status/../metrics", "GET", 404),
        ("/status", "POST", 405),
        ("/status?range=2h", "GET", 400),
        ("/status?view=money", "GET", 400),
        ("/status?node=gpu1%22%7D", "GET", 400),
        ("/status?node=.*", "GET", 400),
        ("/status?node=" + "a" * 65, "GET", 400),
        ("/status?range=1h&range=7d", "GET", 400),
        ("/status?what=ever", "GET", 400),
        ("/status?range", "GET", 400),
        ("/status?form=page", "GET", 400),
        ("/status?&&&&", "GET", 400),
    ],
)
def test_addresses_that_mean_nothing_are_refused(served: StatusServer, target: str, method: str, status: int) -> None:
    response, body = ask(served, target, method)
    assert response.status == status
    assert body.endswith(b"\n")


def test_a_dead_prometheus_is_a_page_that_says_so(served: StatusServer, pretender: Pretender) -> None:
    pretender.script = lambda connection, _path, _form: connection.sendall(wire(b"", "500 Internal Server Error"))
    response, body = ask(served, "/status")
    assert (response.status, response.getheader("X-Freehold-Data")) == (200, "none")
    assert b"Nothing is known." in body


def test_a_mistake_of_ours_ends_one_answer_only(served: StatusServer, capfd: pytest.CaptureFixture[str]) -> None:
    def broken(_: object) -> None:
        raise ZeroDivisionError

    keeper, served.keeper = served.keeper, Keeper(broken)  # type: ignore[arg-type]  # it never makes one
    assert ask(served, "/status")[0].status == 500
    served.keeper = keeper
    assert ask(served, "/status")[0].status == 200
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_its_metrics_can_be_read(served: StatusServer) -> None:
    first = {family.name for family in text_string_to_metric_families(ask(served, "/metrics")[1].decode())}
    assert "freehold_report_render_seconds" not in first  # nothing was made yet
    ask(served, "/status")
    families = {family.name: family for family in text_string_to_metric_families(ask(served, "/metrics")[1].decode())}
    assert families["freehold_report_pages"].samples[0].value == 1
    assert families["freehold_report_render_seconds"].samples[0].value > 0
    assert {sample.labels["why"] for sample in families["freehold_report_failures"].samples} == {"error", "busy"}


def test_its_metrics_are_in_its_documentation(served: StatusServer) -> None:
    ask(served, "/status")
    told = (PROJECT / "docs/status-page.md").read_text(encoding="utf-8")
    lines = ask(served, "/metrics")[1].decode().splitlines()
    names = {line.split()[2] for line in lines if line.startswith("# TYPE")}
    assert len(names) == 5
    assert [name for name in names if f"`{name}" not in told] == []


def test_the_service_starts_serves_and_stops(pretender: Pretender) -> None:
    stop, listen = threading.Event(), f"127.0.0.1:{free_port()}"
    thread = threading.Thread(target=service.serve, args=(listen, pretender.url, "lab", "", stop))
    thread.start()
    end = threading.Event()
    for _ in range(200):
        try:
            connection = http.client.HTTPConnection(listen, timeout=PATIENCE_SECONDS)
            connection.request("GET", "/healthz")
            assert connection.getresponse().read() == b"ok\n"
            break
        except ConnectionRefusedError:
            end.wait(0.02)
    stop.set()
    thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()


def test_an_address_that_is_taken_is_refused(served: StatusServer, pretender: Pretender) -> None:
    listen = f"127.0.0.1:{served.server_address[1]}"
    with pytest.raises(RefusedError, match="REPORT_ADDRESS"):
        service.serve(listen, pretender.url, "lab", "", threading.Event())


@pytest.mark.parametrize(
    "arguments", [["--prometheus", "http://192.0.2.1:9090"], ["--listen", "9096"], ["--listen", "0.0.0.0:9096"]]
)
def test_the_program_refuses_what_is_not_loopback(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(arguments) == UsageError.exit_code
    assert "expected:" in capsys.readouterr().err

"""The page on a node that is no monitor: from a monitor's gateway, over the mesh, for nodes alone."""

from __future__ import annotations

import http.client
import json
from contextlib import ExitStack
from typing import Any

import pytest
from tests.unit.gateway.authority.federation import MADE, Federation, command
from tests.unit.gateway.harness import CLIENT_KEY, OTHER_KEY, Harness, eventually
from tests.unit.gateway.status.conftest import get
from tests.unit.gateway.status.reporter import PAGE, Reporter
from tests.unit.gateway.test_gateway_peers import Site, _nobody
from tests.unit.keys import party

from freehold.gateway.config import Key, Report
from freehold.gateway.keys import digest
from freehold.gateway.status import source
from freehold.ledger.key_records import KeyLimits

KEYS = (Key("operator", digest(CLIENT_KEY.encode()), status=True), Key("other", digest(OTHER_KEY.encode())))
MESH_PATHS = ("/freehold/status", "/freehold/status.json")


def monitor(site: Site, stack: ExitStack, name: str = "gpu1", **settings: Any) -> Harness:
    return stack.enter_context(site.gateway(name, keys=KEYS, **settings))


def node(site: Site, stack: ExitStack, monitors: tuple[str, ...] = ("gpu1",), **peers: Harness) -> Harness:
    site.introduce("gpu9", **peers)
    return stack.enter_context(site.gateway("gpu9", keys=KEYS, report=Report(peers=monitors)))


def over_mesh(site: Site, gateway: Harness, path: str, kind: str) -> tuple[int, dict[str, Any] | bytes]:
    """What a holder of a certificate of this kind hears, without a key."""
    assert gateway.addresses.mesh is not None
    party.holder(site.keys, f"a-{kind}", site.folder / f"a-{kind}", kind=kind)
    context = party.client(site.folder / "gpu1", site.folder / f"a-{kind}")
    connection = http.client.HTTPSConnection(party.HOST, gateway.addresses.mesh[1], timeout=5, context=context)
    connection.request("GET", path)
    answer = connection.getresponse()
    said = answer.read()
    connection.close()
    return answer.status, said


def test_every_gateway_has_the_page_and_each_knows_its_clients(
    site: Site, stack: ExitStack, reporter: Reporter
) -> None:
    first = monitor(site, stack, report=Report(url=reporter.url))
    gateway = node(site, stack, gpu1=first)
    told = get(gateway, "/status?view=cost&range=1h")
    assert (told.status, told.body) == (200, PAGE)
    assert told.headers["cache-control"] == "no-store"
    assert reporter.seen == ["/status?range=1h&view=cost"]
    assert get(gateway, key=OTHER_KEY).status == 403
    assert get(gateway, key=None).status == 401
    assert gateway.count("freehold_gateway_requests_total", path="/status", key="operator", status="200") == 1
    assert first.count("freehold_gateway_requests_total", path="/freehold/status", key="", status="200") == 1


def test_a_permission_is_kept_by_the_authority_and_taken_back_everywhere(
    site: Federation, stack: ExitStack, reporter: Reporter
) -> None:
    first = stack.enter_context(site.authority(report=Report(url=reporter.url)))
    follower = stack.enter_context(site.follower("gpu2", first, report=Report(peers=("gpu1",))))
    with command(site.ledger("gpu1")) as keys:
        keys.create("board", digest(MADE.encode()), KeyLimits(status=True))
        eventually(lambda: get(follower, key=MADE).status == 200)
        eventually(lambda: get(first, key=MADE).status == 200)
        keys.set_limits("board", KeyLimits())
        eventually(lambda: get(follower, key=MADE).status == 403)
        eventually(lambda: get(first, key=MADE).status == 403)


@pytest.mark.parametrize("path", MESH_PATHS)
def test_for_who_is_no_node_there_is_no_such_path(site: Site, stack: ExitStack, reporter: Reporter, path: str) -> None:
    first = monitor(site, stack, report=Report(url=reporter.url))
    assert get(first, path).status == 404
    assert over_mesh(site, first, path, "client")[0] == 404
    assert reporter.seen == []
    assert over_mesh(site, first, path, "node") == (200, PAGE)


def test_a_nodes_question_is_judged_like_a_clients(site: Site, stack: ExitStack, reporter: Reporter) -> None:
    first = monitor(site, stack, report=Report(url=reporter.url))
    assert over_mesh(site, first, "/freehold/status?path=/etc/passwd", "node")[0] == 400
    assert reporter.seen == []


def test_what_the_report_service_does_not_know_is_said_on_every_node(
    site: Site, stack: ExitStack, reporter: Reporter
) -> None:
    gateway = node(site, stack, gpu1=monitor(site, stack, report=Report(url=reporter.url)))
    reporter.status, reporter.body = 400, b"view: expected one of cost, health"
    told = get(gateway, "/status?view=nothing")
    assert told.status == 400
    assert json.loads(told.body)["error"]["message"] == "The report service: view: expected one of cost, health."


def test_who_is_no_monitor_asks_nobody_for_another_node(site: Site, stack: ExitStack, reporter: Reporter) -> None:
    first = monitor(site, stack, report=Report(url=reporter.url))
    second = node(site, stack, gpu1=first)
    status, _ = over_mesh(site, second, MESH_PATHS[0], "node")
    assert status == 503
    assert reporter.seen == []


def test_a_dead_report_service_is_said_in_the_monitors_words(site: Site, stack: ExitStack) -> None:
    first = monitor(site, stack, report=Report(url=_nobody()))
    told = get(node(site, stack, gpu1=first))
    message = json.loads(told.body)["error"]["message"]
    assert told.status == 503
    assert "systemctl status freehold-report on gpu1" in message


def test_a_dead_monitor_is_named_and_another_one_stands_in(site: Site, stack: ExitStack, reporter: Reporter) -> None:
    dead = ExitStack()
    first = dead.enter_context(site.gateway("gpu1", keys=KEYS, report=Report(url=reporter.url)))
    second = monitor(site, stack, "gpu2", report=Report(url=reporter.url))
    alone = node(site, stack, gpu1=first, gpu2=second)
    site.peers_file("gpu8").write_text(site.peers_file("gpu9").read_text())
    both = stack.enter_context(site.gateway("gpu8", keys=KEYS, report=Report(peers=("gpu1", "gpu2"))))
    dead.close()
    told = get(alone, Accept="text/html")
    assert told.status == 503
    assert b"The gateway of the monitor gpu1 does not answer" in told.body
    assert b"freehold mesh status" in told.body
    assert (get(both).status, get(both).body) == (200, PAGE)


def test_a_monitor_that_nobody_introduced_is_said_so(site: Site, stack: ExitStack) -> None:
    told = get(node(site, stack))
    assert told.status == 503
    assert "its address is not among the peers" in json.loads(told.body)["error"]["message"]


def test_a_monitor_whose_certificate_is_anothers_is_not_believed(
    site: Site, stack: ExitStack, reporter: Reporter
) -> None:
    wrong = stack.enter_context(site.gateway("gpu1", certified="gpu7", keys=KEYS, report=Report(url=reporter.url)))
    assert get(node(site, stack, gpu1=wrong)).status == 503
    assert reporter.seen == []


def test_an_older_gateway_of_a_monitor_is_no_wrong_question(site: Site, stack: ExitStack) -> None:
    first = monitor(site, stack)
    told = get(node(site, stack, gpu1=first), "/status?range=1h")
    assert told.status == 503
    assert "Not served here" in json.loads(told.body)["error"]["message"]


def test_a_slow_monitor_is_not_waited_for_long(
    site: Site, stack: ExitStack, reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = monitor(site, stack, report=Report(url=reporter.url))
    monkeypatch.setattr(source, "ANSWER_SECONDS", 0.3)
    gateway = node(site, stack, gpu1=first)
    reporter.slow = True
    told = get(gateway)
    assert told.status == 503
    assert "the monitor gpu1 does not answer (it takes too long)" in json.loads(told.body)["error"]["message"]

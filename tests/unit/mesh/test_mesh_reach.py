"""The table, and the scan that compares the world with it."""

import json
import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.unit.mesh.conftest import Recorder

from freehold.errors import UnknownStateError
from freehold.mesh import knock, reach, reach_page, scan
from freehold.process import Completed
from freehold.status.gather import Access

Document = dict[str, Any]
ACCESS = Access(Path("/key"), Path("/known_hosts"), "")
MONITOR, NODE = frozenset({"anyone", "nodes", "monitor"}), frozenset({"anyone", "nodes"})


def test_the_page_in_the_tree_is_the_one_of_the_table() -> None:
    """Mend with: python -m freehold.mesh.reach_page."""
    assert reach_page.PAGE.read_text(encoding="utf-8") == reach_page.render()


@pytest.mark.parametrize(
    ("sources", "address", "port", "permitted"),
    [
        (reach.OUTSIDE_SOURCES, "192.0.2.11", 22, True),
        (reach.OUTSIDE_SOURCES, "198.51.100.11", 22, False),
        (reach.OUTSIDE_SOURCES, "198.51.100.11", 8080, True),
        (reach.OUTSIDE_SOURCES, "203.0.113.11", 8443, False),
        (NODE, "203.0.113.11", 8443, True),
        (NODE, "203.0.113.11", 9100, False),
        (NODE, "203.0.113.11", 22, False),
        (MONITOR, "203.0.113.11", 9100, True),
        (reach.CONTROL_SOURCES, "203.0.113.11", 4711, True),
        (reach.CONTROL_SOURCES, "198.51.100.11", 9100, False),
    ],
)
def test_the_table_answers(
    document: Document, sources: frozenset[str], address: str, port: int, *, permitted: bool
) -> None:
    assert reach.permitted(document, document["hosts"][0], sources, address, port) is permitted


def test_one_address_for_two_networks_has_the_doors_of_both(document: Document) -> None:
    host = {**document["hosts"][0], "serve_address": "192.0.2.11"}
    doors = [reach.permitted(document, host, reach.OUTSIDE_SOURCES, "192.0.2.11", port) for port in (22, 8080, 9100)]
    assert doors == [True, True, False]


def test_the_dead_mans_switch_is_on_one_host_and_for_the_monitor(document: Document) -> None:
    first, second = document["hosts"]
    port = reach.SWITCH_PORT
    assert reach.permitted(document, second, MONITOR, "203.0.113.12", port)
    assert not reach.permitted(document, second, NODE, "203.0.113.12", port)
    assert not reach.permitted(document, first, MONITOR, "203.0.113.11", port)
    assert port in reach.named_tcp_ports(document, second)["mesh"]
    assert port not in reach.named_tcp_ports(document, first)["mesh"]


def test_the_monitor_is_who_the_document_says(document: Document) -> None:
    assert reach.sources_of(document, "gpu1") == MONITOR
    assert reach.sources_of(document, "gpu2") == NODE


def test_a_documents_table_has_its_ports_and_the_page_their_settings(document: Document) -> None:
    assert "TCP 8443" in {row[3] for row in reach.rows(document)}
    assert "TCP `fleet:gateway.mesh_port`" in {row[3] for row in reach.rows()}


class Fleet(Recorder):
    """Every place sees the same doors open; two ports listen on each node, one of them on no list."""

    opened: set[tuple[str, int]]

    def __call__(self, args: Sequence[str | os.PathLike[str]], **options: Any) -> Completed:
        done = super().__call__(args, **options)
        line = str(args[-1])
        if line.startswith("ss "):
            return replace(done, stdout="LISTEN 0 128 127.0.0.1:18000 0.0.0.0:*\nLISTEN 0 128 [::]:22 [::]:*\n")
        asked = json.loads(shlex.split(line)[2])
        return replace(done, stdout=json.dumps([door for door in asked if tuple(door) in self.opened]))


def as_it_should(document: Document) -> set[tuple[str, int]]:
    return {
        door
        for host in document["hosts"]
        for door in [(host["address"], 22), (host["serve_address"], 8080)]
        + [(host["mesh_address"], port) for port in (8443, 9100, 9400, 9401)]
    } | {(document["monitoring"]["watcher"]["mesh_address"], reach.SWITCH_PORT)}


def scanned(document: Document, opened: set[tuple[str, int]]) -> list[scan.Finding]:
    fleet = Fleet()
    fleet.opened = opened
    return scan.run(document, ACCESS, fleet)


def test_every_listening_port_is_tried_at_every_address_from_everywhere(document: Document) -> None:
    found = scanned(document, set())
    tried = {(one.vantage, one.host) for one in found}
    assert tried == {("control host", "gpu1"), ("control host", "gpu2"), ("gpu1", "gpu2"), ("gpu2", "gpu1")}
    assert {one.port for one in found} == {22, 8080, 8443, 9100, 9400, 9401, 9405, 18000}
    assert {one.address for one in found if one.host == "gpu1"} == {"192.0.2.11", "198.51.100.11", "203.0.113.11"}


def test_from_the_control_host_all_is_well_where_all_is_open_that_may_be(document: Document) -> None:
    found = scanned(document, as_it_should(document))
    assert [str(one) for one in scan.wrong(found) if one.vantage == "control host"] == []


def test_a_door_that_is_open_against_the_table_is_found(document: Document) -> None:
    found = scanned(document, as_it_should(document) | {("198.51.100.12", 18000)})
    said = [str(one) for one in scan.wrong(found) if one.vantage == "control host"]
    assert said == ["control host → gpu2 198.51.100.12:18000 is open, the table says closed"]


def test_a_door_that_the_table_promises_and_that_is_closed_is_found(document: Document) -> None:
    found = scanned(document, as_it_should(document) - {("203.0.113.11", 9100)})
    said = [str(one) for one in scan.wrong(found) if one.vantage == "control host"]
    assert said == ["control host → gpu1 203.0.113.11:9100 is closed, the table says open"]


def test_a_node_in_maintenance_is_neither_asked_nor_tried(document: Document) -> None:
    document["hosts"][1]["maintenance"] = True
    assert {one.host for one in scanned(document, set())} == {"gpu1"}


def test_a_place_that_cannot_look_is_unknown(recorder: Recorder, document: Document) -> None:
    recorder.failing = {"ssh"}
    with pytest.raises(UnknownStateError, match="REACH_UNKNOWN"):
        scan.run(document, ACCESS, recorder)


@pytest.fixture
def door() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_the_knocker_tells_open_from_closed(door: int) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        asked = json.dumps([["127.0.0.1", door], ["127.0.0.1", free.getsockname()[1]]])
        program = Path(knock.__file__).read_text(encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-I", "-", asked], input=program, capture_output=True, text=True, check=True
        )
    assert json.loads(done.stdout) == [["127.0.0.1", door]]

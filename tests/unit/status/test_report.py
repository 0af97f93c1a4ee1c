"""What `freehold status` makes of a fleet in which a node is dead, and of one that is known to be out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from freehold.process import Completed
from freehold.sovereignty.owner import own_hosts
from freehold.status import gather, report, view


@pytest.fixture
def document() -> dict[str, Any]:
    host = {
        "name": "gpu1",
        "address": "192.0.2.11",
        "serve_address": "198.51.100.11",
        "mesh_address": "10.85.0.11",
        "port": 22,
        "gpus": 8,
        "maintenance": False,
    }
    prices = {"currency": "USD", "electricity_per_kwh": 0.2, "node_purchase": 3e5, "years": 4.0, "pue": 1.3}
    return {
        "stack": "test",
        "simulated": [],
        "hosts": [host, {**host, "name": "gpu2", "maintenance": True}],
        "models": [],
        "bundle": {"url": "http://192.0.2.1:8480", "models": {}},
        "gateway": {"port": 8080},
        "mesh": {"network": "10.85.0.0/24", "control": {"address": "10.85.0.1"}},
        "prices": prices,
    }


def reported(document: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
    """The report on a fleet of which no node answers."""

    def silent(args: Any, **_: Any) -> Completed:
        return Completed(tuple(args), 255, "", "no route to host")

    access = gather.Access(tmp_path / "key", tmp_path / "known_hosts", "k")
    readings = gather.gather(document, access, silent, lambda: 1e9)
    return report.build(document, readings, {}, tmp_path)


def test_a_dead_node_is_unknown_and_the_fleet_does_not_serve(document: dict[str, Any], tmp_path: Path) -> None:
    done = reported(document, tmp_path)
    assert done["verdict"] == "UNKNOWN"
    assert not done["serving"]
    outcomes = {check["subject"]: check["outcome"] for check in done["checks"]}
    assert outcomes == {"gpu1": "unknown", "gpu2": "not_applicable"}


def test_nobody_dials_a_node_in_maintenance(document: dict[str, Any], tmp_path: Path) -> None:
    done = reported(document, tmp_path)
    first, second = done["nodes"]
    assert "no route to host" in first["error"]
    assert second["maintenance"]
    assert "no route" not in second["error"]
    assert done["energy_and_cost"]["nodes_unreadable"] == ["gpu1"]


def test_the_table_says_so(document: dict[str, Any], tmp_path: Path) -> None:
    console = Console(width=160, record=True, file=(tmp_path / "shown").open("w"))
    console.print(view.tables(reported(document, tmp_path)))
    shown = console.export_text()
    assert "in maintenance" in shown
    assert "unknown: ssh to gpu1" in shown


def test_addresses_of_the_private_plane_are_the_owners(document: dict[str, Any]) -> None:
    assert {"10.85.0.11", "10.85.0.1", "10.85.0.0", "gpu2"} <= own_hosts(json.loads(json.dumps(document)))


def following(silent: float | None) -> dict[str, Any]:
    """What a node says whose gateway has not heard the authority for so long; none: it is the authority."""
    page = "# TYPE freehold_gateway_authority_silent_seconds gauge\n"
    page += "" if silent is None else f"freehold_gateway_authority_silent_seconds {silent}\n"
    unread = {"error": "not asked"}
    facts = dict.fromkeys(("configuration", "routes", "units"), unread)
    return facts | {"os": {}, "probes": {}, "weights": {}, "metrics": {"gateway": page, "gpu": unread}}


@pytest.mark.parametrize("silent", [None, 0.4, 60.0, 60.5, 312.0])
def test_a_gateway_that_does_not_hear_the_authority_has_a_line(
    document: dict[str, Any], tmp_path: Path, silent: float | None
) -> None:
    facts, shown = following(silent), (silent or 0) > 60
    readings = [gather.NodeReading("gpu1", 1e9, facts, None, 1e9, facts)]
    done = report.build(document, readings, {}, tmp_path)
    assert done["nodes"][0]["authority_silent_seconds"] == (silent if shown else None)
    console = Console(width=400, record=True, file=(tmp_path / "shown").open("w"))
    console.print(view.tables(done))
    line = f"gpu1: its gateway has not heard the authority for {silent or 0:.0f} s"
    assert (line in console.export_text()) == shown


def test_a_node_that_cannot_be_read_is_not_said_to_follow_or_not(document: dict[str, Any], tmp_path: Path) -> None:
    assert [node["authority_silent_seconds"] for node in reported(document, tmp_path)["nodes"]] == [None, None]

"""The order in which the program goes over the fleet, and what it leaves alone."""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest

from freehold.drift.probe import Item, Probe
from freehold.fleet import held, mesh_key, record

Runner = Callable[..., Any]


@pytest.fixture
def four(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration with four hosts."""
    wider = copy.deepcopy(config)
    first = wider["fleet:hosts"][0]
    for number in (3, 4):
        key = first["host_key"][:-4] + f"{number}EB{number}"
        wider["fleet:hosts"].append(
            {
                "name": f"gpu{number}",
                "address": f"192.0.2.1{number}",
                "serve_address": f"198.51.100.1{number}",
                "host_key": key,
            }
        )
    return wider


def converges(done: Any, host: str) -> list[str]:
    """What the converge of ``host`` waits for, other hosts' commands only."""
    return sorted(name for name in done.named(f"{host}-converge").dependencies if not name.startswith(f"{host}-"))


def test_the_canary_waits_for_every_bootstrap_and_each_batch_for_the_one_before(
    four: dict[str, Any], run_program: Runner
) -> None:
    four["fleet:rolling"] = {"canary": "gpu2", "batch_size": 2}
    done = run_program(four)
    assert converges(done, "gpu2") == ["gpu1-bootstrap", "gpu3-bootstrap", "gpu4-bootstrap"]
    assert converges(done, "gpu1") == converges(done, "gpu3") == ["gpu2-converge"]
    assert converges(done, "gpu4") == ["gpu1-converge", "gpu3-converge"]
    assert {f"gpu{n}-converge" for n in (1, 2, 3, 4)} <= set(done.named("roll").dependencies)


def test_a_preview_shows_the_order_and_the_limit(four: dict[str, Any], run_program: Runner) -> None:
    four["fleet:rolling"] = {"failure_limit": 1}
    said = [text for _, text in run_program(four, preview=True).logged]
    assert any(
        text.startswith("roll: 1. canary gpu1; 2. gpu2; 3. gpu3; 4. gpu4; 1 failure(s) allowed") for text in said
    )


def test_each_node_is_told_of_all_peers_keys_and_only_of_itself_otherwise(
    config: dict[str, Any], run_program: Runner
) -> None:
    told = json.loads(run_program(config).named("gpu2-peers").inputs["stdin"])
    assert [host["name"] for host in told["hosts"]] == ["gpu2"]
    assert [(peer["name"], peer["public_key"]) for peer in told["mesh"]["peers"]] == [
        ("gpu1", "key of gpu1"),
        ("gpu2", "key of gpu2"),
    ]
    assert "models" not in told


def test_another_host_changes_nothing_of_a_nodes_converge_but_its_peers(
    config: dict[str, Any], four: dict[str, Any], run_program: Runner
) -> None:
    before, after = run_program(config), run_program(four)
    assert before.named("gpu1-converge").inputs == after.named("gpu1-converge").inputs
    assert before.named("gpu1-peers").inputs["environment"] != after.named("gpu1-peers").inputs["environment"]


def test_a_host_in_maintenance_is_in_no_batch_and_ignores_every_change(
    four: dict[str, Any], run_program: Runner
) -> None:
    four["fleet:hosts"][1]["maintenance"] = True
    done = run_program(four)
    assert converges(done, "gpu3") == ["gpu1-converge"]
    ignored = list(done.named("gpu2-converge").request.ignoreChanges)
    assert {"environment", "stdin", "update", "delete"} <= set(ignored)
    assert list(done.named("gpu1-converge").request.ignoreChanges) == []
    assert done.visited == [["gpu1", "gpu3", "gpu4"]]


def test_a_host_in_maintenance_that_the_state_does_not_know_gets_no_resource(
    config: dict[str, Any], run_program: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held, "read", lambda *_: held.Held({"gpu2-facts": {}}))
    config["fleet:hosts"][1]["maintenance"] = True
    names = {resource.name for resource in run_program(config).resources}
    assert {name for name in names if name.startswith("gpu2-")} == {"gpu2-facts"}
    assert "gpu1-converge" in names


def converged(tmp_path: Any, environment: dict[str, str], host: str, *, finished: bool = True) -> None:
    place = record.path_of(tmp_path / "state", "example", host)
    record.write(place, record.of_environment(environment, finished=finished))


def test_drift_is_named_and_raises_the_generation_of_that_node_alone(
    config: dict[str, Any], run_program: Runner, tmp_path: Any
) -> None:
    first = run_program(config)
    for host in ("gpu1", "gpu2"):
        converged(tmp_path, first.named(f"{host}-converge").inputs["environment"], host)
    drifted = Probe(reachable=True, generation=1, baseline=True, items=(Item("file", "/etc/x", "aa", "bb"),))
    probes = {"gpu1": Probe(reachable=True, baseline=True), "gpu2": drifted}
    done = run_program(config, probes=probes)
    assert done.visited == [["gpu2"]]
    assert ("info", "gpu2 converges: drift: file /etc/x: bb instead of aa") in done.logged
    old, new = (run.named("gpu2-converge").inputs["environment"] for run in (first, done))
    assert {name for name in new if new[name] != old[name]} == {"FREEHOLD_GENERATION"}
    assert first.named("gpu1-converge").inputs == done.named("gpu1-converge").inputs


def test_another_wireguard_key_is_read_anew_once(config: dict[str, Any], run_program: Runner, tmp_path: Any) -> None:
    first = run_program(config)
    told = json.loads(first.named("gpu1-peers").inputs["stdin"])
    for host in ("gpu1", "gpu2"):
        converged(tmp_path, first.named(f"{host}-converge").inputs["environment"], host)
        introduced(tmp_path, told, first, host)
    kept = {host: Probe(reachable=True, baseline=True, mesh_key=f"key of {host}") for host in ("gpu1", "gpu2")}
    again = run_program(config, probes=kept)
    assert {r.name: r.inputs for r in first.resources} == {r.name: r.inputs for r in again.resources}

    replaced = {**kept, "gpu2": dataclasses.replace(kept["gpu2"], mesh_key="another")}
    done = run_program(config, probes=replaced)
    names = ["gpu1-bootstrap", "gpu1-converge", "gpu1-peers", "gpu2-bootstrap", "gpu2-converge", "gpu2-peers"]
    differ = [name for name in names if first.named(name).inputs != done.named(name).inputs]
    # The mocked bootstrap says the old key again: with another one gpu1's peers would differ, too.
    assert differ == ["gpu2-bootstrap", "gpu2-peers"]

    told["mesh"]["peers"][1]["public_key"] = "another"
    introduced(tmp_path, told, done, "gpu2")
    settled = run_program(config, probes=replaced)
    assert {r.name: r.inputs for r in done.resources} == {r.name: r.inputs for r in settled.resources}


def introduced(tmp_path: Any, told: dict[str, Any], done: Any, host: str) -> None:
    environment = done.named(f"{host}-peers").inputs["environment"]
    mesh_key.write(mesh_key.path_of(tmp_path / "state", "example", host), told, host, environment)


def test_a_node_that_does_not_answer_is_unknown_and_nothing_of_it_changes(
    config: dict[str, Any], run_program: Runner, tmp_path: Any
) -> None:
    first = run_program(config)
    for host in ("gpu1", "gpu2"):
        converged(tmp_path, first.named(f"{host}-converge").inputs["environment"], host)
    silent = Probe(reachable=False, error="no route to host")
    done = run_program(config, probes={"gpu1": Probe(reachable=True, baseline=True), "gpu2": silent})
    assert ("warn", "gpu2 is unknown: no route to host") in done.logged
    assert first.named("gpu2-converge").inputs == done.named("gpu2-converge").inputs
    assert done.visited == []


def state_of(done: Any) -> held.Held:
    """What Pulumi's state would hold after ``done``."""
    return held.Held({one.name: one.inputs.get("environment", {}) for one in done.resources if one.custom})


CLEAN = {name: Probe(reachable=True, baseline=True) for name in ("gpu1", "gpu2")}


def test_a_lost_memory_costs_nothing_where_the_state_can_be_read(
    config: dict[str, Any], run_program: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run_program(config)
    monkeypatch.setattr(held, "read", lambda *_: state_of(first))
    done = run_program(config, probes=CLEAN)
    assert done.visited == []
    assert first.named("gpu1-converge").inputs == done.named("gpu1-converge").inputs
    drifted = Probe(reachable=True, generation=1, baseline=True, items=(Item("file", "/etc/x", "aa", "bb"),))
    assert run_program(config, probes={**CLEAN, "gpu2": drifted}).visited == [["gpu2"]]


def test_a_tolerated_failure_is_repeated_although_the_node_looks_clean_and_the_state_is_up_to_date(
    config: dict[str, Any], run_program: Runner, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run_program(config)
    monkeypatch.setattr(held, "read", lambda *_: state_of(first))
    converged(tmp_path, first.named("gpu1-converge").inputs["environment"], "gpu1", finished=False)
    done = run_program(config, probes=CLEAN)
    assert done.visited == [["gpu1"]]
    assert done.named("gpu1-converge").inputs != first.named("gpu1-converge").inputs
    assert done.named("gpu1-peers").inputs != first.named("gpu1-peers").inputs


def test_a_stale_memory_converges_no_node_that_is_off(
    config: dict[str, Any], run_program: Runner, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run_program(config)
    newer = {**first.named("gpu2-converge").inputs["environment"], "FREEHOLD_GENERATION": "5"}
    monkeypatch.setattr(held, "read", lambda *_: held.Held({**state_of(first).resources, "gpu2-converge": newer}))
    converged(tmp_path, first.named("gpu2-converge").inputs["environment"], "gpu2")
    done = run_program(config, probes={**CLEAN, "gpu2": Probe(reachable=False, error="off")})
    assert environment_of(done, "gpu2")["FREEHOLD_GENERATION"] == "5"


def environment_of(done: Any, host: str) -> dict[str, str]:
    given: dict[str, str] = done.named(f"{host}-converge").inputs["environment"]
    return given


def test_an_unknown_node_keeps_its_peers_until_it_is_back(
    config: dict[str, Any], run_program: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run_program(config)
    monkeypatch.setattr(held, "read", lambda *_: state_of(first))
    done = run_program(config, probes={**CLEAN, "gpu2": Probe(reachable=False, error="off")})
    assert "stdin" in list(done.named("gpu2-peers").request.ignoreChanges)
    assert list(done.named("gpu1-peers").request.ignoreChanges) == []
    assert list(done.named("gpu2-converge").request.ignoreChanges) == []


def test_another_key_is_a_reason_that_is_named(config: dict[str, Any], run_program: Runner, tmp_path: Any) -> None:
    first = run_program(config)
    for host in ("gpu1", "gpu2"):
        converged(tmp_path, environment_of(first, host), host)
    other = tmp_path / "other"
    other.write_bytes((tmp_path / "id_ed25519").read_bytes())
    config["fleet:access"]["private_key_file"] = str(other)
    done = run_program(config, probes=CLEAN)
    assert ("info", "gpu1 converges: access") in done.logged


def test_a_site_of_another_stack_is_refused_before_anything(config: dict[str, Any], run_program: Runner) -> None:
    config["fleet:site"] = "lab"
    done = run_program(config)
    assert done.resources == [] or {one.name for one in done.resources if one.custom} == set()
    assert any("INVENTORY_OF_ANOTHER_STACK" in error for error in done.errors)

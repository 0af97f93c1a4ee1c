"""A third node comes, a roll stops at its canary, a dead node holds nobody up, and the third node goes.

The tests of this file follow one another on one fleet, in the order of the file.
"""

import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from testinfra.host import Host
from tests.lab.test_converge import invocations
from tests.lab.world import NodeOf

from freehold.fleet import record
from freehold.lab import node as lab_node
from freehold.lab import up, world
from freehold.paths import PROJECT, lab_paths
from freehold.process import Completed, run

STACK_FILE = PROJECT / "stacks" / "fleet" / "Pulumi.lab.yaml"
BLOCKED = "/etc/systemd/journald.conf.d"
UP = ("up", "--yes", "--skip-preview", "--non-interactive", "--color", "never")

Changes = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Stack:
    """Pulumi on the lab's stack, with the lab's configuration or a changed copy of it."""

    environment: dict[str, str]
    folder: Path

    def __call__(self, *words: str, change: Changes | None = None, env: dict[str, str] | None = None) -> Completed:
        config = self.folder / "Pulumi.lab.yaml"
        loaded = yaml.safe_load(STACK_FILE.read_text(encoding="utf-8"))
        if change:
            change(loaded["config"])
        config.write_text(yaml.safe_dump(loaded), encoding="utf-8")
        environment = {**self.environment, **(env or {})}
        return run(
            ["pulumi", *words, "--config-file", str(config)],
            cwd=STACK_FILE.parent,
            env=environment,
            timeout=600,
            check=False,
        )

    def resources(self) -> str:
        """The names of everything in the state."""
        return run(["pulumi", "stack", "--show-urns"], cwd=STACK_FILE.parent, env=self.environment).stdout


@pytest.fixture(scope="module")
def stack(pulumi_variables: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Stack:
    return Stack(pulumi_variables, tmp_path_factory.mktemp("stack"))


@pytest.fixture(scope="module")
def before(node_of: NodeOf) -> dict[str, dict[str, str]]:
    """Which run of each service was at work on the two nodes before the third came."""
    return {name: invocations(node_of(name)) for name in up.DEFAULT_NODES}


@pytest.fixture(scope="module", autouse=True)
def third_node(before: dict[str, dict[str, str]]) -> Iterator[None]:
    assert before
    up.up(up.names_of(3), exactly=True)
    yield
    up.up(up.DEFAULT_NODES, exactly=True)


def test_a_new_node_serves_and_no_service_of_the_others_restarts(
    before: dict[str, dict[str, str]], node_of: NodeOf
) -> None:
    assert {name: invocations(node_of(name)) for name in before} == before
    assert node_of("gpu3").service("freehold-gateway").is_running


def test_every_node_has_every_other_as_its_peer(node_of: NodeOf) -> None:
    for name in up.names_of(3):
        assert len(node_of(name).check_output("wg show fh0 peers").split()) == 3, name  # two nodes, one control host


def test_the_inventory_shows_the_fleet() -> None:
    done = subprocess.run(
        [PROJECT / ".venv/bin/ansible-inventory", "-i", "inventory/lab", "--graph"],
        cwd=PROJECT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert [line.strip(" |-") for line in done.stdout.splitlines() if "gpu" in line][:3] == up.names_of(3)
    assert "@monitor" in done.stdout


def diagnostics(done: Completed) -> str:
    """What Pulumi says at the end of a run that failed, without the outputs."""
    return done.stdout.partition("Diagnostics:")[2].partition("Outputs:")[0]


def dearer(config: dict[str, Any]) -> None:
    """A change that concerns every node."""
    config["fleet:prices"]["pue"] = 1.31


@pytest.fixture
def broken_canary(node_of: NodeOf) -> Iterator[Host]:
    """On gpu1 a converge has a file to write, and cannot."""
    canary = node_of("gpu1")
    canary.check_output(f"mount -t tmpfs -o ro none {BLOCKED}")
    yield canary
    canary.check_output(f"umount {BLOCKED}")


def marks(node_of: NodeOf, name: str) -> tuple[dict[str, str], str, record.Record]:
    """What a converge of a node would change: its services, its baseline, the control host's record."""
    host = node_of(name)
    baseline = host.check_output("sha256sum /var/lib/freehold/drift/baseline.json")
    return invocations(host), baseline, record.read(record.path_of(lab_paths().root, "lab", name))


@pytest.mark.usefixtures("broken_canary")
def test_a_canary_that_fails_stops_the_roll_and_the_others_are_untouched(stack: Stack, node_of: NodeOf) -> None:
    untouched = {name: marks(node_of, name) for name in ("gpu2", "gpu3")}
    done = stack(*UP, change=dearer)
    assert done.returncode != 0
    assert "roll: 1. canary gpu1; 2. gpu2, gpu3" in done.stdout
    assert "CONVERGE_FAILED gpu1" in done.stdout + done.stderr
    assert {name: marks(node_of, name) for name in untouched} == untouched


@pytest.mark.usefixtures("broken_canary")
def test_within_the_limit_the_roll_goes_on_and_says_at_its_end_who_failed(stack: Stack) -> None:
    def tolerant(config: dict[str, Any]) -> None:
        dearer(config)
        config["fleet:rolling"]["failure_limit"] = 1

    done = stack(*UP, change=tolerant)
    assert done.returncode != 0
    assert "ROLL_INCOMPLETE" in done.stdout + done.stderr
    assert "gpu1: CONVERGE_FAILED" in done.stdout + done.stderr
    finished = {name: record.read(record.path_of(lab_paths().root, "lab", name)).finished for name in up.names_of(3)}
    assert finished == {"gpu1": False, "gpu2": True, "gpu3": True}


def test_what_failed_within_the_limit_is_repeated_and_then_all_is_well(stack: Stack) -> None:
    done = stack(*UP, change=dearer)
    assert done.returncode == 0, diagnostics(done)
    finished = {name: record.read(record.path_of(lab_paths().root, "lab", name)).finished for name in up.names_of(3)}
    assert finished == dict.fromkeys(up.names_of(3), True)
    assert "unchanged" in stack("preview", "--non-interactive", "--color", "never", change=dearer).stdout


def test_a_dead_node_is_unknown_and_in_maintenance_it_holds_nobody_up(stack: Stack) -> None:
    lab = world.open_lab()
    lab_node.power_off(lab.launcher, lab.plan, "gpu3")

    def waiting(config: dict[str, Any]) -> None:
        dearer(config)
        config["fleet:hosts"][2]["maintenance"] = True

    seen = stack("preview", "--json", "--show-sames", "--non-interactive", change=dearer)
    assert "gpu3 is unknown" in seen.stdout
    planned = {step["urn"].rsplit("::", 1)[-1]: step["op"] for step in json.loads(seen.stdout)["steps"]}
    assert planned["gpu3-converge"] == "same"
    done = stack(*UP, change=waiting)
    assert done.returncode == 0, diagnostics(done)
    assert "gpu3 is in maintenance" in done.stdout


def test_a_dead_node_leaves_the_state_only_when_the_owner_says_that_it_is_gone(stack: Stack) -> None:
    def without(config: dict[str, Any]) -> None:
        dearer(config)
        config["fleet:hosts"].pop()

    refused = stack(*UP, change=without)
    assert refused.returncode != 0
    assert "FREEHOLD_FORGET=gpu3" in refused.stdout + refused.stderr
    assert "gpu3-converge" in stack.resources()
    done = stack(*UP, change=without, env={"FREEHOLD_FORGET": "gpu3"})
    assert done.returncode == 0, diagnostics(done)
    assert "gpu3-converge" not in stack.resources()

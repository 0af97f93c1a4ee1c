"""Converging again changes nothing, by Pulumi and by hand, and the state keeps no secret."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import yaml
from testinfra.host import Host

from freehold.paths import PROJECT
from freehold.process import run
from freehold.status.gather import Access


def invocations(node: Host) -> dict[str, str]:
    shown = node.check_output("systemctl show --property Id,Type,InvocationID 'freehold-*' prometheus-node-exporter")
    units = (dict(line.split("=", 1) for line in block.splitlines()) for block in shown.strip().split("\n\n"))
    # A job that a timer starts runs when it is due.
    return {unit["Id"]: unit["InvocationID"] for unit in units if unit.get("Type") != "oneshot"}


def test_a_second_run_by_hand_changes_nothing_and_restarts_nothing(node: Host) -> None:
    before = invocations(node)
    assert len(before) >= 5
    playbook = [str(PROJECT / ".venv/bin/ansible-playbook"), "-i", "inventory/lab", "playbooks/site.yml"]
    done = run(playbook, cwd=PROJECT, timeout=600)
    recap = re.findall(
        r"^(\S+)\s+:\s+ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", done.stdout, re.MULTILINE
    )
    assert recap
    assert all(changed == unreachable == failed == "0" for _, _, changed, unreachable, failed in recap), done.stdout
    assert invocations(node) == before


def test_a_second_pulumi_up_has_nothing_to_do(pulumi: Callable[..., str]) -> None:
    summary = pulumi("up", "--yes", "--skip-preview", "--non-interactive", "--color", "never")
    assert "unchanged" in summary
    assert not re.search(r"\d+ (created|updated|replaced|deleted)", summary), summary


def test_the_state_keeps_no_secret_and_no_output_of_ansible(pulumi: Callable[..., str], access: Access) -> None:
    state = pulumi("stack", "export")
    assert access.client_key not in state
    assert "PLAY RECAP" not in state
    assert "BEGIN OPENSSH PRIVATE KEY" not in state
    assert json.loads(state)["deployment"]["resources"]


def test_a_changed_price_is_an_update_of_the_node_never_a_replacement(
    pulumi: Callable[..., str], tmp_path: Path
) -> None:
    """The teardown runs only on destroy: with another tariff an update is planned, and not one delete."""
    changed = yaml.safe_load((PROJECT / "stacks/fleet/Pulumi.lab.yaml").read_text(encoding="utf-8"))
    changed["config"]["fleet:prices"]["electricity_per_kwh"] += 0.11
    other = tmp_path / "Pulumi.lab.yaml"
    other.write_text(yaml.safe_dump(changed), encoding="utf-8")
    plan = json.loads(pulumi("preview", "--json", "--non-interactive", "--config-file", str(other)))
    operations = {step["op"] for step in plan["steps"]}
    assert "update" in operations
    assert operations <= {"same", "update", "read"}

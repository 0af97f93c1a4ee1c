"""States move between the official plugin and the stand-in without a change.

The state that is imported here was derived from the documentation, not written by the official plugin (see
tests/data/pulumi_command/README.md). The other way round, what the stand-in writes must be what the SDK knows.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.conformance.conftest import Lifecycle
from tests.conformance.harness import Stack

from freehold.pulumi_command import schema
from freehold.toolchain import Toolchain

STATE = Path(__file__).parents[1] / "data" / "pulumi_command" / "documented-1.2.1.json"
UNCHANGED = {"private_key": "the text of a private key", "trigger": "1", "local": "leaf"}


@pytest.fixture(scope="module")
def kept(toolchain: Toolchain, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    stack = Stack.of(toolchain, "kept", tmp_path_factory.mktemp("kept"), UNCHANGED)
    (stack.folder / "state.json").write_text(json.dumps(_encrypted_by(stack, json.loads(STATE.read_text()))))
    stack.run("stack", "import", "--file", str(stack.folder / "state.json"))
    return stack


def _encrypted_by(stack: Stack, state: dict[str, Any]) -> dict[str, Any]:
    """The state with the salt of the stack that takes it in; its secrets are in the clear until then."""
    salt = yaml.safe_load((stack.folder / "program" / "Pulumi.test.yaml").read_text())["encryptionsalt"]
    provider = {"type": "passphrase", "state": {"salt": salt}}
    return {**state, "deployment": {**state["deployment"], "secrets_providers": provider}}


def test_unchanged_inputs_are_no_update_and_no_replacement(kept: Stack) -> None:
    previewed = kept.run("preview", "--diff", "--expect-no-changes")
    assert "6 unchanged" in previewed.text


def test_a_change_is_seen_in_such_a_state(kept: Stack) -> None:
    kept.settings = {"private_key": "another", "trigger": "2", "local": "other"}
    previewed = kept.run("preview")
    kept.settings = UNCHANGED
    shown = {name: previewed.lines(name) for name in ("bare", "full", "remote", "copied", "file")}
    assert "update" in shown["remote"]
    assert "update" in shown["copied"]
    assert "[diff: ~connection,localPath]" in shown["file"]  # a copied file has no update
    assert all("replace" in shown[name] for name in ("full", "file"))
    assert shown["bare"] == ""


def test_delete_works_on_such_a_state(kept: Stack) -> None:
    kept.run("destroy", "--yes", "--skip-preview")
    assert (kept.folder / "program" / "journal").read_text() == "made, says the state\n"
    assert not kept.state()


def test_the_stand_in_writes_only_what_the_sdk_knows(lifecycle: Lifecycle) -> None:
    """`schema` is compared with the SDK by tests/unit/pulumi_command/test_command_schema.py."""
    commands = [one for one in lifecycle.created_state.values() if one["type"] in schema.RESOURCES]
    assert {one["type"] for one in commands} >= {schema.LOCAL, schema.REMOTE, schema.COPY}
    assert [name for one in commands for name in _unknown(one)] == []


def _unknown(resource: dict[str, Any]) -> set[str]:
    surface = schema.RESOURCES[resource["type"]]
    inputs, outputs = surface.inputs.keys(), surface.inputs.keys() | surface.outputs.keys()
    return {*resource["inputs"]} - inputs | {*resource["outputs"]} - outputs

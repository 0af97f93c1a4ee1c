"""The program of the stack `fleet`: what it registers for a host, what a change does, what it never does."""

from __future__ import annotations

import copy
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from freehold.errors import RefusedError

Runner = Callable[..., Any]

COMMANDS = ("facts", "bootstrap", "converge", "peers")
REMOTE, LOCAL = "command:remote:Command", "command:local:Command"


def test_one_component_a_host_with_four_commands(config: dict[str, Any], run_program: Runner) -> None:
    done = run_program(config)
    for name in ("gpu1", "gpu2"):
        assert done.named(name).kind == "freehold:fleet:InferenceNode"
        assert [done.named(f"{name}-{one}").kind for one in COMMANDS] == [REMOTE, REMOTE, LOCAL, LOCAL]
        assert {done.named(f"{name}-{one}").parent for one in COMMANDS} == {name}
    assert len([resource for resource in done.resources if resource.custom]) == 2 * 4 + 1


def test_facts_come_before_bootstrap_before_converge(config: dict[str, Any], run_program: Runner) -> None:
    done = run_program(config)
    assert done.named("gpu1-bootstrap").dependencies == ["gpu1-facts"]
    assert "gpu1-bootstrap" in done.named("gpu1-converge").dependencies


def test_no_command_has_triggers_and_each_has_an_update(config: dict[str, Any], run_program: Runner) -> None:
    """A replaced Command runs its delete, which takes the node down: nothing may ever ask for a replacement."""
    commands = [resource for resource in run_program(config).resources if resource.custom]
    for command in commands:
        assert "triggers" not in command.inputs
        assert command.inputs["update"] == command.inputs["create"]
        assert list(command.request.replaceOnChanges) == ["triggers[*]"]  # the SDK's own rule; ours must add none
        assert not command.request.deleteBeforeReplace


def test_only_the_converge_has_a_delete_and_it_keeps_the_weights(config: dict[str, Any], run_program: Runner) -> None:
    done = run_program(config)
    converge = done.named("gpu1-converge").inputs
    assert converge["delete"] == f"{converge['create']} --remove"
    assert "purge" not in converge["delete"]
    assert all("delete" not in done.named(f"gpu1-{one}").inputs for one in ("facts", "bootstrap"))


def test_the_connection_is_pinned_and_limited(config: dict[str, Any], run_program: Runner) -> None:
    for one in ("facts", "bootstrap"):
        connection = run_program(config).named(f"gpu2-{one}").inputs["connection"]
        assert connection["hostKey"] == config["fleet:hosts"][1]["host_key"]
        assert (connection["host"], connection["port"], connection["user"]) == ("192.0.2.12", 2222, "root")
        assert connection["perDialTimeout"] > 0
        assert connection["dialErrorLimit"] > 0


def test_nothing_a_command_prints_is_logged(config: dict[str, Any], run_program: Runner) -> None:
    for command in (resource for resource in run_program(config).resources if resource.custom):
        assert command.inputs["logging"] == "none"
        assert command.inputs["addPreviousOutputInEnv"] is False


def test_document_and_private_key_are_secret(config: dict[str, Any], run_program: Runner, key_file: Path) -> None:
    done = run_program(config)
    assert "stdin" in done.named("gpu1-converge").secret
    for one in ("facts", "bootstrap"):
        command = done.named(f"gpu1-{one}")
        assert "connection" in command.secret
        assert command.inputs["connection"]["privateKey"] == key_file.read_text(encoding="utf-8")
        assert "connection" in list(command.request.additionalSecretOutputs)


def test_no_secret_is_anywhere_in_the_clear(
    config: dict[str, Any], run_program: Runner, secrets: tuple[str, ...]
) -> None:
    done = run_program(config)
    seen = (
        json.dumps([resource.inputs for resource in done.resources], default=str) + str(done.outputs) + str(done.logged)
    )
    assert "gpu1" in seen
    assert not [secret for secret in secrets if secret in seen]


def environment(done: Any, name: str = "gpu1") -> dict[str, str]:
    given: dict[str, str] = done.named(f"{name}-converge").inputs["environment"]
    return given


def test_the_environment_carries_a_digest_for_each_part(config: dict[str, Any], run_program: Runner) -> None:
    names = {name.removeprefix("FREEHOLD_DIGEST_") for name in environment(run_program(config)) if "DIGEST" in name}
    assert {"PLAYBOOKS", "GROUP_VARS", "ANSIBLE", "BUNDLE", "HOST", "MESH", "TLS", "MODELS", "SECRETS"} <= names


@pytest.mark.parametrize(
    ("change", "changed"),
    [
        (lambda c: c["fleet:models"][0].update(context=4096), {"MODELS"}),
        (lambda c: c["fleet:gateway"].update(port=8090), {"GATEWAY"}),
        (lambda c: c["fleet:hosts"][0].update(gpus=4), {"HOST"}),
        (lambda c: c["fleet:hosts"][1].update(gpus=2), set()),
        (lambda c: c["fleet:prices"].update(pue=1.2), {"PRICES"}),
        (lambda c: c["fleet:api_keys"].update(operator="another" + "k" * 36), {"GATEWAY", "SECRETS"}),
        (lambda c: c["fleet:sovereignty"].update(own_hosts=["ntp.internal"]), {"SITE"}),
    ],
)
def test_a_change_names_its_part_and_never_touches_the_teardown(
    config: dict[str, Any], run_program: Runner, change: Any, changed: set[str]
) -> None:
    before = run_program(config)
    other = copy.deepcopy(config)
    change(other)
    after = run_program(other)
    old, new = environment(before), environment(after)
    assert {name.removeprefix("FREEHOLD_DIGEST_") for name in new if new[name] != old.get(name)} == changed
    ignored = {"environment", "stdin"}
    first, second = (run.named("gpu1-converge").inputs for run in (before, after))
    assert {k: v for k, v in first.items() if k not in ignored} == {k: v for k, v in second.items() if k not in ignored}


def test_the_same_configuration_gives_the_same_resources(config: dict[str, Any], run_program: Runner) -> None:
    first, second = (run_program(config) for _ in range(2))
    assert {r.name: r.inputs for r in first.resources} == {r.name: r.inputs for r in second.resources}


def test_outputs_are_endpoint_document_digests_and_recap(config: dict[str, Any], run_program: Runner) -> None:
    outputs = run_program(config).outputs
    assert outputs["endpoints"]["gpu1"] == "http://198.51.100.11:8080/v1"
    assert outputs["document"]["hosts"][0]["name"] == "gpu1"
    assert outputs["recaps"]["gpu1"]["changed"] == 3
    assert outputs["facts"]["gpu1"]["os_id"] == "debian"
    digests = {f"FREEHOLD_DIGEST_{part}": value for part, value in outputs["digests"]["gpu1"].items()}
    assert digests.items() <= environment(run_program(config)).items()
    assert "FREEHOLD_DIGEST_BUNDLE" in digests


def test_an_ipv6_endpoint_is_bracketed(config: dict[str, Any], run_program: Runner) -> None:
    config["fleet:hosts"][0]["serve_address"] = "2001:db8::11"
    assert run_program(config).outputs["endpoints"]["gpu1"] == "http://[2001:db8::11]:8080/v1"


def test_a_user_without_roots_name_goes_through_sudo(config: dict[str, Any], run_program: Runner) -> None:
    config["fleet:hosts"][0]["user"] = "freehold-ops"
    assert run_program(config).named("gpu1-bootstrap").inputs["create"] == "sudo -n sh -s"


def test_bootstrap_values_reach_the_shell_as_they_are(config: dict[str, Any], run_program: Runner) -> None:
    """The made-up key holds an apostrophe: the shell's own parser must give it back."""
    script = run_program(config).named("gpu1-bootstrap").inputs["stdin"]
    header = script[: script.index("# Turns an installed")]
    done = subprocess.run(["sh"], input=header + 'printf %s "$BUNDLE_KEY"', capture_output=True, text=True, check=True)
    assert "made up, it's for a test" in done.stdout
    assert subprocess.run(["sh", "-n"], input=script, text=True, check=False).returncode == 0


def test_a_preview_dials_nobody_and_says_what_would_change(config: dict[str, Any], run_program: Runner) -> None:
    done = run_program(config, preview=True)
    assert done.visited == []
    assert ("info", "gpu1 would converge: never converged from here") in done.logged


def test_before_a_real_change_its_hosts_are_visited_first(config: dict[str, Any], run_program: Runner) -> None:
    assert run_program(config).visited == [["gpu1", "gpu2"]]


def test_a_refused_visit_registers_nothing(config: dict[str, Any], run_program: Runner) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise RefusedError("HOST_KEY_CHANGED", "gpu1", "SHA256:new", expected="SHA256:old")

    done = run_program(config, visit=refuse)
    assert done.refused == "1 error; nothing was changed"
    assert done.errors[0].startswith("HOST_KEY_CHANGED gpu1")
    assert [resource for resource in done.resources if resource.custom] == []


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        (lambda c: c.pop("fleet:hosts"), ["CONFIG_NO_HOST"]),
        (lambda c: c["fleet:hosts"][0].pop("host_key"), ["CONFIG_NO_HOST_KEY"]),
        (lambda c: c["fleet:hosts"][1].update(name="gpu1"), ["CONFIG_DUPLICATE_NAME"]),
        (lambda c: c["fleet:access"].update(private_key_file="/nowhere/key"), ["CONFIG_KEY_FILE"]),
        (lambda c: c["fleet:models"][0].update(name="nobody"), ["CONFIG_UNKNOWN_MODEL"]),
        (
            lambda c: (c["fleet:prices"].pop("years"), c["fleet:hosts"][0].update(address="x"), c.update(oops="1")),
            ["CONFIG_BAD_ADDRESS", "CONFIG_MISSING_PRICE", "CONFIG_UNKNOWN_NAMESPACE"],
        ),
    ],
)
def test_a_wrong_configuration_is_told_in_full_and_nothing_is_registered(
    config: dict[str, Any], run_program: Runner, change: Any, codes: list[str]
) -> None:
    change(config)
    done = run_program(config)
    assert done.refused.endswith("nothing was changed")
    assert sorted(text.split()[0] for text in done.errors) == codes
    assert [resource for resource in done.resources if resource.custom] == []

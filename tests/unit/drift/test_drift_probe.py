"""Asking the nodes: what they say is read, and who cannot be asked is unknown with the reason."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from freehold.drift import BASELINE, MESH_KEY, UNFINISHED
from freehold.drift.probe import AGENT, SCRIPT, Item, Probe, one, parse, run
from freehold.process import Completed, ProcessError
from freehold.process import run as run_program

KEY = Path("/key")
ITEM = {"kind": "unit", "name": "freehold-gateway.service", "wanted": "active", "found": "failed"}


def host(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "address": f"192.0.2.{name[-1]}", "port": 22, "host_key": "ssh-ed25519 AAAA", **more}


def answer(**changed: Any) -> str:
    return json.dumps({"generation": 4, "baseline": True, "unfinished": False, "items": []} | changed)


class Node:
    """A runner that stands for ssh and the node behind it."""

    def __init__(self, stdout: str = "", returncode: int = 0, stderr: str = "") -> None:
        self.ended = (returncode, stdout, stderr)
        self.asked: list[Sequence[str]] = []
        self.known_hosts = ""

    def __call__(self, args: Any, **options: Any) -> Completed:
        assert options["timeout"]
        self.asked.append(args)
        (file,) = (word.partition("=")[2] for word in args if word.startswith("UserKnownHostsFile="))
        self.known_hosts = Path(file).read_text() if Path(file).exists() else ""
        return Completed(tuple(args), *self.ended)


def test_a_node_as_it_was_left_is_clean_and_keeps_its_generation() -> None:
    found = one(host("gpu1"), KEY, Path("/known"), Node(answer()))
    assert found == Probe(reachable=True, generation=4, baseline=True)
    assert found.clean


def test_what_differs_is_named() -> None:
    found = one(host("gpu1"), KEY, Path("/known"), Node(answer(generation=5, items=[ITEM])))
    assert found.items == (Item(**ITEM),)
    assert not found.clean
    assert str(found.items[0]) == "unit freehold-gateway.service: failed instead of active"


@pytest.mark.parametrize(
    ("node", "says"),
    [
        (Node(returncode=255, stderr="banner\nConnection refused\n"), "Connection refused"),
        (Node(returncode=255), "no message"),
        (Node("motd: welcome"), "an answer that is none"),
        (Node("[]"), "an answer that is none"),
        (Node(answer(items=[{"kind": "unit"}])), "an answer that is none"),
    ],
)
def test_who_cannot_be_asked_is_unknown_with_the_reason(node: Node, says: str) -> None:
    found = one(host("gpu1"), KEY, Path("/known"), node)
    assert not found.reachable
    assert not found.clean
    assert says in found.error


def test_a_node_that_does_not_end_is_unknown() -> None:
    def hangs(*_: Any, **__: Any) -> Completed:
        raise ProcessError("PROGRAM_TIMEOUT", "ssh", "no end after 20 s")

    assert one(host("gpu1"), KEY, Path("/known"), hangs).error == "no end after 20 s"


def test_nobody_dials_a_host_in_maintenance() -> None:
    node = Node(answer())
    found = run({"hosts": [host("gpu1", maintenance=True)]}, KEY, runner=node)
    assert node.asked == []
    assert "maintenance" in found["gpu1"].error
    assert found["gpu1"].maintenance


def test_a_lost_baseline_makes_a_generation_that_nobody_has_had() -> None:
    never = one(host("gpu1"), KEY, Path("/known"), Node(answer(generation=0, baseline=False)))
    assert never.reachable
    assert not never.clean


def test_the_wireguard_key_is_read_and_an_older_agent_says_nothing_of_it() -> None:
    assert parse(answer(mesh_key="K=")).mesh_key == "K="
    assert parse(answer()).mesh_key is None


def test_a_node_without_a_baseline_tells_its_key(tmp_path: Path) -> None:
    wg, key = tmp_path / "wg", tmp_path / "key"
    wg.write_text("#!/bin/sh\nread key && echo public of $key\n")
    wg.chmod(0o755)
    key.write_text("private\n")
    script = SCRIPT.replace(BASELINE, str(tmp_path / "none")).replace(MESH_KEY, str(key)).replace("wg pubkey", str(wg))
    assert parse(run_program(["sh", "-s"], stdin=script).stdout).mesh_key == "public of private"


def test_the_chosen_hosts_are_asked_with_the_keys_that_the_document_pins() -> None:
    node = Node(answer())
    document = {"hosts": [host("gpu1"), host("gpu2", port=2222), host("gpu3")]}
    found = run(document, KEY, hosts=["gpu3", "gpu2"], runner=node)
    assert list(found) == ["gpu2", "gpu3"]
    assert node.known_hosts == "[192.0.2.2]:2222 ssh-ed25519 AAAA\n192.0.2.3 ssh-ed25519 AAAA\n"


def test_a_node_that_was_never_converged_says_so_without_an_agent(tmp_path: Path) -> None:
    there, agent = tmp_path / "baseline.json", tmp_path / "agent"
    agent.write_text(f"#!/bin/sh\necho '{answer()}'\n")
    agent.chmod(0o755)
    script = SCRIPT.replace(BASELINE, str(there)).replace(AGENT, str(agent))
    assert parse(run_program(["sh", "-s"], stdin=script).stdout) == Probe(reachable=True, generation=0, mesh_key="")
    there.touch()
    assert parse(run_program(["sh", "-s"], stdin=script).stdout) == Probe(reachable=True, generation=4, baseline=True)


def asked(tmp_path: Path, agent: str | None) -> Probe:
    """What the node's end says: a baseline, the mark of an unfinished run, and this program as its agent."""
    names = {BASELINE: tmp_path / "baseline.json", UNFINISHED: tmp_path / "unfinished", AGENT: tmp_path / "agent"}
    script = SCRIPT
    for name, path in names.items():
        script = script.replace(name, str(path))
    names[BASELINE].touch()
    names[UNFINISHED].touch()
    if agent is not None:
        names[AGENT].write_text(agent)
        names[AGENT].chmod(0o755)
    return parse(run_program(["sh", "-s"], stdin=script).stdout)


@pytest.mark.parametrize(
    ("agent", "says"),
    [
        (None, "missing"),
        ("#!/bin/sh\necho half an answer\nexit 3\n", "broken, exit status 3"),
        ("#!/nowhere/python\n", "broken, exit status 12"),
    ],
)
def test_an_agent_that_cannot_say_is_itself_what_differs(tmp_path: Path, agent: str | None, says: str) -> None:
    found = asked(tmp_path, agent)
    (item,) = found.items
    assert (found.reachable, found.baseline, found.unfinished) == (True, True, True)
    assert (item.kind, item.name, item.wanted) == ("file", str(tmp_path / "agent"), "the agent")
    assert item.found.startswith(says)


def test_an_agent_that_answers_is_taken_at_its_word(tmp_path: Path) -> None:
    assert asked(tmp_path, f"#!/bin/sh\necho '{answer()}'\n") == Probe(reachable=True, generation=4, baseline=True)

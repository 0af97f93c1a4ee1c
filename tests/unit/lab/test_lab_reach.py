from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from freehold.errors import PartialError
from freehold.lab import reach
from freehold.lab.node import LabNode
from freehold.paths import LabPaths

NODE = LabNode("gpu1", "127.0.0.1", "127.0.0.2", "ssh-ed25519 AAAA", powered=True, port=1)


def test_waiting_ends_with_the_first_answer() -> None:
    reasons = iter(["refused", "refused", None])
    reach.wait_for(NODE, lambda _: next(reasons), clock=lambda: 0.0)
    assert list(reasons) == []


def test_a_node_that_never_answers_is_told_with_the_last_reason() -> None:
    ticks = itertools.count(0, 40)
    with pytest.raises(PartialError, match="no route") as caught:
        reach.wait_for(NODE, lambda _: "no route", clock=lambda: float(next(ticks)))
    assert caught.value.code == "LAB_NODE_UNREACHABLE"


def test_a_closed_port_is_a_reason_and_not_a_crash() -> None:
    assert reach.make_probe(LabPaths(Path("/nowhere")))(NODE) is not None


def test_the_pinned_keys_are_known_hosts_lines() -> None:
    assert reach.known_hosts([NODE]) == "127.0.0.1 ssh-ed25519 AAAA\n"


def test_ssh_trusts_the_pinned_key_alone() -> None:
    words = " ".join(reach.ssh_command(LabPaths(Path("/lab")), NODE))
    assert "StrictHostKeyChecking=yes" in words
    assert "UserKnownHostsFile=/lab/ssh/known_hosts" in words
    assert "GlobalKnownHostsFile=/dev/null" in words
    assert words.startswith("ssh -F none")
    assert words.endswith("-p 1 root@127.0.0.1")

"""A node in a folder: files, package status, kernel settings; systemd, nft and apt are answers in a dictionary."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from freehold.drift import baseline
from freehold.drift.reading import Machine

GATEWAY = "freehold-gateway.service"
UNIT = f"/etc/systemd/system/{GATEWAY}"
RULESET = '{"nftables": [{"metainfo": {"version": "1.0.6"}}]}'
STATUS = """\
Package: curl
Status: install ok installed
Priority: optional
Version: 7.88.1-10
Description: a tool
 Package: not-one
 .

Package: gone
Status: deinstall ok config-files
Version: 1.0

Package: kept
Status: hold ok installed
Version: 2.0
"""


class Node:
    """The pretended node; ``ran`` are the words of the programs that changed something."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.ran: list[list[str]] = []
        self.active: dict[str, str] = {}
        self.ruleset = RULESET
        self.refused: set[str] = set()
        self.public_key = ""
        for name in ("passwd", "group"):
            self.write(f"/etc/{name}", "")
        self.write("/var/lib/dpkg/status", STATUS)
        self.machine = Machine(root, self.run)

    def path(self, name: str) -> Path:
        return self.root / name.lstrip("/")

    def write(self, name: str, text: str, mode: int = 0o644) -> None:
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def link(self, name: str, target: str) -> None:
        self.path(name).parent.mkdir(parents=True, exist_ok=True)
        self.path(name).symlink_to(target)

    def run(self, words: Sequence[str]) -> str:
        match list(words):
            case ["systemctl", "show", "--property=ActiveState", "--", *units]:
                return "\n\n".join(f"ActiveState={self.active.get(unit, 'inactive')}" for unit in units) + "\n"
            case ["nft", *_]:
                return self.ruleset
            case ["sh", "-c", 'wg pubkey < "$1"', "sh", _]:
                if not self.public_key:
                    raise OSError("wg: Key is not the correct length or format")
                return self.public_key
        self.ran.append(list(words))
        if words[-1] in self.refused:
            raise OSError(f"{words[-1]}: refused")
        return ""

    def keep(self, *, generation: int = 1, whole: bool = True, **declared: Any) -> baseline.Baseline:
        """Write the baseline that a run with these declarations leaves, and return it."""
        empty: dict[str, Any] = {
            "files": {}, "units": {}, "packages": {}, "accounts": [], "removed": [], "retired": [],
        }  # fmt: skip
        told = {**empty, **declared}
        made = baseline.make(self.machine, told, baseline.load(self.machine), generation=generation, whole=whole)
        baseline.save(self.machine, made)
        return made


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


@pytest.fixture
def me() -> str:
    """Owner of what a test writes."""
    return f"{pwd.getpwuid(os.getuid()).pw_name}:{grp.getgrgid(os.getgid()).gr_name}"


@pytest.fixture
def gateway(node: Node) -> Node:
    """A node whose gateway was just set up: unit, settings, enabled, running."""
    node.write(UNIT, "[Service]\nExecStart=/bin/true\n")
    node.write("/etc/freehold/gateway.json", "{}\n")
    node.link(f"/etc/systemd/system/multi-user.target.wants/{GATEWAY}", UNIT)
    node.active[GATEWAY] = "active"
    node.keep(
        files={name: {"kind": "file", "mode": "0644"} for name in (UNIT, "/etc/freehold/gateway.json")},
        units={GATEWAY: {"active": True, "enabled": True, "masked": False}},
        packages={"curl": True, "gone": False},
    )
    return node

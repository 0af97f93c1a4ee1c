"""Where things lie on the control host and on a node. One place, so that a rename is one edit."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from freehold.errors import UsageError

PROJECT = Path(__file__).resolve().parents[2]
"""The checkout. Meaningful on the control host only: a node has the wheel, not the tree."""


def cache_folder() -> Path:
    """What is costly to build and safe to delete: Pulumi's CLI, the node's root file system, downloads."""
    base = os.environ.get("FREEHOLD_CACHE") or os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) if os.environ.get("FREEHOLD_CACHE") else Path(base) / "freehold"


@dataclass(frozen=True)
class LabPaths:
    """Everything the lab leaves on the control host; `make down` removes the whole folder."""

    root: Path

    @property
    def nodes(self) -> Path:
        """Root file systems (overlays) of the nodes."""
        return self.root / "nodes"

    @property
    def bundle(self) -> Path:
        """The folder that the web server serves."""
        return self.root / "bundle"

    @property
    def ssh(self) -> Path:
        """``id_ed25519`` (the operator's key) and ``known_hosts`` (the pinned host keys)."""
        return self.root / "ssh"

    @property
    def export(self) -> Path:
        """``fleet.json``, the document from which the inventory is made, and ``known_hosts``."""
        return self.root / "export"

    @property
    def pulumi(self) -> Path:
        """Pulumi's file backend, its home and the passphrase file."""
        return self.root / "pulumi"

    @property
    def keys(self) -> Path:
        """The owner's key hierarchy: certificates, signing keys, the control host's WireGuard key."""
        return self.root / "pki"

    @property
    def secrets(self) -> Path:
        """The client key that `make up` prints (mode 0600)."""
        return self.root / "secrets"

    @property
    def logs(self) -> Path:
        """Ansible's, Pulumi's, the web server's and the nodes' consoles."""
        return self.root / "logs"


def lab_number() -> int:
    """Which lab of this machine: ``FREEHOLD_LAB_PLAN``, 1 to 9. A second tries the lab itself out."""
    text = os.environ.get("FREEHOLD_LAB_PLAN", "1")
    if text not in set("123456789"):
        raise UsageError("LAB_PLAN", "FREEHOLD_LAB_PLAN", repr(text), expected="a number from 1 to 9", fix="unset it")
    return int(text)


def lab_paths() -> LabPaths:
    """The folder of the lab in force: ``FREEHOLD_LAB``, else one for each number."""
    number = lab_number()
    return LabPaths(Path(os.environ.get("FREEHOLD_LAB") or f"/var/lib/freehold-lab{'' if number == 1 else number}"))

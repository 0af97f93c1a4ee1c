"""The environment in which `pulumi` runs for a stack: toolchain, file backend, passphrase file. No account anywhere."""

from __future__ import annotations

import base64
import os
import secrets
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from freehold.paths import lab_paths
from freehold.process import Runner, run
from freehold.steps import Report

PROJECT_NAME = "fleet"
"""The project in stacks/fleet/Pulumi.yaml."""


@dataclass(frozen=True)
class PulumiFolders:
    """One folder holds all that Pulumi keeps; for a stack that matters, back it up with its passphrase apart."""

    root: Path

    @property
    def home(self) -> Path:
        """PULUMI_HOME: plugins and workspaces of this stack only."""
        return self.root / "home"

    @property
    def backend(self) -> Path:
        """The state."""
        return self.root / "state"

    @property
    def passphrase(self) -> Path:
        """The file with the passphrase that encrypts the stack's secrets (mode 0600)."""
        return self.root / "passphrase"

    @property
    def stamp(self) -> Path:
        """What the stack's configuration was last made from."""
        return self.root / "configured"


def lab_folders() -> PulumiFolders:
    """The lab's."""
    return PulumiFolders(lab_paths().pulumi)


def prepare(folders: PulumiFolders) -> None:
    """Make the folders and, where there is none, a passphrase of 256 random bits."""
    folders.backend.mkdir(parents=True, exist_ok=True)
    folders.root.chmod(0o700)
    if not folders.passphrase.exists():
        descriptor = os.open(folders.passphrase, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(new_secret())


def new_secret() -> str:
    """256 random bits in 43 characters of base64url."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode("ascii").rstrip("=")


def variables(folders: PulumiFolders, report: Report, runner: Runner = run) -> dict[str, str]:
    """All variables for `pulumi`; builds the toolchain first where there is none."""
    from freehold.toolchain import ensure_pulumi  # noqa: PLC0415  the part that a program of a stack does not need

    prepare(folders)
    toolchain = ensure_pulumi(report, runner, home=folders.home)
    return toolchain.environment(backend=folders.backend, passphrase_file=folders.passphrase)


def export_lines(environment: Mapping[str, str]) -> str:
    """The variables as lines for a shell: ``eval "$(freehold fleet env)"``."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in sorted(environment.items()))

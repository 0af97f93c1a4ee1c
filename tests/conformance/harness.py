"""A Pulumi stack in a folder of its own, and what a run of it said."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from freehold.toolchain import Toolchain

PROGRAMS = Path(__file__).parent / "programs"
LONGEST_RUN_SECONDS = 120


@dataclass(frozen=True)
class Ran:
    """One run of `pulumi`; ``text`` is everything that it showed."""

    returncode: int
    text: str

    def lines(self, name: str) -> str:
        """What was shown about the resource ``name``."""
        return "\n".join(line for line in self.text.splitlines() if f" {name} " in line)


@dataclass
class Stack:
    """A copy of a program with its own state. ``settings`` reach the program as one JSON variable."""

    toolchain: Toolchain
    folder: Path
    settings: dict[str, Any] = field(default_factory=dict)
    agent_socket: str = ""
    """The SSH agent of the shell in which `pulumi` runs."""

    @classmethod
    def of(
        cls, toolchain: Toolchain, program: str, folder: Path, settings: Mapping[str, Any], agent_socket: str = ""
    ) -> Stack:
        """A new stack of ``programs/<program>``."""
        stack = cls(toolchain, folder, dict(settings), agent_socket)
        shutil.copytree(PROGRAMS / program, folder / "program")
        stack.backend.mkdir()
        (folder / "passphrase").write_text("conformance")
        stack.run("stack", "init", "test")
        return stack

    @property
    def backend(self) -> Path:
        return self.folder / "state"

    @property
    def environment(self) -> dict[str, str]:
        settings = self.toolchain.environment(backend=self.backend, passphrase_file=self.folder / "passphrase")
        own = {"CONFORMANCE": json.dumps(self.settings), "SSH_AUTH_SOCK": self.agent_socket}
        return {**os.environ, **settings, **own}

    def run(self, *words: str, check: bool = True) -> Ran:
        """Run `pulumi` to its end."""
        done = subprocess.run(
            [self.toolchain.pulumi, *words, "--non-interactive", "--color=never"],
            cwd=self.folder / "program",
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LONGEST_RUN_SECONDS,
            check=False,
        )
        assert not check or done.returncode == 0, done.stdout
        return Ran(done.returncode, done.stdout)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start `pulumi`, as a person would at a terminal of their own."""
        return subprocess.Popen(
            [self.toolchain.pulumi, *words, "--non-interactive", "--color=never"],
            cwd=self.folder / "program",
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def up(self, *, check: bool = True, **changed: Any) -> Ran:
        """`pulumi up` after a change of settings; its preview has a test of its own, so it is skipped here."""
        self.settings.update(changed)
        return self.run("up", "--yes", "--skip-preview", "--continue-on-error", check=check)

    def state(self) -> dict[str, dict[str, Any]]:
        """The resources of the state, by name, as they lie on the disk (secrets encrypted)."""
        found = json.loads(self.state_text())["checkpoint"]["latest"].get("resources", [])
        return {resource["urn"].rsplit("::", 1)[-1]: resource for resource in found}

    def state_text(self) -> str:
        (file,) = self.backend.glob(".pulumi/stacks/*/test.json")
        return file.read_text()

    def outputs(self, name: str) -> dict[str, Any]:
        """The outputs of a resource in the state."""
        outputs: dict[str, Any] = self.state()[name]["outputs"]
        return outputs

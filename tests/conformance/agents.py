"""A real SSH agent, for as long as a test needs it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ANSWER_SECONDS = 10


@dataclass(frozen=True)
class Agent:
    """``socket`` is where it listens."""

    socket: str

    def add(self, key: Path) -> None:
        """Give it a private key."""
        subprocess.run(
            ["ssh-add", "-q", key],
            env={**os.environ, "SSH_AUTH_SOCK": self.socket},
            timeout=ANSWER_SECONDS,
            check=True,
        )


@contextmanager
def start(folder: Path) -> Iterator[Agent]:
    """An agent without keys; its first words are the shell's way to it, which come when it listens."""
    socket = folder / "socket"
    with subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert "SSH_AUTH_SOCK" in process.stdout.readline()
        yield Agent(str(socket))
        process.terminate()

"""The launcher as its unit starts it: a process with a credentials folder and somebody who listens to sd_notify."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from freehold.paths import PROJECT

KEY = "internal-" + "k" * 40
LIMIT_SECONDS = 20.0


@dataclass
class Launched:
    """A started launcher."""

    process: subprocess.Popen[str]
    supervisor: socket.socket
    port: int

    def hears(self) -> str:
        """The next word to the supervisor, within the limit."""
        return self.supervisor.recv(200).decode()

    def output(self) -> str:
        return self.process.communicate(timeout=LIMIT_SECONDS)[0]


def settings(model: Path, port: int, **changed: Any) -> dict[str, Any]:
    standard = {"alias": "tiny", "host": "127.0.0.1", "context": 64, "threads": 1, "parallel": 2, "mode": "chat"}
    return {"model": str(model), "port": port, **standard, **changed}


@contextmanager
def launched(
    folder: Path, config: dict[str, Any], *, key: str | None = KEY, pretend: bool = True
) -> Iterator[Launched]:
    """Start the launcher; end it at the end of the ``with``, if it still runs."""
    (folder / "runtime.json").write_text(json.dumps(config))
    credentials = folder / "credentials"
    credentials.mkdir(exist_ok=True)
    if key is not None:
        (credentials / "internal-key").write_text(key + "\n")
    supervisor = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    supervisor.bind(str(folder / "notify"))
    supervisor.settimeout(LIMIT_SECONDS)
    search = [str(PROJECT / "python"), *([str(Path(__file__).parent / "pretended")] if pretend else []), *sys.path]
    environ = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(search),
        "CREDENTIALS_DIRECTORY": str(credentials),
        "NOTIFY_SOCKET": str(folder / "notify"),
        "WATCHDOG_USEC": "300000",
    }
    words = [sys.executable, "-m", "freehold.runtime", "--config", str(folder / "runtime.json")]
    process = subprocess.Popen(words, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield Launched(process, supervisor, int(config["port"]))
    finally:
        process.kill()
        process.communicate()
        supervisor.close()

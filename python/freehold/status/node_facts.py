"""Reads what there is to know about a node, on the node itself, and prints it as JSON. Judges nothing.

It is sent over SSH into ``sudo python3 -`` with its questions as its argument, so it uses the standard library only,
and each reading that fails becomes ``{"error": ...}`` in its own place.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

FREEHOLD = "/opt/freehold/venvs/agent/bin/freehold"
CONFIGURATION = (
    "/etc/freehold",
    "/etc/apt/sources.list",
    "/etc/apt/sources.list.d",
    "/etc/resolv.conf",
    "/etc/systemd/resolved.conf",
    "/etc/systemd/resolved.conf.d",
    "/etc/systemd/timesyncd.conf",
    "/etc/systemd/timesyncd.conf.d",
    "/etc/systemd/system",
)
# Never read: keys must not leave the node, not even as a fact.
UNREAD = ("/etc/freehold/credentials",)
BIGGEST_FILE = 256 * 1024
PROBE_SECONDS = 3.0
HTTP_SECONDS = 5.0


def read(questions: dict[str, Any]) -> dict[str, Any]:
    """Answer ``questions``.

    Those are ``models`` (name to digest), ``probe_targets`` (``address:port``), ``metrics`` (name to URL), ``units``.
    """
    return {
        "os": _guarded(_os),
        "routes": _guarded(_routes),
        "probes": {target: _guarded(_connect, target) for target in questions["probe_targets"]},
        "configuration": _guarded(_configuration),
        "units": _guarded(_units, questions["units"]),
        "weights": weights(questions["models"]),
        "metrics": {name: _guarded(_get, url) for name, url in questions["metrics"].items()},
    }


def weights(models: dict[str, str]) -> dict[str, Any]:
    """Re-hash ``models`` (name to digest); it reads every byte of them."""
    return {name: _guarded(_verify, name, digest) for name, digest in models.items()}


def _guarded(reading: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return reading(*arguments)
    except Exception as error:  # noqa: BLE001  a reading that failed is a fact; the judge makes it "unknown"
        return {"error": f"{type(error).__name__}: {error}"}


def _os() -> dict[str, str]:
    lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    pairs = (line.split("=", 1) for line in lines if "=" in line)
    return {key: value.strip('"') for key, value in pairs} | {"kernel": os.uname().release}


def _routes() -> list[str]:
    """Return the default routes, v4 and v6, one line each."""
    commands = (["ip", "-4", "route", "show", "default"], ["ip", "-6", "route", "show", "default"])
    outputs = (subprocess.run(words, capture_output=True, text=True, check=True).stdout for words in commands)
    return [line.strip() for output in outputs for line in output.splitlines() if line.strip()]


def _connect(target: str) -> dict[str, Any]:
    """Try to leave: a TCP connection to ``target``. ``connected`` is what must not happen."""
    host, _, port = target.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=PROBE_SECONDS):
            return {"connected": True, "errno": None}
    except ConnectionRefusedError:
        # Somebody answered: the packet went out and came back.
        return {"connected": True, "errno": "ECONNREFUSED"}
    except TimeoutError:
        return {"connected": False, "errno": "ETIMEDOUT"}
    except OSError as error:
        return {"connected": False, "errno": errno.errorcode.get(error.errno or 0, str(error))}


def _configuration() -> dict[str, str]:
    found = (path for name in CONFIGURATION for path in _files(Path(name).resolve()))
    return {str(path): path.read_text(encoding="utf-8", errors="replace") for path in found}


def _files(path: Path) -> list[Path]:
    """Return the regular files below ``path``. Links lead to files of the distribution, not to rendered ones."""
    if str(path).startswith(UNREAD):
        return []
    if path.is_dir():
        return [file for child in sorted(path.iterdir()) if not child.is_symlink() for file in _files(child)]
    return [path] if path.is_file() and path.stat().st_size <= BIGGEST_FILE else []


def _units(patterns: list[str]) -> dict[str, dict[str, str]]:
    shown = "Id,Type,ActiveState,SubState,InvocationID,NRestarts,Environment"
    listed = subprocess.run(
        ["systemctl", "list-units", "--all", "--plain", "--no-legend", *patterns],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    names = [line.split()[0] for line in listed.splitlines() if line.strip()]
    if not names:
        return {}
    output = subprocess.run(
        ["systemctl", "show", "--property", shown, *names], capture_output=True, text=True, check=True
    ).stdout
    blocks = (dict(line.split("=", 1) for line in block.splitlines()) for block in output.strip().split("\n\n"))
    return {block["Id"]: block for block in blocks}


def _verify(model: str, digest: str) -> dict[str, Any]:
    """Re-hash the model's files on the node's disk; its manifest must be the one with ``digest``."""
    done = subprocess.run(
        [FREEHOLD, "weights", "verify", model, "--digest", digest, "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    return {"returncode": done.returncode, "answer": json.loads(done.stdout or "null"), "stderr": done.stderr[-500:]}


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=HTTP_SECONDS) as answer:  # noqa: S310  the caller's own loopback URLs
        return str(answer.read().decode())


if __name__ == "__main__":
    json.dump(read(json.loads(sys.argv[1])), sys.stdout)

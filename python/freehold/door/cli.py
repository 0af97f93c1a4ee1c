"""The command ``freehold metrics-door``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add this part's commands to ``freehold``."""
    app.command("metrics-door")(metrics_door)


def metrics_door(
    *,
    relay: Annotated[
        list[str], typer.Option(help="ADDRESS:PORT[/PAGE]=http://127.0.0.1:PORT/metrics; may be repeated.")
    ],
    tls: Annotated[Path, typer.Option(help="Folder of node.crt, ca.crt and crl.pem.")] = Path("/etc/freehold/tls"),
) -> None:
    """Let the monitor and the control host read this node's exporters, by mutual TLS."""
    # The same process goes on as a smaller one: what the other commands load would stay in memory for good.
    sys.stdout.flush()
    os.execv(sys.executable, command(relay, tls))  # noqa: S606  no shell is the point


def command(relays: list[str], tls: Path) -> list[str]:
    """The door by itself; -P keeps what lies in the working folder from being taken for a module."""
    words = [word for relay in relays for word in ("--relay", relay)]
    return [sys.executable, "-P", "-m", "freehold.door", "--tls", str(tls), *words]

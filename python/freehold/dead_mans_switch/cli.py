"""The command ``freehold dead-mans-switch``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add this part's commands to ``freehold``."""
    app.command("dead-mans-switch")(dead_mans_switch)


def dead_mans_switch(
    *,
    config: Annotated[Path, typer.Option(help="JSON settings.")] = Path("/etc/freehold/dead_mans_switch.json"),
    tls: Annotated[Path, typer.Option(help="Folder of node.crt, ca.crt and crl.pem.")] = Path("/etc/freehold/tls"),
    credentials: Annotated[Path | None, typer.Option(help="Folder of passwords; by default systemd's.")] = None,
    test: Annotated[bool, typer.Option("--test", help="Send a test by every path, and end.")] = False,
) -> None:
    """Tell the operator, by a path of its own, when a monitor falls silent."""
    # The same process goes on as a smaller one: what the other commands load would stay in memory for good.
    sys.stdout.flush()
    os.execv(sys.executable, command(config, tls, credentials, test=test))  # noqa: S606  no shell is the point


def command(config: Path, tls: Path, credentials: Path | None, *, test: bool) -> list[str]:
    """The switch by itself; -P keeps what lies in the working folder from being taken for a module."""
    words = [sys.executable, "-P", "-m", "freehold.dead_mans_switch", "--config", str(config), "--tls", str(tls)]
    words += ["--credentials", str(credentials)] if credentials else []
    return [*words, "--test"] if test else words

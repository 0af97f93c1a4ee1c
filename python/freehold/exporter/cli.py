"""The command ``freehold gpu-exporter``."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from freehold.exporter.options import DEFAULT_INTERVAL, DEFAULT_LISTEN


def register(app: typer.Typer) -> None:
    """Add this part's commands to ``freehold``."""
    app.command("gpu-exporter")(gpu_exporter)


def gpu_exporter(
    *,
    listen: Annotated[str, typer.Option(help="Where to serve /metrics and /healthz.")] = DEFAULT_LISTEN,
    interval: Annotated[float, typer.Option(help="Seconds between two samples.")] = DEFAULT_INTERVAL,
) -> None:
    """Serve what the GPUs say to Prometheus, under dcgm-exporter's names."""
    # The same process goes on as a smaller one: what the other commands load would stay in memory for good.
    sys.stdout.flush()
    os.execv(sys.executable, command(listen, interval))  # noqa: S606  no shell is the point


def command(listen: str, interval: float) -> list[str]:
    """The exporter by itself; -P keeps what lies in the working folder from being taken for a module."""
    return [sys.executable, "-P", "-m", "freehold.exporter", "--listen", listen, "--interval", str(interval)]

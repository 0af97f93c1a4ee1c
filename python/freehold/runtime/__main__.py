"""``python -m freehold.runtime --config /etc/freehold/runtime/<model>.json``: the unit's command line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from freehold.errors import FreeholdError, FreeholdErrors
from freehold.runtime import engine, supervise
from freehold.runtime.config import RuntimeConfig, read
from freehold.service.credentials import internal_key
from freehold.service.notify import Supervisor


def serve(*, config: Annotated[Path, typer.Option(help="The runtime's JSON settings.")]) -> None:
    """Serve one model with llama.cpp until SIGTERM."""
    try:
        _serve(read(config), internal_key())
    except (FreeholdError, FreeholdErrors) as error:
        print(error, file=sys.stderr, flush=True)
        raise typer.Exit(error.exit_code) from error


def _serve(config: RuntimeConfig, key: str) -> None:
    supervise.hold_endings()
    engine.refuse_taken_port(config)
    say = _Say(config.alias)
    say(f"loading {config.model} ({config.mode}) for {config.host}:{config.port}")
    life = supervise.Life(
        start=lambda: engine.start(config, key),
        healthy=lambda: engine.is_healthy(config),
        supervisor=Supervisor.from_environment(),
        wait=supervise.asked_to_end,
        say=say,
    )
    life.run()
    supervise.leave()  # while `life` still holds the engine


class _Say:
    def __init__(self, alias: str) -> None:
        self._alias = alias

    def __call__(self, line: str) -> None:
        print(f"runtime {self._alias}: {line}", flush=True)


if __name__ == "__main__":
    typer.run(serve)

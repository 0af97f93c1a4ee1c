"""``freehold gateway``: serve, and keep the callers' keys."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import typer

from freehold.gateway import cli_explain, cli_keys, cli_ledger
from freehold.gateway.config import GatewayConfig, read

SETTINGS = Path("/etc/freehold/gateway.json")


def register(app: typer.Typer) -> None:
    """Add this part's commands to ``freehold``."""
    gateway = typer.Typer(no_args_is_help=True, help="The way in: OpenAI's protocol, keys, token counters.")
    gateway.command()(serve)
    cli_keys.register(gateway)
    cli_ledger.register(gateway)
    cli_explain.register(gateway)
    app.add_typer(gateway, name="gateway")


def serve(*, config: Annotated[Path, typer.Option(help="The gateway's JSON settings.")] = SETTINGS) -> None:
    """Serve until SIGTERM, then finish open answers."""
    from freehold.service.credentials import internal_key  # noqa: PLC0415

    settings = read(config)
    _run(settings, internal_key(settings.internal_key_file))


def _run(settings: GatewayConfig, key: str) -> None:
    # The gateway's own packages: a control host or another service's environment has not all of them.
    import uvloop  # noqa: PLC0415
    from prometheus_client import disable_created_metrics  # noqa: PLC0415

    from freehold.gateway import server  # noqa: PLC0415
    from freehold.service.notify import Supervisor  # noqa: PLC0415

    async def main() -> None:
        ending = asyncio.Event()
        for ask in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(ask, ending.set)
        await server.serve(settings, key, ending=ending, supervisor=Supervisor.from_environment())

    disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each counter, which nobody reads
    server.log_to_stdout()
    uvloop.run(main())

"""``freehold keys issue|sign``: certificates for TLS."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from freehold.keys import cli

Kind = Annotated[str, typer.Option(help="node, control, monitor or client.")]
Address = Annotated[list[str] | None, typer.Option("--address", help="An address it answers at; may be repeated.")]
Days = Annotated[int, typer.Option(min=1, max=366, help="Life of the certificate.")]
DAYS = 90


def register(keys: typer.Typer) -> None:
    """Add these commands to ``freehold keys``."""
    keys.command("issue")(issue)
    keys.command("sign")(sign)


def issue(
    name: Annotated[str, typer.Argument(help="Name of the holder, such as prometheus.")],
    *,
    out: Annotated[Path, typer.Option(help="Folder for tls.key, tls.crt and ca.crt.")],
    folder: cli.Folder = None,
    kind: Kind = "client",
    address: Address = None,
    days: Days = DAYS,
    dry_run: cli.DryRun = False,
    as_json: cli.Json = False,
) -> None:
    """Certify a holder whose key may lie here: this control host, a monitor, an application. Renews what is due."""
    from freehold.keys import holders, names  # noqa: PLC0415

    keys = cli.opened(folder)
    identity = names.Identity(keys.site, kind, name, tuple(address or ()))
    answer = holders.ensure(keys, identity, out, days=days, dry_run=dry_run)
    cli.tell(
        {"status": answer.status, "reason": answer.reason, "out": str(out), "not_after": answer.not_after},
        as_json=as_json,
    )


def sign(
    name: Annotated[str, typer.Argument(help="Name of the holder, as the fleet document has it.")],
    *,
    request: Annotated[Path, typer.Option(help="PEM: the request, then the certificate that is there. - is stdin.")],
    folder: cli.Folder = None,
    kind: Kind = "node",
    address: Address = None,
    site: Annotated[str, typer.Option(help="Refuse a hierarchy of another site.")] = "",
    node_clock: Annotated[int, typer.Option(help="The holder's clock, seconds since the epoch.")] = 0,
    clock_tolerance: Annotated[int, typer.Option(min=1, help="How far it may be off this host's, seconds.")] = 300,
    monitor: Annotated[bool, typer.Option(help="This node also runs the monitoring.")] = False,
    days: Days = DAYS,
    force: Annotated[bool, typer.Option(help="Also when the one that is there still serves.")] = False,
    dry_run: cli.DryRun = False,
    as_json: cli.Json = False,
) -> None:
    """Sign a request, if the certificate that is shown beside it no longer serves. The names are these, not its own."""
    from freehold.keys import clock, names, presented, requests  # noqa: PLC0415

    keys = cli.opened(folder)
    presented.check_holder(keys, name, site, node_clock, clock_tolerance, now=clock.now)
    text = sys.stdin.read() if str(request) == "-" else request.read_text(encoding="ascii")
    pem = requests.blocks(text)
    answer = requests.answer(
        keys,
        names.Identity(keys.site, kind, name, tuple(address or ()), monitor=monitor),
        pem.get("CERTIFICATE REQUEST", ""),
        pem.get("CERTIFICATE", ""),
        days=days,
        force=force,
        dry_run=dry_run,
    )
    if as_json:
        print(json.dumps(asdict(answer)))
    else:
        print(answer.chain, end="")
        print(f"{answer.status}: {answer.reason or 'it serves until ' + answer.not_after}", file=sys.stderr)

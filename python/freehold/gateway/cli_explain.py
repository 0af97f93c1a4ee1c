"""``freehold gateway explain``: what would become of a request, and why. Nothing is sent or reserved for it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from freehold.errors import UsageError
from freehold.gateway import cli_keys

CHAT = "/v1/chat/completions"


def register(gateway: typer.Typer) -> None:
    """Add the command."""
    gateway.command("explain")(explain)


def explain(
    *,
    model: Annotated[str, typer.Option(help="The name that the client asks for.")],
    key: Annotated[
        str | None, typer.Option(help="The client's key, by name; else what hangs on it is not known.")
    ] = None,
    frontier: Annotated[bool, typer.Option("--frontier", help="With the header x-freehold-frontier: allow.")] = False,
    body: Annotated[str | None, typer.Option(help="A file with the request's JSON, - for standard input.")] = None,
    path: Annotated[str, typer.Option(help="The path that is asked.")] = CHAT,
    node: Annotated[str | None, typer.Option(help="Whose gateway; default: the authority's.")] = None,
    document: cli_keys.Document = None,
    private_key: cli_keys.PrivateKey = None,
    as_json: cli_keys.Json = False,
) -> None:
    """Say what a gateway would do with a request, and which conditions hold. A body goes to that node, no further."""
    asked = _read(body) if body else None
    fleet = cli_keys.ledgers(document, private_key)
    where = node or str(fleet.document["gateway"]["authority"])
    if where not in {host["name"] for host in fleet.document["hosts"]}:
        known = ", ".join(host["name"] for host in fleet.document["hosts"])
        raise UsageError("EXPLAIN_NODE", where, "no host of this fleet", expected=f"one of {known}")
    told = fleet.of_node(where, "explain", model=model, key=key, frontier=frontier, body=asked, path=path)
    if as_json:
        print(json.dumps(told, indent=2))
        return
    _show(told)


def _read(source: str) -> dict[str, Any]:
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
        found = json.loads(text)
    except (OSError, ValueError) as error:
        raise UsageError("EXPLAIN_BODY", source, type(error).__name__, expected="a file with a JSON object") from error
    if not isinstance(found, dict):
        raise UsageError("EXPLAIN_BODY", source, "no JSON object", expected="the body of a request")
    return found


def _show(told: Mapping[str, Any]) -> None:
    from rich.console import Console  # noqa: PLC0415

    from freehold.gateway.policy import explain as words  # noqa: PLC0415

    console = Console() if sys.stdout.isatty() else Console(width=cli_keys.PLAIN_WIDTH)
    console.print(words.tables(words.of_json(told["decision"])))
    for line in lines(told):
        console.print(line, highlight=False, markup=False)


def lines(told: Mapping[str, Any]) -> list[str]:
    """What stands beside the conditions."""
    worst = told["worst"]
    most = f"{worst['tokens']:,} tokens, {worst['nano_usd'] / 10**9:.6f} USD" if worst else "not known"
    limits = [
        f"in the way      {cap['name']}: {cap['used']:,} of {cap['limit']:,} {cap['unit']} are used"
        for cap in told["limits"]
    ]
    return [
        f"node            {told['node'] or 'this one'}{', the authority' if told['authority'] else ''}",
        f"body            {told['body']}",
        f"at the most     {most}",
        f"breaker         {told['breaker'] or 'not known'}",
        *limits,
    ]

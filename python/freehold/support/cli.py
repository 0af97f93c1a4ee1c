"""``freehold support``: one file with what somebody needs to find a fault; secrets and prompts are not in it."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from freehold.errors import PartialError, UsageError
from freehold.fleet import target

if TYPE_CHECKING:
    from freehold.support.bundle import Gathered, Source

SINCE = re.compile(r"-\d+(min|h|d)|\d{4}-\d{2}-\d{2}( \d{2}:\d{2}(:\d{2})?)?")


def register(app: typer.Typer) -> None:
    """Add ``freehold support``."""
    app.command("support", help=__doc__.split(":", 1)[1].strip().capitalize())(support)


def support(
    *,
    out: Annotated[Path | None, typer.Option(help="The file; default: freehold-support-SITE-TIME.tar.gz here.")] = None,
    host: Annotated[
        list[str] | None, typer.Option(help="Only these; default: all that are not in maintenance.")
    ] = None,
    since: Annotated[str, typer.Option(help="How far back journals go: -90min, -24h, -7d, or YYYY-MM-DD.")] = "-24h",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be read, and ask nobody.")] = False,
    document: Annotated[Path | None, typer.Option(help="The fleet document; default: stack's or lab's.")] = None,
    private_key: Annotated[Path | None, typer.Option(help="The operator's SSH key; default: stack's or lab's.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Read every node and this host. Exit code 5: a node could not be read, and the file has the others."""
    from freehold.process import run  # noqa: PLC0415
    from freehold.support import bundle  # noqa: PLC0415

    if not SINCE.fullmatch(since):
        raise UsageError("SUPPORT_SINCE", since, "no time", expected="-90min, -24h, -7d, or YYYY-MM-DD [HH:MM]")
    source = _source(document, private_key, since)
    if dry_run:
        _say_what(source, as_json=as_json)
        return
    path = out or Path(f"freehold-support-{source.document['site']['name']}-{time.strftime('%Y%m%dT%H%M%S')}.tar.gz")
    if path.exists():
        raise UsageError("SUPPORT_EXISTS", str(path), "a file of that name", expected="a new one", fix="--out FILE")
    gathered = bundle.gather(source, run, host or (), say=(lambda _: None) if as_json else print)
    bundle.write(gathered, source, path)
    _end(path, gathered, as_json=as_json)


def _source(document: Path | None, private_key: Path | None, since: str) -> Source:
    from freehold.status.gather import load_document  # noqa: PLC0415
    from freehold.support import bundle  # noqa: PLC0415

    file = target.document(document)
    key = target.client_key(None)
    return bundle.Source(
        load_document(file),
        target.private_key(private_key),
        file.parent / "known_hosts",
        file.parent.parent,
        [key.read_text(encoding="utf-8").strip()] if key.is_file() else [],
        since,
    )


def _say_what(source: Source, *, as_json: bool) -> None:
    from freehold.support import bundle, node_collect  # noqa: PLC0415

    logs = [str(path) for pattern in bundle.LOGS for path in sorted((source.state / "logs").glob(pattern))]
    hosts = [entry["name"] for entry in source.document["hosts"] if not entry["maintenance"]]
    plan = {"nodes": hosts, "commands": node_collect.COMMANDS, "journals": list(node_collect.UNITS), "control": logs}
    if as_json:
        print(json.dumps(plan, indent=2))
        return
    print(f"on {', '.join(hosts)}, as root, reading only:")
    for name, command in node_collect.COMMANDS.items():
        print(f"  {name:<32} {command}")
    print(f"  journal and state of {', '.join(node_collect.UNITS)} since {source.since}")
    print("here:", *logs, "the fleet document", sep="\n  ")


def _end(path: Path, gathered: Gathered, *, as_json: bool) -> None:
    if as_json:
        told = {"file": str(path), "bytes": path.stat().st_size, "files": len(gathered.files)}
        print(json.dumps({**told, "missing": dict(gathered.missing)}, indent=2))
    else:
        print(f"{path}: {len(gathered.files)} files, {path.stat().st_size} bytes; look through it before you send it")
    if gathered.missing:
        raise PartialError(
            "SUPPORT_INCOMPLETE",
            ", ".join(gathered.missing),
            "; ".join(f"{host}: {why}" for host, why in gathered.missing.items()),
            expected="an answer of every node",
            fix=f"mend the way to it and run the command again, or send {path} as it is",
        )

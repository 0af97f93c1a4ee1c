"""Gathers a support bundle: every node over SSH, this host's logs and document, all of it redacted once more here."""

from __future__ import annotations

import hashlib
import io
import json
import re
import shlex
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from freehold import __version__, ssh
from freehold.fleet.redact import Redactor
from freehold.process import ProcessError, Runner
from freehold.support import node_collect

CONNECT_SECONDS = 15
NODE_SECONDS = 300.0
AT_ONCE = 8
LONGEST_LOG = 2_000_000
LOGS = ("*.log", "*.log.1", "*.jsonl")

PROMPT = re.compile(r'("(?:content|prompt|input|messages|text|system|instructions)"\s*:\s*)"(?:[^"\\]|\\.)*"')
"""Nothing of ours writes a prompt anywhere. Should an engine do it one day, it does not get into the bundle."""


@dataclass(frozen=True)
class Source:
    """The fleet and the way to it. ``known`` are secrets of this host, ``state`` is the site's folder here."""

    document: Mapping[str, Any]
    private_key: Path
    known_hosts: Path
    state: Path
    known: Sequence[str] = ()
    since: str = "-24h"


@dataclass(frozen=True)
class Gathered:
    """File names to texts, redacted; and why something is missing, by host."""

    files: Mapping[str, str]
    missing: Mapping[str, str]


def gather(source: Source, runner: Runner, hosts: Sequence[str] = (), say: Callable[[str], None] = print) -> Gathered:
    """Ask the nodes (all that are not in maintenance, or ``hosts``) and read this host's own."""
    chosen = [host for host in source.document["hosts"] if _asked(host, hosts)]
    files, missing = dict(_here(source)), {}
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        for host, told in zip(chosen, pool.map(lambda host: _node(source, host, runner), chosen), strict=True):
            if isinstance(told, str):
                missing[host["name"]] = told
            else:
                files |= {f"nodes/{host['name']}/{name}": text for name, text in told.items()}
            say(f"{host['name']}: {told if isinstance(told, str) else f'{len(told)} files'}")
    return Gathered({name: redacted(text, source.known) for name, text in sorted(files.items())}, missing)


def redacted(text: str, known: Sequence[str]) -> str:
    """``text`` without secrets, without what looks like one, and without what somebody may have said to a model."""
    redactor = Redactor(known)
    return "".join(redactor(PROMPT.sub(r'\1"[redacted]"', line)) for line in text.splitlines(keepends=True))


def write(gathered: Gathered, source: Source, path: Path) -> None:
    """A tar file, readable by its owner only, with a manifest of SHA-256 digests first."""
    manifest = {
        "freehold": __version__,
        "site": source.document["site"]["name"],
        "stack": source.document["stack"],
        "simulated": source.document["simulated"],
        "since": source.since,
        "missing": dict(gathered.missing),
        "files": {name: hashlib.sha256(text.encode()).hexdigest() for name, text in gathered.files.items()},
    }
    path.touch(mode=0o600, exist_ok=False)
    with tarfile.open(path, "w:gz") as archive:
        for name, text in {"MANIFEST.json": json.dumps(manifest, indent=2) + "\n", **gathered.files}.items():
            entry = tarfile.TarInfo(f"freehold-support/{name}")
            data = text.encode()
            entry.size, entry.mode = len(data), 0o600
            archive.addfile(entry, io.BytesIO(data))


def _asked(host: Mapping[str, Any], hosts: Sequence[str]) -> bool:
    return host["name"] in hosts if hosts else not host["maintenance"]


def _node(source: Source, host: Mapping[str, Any], runner: Runner) -> dict[str, str] | str:
    """What the node told, or why it did not."""
    program = Path(node_collect.__file__).read_text(encoding="utf-8")
    words = ssh.command(host, source.private_key, source.known_hosts, connect_seconds=CONNECT_SECONDS)
    try:
        done = runner(
            [*words, f"sudo -n python3 - {shlex.quote(source.since)}"], check=False, stdin=program, timeout=NODE_SECONDS
        )
        if done.returncode != 0:
            return f"exit status {done.returncode}: {done.stderr.strip()[-300:]}"
        told: dict[str, str] = json.loads(done.stdout)
    except (ProcessError, ValueError) as error:
        return str(error)
    return told


def _here(source: Source) -> Iterator[tuple[str, str]]:
    yield "control/fleet.json", json.dumps(source.document, indent=2) + "\n"
    for pattern in LOGS:
        for path in sorted((source.state / "logs").glob(pattern)):
            yield f"control/logs/{path.name}", path.read_text(encoding="utf-8", errors="replace")[-LONGEST_LOG:]

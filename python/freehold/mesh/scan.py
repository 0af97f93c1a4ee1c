"""Knocks at every node from everywhere, and compares what opens with the table of :mod:`freehold.mesh.reach`."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from freehold.errors import UnknownStateError
from freehold.mesh import knock, reach
from freehold.process import Runner
from freehold.status.gather import Access, ssh_command

Document = Mapping[str, Any]
LIMIT_SECONDS = 60.0
AT_ONCE = 8
PORT = re.compile(r":(?P<port>\d+)$")


@dataclass(frozen=True)
class Vantage:
    """A place to knock from: ``sources`` are the groups it stands for, ``words`` run a line of shell there.

    ``networks`` are those that it has a way to: on others the table promises it nothing.
    """

    name: str
    sources: frozenset[str]
    words: tuple[str, ...] = ("sh", "-c")
    networks: frozenset[str] = frozenset(reach.ADDRESS_OF)


@dataclass(frozen=True)
class Finding:
    """One door of a host, seen from one place.

    ``permitted``: the table lets it be open; ``promised``: the table names it; ``opened``: it accepted a connection.
    """

    vantage: str
    host: str
    address: str
    port: int
    permitted: bool
    promised: bool
    opened: bool

    @property
    def wrong(self) -> bool:
        """Open against the table, or closed against it."""
        return self.opened > self.permitted or self.promised > self.opened

    def __str__(self) -> str:
        seen, table = ("open", "closed") if self.opened else ("closed", "open")
        return f"{self.vantage} → {self.host} {self.address}:{self.port} is {seen}, the table says {table}"


def run(document: Document, access: Access, runner: Runner, more: Sequence[Vantage] = ()) -> list[Finding]:
    """Every door from every place: the control host, each node, and ``more``. The caller looks which are wrong."""
    hosts = [host for host in document["hosts"] if not host.get("maintenance")]
    nodes = [Vantage(h["name"], reach.sources_of(document, h["name"]), tuple(ssh_command(h, access))) for h in hosts]
    places = [Vantage("control host", reach.CONTROL_SOURCES), *nodes, *more]
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        doors = list(pool.map(lambda node, host: _doors(document, host, listening(node, runner)), nodes, hosts))
        pairs = list(zip(hosts, doors, strict=True))
        return [one for found in pool.map(lambda place: _look(document, place, pairs, runner), places) for one in found]


def listening(node: Vantage, runner: Runner) -> frozenset[int]:
    """The TCP ports on which anything listens on any address of a node, loopback too."""
    lines = _ask(node, "ss -Hltn", runner).splitlines()
    found = (PORT.search(fields[3]) for line in lines if len(fields := line.split()) > 3)  # noqa: PLR2004  ss's columns
    return frozenset(int(match["port"]) for match in found if match)


def _doors(document: Document, host: Mapping[str, Any], ports: frozenset[int]) -> list[tuple[str, int]]:
    """Every address with every port that listens anywhere on the node or that the table names."""
    named = reach.named_tcp_ports(document, host)
    wanted = ports.union(*named.values())
    addresses = dict.fromkeys(host[key] for key in reach.ADDRESS_OF.values())
    return [(address, port) for address in addresses for port in sorted(wanted)]


def _look(
    document: Document,
    place: Vantage,
    pairs: Sequence[tuple[Mapping[str, Any], list[tuple[str, int]]]],
    runner: Runner,
) -> list[Finding]:
    """What one place sees of all other hosts; a host's own doors are reached over loopback, and tell nothing."""
    asked = [door for host, doors in pairs if host["name"] != place.name for door in doors]
    program = Path(knock.__file__).read_text(encoding="utf-8")
    answer = _ask(place, f"python3 - {shlex.quote(json.dumps(asked))}", runner, program)
    opened = {(address, port) for address, port in json.loads(answer)}
    return [
        _finding(document, host, place, door, opened=door in opened)
        for host, doors in pairs
        if host["name"] != place.name
        for door in doors
    ]


def _finding(
    document: Document, host: Mapping[str, Any], place: Vantage, door: tuple[str, int], *, opened: bool
) -> Finding:
    address, port = door
    permitted = reach.permitted(document, host, place.sources, address, port)
    named = reach.named_tcp_ports(document, host)
    ways = {net: key for net, key in reach.ADDRESS_OF.items() if net in place.networks}
    promised = permitted and any(host[key] == address and port in named[net] for net, key in ways.items())
    return Finding(place.name, host["name"], address, port, permitted, promised, opened)


def _ask(place: Vantage, line: str, runner: Runner, program: str | None = None) -> str:
    done = runner([*place.words, line], check=False, stdin=program, timeout=LIMIT_SECONDS)
    if done.returncode != 0:
        raise UnknownStateError(
            "REACH_UNKNOWN",
            place.name,
            f"exit status {done.returncode}: {done.stderr.strip()[-300:]}",
            expected="an answer to `ss` and to the knocking",
            why="a door that nobody tried is neither open nor closed",
            fix="see `freehold status`; a node that is away on purpose gets `maintenance: true`",
        )
    return done.stdout


def wrong(findings: Iterable[Finding]) -> list[Finding]:
    """Where scan and table differ."""
    return [one for one in findings if one.wrong]

"""The node's command, run by its agent: ``python -m freehold.drift.node probe|baseline|restore|metrics``.

``probe`` prints what differs from the baseline, ``baseline`` writes it from what a converge declared (JSON on standard
input), ``restore`` puts back what Ansible does not see, ``metrics`` writes a probe for Prometheus. Each prints one JSON
object: names, versions, modes and short digests, never a file's content.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any, TextIO

from freehold.drift import DAMAGED, MESH_KEY, UNFINISHED, baseline, compare, reading
from freehold.drift.reading import Machine

USAGE = "usage: probe | baseline [--generation=NUMBER] [--part] | restore | metrics FILE"


def probe(machine: Machine) -> dict[str, Any]:
    """Compare. ``generation`` is one more than what is ``kept`` when something differs or a run was cut off."""
    unfinished = machine.path(UNFINISHED).exists()
    try:
        kept = baseline.load(machine)
        items = compare.items(kept, reading.observe(machine, kept)) if kept else []
    except baseline.DamagedError:
        kept, items = baseline.EMPTY, [DAMAGED]
    number = kept["generation"] if kept else 0
    return {
        "generation": number + bool(items or unfinished),
        "kept": number,
        "baseline": kept is not None,
        "unfinished": unfinished,
        "items": items,
        "mesh_key": mesh_key(machine),
    }


def mesh_key(machine: Machine) -> str:
    """The public half of the node's WireGuard key; empty where it has none that ``wg`` can read."""
    path = machine.path(MESH_KEY)
    try:
        return machine.run(["sh", "-c", 'wg pubkey < "$1"', "sh", str(path)]).strip() if path.exists() else ""
    except OSError:
        return ""


def write_baseline(machine: Machine, options: list[str], stdin: TextIO) -> dict[str, Any]:
    """Keep the baseline after a run. ``changed`` says whether it is another than before."""
    given = [option.partition("=")[2] for option in options if option.startswith("--generation=")]
    old = _old(machine)
    generation = int(given[0]) if given and given[0] else None
    new = baseline.make(machine, json.load(stdin), old, generation=generation, whole="--part" not in options)
    if new != old:
        baseline.save(machine, new)
    return {"changed": new != old, "generation": new["generation"]}


def _old(machine: Machine) -> baseline.Baseline | None:
    try:
        return baseline.load(machine)
    except baseline.DamagedError:
        return None


def restore(machine: Machine) -> dict[str, Any]:
    """Put back what no role would; a node without a baseline has nothing to be put back to."""
    from freehold.drift.restore import restore as put_back  # noqa: PLC0415  a probe does not need it

    old = _old(machine)
    return {"restored": put_back(machine, old) if old else []}


def metrics(machine: Machine, file: Path) -> dict[str, Any]:
    """Write a probe for Prometheus."""
    from freehold.drift.metrics import render  # noqa: PLC0415  a probe does not need it
    from freehold.service.textfile import write  # noqa: PLC0415  the same

    answer = probe(machine)
    write(file, render(answer, time.time()))
    return {"items": len(answer["items"])}


def main(arguments: list[str]) -> int:
    """Entry point. Exit status 2: wrong usage."""
    machine = Machine()
    match arguments:
        case ["probe"]:
            answer = probe(machine)
        case ["baseline", *options] if all(o == "--part" or o.startswith("--generation=") for o in options):
            answer = write_baseline(machine, options, sys.stdin)
        case ["restore"]:
            answer = restore(machine)
        case ["metrics", file]:
            answer = metrics(machine, Path(file))
        case _:
            print(USAGE, file=sys.stderr)
            return 2
    print(json.dumps(answer, sort_keys=True))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

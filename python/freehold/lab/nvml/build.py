"""Compiling the simulated NVML."""

from __future__ import annotations

import hashlib
from pathlib import Path

from freehold.process import Runner, run

LIBRARY = "libnvidia-ml.so.1"
"""The name under which every NVML program looks for the library."""

SYMBOL = "freehold_simulation"
"""Exported by the simulation only, so that a program can tell."""

SOURCE = Path(__file__).parent / "source"
# Hidden by default: exactly the functions marked API are visible, so an unknown one is missing as it would be for real.
FLAGS = ("-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-fvisibility=hidden")
STAMP = f"{LIBRARY}.source-sha256"


def build(target: Path, runner: Runner = run) -> Path:
    """Compile the library into the folder ``target`` unless it was built there from the same source; returns its path.

    Raises :class:`freehold.process.ProcessError` where gcc is missing or says anything at all (warnings are errors).
    """
    library, stamp, digest = target / LIBRARY, target / STAMP, source_digest()
    if library.exists() and stamp.exists() and stamp.read_text(encoding="ascii") == digest:
        return library
    target.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)
    fresh = target / f"{LIBRARY}.new"
    runner(["gcc", *FLAGS, f"-Wl,-soname,{LIBRARY}", "-o", fresh, *sorted(SOURCE.glob("*.c"))])
    fresh.replace(library)
    stamp.write_text(digest, encoding="ascii")
    return library


def source_digest() -> str:
    """SHA-256 over the flags and every source file with its name."""
    digest = hashlib.sha256(" ".join(FLAGS).encode())
    for file in sorted(SOURCE.iterdir()):
        if file.suffix in {".c", ".h"}:
            digest.update(f"\n{file.name}\n".encode() + file.read_bytes())
    return digest.hexdigest()

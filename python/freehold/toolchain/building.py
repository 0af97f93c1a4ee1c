"""Builds Pulumi's command and its Python language host into the cache, once for each state of the pins."""

from __future__ import annotations

import fcntl
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from freehold.errors import RefusedError
from freehold.process import Runner
from freehold.steps import Report
from freehold.toolchain.go import (
    COMPILER_LOCK,
    MODULES,
    Program,
    Workshop,
    build,
    digest,
    ensure_compiler,
    module_folder,
)

COMMAND = Program(
    MODULES / "pulumi-cli", "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi", "github.com/pulumi/pulumi/pkg/v3"
)

# Later versions of the host are not served as a Go module of their own; this is the last SDK module that holds it.
LANGUAGE_HOST = Program(
    MODULES / "language-python",
    "github.com/pulumi/pulumi/sdk/v3/python/cmd/pulumi-language-python",
    "github.com/pulumi/pulumi/sdk/v3",
)
# What the language host runs, from the same module, and the names under which it lies beside it.
SCRIPTS = {
    "python/cmd/pulumi-language-python-exec": "pulumi-language-python-exec.py",
    "python/dist/pulumi-resource-pulumi-python": "pulumi-resource-pulumi-python",
}

# When a resource fails, the engine interrupts the program. This old script would show that as a traceback, right beside
# the error that matters. 32 is the script's own exit status for "what there was to say has been said".
QUIET_START = """\
#!/usr/bin/env python3
import os
import runpy
import sys
from pathlib import Path

try:
    runpy.run_path(str(Path(__file__).with_name("pulumi-language-python-exec.py")), run_name="__main__")
except KeyboardInterrupt:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(32)  # an orderly exit would wait seconds for threads that wait for the engine
"""

RECIPE = "3"  # raised when the way of building changes and the pins do not

# Measured for pkg 3.259.0: 2.1 GB of modules, 1.7 GB of objects, 0.3 GB of compiler; all but the compiler are deleted.
FREE_BYTES_NEEDED = 5 * 10**9


def ensure_built(cache: Path, runner: Runner, report: Report) -> Path:
    """The folder with ``pulumi`` and ``pulumi-language-python``; instant when the pins were built before."""
    folder = cache / "pulumi" / f"{COMMAND.version}-{build_digest()[:12]}"
    if folder.is_dir():
        return folder
    with _one_at_a_time(cache, report):
        if not folder.is_dir():  # another run may have built it while this one waited
            _build_into(folder, cache, runner, report)
    return folder


def build_digest() -> str:
    """SHA-256 of everything that decides what is built."""
    files = [COMPILER_LOCK]
    files += [program.folder / name for program in (COMMAND, LANGUAGE_HOST) for name in ("go.mod", "go.sum")]
    return digest(files, RECIPE, platform.machine())


def _build_into(folder: Path, cache: Path, runner: Runner, report: Report) -> None:
    _refuse_full_disk(cache)
    compiler = ensure_compiler(cache, runner, report)
    workshop = Workshop(compiler, cache / "pulumi" / "scratch", cache / "pulumi" / "build.log")
    unfinished = folder.with_suffix(".unfinished")
    unfinished.mkdir(parents=True, exist_ok=True)
    build(LANGUAGE_HOST, unfinished, workshop, runner, report)
    source = module_folder(LANGUAGE_HOST, workshop, runner)
    install_scripts(source, unfinished)
    build(COMMAND, unfinished, workshop, runner, report)
    unfinished.rename(folder)
    shutil.rmtree(workshop.scratch, ignore_errors=True)


def install_scripts(source: Path, folder: Path) -> None:
    """Put the language host's scripts from the module's ``source`` beside it; a module carries no run bits."""
    for script, name in SCRIPTS.items():
        shutil.copyfile(source / script, folder / name).chmod(0o755)
    start = folder / "pulumi-language-python-exec"
    start.write_text(QUIET_START, encoding="utf-8")
    start.chmod(0o755)


def _refuse_full_disk(cache: Path) -> None:
    cache.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(cache).free
    if free < FREE_BYTES_NEEDED:
        raise RefusedError(
            "DISK_TOO_SMALL",
            str(cache),
            f"{free / 1e9:.1f} GB free",
            expected=f"{FREE_BYTES_NEEDED / 1e9:.0f} GB while Pulumi is built (0.4 GB afterwards)",
            fix="free space, set FREEHOLD_CACHE to a larger disk, or put an official pulumi >= 3.200 on PATH",
        )


@contextmanager
def _one_at_a_time(cache: Path, report: Report) -> Iterator[None]:
    lock = cache / "pulumi" / "lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report("waiting for another run that builds Pulumi")
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield

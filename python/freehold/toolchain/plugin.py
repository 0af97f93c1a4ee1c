"""Puts the plugin `command` into an isolated PULUMI_HOME: a copy of the official one, else Freehold's stand-in."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from freehold.pulumi_command import VERSION
from freehold.toolchain.official import PLUGIN_PROGRAM, Unusable, ask_plugin_version, find_plugin, is_stand_in

CHOICE = "FREEHOLD_PULUMI_COMMAND"
STAND_IN_ONLY = "stand-in"

STAND_IN = """\
#!/bin/sh
# Freehold's stand-in for the official plugin `command` (module freehold.pulumi_command).
# -P: it starts in the stack's folder, whose modules must not stand in for Python's own.
exec {python} -P -m freehold.pulumi_command "$@"
"""


@dataclass(frozen=True)
class Plugin:
    """The plugin in use; ``source`` is where an official one was found."""

    path: Path
    version: str
    official: bool
    source: Path | None = None
    refused: tuple[Unusable, ...] = ()

    def describe(self) -> str:
        """One line for the user: which one it is, and what is not known because of that."""
        if self.official:
            return f"plugin command {self.version}: official, from {self.source or self.path}"
        return f"plugin command {self.version}: Freehold's stand-in, official binary not at hand"


def ensure_plugin(
    home: Path,
    python: Path,
    environ: Mapping[str, str] = os.environ,
    *,
    probe: Callable[[Path], str] = ask_plugin_version,
    version: str = VERSION,
) -> Plugin:
    """Make ``home`` hold a plugin `command` of ``version``; an official one that lies there is left as it is.

    ``FREEHOLD_PULUMI_COMMAND=stand-in`` passes over official ones elsewhere, so that tests can compare the two.
    """
    folder = home / "plugins" / f"resource-command-v{version}"
    program = folder / PLUGIN_PROGRAM
    if program.exists() and not is_stand_in(program):
        return Plugin(program, version, official=True)
    found: Path | None = None
    refused: list[Unusable] = []
    if environ.get(CHOICE) != STAND_IN_ONLY:
        found, refused = find_plugin(version, {**environ, "PULUMI_HOME": _other_home(environ, home)}, probe)
    if found is not None:
        _copy(found, folder)
    else:
        _write_stand_in(program, python)
    return Plugin(program, version, official=found is not None, source=found, refused=tuple(refused))


def _other_home(environ: Mapping[str, str], home: Path) -> str:
    """The user's own PULUMI_HOME; not ours, which a shell that ran Freehold's environment may name."""
    named = environ.get("PULUMI_HOME", "")
    return "" if named and Path(named).resolve() == home.resolve() else named


def _copy(program: Path, folder: Path) -> None:
    """Replace the stand-in in ``folder`` by a copy; with a rename, so that a crash leaves the one or the other."""
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    shutil.copy2(program.resolve(), unfinished / PLUGIN_PROGRAM)
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.rename(folder)


def _write_stand_in(program: Path, python: Path) -> None:
    text = STAND_IN.format(python=shlex.quote(str(python)))
    if program.exists() and program.read_text(encoding="utf-8") == text:
        return
    program.parent.mkdir(parents=True, exist_ok=True)
    unfinished = program.with_suffix(".unfinished")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.chmod(0o755)
    unfinished.rename(program)

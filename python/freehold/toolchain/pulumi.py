"""One Pulumi for everything that Freehold does with it, and the environment to run it in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from freehold.errors import RefusedError
from freehold.paths import PROJECT, cache_folder
from freehold.process import Runner, run
from freehold.steps import Report
from freehold.toolchain import building, official
from freehold.toolchain.plugin import Plugin, ensure_plugin

CHOICE = "FREEHOLD_PULUMI"
BUILT = "built"


@dataclass(frozen=True)
class Toolchain:
    """What to run and with which settings. ``built`` tells a Pulumi of our own build from an official one."""

    pulumi: Path
    version: str
    built: bool
    plugin: Plugin
    home: Path
    venv: Path
    refused: tuple[official.Unusable, ...] = ()

    def describe(self) -> str:
        """One line for the user: which Pulumi, which plugin."""
        origin = "built from Go modules" if self.built else f"official, {self.pulumi}"
        return f"pulumi {self.version} {origin}; {self.plugin.describe()}"

    def notes(self) -> list[str]:
        """What was found and not used, with the reason; a line each."""
        unused = (*self.refused, *self.plugin.refused)
        return [f"not used: {one.path}: {one.reason}" for one in unused]

    def environment(
        self, *, backend: Path, passphrase_file: Path, environ: Mapping[str, str] = os.environ
    ) -> dict[str, str]:
        """All variables for running Pulumi; ``backend`` is the folder of the state.

        Raises :class:`RefusedError` when PULUMI_CONFIG_PASSPHRASE is set: Pulumi prefers it, even empty, to the file.
        """
        _refuse_other_passphrase(environ)
        folders = [str(self.venv / "bin"), str(self.pulumi.parent), environ.get("PATH", os.defpath)]
        return {
            # The language host takes the first python3 of PATH; it knows no other way to a virtual environment.
            "PATH": os.pathsep.join(folders),
            "VIRTUAL_ENV": str(self.venv),
            "PULUMI_HOME": str(self.home),
            "PULUMI_BACKEND_URL": f"file://{backend}",
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(passphrase_file),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_AUTOMATION_API_SKIP_VERSION_CHECK": "true",
            "PULUMI_ACCESS_TOKEN": "",  # no account takes part, whatever the user's shell holds
        }


def ensure_pulumi(
    report: Report,
    runner: Runner = run,
    *,
    home: Path,
    cache: Path | None = None,
    venv: Path = PROJECT / ".venv",
    environ: Mapping[str, str] = os.environ,
) -> Toolchain:
    """Find or build Pulumi and fill ``home``, an isolated PULUMI_HOME, with the plugin `command`.

    ``FREEHOLD_PULUMI=built`` forces the build, ``FREEHOLD_PULUMI=/path/to/pulumi`` an official one; else the first
    usable one of PATH is taken, and without any the pinned one is built (minutes, once).
    """
    cache = cache or cache_folder()
    home.mkdir(parents=True, exist_ok=True)
    plugin = ensure_plugin(home, venv / "bin" / "python", environ)
    command, refused = _choose(environ, cache, runner)
    for one in refused:
        report(f"not used: {one.path}: {one.reason}")
    built = command is None
    if command is None:
        folder = building.ensure_built(cache, runner, report)
        command = official.Command(folder / "pulumi", building.COMMAND.version)
    return Toolchain(command.path, command.version, built, plugin, home, venv, tuple(refused))


def _choose(
    environ: Mapping[str, str], cache: Path, runner: Runner
) -> tuple[official.Command | None, list[official.Unusable]]:
    """An official command, or none when Freehold is to build its own."""
    choice, search_path = environ.get(CHOICE, ""), environ.get("PATH", "")
    if choice == BUILT:
        return None, []
    if not choice:
        return official.find_command(search_path, runner, ours=cache)
    judged = official.judge_command(Path(choice), search_path, runner)
    if isinstance(judged, official.Command):
        return judged, []
    raise RefusedError(
        "PULUMI_UNUSABLE",
        choice,
        judged.reason,
        expected="an official Pulumi 3.200 or newer with its Python language host",
        why=f"{CHOICE} names this one, so no other is tried",
        fix=f"unset {CHOICE}, or set it to `{BUILT}` to build the pinned one",
    )


def _refuse_other_passphrase(environ: Mapping[str, str]) -> None:
    if "PULUMI_CONFIG_PASSPHRASE" in environ:
        raise RefusedError(
            "PASSPHRASE_SHADOWED",
            "PULUMI_CONFIG_PASSPHRASE",
            "set in this shell",
            expected="not set",
            why="Pulumi prefers it to the stack's own passphrase file and could not read the stack's secrets",
            fix="run `unset PULUMI_CONFIG_PASSPHRASE` and the same command again",
        )

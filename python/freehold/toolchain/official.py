"""Finds an official Pulumi and an official plugin `command` on the control host, and says why one is not usable."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from freehold.process import ProcessError, Runner

OLDEST_USABLE = (3, 200, 0)  # the Python SDK that the stacks use is tried with this and later engines
PLUGIN_PROGRAM = "pulumi-resource-command"
STAND_IN_MARK = b"freehold.pulumi_command"
ANSWER_SECONDS = 20

# A release says exactly this; a build of one's own says 3.259.0-alpha.… or v3.259.0-dev.0.
_RELEASE = re.compile(r"^v(\d+)\.(\d+)\.(\d+)$")


@dataclass(frozen=True)
class Command:
    """An official ``pulumi`` that can be used."""

    path: Path
    version: str


@dataclass(frozen=True)
class Unusable:
    """Something of the right name that is not used, and why; told to the user, never changed."""

    path: Path
    reason: str


def find_command(search_path: str, runner: Runner, *, ours: Path) -> tuple[Command | None, list[Unusable]]:
    """The first usable ``pulumi`` of ``search_path``; programs under ``ours`` (the cache) are Freehold's own."""
    refused: list[Unusable] = []
    for candidate in programs_on("pulumi", search_path):
        if candidate.resolve().is_relative_to(ours.resolve()):
            continue
        judged = judge_command(candidate, search_path, runner)
        if isinstance(judged, Command):
            return judged, refused
        refused.append(judged)
    return None, refused


def judge_command(candidate: Path, search_path: str, runner: Runner) -> Command | Unusable:
    """Run ``candidate``: it must be a release, recent enough, with a Python language host beside it or on PATH."""
    try:
        said = runner([candidate, "version"], env={"PULUMI_SKIP_UPDATE_CHECK": "true"}, timeout=ANSWER_SECONDS)
    except (ProcessError, OSError) as error:
        return Unusable(candidate, f"`pulumi version` does not work: {_first_line(error)}")
    release = _RELEASE.match(said.stdout.strip())
    if release is None:
        return Unusable(candidate, f"`pulumi version` says {said.stdout.strip()[:40]!r}, which is no release")
    version = tuple(int(part) for part in release.groups())
    if version < OLDEST_USABLE:
        return Unusable(candidate, f"version {said.stdout.strip()} is older than 3.200")
    if not (candidate.resolve().parent / "pulumi-language-python").exists() and not any(
        programs_on("pulumi-language-python", search_path)
    ):
        return Unusable(candidate, "it comes without its Python language host, pulumi-language-python")
    return Command(candidate, said.stdout.strip()[1:])


def programs_on(name: str, search_path: str) -> Iterator[Path]:
    """Every program ``name`` on a PATH, in order."""
    for folder in search_path.split(os.pathsep):
        if folder and (found := shutil.which(name, path=folder)):
            yield Path(found)


def find_plugin(
    version: str, environ: Mapping[str, str], probe: Callable[[Path], str]
) -> tuple[Path | None, list[Unusable]]:
    """The first official plugin `command` of exactly ``version`` that answers; ``probe`` asks it its version."""
    refused: list[Unusable] = []
    for candidate in plugin_candidates(version, environ):
        try:
            said = probe(candidate)
        except (OSError, ValueError) as error:
            refused.append(Unusable(candidate, f"it does not answer as a plugin: {_first_line(error)}"))
            continue
        if said.removeprefix("v") == version:
            return candidate, refused
        refused.append(Unusable(candidate, f"it is version {said}, the SDK is {version}"))
    return None, refused


def plugin_candidates(version: str, environ: Mapping[str, str]) -> list[Path]:
    """Where an official plugin may lie: the user's own Pulumi homes first, then PATH. Our stand-ins are left out."""
    user_home = Path(environ.get("HOME", "/root"))
    homes = [Path(environ["PULUMI_HOME"])] if environ.get("PULUMI_HOME") else []
    homes.append(user_home / ".pulumi")
    placed = [home / "plugins" / f"resource-command-v{version}" / PLUGIN_PROGRAM for home in homes]
    found = [path for path in placed if path.is_file()]
    found += programs_on(PLUGIN_PROGRAM, environ.get("PATH", ""))
    return [path for path in dict.fromkeys(found) if not is_stand_in(path)]


def is_stand_in(program: Path) -> bool:
    """Whether ``program`` is the small script that starts Freehold's stand-in."""
    with program.open("rb") as stream:
        return STAND_IN_MARK in stream.read(4096)


def ask_plugin_version(program: Path) -> str:
    """Start a plugin, ask it its version over its own protocol, and end it. Raises OSError or ValueError."""
    import grpc  # type: ignore[import-untyped]  # noqa: PLC0415  only needed where an official plugin was found
    from google.protobuf import empty_pb2  # type: ignore[import-untyped]  # noqa: PLC0415
    from pulumi.runtime.proto import provider_pb2_grpc  # noqa: PLC0415

    # The engine's address is only dialled when there is something to tell it; port 9 (discard) answers nobody.
    with subprocess.Popen([program, "127.0.0.1:9"], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
        try:
            port = _read_port(process)
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                stub = provider_pb2_grpc.ResourceProviderStub(channel)
                return str(stub.GetPluginInfo(empty_pb2.Empty(), timeout=ANSWER_SECONDS, wait_for_ready=True).version)
        except grpc.RpcError as error:
            raise ValueError(str(error)) from error
        finally:
            process.kill()


def _read_port(process: subprocess.Popen[bytes]) -> int:
    import select  # noqa: PLC0415

    assert process.stdout is not None  # noqa: S101  by construction: PIPE
    ready, _, _ = select.select([process.stdout], [], [], ANSWER_SECONDS)
    line = process.stdout.readline() if ready else b""
    if not line.strip().isdigit():
        raise ValueError(f"no port on its standard output in {ANSWER_SECONDS} s")
    return int(line)


def _first_line(error: Exception) -> str:
    text = error.found if isinstance(error, ProcessError) else str(error)
    lines = text.strip().splitlines()
    return " ".join(line.strip() for line in lines[:2]) or type(error).__name__

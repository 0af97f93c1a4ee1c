"""The conformance tests of the plugin `command`: a real `pulumi up`, the unchanged SDK, a real sshd.

The official plugin binary was not at hand where these tests were written, so they have been run against Freehold's
stand-in only. Where an official one is found they run against both, and the header of the run says which.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.conformance import agents, sshd
from tests.conformance.doors import LateDoor, ShutDoor
from tests.conformance.harness import Ran, Stack
from tests.ports import free_port

from freehold.pulumi_command import VERSION
from freehold.toolchain import Toolchain, ensure_pulumi
from freehold.toolchain.official import ask_plugin_version, find_plugin

STAND_IN, OFFICIAL = "stand-in", "official"
SECRET = "correct-horse-battery-staple"


@functools.cache
def _plugins() -> list[str]:
    found, _ = find_plugin(VERSION, os.environ, ask_plugin_version)
    return [STAND_IN, OFFICIAL] if found else [STAND_IN]


def _tested() -> str:
    both = OFFICIAL in _plugins()
    said = "the official one and Freehold's stand-in" if both else "Freehold's stand-in; no official binary at hand"
    return f"plugin command {VERSION} under test: {said}"


def pytest_report_header() -> str:
    return _tested()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line(_tested())  # a quiet run shows no header


@pytest.fixture(scope="session", params=_plugins())
def plugin(request: pytest.FixtureRequest) -> str:
    """Which plugin the tests run against."""
    return str(request.param)


@pytest.fixture(scope="session")
def toolchain(plugin: str, tmp_path_factory: pytest.TempPathFactory) -> Toolchain:
    environ = {**os.environ, "FREEHOLD_PULUMI_COMMAND": plugin}
    toolchain = ensure_pulumi(print, home=tmp_path_factory.mktemp("home"), environ=environ)
    assert toolchain.plugin.official == (plugin == OFFICIAL)
    return toolchain


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.SshServer]:
    server = sshd.start(tmp_path_factory.mktemp("sshd"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def bastion(server: sshd.SshServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.SshServer]:
    """A second host on the way to the first, with keys of its own; it lets nobody further than there."""
    settings = f"PermitOpen 127.0.0.1:{server.port}\nPasswordAuthentication yes\nPermitRootLogin yes\nLogLevel DEBUG1\n"
    bastion = sshd.start(tmp_path_factory.mktemp("bastion"), settings=settings, password=SECRET)
    yield bastion
    bastion.stop()


@pytest.fixture(scope="session")
def agent(
    server: sshd.SshServer, bastion: sshd.SshServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[agents.Agent]:
    """An SSH agent that knows both hosts' keys, and one that nobody knows before them."""
    folder = tmp_path_factory.mktemp("agent")
    sshd.make_key(folder / "other_key")
    with agents.start(folder) as agent:
        for key in (folder / "other_key", server.folder / "user_key", bastion.folder / "user_key"):
            agent.add(key)
        yield agent


@pytest.fixture(scope="session")
def empty_agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[agents.Agent]:
    with agents.start(tmp_path_factory.mktemp("agent")) as agent:
        yield agent


@pytest.fixture(scope="session")
def ways(bastion: sshd.SshServer, server: sshd.SshServer, agent: agents.Agent) -> Mapping[str, Any]:
    """What a program needs to go through the bastion, or to ask the agent, or to decrypt its key."""
    return {
        "bastion_port": bastion.port,
        "bastion_host_key": bastion.host_key,
        "bastion_key": bastion.private_key,
        "bastion_password": bastion.password,
        "agent": agent.socket,
        "encrypted_key": sshd.encrypted(server, SECRET),
        "secret": SECRET,
    }


@pytest.fixture(scope="session")
def connection(server: sshd.SshServer) -> Mapping[str, Any]:
    """What a program needs to log in."""
    return {
        "port": server.port,
        "user": server.user,
        "private_key": server.private_key,
        "host_key": server.host_key,
    }


class Lifecycle:
    """The stack `lifecycle`, brought through its stations once; every test looks at what was left at one of them."""

    def __init__(self, toolchain: Toolchain, folder: Path, connection: Mapping[str, Any], late: LateDoor) -> None:
        self.folder, self.late = folder, late
        self.journal, self.source, self.target = folder / "journal", folder / "source", folder / "target"
        (self.source / "branch").mkdir(parents=True)
        (self.source / "leaf").write_text("a leaf")
        (self.source / "branch" / "leaf").write_text("a leaf on a branch")
        (self.target / "existing").mkdir(parents=True)
        (self.target / "contents").mkdir()
        stack_folder = folder / "stack"
        stack_folder.mkdir()
        paths = {"journal": self.journal, "folder": folder, "source": self.source, "target": self.target}
        settings: dict[str, Any] = {name: str(path) for name, path in paths.items()}
        settings |= {"digest": "1", "trigger": "1", "text": "first", "late_port": late.port}
        settings |= {"secret": SECRET, "plain_secret": SECRET[::-1]}
        self.stack = Stack.of(toolchain, "lifecycle", stack_folder, {**connection, **settings})
        self.preview = self.stack.run("preview", "--diff")
        self.after_preview = self.take_journal()
        self.created = self.stack.up()
        self.after_create, self.created_state = self.take_journal(), self.stack.state()
        self.created_text = self.stack.state_text()

    def take_journal(self) -> list[str]:
        """The lines since the last look."""
        lines = self.journal.read_text().splitlines() if self.journal.exists() else []
        self.journal.unlink(missing_ok=True)
        return lines


@pytest.fixture(scope="session")
def lifecycle(
    toolchain: Toolchain,
    connection: Mapping[str, Any],
    server: sshd.SshServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Lifecycle]:
    """After its preview and its first `up`."""
    late = LateDoor(server.port)
    yield Lifecycle(toolchain, tmp_path_factory.mktemp("lifecycle"), connection, late)
    late.close()


class Updated:
    """After a second `up` with another digest, trigger and text, a third without a change, and the end."""

    def __init__(self, lifecycle: Lifecycle) -> None:
        stack = lifecycle.stack
        (lifecycle.target / "triggered").unlink()
        self.ran = stack.up(digest="2", trigger="2", text="second")
        self.journal, self.state = lifecycle.take_journal(), stack.state()
        self.unchanged = stack.up()
        self.unchanged_journal = lifecycle.take_journal()
        self.destroyed = stack.run("destroy", "--yes", "--skip-preview")
        self.destroyed_journal = lifecycle.take_journal()


@pytest.fixture(scope="session")
def updated(lifecycle: Lifecycle) -> Updated:
    return Updated(lifecycle)


class Failing:
    """The stack `failing` after its one `up`."""

    def __init__(self, stack: Stack, folder: Path, a_file: Path) -> None:
        self.stack, self.folder, self.a_file = stack, folder, a_file
        self.ran: Ran = stack.up(check=False)

    def diagnostics(self, name: str) -> str:
        """The part of the summary that is about ``name``."""
        _, _, summary = self.ran.text.partition("Diagnostics:")
        _, _, found = summary.partition(f" ({name}):\n")
        return found.split("\n\n  ", 1)[0]


@pytest.fixture(scope="session")
def failing(
    toolchain: Toolchain,
    connection: Mapping[str, Any],
    ways: Mapping[str, Any],
    empty_agent: agents.Agent,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Failing]:
    folder = tmp_path_factory.mktemp("failing")
    marks, a_file, files = folder / "marks", folder / "a-file", folder / "files"
    marks.mkdir()
    files.mkdir()
    a_file.write_text("kept")
    (folder / "stack").mkdir()
    with ShutDoor() as silent_port:
        settings = {
            **connection,
            **ways,
            "empty_agent": empty_agent.socket,
            "folder": str(marks),
            "files": str(files),
            "a_file": str(a_file),
            "other_host_key": sshd.make_key(folder / "other_host_key"),
            "closed_port": free_port(),
            "silent_port": silent_port,
        }
        sshd.make_key(folder / "other_key")
        settings["other_private_key"] = (folder / "other_key").read_text()
        yield Failing(Stack.of(toolchain, "failing", folder / "stack", settings), marks, a_file)

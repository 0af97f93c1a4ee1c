"""Proxies, agents and encrypted keys over a real sshd. Run against Freehold's stand-in (see conftest).

Every way that works has one that must not: the other host's key, an agent without the key, a guessed password.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.conftest import SECRET, STAND_IN, Failing
from tests.conformance.doors import LateDoor
from tests.conformance.harness import Ran, Stack
from tests.conformance.sshd import SshServer

from freehold.toolchain import Toolchain


class Ways:
    """After the first `up`, one with another trigger and a changed file, and one with another destination."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.stack, self.folder, self.source = stack, folder, folder / "source"
        self.created, self.state, self.text = stack.up(), stack.state(), stack.state_text()
        self.copied = self._copies()
        self.source.write_text("changed")
        self.triggered = stack.up(trigger="2")
        self.after_trigger = self._copies()
        self.moved: Ran = stack.up(suffix="-moved")
        self.after_move = self._copies()

    def _copies(self) -> dict[str, str]:
        return {file.name: file.read_text() for file in self.folder.glob("file*")}


@pytest.fixture(scope="module")
def late(bastion: SshServer) -> Iterator[LateDoor]:
    door = LateDoor(bastion.port)
    yield door
    door.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ways")


@pytest.fixture(scope="module")
def reached(
    toolchain: Toolchain, connection: Mapping[str, Any], ways: Mapping[str, Any], late: LateDoor, folder: Path
) -> Ways:
    (folder / "source").write_text("first")
    (folder / "stack").mkdir()
    paths = {"folder": str(folder), "source": str(folder / "source")}
    settings = {**connection, **ways, **paths, "late_port": late.port, "trigger": "1", "suffix": ""}
    return Ways(Stack.of(toolchain, "ways", folder / "stack", settings, ways["agent"]), folder)


@pytest.mark.parametrize("name", ["proxied", "proxied-agent", "agent", "agent-of-the-shell", "passphrase"])
def test_a_command_runs_on_the_host_at_the_end_of_the_way(reached: Ways, name: str) -> None:
    assert reached.state[name]["outputs"]["stdout"] == name


def test_a_proxy_lets_in_with_a_password(reached: Ways, bastion: SshServer) -> None:
    if not bastion.password:
        pytest.skip("only root can run an sshd with a password of its own")
    assert reached.state["proxied-password"]["outputs"]["stdout"] == "proxied-password"
    assert "Accepted password" in bastion.log


def test_the_connection_comes_from_the_proxy(reached: Ways, bastion: SshServer, server: SshServer) -> None:
    assert reached.state["proxied"]
    assert re.search(rf"direct-tcpip|target 127\.0\.0\.1 port {server.port}", bastion.log)


def test_a_proxy_is_tried_again_up_to_its_own_limit(reached: Ways, late: LateDoor) -> None:
    assert late.knocks == 3
    assert reached.state["proxied-late"]["outputs"]["stdout"] == "proxied-late"
    for attempt in (1, 2):
        assert f"Dial proxy {attempt}/5 failed: retrying" in reached.created.lines("proxied-late")


def test_a_copy_goes_through_the_proxy(reached: Ways) -> None:
    assert (reached.folder / "through").read_text() == "through the bastion"


def test_keys_and_passwords_of_every_way_are_nowhere_in_the_clear(reached: Ways, ways: Mapping[str, Any]) -> None:
    private = [SECRET, *(line for key in ("bastion_key", "encrypted_key") for line in ways[key].splitlines()[1:-1])]
    for text in (reached.text, reached.created.text):
        assert not [secret for secret in private if secret in text]


def test_a_proxy_with_the_wrong_host_key_is_refused_before_anything_runs(
    failing: Failing, bastion: SshServer, server: SshServer, plugin: str, tmp_path: Path
) -> None:
    said = failing.diagnostics("proxy-wrong-host-key")
    assert said
    assert not (failing.folder / "proxy-wrong-host-key").exists()
    if plugin == STAND_IN:  # the official plugin says only that the keys differ
        for number, key in enumerate((bastion.host_key, server.host_key)):
            (tmp_path / f"{number}.pub").write_text(key)
            listing = ["ssh-keygen", "-lf", str(tmp_path / f"{number}.pub")]
            listed = subprocess.run(listing, capture_output=True, text=True, check=True)
            assert listed.stdout.split()[1] in said
        assert "retrying" not in failing.ran.lines("proxy-wrong-host-key")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("proxy-wrong-key", "key"),
        ("proxy-wrong-password", "password"),
        ("proxy-nobody-listens", "refused"),
        ("proxy-goes-no-further", "prohibited"),
        ("wrong-host-key-behind-proxy", "host key"),
        ("agent-without-the-key", "agent"),
        ("no-agent", "/nonexistent/agent"),
        ("nothing-to-show", ""),
        ("wrong-passphrase", "privateKey"),
        ("no-passphrase", "privateKeyPassword"),
    ],
)
def test_nothing_runs_at_the_end_of_a_way_that_is_not_right(
    failing: Failing, name: str, said: str, plugin: str
) -> None:
    told = failing.diagnostics(name)
    assert told
    assert plugin != STAND_IN or said in told  # the official plugin words it otherwise
    assert not (failing.folder / name).exists()


def test_a_file_is_copied_to_exactly_that_path(reached: Ways) -> None:
    assert reached.copied == {"file": "first", "file-triggered": "first"}


def test_a_changed_file_is_copied_again_only_with_a_changed_trigger(reached: Ways) -> None:
    assert "file-triggered replac" in reached.triggered.text
    assert reached.after_trigger == {"file": "first", "file-triggered": "changed"}


def test_another_destination_copies_anew_and_leaves_the_old_file(reached: Ways) -> None:
    assert "file replac" in reached.moved.text
    assert reached.after_move == {**reached.after_trigger, "file-moved": "changed", "file-triggered-moved": "changed"}


@pytest.mark.parametrize("name", ["copy-no-file", "copy-no-folder"])
def test_one_file_into_a_folder_that_exists_is_all_that_copy_file_does(failing: Failing, name: str) -> None:
    assert failing.diagnostics(name)
    assert not (failing.folder / "copied").exists()

"""All hosts are visited before any change, all errors come home together; a changed key ends the visit."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paramiko
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from freehold.errors import FreeholdErrors, RefusedError, UnknownStateError
from freehold.fleet import facts, host_keys, lock, preflight
from freehold.keys import authority, holders, sealed
from freehold.keys.files import KeysFolder
from freehold.keys.names import Identity

NO_KEY = Path("/nowhere")
AUTH_SUCCESSFUL, AUTH_FAILED, OPEN_SUCCEEDED = 0, 2, 0  # paramiko.common; its types do not name them
GOOD = {
    "os_id": "debian",
    "os_version": "12",
    "codename": "bookworm",
    "kernel": "6.1",
    "architecture": "x86_64",
    "init": "systemd",
    "cpus": 2,
    "memory_bytes": 2**33,
    "disk_free_bytes": 2**35,
    "inodes_free": 10**6,
    "weights_bytes": 0,
    "clock": 1000,
    "unfinished": "",
    "certificate": "",
}


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This control host's locks."""
    monkeypatch.setenv("FREEHOLD_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


def visited(document: dict[str, Any], read: preflight.Reader, **options: Any) -> dict[str, Any]:
    return preflight.run(document, NO_KEY, read=read, clock=lambda: 1000.5, **options)


def answers(**by_host: Any) -> preflight.Reader:
    def read(visit: preflight.Visit, _: Path) -> str:
        answer = by_host.get(visit.name, GOOD)
        if isinstance(answer, Exception):
            raise answer
        return json.dumps(answer)

    return read


def test_good_hosts_give_their_facts(document: dict[str, Any]) -> None:
    found = visited(document, answers())
    assert {name: facts.cpus for name, facts in found.items()} == {"gpu1": 2, "gpu2": 2}


def test_only_the_chosen_hosts_are_visited(document: dict[str, Any]) -> None:
    found = visited(document, answers(gpu1=AssertionError("visited")), hosts=["gpu2"])
    assert list(found) == ["gpu2"]


def test_one_in_maintenance_is_visited_only_by_its_name(document: dict[str, Any]) -> None:
    document["hosts"][0]["maintenance"] = True
    assert list(visited(document, answers(gpu1=AssertionError("visited")))) == ["gpu2"]
    assert list(visited(document, answers(), hosts=["gpu1"])) == ["gpu1"]


def test_all_errors_of_all_hosts_come_together(document: dict[str, Any]) -> None:
    unreachable = UnknownStateError("HOST_UNREACHABLE", "gpu1", "no route")
    small = {**GOOD, "memory_bytes": 1, "disk_free_bytes": 1}
    with pytest.raises(FreeholdErrors) as caught:
        visited(document, answers(gpu1=unreachable, gpu2=small))
    assert [(e.subject, e.code) for e in caught.value.errors] == [
        ("gpu1", "HOST_UNREACHABLE"),
        ("gpu2", "HOST_MEMORY"),
        ("gpu2", "HOST_DISK"),
    ]


def test_clock_system_processor_and_both_kinds_of_lock_are_refused_together(
    document: dict[str, Any], state: Path
) -> None:
    mark = {"who": "ann", "where": "other", "process": 7, "since": "2026-11-21", "purpose": "converge", "domain": "f00"}
    encoded = base64.b64encode(json.dumps(mark).encode()).decode()
    first = {**GOOD, "clock": 4600, "architecture": "aarch64", "unfinished": encoded}
    second = {**GOOD, "os_id": "fedora", "os_version": "43"}
    with lock.held(state, "gpu2", "converge"), pytest.raises(FreeholdErrors) as caught:
        visited(document, answers(gpu1=first, gpu2=second))
    assert sorted((e.subject, e.code) for e in caught.value.errors) == [
        ("gpu1", "HOST_ARCHITECTURE"),
        ("gpu1", "HOST_CLOCK"),
        ("gpu1", "HOST_LOCKED_ELSEWHERE"),
        ("gpu2", "HOST_LOCKED"),
        ("gpu2", "HOST_OS"),
    ]
    (elsewhere,) = (e for e in caught.value.errors if e.code == "HOST_LOCKED_ELSEWHERE")
    assert elsewhere.found == "converge by ann on other, process 7, since 2026-11-21"
    assert elsewhere.fix.endswith("freehold fleet unlock --host gpu1")


def test_a_copied_disk_is_refused_beside_what_else_is_wrong(
    document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealed, "COST", 16)
    secret = tmp_path / "passphrase"
    secret.write_text("correct horse battery\n")
    secret.chmod(0o600)
    folder = tmp_path / "keys"
    authority.ensure(folder, document["site"]["name"], secret)
    document["keys"]["folder"] = str(folder)
    first = holders.ensure(KeysFolder(folder), Identity(document["site"]["name"], "node", "gpu1"), tmp_path / "node")
    shown = {**GOOD, "certificate": base64.b64encode(first.chain.encode()).decode()}
    with pytest.raises(FreeholdErrors) as caught:
        visited(document, answers(gpu1={**shown, "os_version": "11"}, gpu2=shown))
    assert [(e.subject, e.code) for e in caught.value.errors] == [("gpu1", "HOST_OS"), ("gpu2", "KEYS_OTHER_HOST")]


def test_the_mark_of_a_run_from_here_that_was_killed_is_no_obstacle(document: dict[str, Any], state: Path) -> None:
    mark = json.dumps(lock.holder(state, "converge")).encode()
    assert visited(document, answers(gpu1={**GOOD, "unfinished": base64.b64encode(mark).decode()}))


class Server(paramiko.ServerInterface):
    """Lets the operator's key in and runs what it is told, as a server's shell would."""

    def __init__(self, allowed: paramiko.PKey) -> None:
        self.allowed = allowed

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return AUTH_SUCCESSFUL if (username, key) == ("root", self.allowed) else AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:  # noqa: ARG002  paramiko's signature
        return OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        threading.Thread(target=self.execute, args=(channel, command), daemon=True).start()
        return True

    @staticmethod
    def execute(channel: paramiko.Channel, command: bytes) -> None:
        done = subprocess.run(["sh", "-c", command], capture_output=True, check=False)
        channel.sendall(done.stdout)
        channel.sendall_stderr(done.stderr)
        channel.send_exit_status(done.returncode)
        channel.close()


@dataclass(frozen=True)
class Ssh:
    """A running server and the keys around it."""

    port: int
    host: Path
    user: Path
    other: Path


def _keys(folder: Path) -> dict[str, Path]:
    for name in ("host", "user", "other"):
        text = Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        )
        (folder / name).write_bytes(text)
    return {name: folder / name for name in ("host", "user", "other")}


def _serve(listener: socket.socket, keys: dict[str, Path]) -> None:
    allowed = paramiko.PKey.from_path(keys["user"])
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        transport = paramiko.Transport(client)
        transport.add_server_key(paramiko.PKey.from_path(keys["host"]))
        with contextlib.suppress(paramiko.SSHException, EOFError):
            transport.start_server(server=Server(allowed))


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ssh]:
    keys = _keys(tmp_path_factory.mktemp("sshd"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_serve, args=(listener, keys), daemon=True).start()
        yield Ssh(listener.getsockname()[1], **keys)
        listener.shutdown(socket.SHUT_RDWR)


def public(path: Path) -> str:
    key = paramiko.PKey.from_path(path)
    return f"{key.get_name()} {key.get_base64()}"


def visit(sshd: Ssh, *, pinned: Path | None = None, port: int | None = None) -> preflight.Visit:
    return preflight.Visit("here", "127.0.0.1", port or sshd.port, "root", public(pinned or sshd.host))


def test_facts_are_read_over_ssh(sshd: Ssh) -> None:
    assert '"os_id":"' in preflight.read_over_ssh(visit(sshd), sshd.user)


def test_a_clock_an_hour_behind_is_seen_over_ssh(sshd: Ssh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The script's own `date`, on a server whose clock is wrong."""
    (tmp_path / "date").write_text('#!/bin/sh\nexec /bin/date -d "1 hour ago" "$@"\n')
    (tmp_path / "date").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    before = time.time()
    found = facts.parse(preflight.read_over_ssh(visit(sshd), sshd.user), "here")
    ahead = facts.skew(found.clock, before, time.time())
    assert [error.code for error in facts.judge_clock("here", ahead)] == ["HOST_CLOCK"]


def test_a_changed_host_key_is_refused_with_both_fingerprints(sshd: Ssh) -> None:
    with pytest.raises(RefusedError) as caught:
        preflight.read_over_ssh(visit(sshd, pinned=sshd.other), sshd.user)
    assert caught.value.code == "HOST_KEY_CHANGED"
    assert host_keys.fingerprint(public(sshd.host)) in caught.value.found
    assert host_keys.fingerprint(public(sshd.other)) in caught.value.expected
    assert "pulumi config set --path 'fleet:hosts[0].host_key'" in caught.value.fix


def test_a_key_that_is_not_accepted_is_named(sshd: Ssh) -> None:
    with pytest.raises(RefusedError, match="HOST_LOGIN"):
        preflight.read_over_ssh(visit(sshd), sshd.other)


def test_a_closed_port_is_unknown_not_refused(sshd: Ssh) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(UnknownStateError, match="HOST_UNREACHABLE"):
            preflight.read_over_ssh(visit(sshd, port=free.getsockname()[1]), sshd.user)


def test_a_server_that_says_nothing_is_given_up_within_the_limit(sshd: Ssh, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "CONNECT_SECONDS", 1.0)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(UnknownStateError, match="HOST_UNREACHABLE"):
            preflight.read_over_ssh(visit(sshd, port=silent.getsockname()[1]), sshd.user)

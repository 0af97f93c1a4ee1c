"""All hosts are visited before any change, all errors come home together; a changed key ends the visit."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paramiko
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from freehold.errors import FreeholdErrors, RefusedError, UnknownStateError
from freehold.fleet import host_keys, preflight

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
}


def answers(**by_host: Any) -> preflight.Reader:
    def read(visit: preflight.Visit, _: Path) -> str:
        answer = by_host.get(visit.name, GOOD)
        if isinstance(answer, Exception):
            raise answer
        return json.dumps(answer)

    return read


def test_good_hosts_give_their_facts(document: dict[str, Any]) -> None:
    found = preflight.run(document, NO_KEY, read=answers())
    assert {name: facts.cpus for name, facts in found.items()} == {"gpu1": 2, "gpu2": 2}


def test_only_the_chosen_hosts_are_visited(document: dict[str, Any]) -> None:
    found = preflight.run(document, NO_KEY, hosts=["gpu2"], read=answers(gpu1=AssertionError("visited")))
    assert list(found) == ["gpu2"]


def test_all_errors_of_all_hosts_come_together(document: dict[str, Any]) -> None:
    unreachable = UnknownStateError("HOST_UNREACHABLE", "gpu1", "no route")
    small = {**GOOD, "memory_bytes": 1, "disk_free_bytes": 1}
    with pytest.raises(FreeholdErrors) as caught:
        preflight.run(document, NO_KEY, read=answers(gpu1=unreachable, gpu2=small))
    assert [(e.subject, e.code) for e in caught.value.errors] == [
        ("gpu1", "HOST_UNREACHABLE"),
        ("gpu2", "HOST_MEMORY"),
        ("gpu2", "HOST_DISK"),
    ]


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
